#!/usr/bin/env python3
"""Fuzzes the dataset readers (tests/fuzz/reader_fuzz.cc): builds the preset `fuzz` and runs it for a while.

Seeds are golden files and a few recipes; what is found grows in build-fuzz/corpus. A crash leaves its input in
build-fuzz/crash-* and ends with exit code 1; run build-fuzz/strider_reader_fuzz with that file to see it again.
"""
import argparse
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build-fuzz"
GOLDEN = ROOT / "tests" / "golden" / "datasets"
KEYS = ["observations", "actions", "rewards", "terminals", "timeouts", "next_observations"]


def minari(mode: int, metadata: bytes, rest: bytes) -> bytes:
    return bytes([mode, len(metadata) % 256, len(metadata) // 256]) + metadata + rest


def write_seeds(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in (GOLDEN / "malformed").glob("*.hdf5"):
        (folder / file.name).write_bytes(b"\0" + file.read_bytes())
    for data in GOLDEN.glob("minari/golden/*/data"):
        name = data.parent.name
        metadata = (data / "metadata.json").read_bytes()
        if (data / "main_data.hdf5").exists():
            (folder / name).write_bytes(minari(1, metadata, (data / "main_data.hdf5").read_bytes()))
        # Two episodes of 4 steps: key, storage, type, shape.
        recipe = b""
        for episode in (0, 7):
            recipe += bytes([episode, 2, 0, 5, 3, episode + 1, 2, 0, 4, 1, episode + 2, 1, 2, 4])
            recipe += bytes([episode + 3, 1, 9, 4, episode + 4, 1, 9, 4])
        (folder / f"{name}-recipe").write_bytes(minari(3, metadata, recipe))
    recipe = b"\2"
    for number, key in enumerate(KEYS):
        matrix = key.endswith("observations") or key == "actions"
        recipe += bytes([number, 2, 0, 20, 3]) if matrix else bytes([number, 1, 0, 20])
        recipe += b"\1\0\0" if matrix else b"\1\0"  # the values, repeated
    (folder / "recipe").write_bytes(recipe)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=600)
    seconds = parser.parse_args().seconds
    for step in (["cmake", "--preset", "fuzz"], ["cmake", "--build", str(BUILD), "--target", "strider_reader_fuzz"]):
        done = subprocess.run(step, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
            return 2
    write_seeds(BUILD / "seeds")
    corpus = BUILD / "corpus"
    corpus.mkdir(exist_ok=True)
    return subprocess.run(
        [BUILD / "strider_reader_fuzz", corpus, BUILD / "seeds", f"-max_total_time={seconds}", "-timeout=20",
         "-rss_limit_mb=2048", "-malloc_limit_mb=1024", "-max_len=100000", "-print_final_stats=1",
         f"-artifact_prefix={BUILD}/"],
        env={"ASAN_OPTIONS": "detect_leaks=0", "PATH": "/usr/bin:/bin", "TMPDIR": "/dev/shm"}).returncode != 0


if __name__ == "__main__":
    sys.exit(main())
