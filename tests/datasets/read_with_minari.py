#!/usr/bin/env python3
"""Prints what Minari reads from a dataset's folder: tests/datasets/minari_transcript_test.cc compares it.

Usage: read_with_minari.py FOLDER    with a Python that has minari 0.5.4 and h5py
"""
import pathlib
import sys

import minari

dataset = minari.MinariDataset(pathlib.Path(sys.argv[1]) / "data")
print(f"{dataset.id}: {dataset.total_episodes} episodes, {dataset.total_steps} steps, of {dataset.env_spec.id}")
print(f"observations: {dataset.observation_space}")
print(f"actions: {dataset.action_space}")


def show(name, values):
    print(f"  {name} {list(values.shape)} {values.dtype} {values.ravel()[0]:.9g} {values.ravel()[-1]:.9g}")


for episode in dataset.iterate_episodes():
    print(f"episode {episode.id}: {len(episode)} steps")
    for name in ("observations", "actions", "rewards", "terminations", "truncations"):
        show(name, getattr(episode, name))
    for name, values in sorted(episode.infos.items()):
        show(f"infos/{name}", values)
