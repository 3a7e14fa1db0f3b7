#!/usr/bin/env python3
"""Writes datasets/metrics/*.hdf5 beside itself: the toy cases V1 and V2 of the dataset-metrics sheet, section 7, by h5py.

toy.hdf5: six pairs of a state and an action, of which four differ; two whole episodes of returns 1 and 3, and an
unfinished one, which must not count. toy_reference.hdf5: all six pairs of 3 states x 2 actions, two of them twice.
Worked by hand in the sheet: SACo 4/6, lSACo ln 4 / ln 6, TQ (2 - 0.5) / (4 - 0.5) between returns 0.5 and 4.
"""
import pathlib

import h5py
import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent / "datasets" / "metrics"


def write(name, pairs, rewards, terminals, timeouts):
    states, actions = np.array(pairs, dtype=np.float32).T
    with h5py.File(FOLDER / name, "w") as file:
        file["observations"] = states[:, None]
        file["actions"] = actions[:, None]
        file["rewards"] = np.array(rewards, dtype=np.float32)
        file["terminals"] = np.array(terminals, dtype=bool)
        file["timeouts"] = np.array(timeouts, dtype=bool)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    write("toy.hdf5", [(0, 0), (0, 1), (1, 0), (0, 0), (2, 1), (2, 1)], rewards=[0.5, 0.5, 1, 2, 100, 100],
          terminals=[0, 1, 0, 0, 0, 0], timeouts=[0, 0, 0, 1, 0, 0])
    everything = [(state, action) for state in range(3) for action in range(2)]
    write("toy_reference.hdf5", everything + [(0, 0), (0, 1)], rewards=[0.5] * 8, terminals=[0] * 8,
          timeouts=[0, 0, 0, 1, 0, 0, 0, 1])


if __name__ == "__main__":
    main()
