#!/usr/bin/env python3
"""The way the public SACo code works, as the dataset-metrics sheet describes it (section 2), timed: our own writing of it.

Each column of states and actions together goes through numpy.digitize over 100 edges between its smallest and largest
value; each row becomes a text key, its numbers joined by commas; each key goes into the PyPI package `hyperloglog` with
error 0.01. TQ's part is the mean of the episodes' returns. Reading the file is timed by itself, with h5py. One line of
standard input, {"file": PATH, "rows": N} (the first N rows, all without it), gives one line of standard output,
{"rows", "read_seconds", "seconds", "unique", "mean_return"}; `seconds` is without reading. Needs numpy, h5py, hyperloglog.
"""
import json
import sys
import time

import h5py
import hyperloglog
import numpy as np

EDGES = 100


def digitised(states, actions):
    rows = np.concatenate((states, actions), axis=1)
    for axis in range(rows.shape[1]):
        column = rows[:, axis]
        rows[:, axis] = np.digitize(column, np.linspace(column.min(), column.max(), num=EDGES))
    return rows


def count_unique(rows):
    sketch = hyperloglog.HyperLogLog(0.01)
    for row in rows:
        sketch.add(",".join([str(number) for number in row]))
    return len(sketch)


def mean_return(rewards, ends):
    last = np.flatnonzero(ends)
    if len(last) == 0:
        return None
    sums = np.concatenate(([0.0], np.cumsum(rewards, dtype=np.float64)))[np.concatenate(([0], last + 1))]
    return float(np.diff(sums).mean())


def measured(path, rows):
    start = time.perf_counter()
    with h5py.File(path) as file:
        columns = {key: file[key][:rows] for key in ("observations", "actions", "rewards", "terminals")}
        timeouts = file["timeouts"][:rows] if "timeouts" in file else np.zeros(len(columns["rewards"]), bool)
    read = time.perf_counter() - start

    start = time.perf_counter()
    unique = count_unique(digitised(columns["observations"], columns["actions"]))
    mean = mean_return(columns["rewards"], columns["terminals"].astype(bool) | timeouts.astype(bool))
    seconds = time.perf_counter() - start
    return {"rows": len(columns["rewards"]), "read_seconds": read, "seconds": seconds, "unique": unique,
            "mean_return": mean}


def main():
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(measured(request["file"], request.get("rows"))), flush=True)


if __name__ == "__main__":
    main()
