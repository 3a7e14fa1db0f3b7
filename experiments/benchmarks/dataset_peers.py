#!/usr/bin/env python3
"""How fast others handle the same datasets: what `strider bench datasets --peer-python PYTHON` asks, in turns with ours.

Reads one JSON request a line, {"kind": ..., "path": ..., ...}, and answers each with one line: rows a second, or null
where this Python cannot do it. Kinds:

    write   h5py writes a D4RL file of `rows` rows at `path`: all nine keys, its own choice of chunks, gzip level 4
    h5py    reads the five keys that q-learning needs, whole, with h5py
    d4rl    what one calls to train on a D4RL file: all keys read whole with h5py, then D4RL's rule row by row

The data of `write` are a random walk with steps of normal size in episodes that end at random, after 450 steps on
average, or at the limit of 1000: as hard to compress as robots' observations, and with as many borders.
"""
import json
import os
import sys
import time

TRAINING_KEYS = ["observations", "actions", "rewards", "terminals", "timeouts"]


def make_columns(rows, observation_size, action_size):
    import numpy

    random = numpy.random.default_rng(0)
    terminals = numpy.zeros(rows, bool)
    timeouts = numpy.zeros(rows, bool)
    starts = [0]
    while starts[-1] < rows:
        length = int(random.geometric(1 / 450))
        end = starts[-1] + min(length, 1000)
        if end <= rows:
            (terminals if length <= 1000 else timeouts)[end - 1] = True
        starts.append(end)
    walk = numpy.cumsum(0.01 * random.standard_normal((rows, observation_size)), axis=0)
    for start, end in zip(starts, starts[1:]):
        walk[start:end] -= walk[start] - 0.005 * random.standard_normal(observation_size)
    observations = walk.astype(numpy.float32)
    half = (observation_size + 1) // 2
    return {
        "observations": observations,
        "next_observations": numpy.roll(observations, -1, axis=0),
        "actions": numpy.tanh(random.standard_normal((rows, action_size))).astype(numpy.float32),
        "rewards": random.standard_normal(rows).astype(numpy.float32),
        "terminals": terminals,
        "timeouts": timeouts,
        # Doubles that hold what observations show, as in D4RL's files.
        "infos/qpos": observations[:, :half].astype(numpy.float64),
        "infos/qvel": observations[:, half - 1 :].astype(numpy.float64),
        "infos/action_log_probs": random.standard_normal(rows).astype(numpy.float32),
    }


def write(request, made={}):
    import h5py

    size = (request["rows"], request["observations"], request["actions"])
    if made.get("size") != size:
        made.update(size=size, columns=make_columns(*size))
    start = time.perf_counter()
    with h5py.File(request["path"], "w") as file:
        for key, values in made["columns"].items():
            file.create_dataset(key, data=values, compression="gzip")
    return request["rows"] / (time.perf_counter() - start)


def read_keys(path, keys):
    import h5py

    with h5py.File(path, "r") as file:
        return {key: file[key][()] for key in keys}


def all_keys(path):
    import h5py

    keys = []
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: keys.append(name) if isinstance(item, h5py.Dataset) else None)
    return keys


def h5py_reads(request):
    start = time.perf_counter()
    columns = read_keys(request["path"], TRAINING_KEYS)
    return len(columns["rewards"]) / (time.perf_counter() - start)


def d4rl_rule(request):
    """The rows that D4RL keeps: not the last one, and none that ends by the step limit."""
    import numpy

    start = time.perf_counter()
    columns = read_keys(request["path"], all_keys(request["path"]))
    kept = {"observations": [], "next_observations": [], "actions": [], "rewards": [], "terminals": []}
    count = columns["rewards"].shape[0]
    for row in range(count - 1):
        if columns["timeouts"][row]:
            continue
        kept["observations"].append(columns["observations"][row].astype(numpy.float32))
        kept["next_observations"].append(columns["observations"][row + 1].astype(numpy.float32))
        kept["actions"].append(columns["actions"][row].astype(numpy.float32))
        kept["rewards"].append(columns["rewards"][row].astype(numpy.float32))
        kept["terminals"].append(bool(columns["terminals"][row]))
    arrays = {key: numpy.array(values) for key, values in kept.items()}
    assert len(arrays["rewards"]) <= count
    return count / (time.perf_counter() - start)


KINDS = {"write": write, "h5py": h5py_reads, "d4rl": d4rl_rule}


def main():
    # Whatever the libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = KINDS[request["kind"]](request)
        except Exception as error:  # missing packages
            print(f"{request['kind']}: {error}", file=sys.stderr)
            answer = None
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
