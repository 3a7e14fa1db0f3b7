#!/usr/bin/env python3
"""Writes datasets/hostile: HDF5 files whose links lead into other files. Needs h5py."""
import pathlib

import h5py

GOLDEN = pathlib.Path(__file__).resolve().parent / "datasets"

with h5py.File(GOLDEN / "malformed" / "whole.hdf5") as whole:
    with h5py.File(GOLDEN / "hostile" / "linked_rewards.hdf5", "w") as file:
        for key in ("observations", "actions", "terminals", "timeouts"):
            whole.copy(key, file)
        file["rewards"] = h5py.ExternalLink("whole.hdf5", "/rewards")
with h5py.File(GOLDEN / "hostile" / "linked_episodes.hdf5", "w") as file:
    for number in range(3):
        file[f"episode_{number}"] = h5py.ExternalLink("additional_data_0.hdf5", f"/episode_{number}")
