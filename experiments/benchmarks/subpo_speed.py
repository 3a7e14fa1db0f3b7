#!/usr/bin/env python3
"""SubPO on the coverage task against the authors' loop in Python (subpo_peer.py): updates a second, in turns.

An update is 500 walks of 79 steps and one gradient step, with the authors' networks on both sides. Prints one JSON object:
{"ours": [...], "peer": [...], "ratio"}, the ratio being that of the medians. Ours is read from the run's progress.csv
between its first and last row, so that start-up counts for neither.

    experiments/benchmarks/subpo_speed.py --peer-python PYTHON     (one that has torch)
    experiments/benchmarks/subpo_speed.py                          (ours alone)
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

from update_rate import update_rate

HERE = pathlib.Path(__file__).resolve().parent
STRIDER = HERE.parent.parent / "build" / "strider"
STEPS = 500 * 79


def ours(updates, threads, settings):
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        words = [STRIDER, "train", "subpo", "--env", "GridCoverage-v0", "--preset", "paper", "--steps",
                 str((updates + 1) * STEPS), "--threads", str(threads), "--quiet", "--out", run]
        for setting in [f"run.log_interval={STEPS}", "run.eval_episodes=0",
                        f"run.checkpoint_interval={2 * updates * STEPS}", *settings]:
            words += ["--set", setting]
        subprocess.run(words, check=True)
        return update_rate(run)


def peer(python, updates, threads):
    words = [python, HERE / "subpo_peer.py", "--updates", str(updates), "--threads", str(threads)]
    out = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])["updates_per_second"]


def main():
    parser = argparse.ArgumentParser(description="SubPO on the coverage task against the authors' loop in Python.")
    parser.add_argument("--peer-python", help="Python that has torch")
    parser.add_argument("--updates", type=int, default=20, help="of ours; the peer does a quarter as many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], help="a further setting of ours, key=value")
    options = parser.parse_args()
    result = {"ours": [], "peer": []}
    for _ in range(options.rounds):
        result["ours"].append(ours(options.updates, options.threads, options.set))
        if options.peer_python:
            result["peer"].append(peer(options.peer_python, max(1, options.updates // 4), options.threads))
    if options.peer_python:
        result["ratio"] = statistics.median(result["ours"]) / statistics.median(result["peer"])
    result.update(unit="updates per second", threads=options.threads, updates=options.updates)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
