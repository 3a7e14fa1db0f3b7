#!/usr/bin/env python3
"""Records numpy's scalar arithmetic that differs from C++'s own: rng/numpy_math.h5. Needs numpy and h5py.

    angle_f32, sine_f32, cosine_f32    np.sin and np.cos of float32 scalars in +-20
    number, square                     x ** 2 of float64 scalars; half of them where it is not x * x
    number_f32, square_f32             the same in float32
"""
import pathlib

import h5py
import numpy as np


def squares(dtype, random):
    """Numbers and their squares: 200 as they come, and 200 whose square is not the product."""
    odd, usual = [], []
    while len(odd) < 200:
        x = dtype(random.uniform(-10, 10))
        if x**2 != x * x:
            odd.append(x)
        elif len(usual) < 200:
            usual.append(x)
    numbers = np.array(odd + usual)
    return numbers, np.array([x**2 for x in numbers])


def main():
    random = np.random.default_rng(0)
    angles = random.uniform(-20, 20, 1000).astype(np.float32)
    angles[:500] /= 200  # Acrobot's own starts
    with h5py.File(pathlib.Path(__file__).with_name("rng") / "numpy_math.h5", "w") as file:
        file.attrs["numpy_version"] = np.__version__
        file["angle_f32"] = angles.astype(np.float64)
        file["sine_f32"] = np.array([np.sin(x) for x in angles], dtype=np.float64)
        file["cosine_f32"] = np.array([np.cos(x) for x in angles], dtype=np.float64)
        for name, dtype in (("", np.float64), ("_f32", np.float32)):
            numbers, results = squares(dtype, random)
            file["number" + name] = numbers.astype(np.float64)
            file["square" + name] = results.astype(np.float64)


if __name__ == "__main__":
    main()
