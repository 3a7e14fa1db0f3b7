#!/usr/bin/env python3
"""The way the public SACo code works, as the dataset-metrics sheet describes it (section 2), timed: our own writing of it.

Each column of states and actions together goes through numpy.digitize over 100 edges between its smallest and largest
value; each row becomes a text key, its numbers joined by commas; each key goes into the PyPI package `hyperloglog` with
error 0.01. TQ's part is the mean of the episodes' returns. Reading the file is timed by itself. Prints one JSON object:
{"rows", "read_seconds", "seconds", "unique", "mean_return"}; `seconds` is without reading. Needs numpy, h5py and hyperloglog.

    python experiments/benchmarks/metric_peers.py FILE.hdf5 [--rows N]
"""
import argparse
import json
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="dataset in D4RL's layout")
    parser.add_argument("--rows", type=int, help="take only the first rows")
    options = parser.parse_args()

    start = time.perf_counter()
    with h5py.File(options.file) as file:
        columns = {key: file[key][: options.rows] for key in ("observations", "actions", "rewards", "terminals")}
        timeouts = file["timeouts"][: options.rows] if "timeouts" in file else np.zeros(len(columns["rewards"]), bool)
    read = time.perf_counter() - start

    start = time.perf_counter()
    unique = count_unique(digitised(columns["observations"], columns["actions"]))
    mean = mean_return(columns["rewards"], columns["terminals"].astype(bool) | timeouts.astype(bool))
    seconds = time.perf_counter() - start
    print(json.dumps({"rows": len(columns["rewards"]), "read_seconds": read, "seconds": seconds, "unique": unique,
                      "mean_return": mean}))


if __name__ == "__main__":
    main()
