#!/usr/bin/env python3
"""PRDC or TD3+BC from first update to last, evaluations included, against others' way in Python (offline_speed_peer.py), in turns.

Both train on the same dataset with the same networks, as many updates, and play the same number of episodes in the same
environment as often. Prints one JSON object: {"ours": [...], "peer": [...], "ratio"}, the ratio being that of the medians.
Ours is read from the run's progress.csv between its first and last row, so that start-up counts for neither: there it is the
updates after the first evaluation, and as many of them. A million updates, as published, visit every row of a usual set a
hundred times and more; in runs as short as these rows are visited once or a few times, before they have lists, which is when PRDC's
search is slowest.

    experiments/benchmarks/offline_speed.py --dataset FILE --env ID --peer-python PYTHON
    experiments/benchmarks/offline_speed.py --dataset FILE --env ID                          (ours alone)

The peer is plain PyTorch, or with --code the published program's own classes: a checkout of PRDC's authors (--agent prdc), or
of CORL (--agent td3bc).
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


def ours(options, updates):
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        words = [STRIDER, "train", options.agent, "--dataset", options.dataset, "--env", options.env, "--preset", "paper",
                 "--steps", str(updates + options.eval_interval), "--threads", str(options.threads), "--quiet", "--out", run]
        for setting in [f"run.log_interval={options.eval_interval}", f"run.eval_interval={options.eval_interval}",
                        f"run.eval_episodes={options.eval_episodes}"]:
            words += ["--set", setting]
        subprocess.run(words, check=True)
        return update_rate(run)


def peer(options, updates):
    words = [options.peer_python, HERE / "offline_speed_peer.py", "--agent", options.agent, "--dataset", options.dataset,
             "--env", options.env, "--updates", str(updates), "--eval-interval", str(options.eval_interval),
             "--eval-episodes", str(options.eval_episodes), "--threads", str(options.threads)]
    if options.code:
        words += ["--code", options.code]
    out = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])["updates_per_second"]


def main():
    parser = argparse.ArgumentParser(description="Offline training with its evaluations against others' way in Python.")
    parser.add_argument("--agent", choices=["prdc", "td3bc"], default="prdc")
    parser.add_argument("--dataset", required=True, help="in D4RL's layout, with next_observations")
    parser.add_argument("--env", required=True)
    parser.add_argument("--peer-python", help="Python that has torch, scipy, h5py and gymnasium")
    parser.add_argument("--code", help="checkout of the published program; plain PyTorch where left out")
    parser.add_argument("--eval-interval", type=int, default=1000, help="updates between evaluations (the authors' 1000)")
    parser.add_argument("--eval-episodes", type=int, default=10, help="of each (the authors play 50)")
    parser.add_argument("--evaluations", type=int, default=2, help="that a measurement lasts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.code and not options.peer_python:
        parser.error("--code: it runs in --peer-python PYTHON, which is missing")
    result = {"ours": [], "peer": []}
    updates = options.evaluations * options.eval_interval
    for _ in range(options.rounds):
        result["ours"].append(ours(options, updates))
        if options.peer_python:
            result["peer"].append(peer(options, updates))
    if options.peer_python:
        result["ratio"] = statistics.median(result["ours"]) / statistics.median(result["peer"])
    result.update(unit="updates per second", updates=updates, threads=options.threads)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
