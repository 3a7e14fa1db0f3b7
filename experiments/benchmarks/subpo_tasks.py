#!/usr/bin/env python3
"""SubPO against the modular agent on every task on a grid: both are SubPO, the second with env.reward=modular.

Trains each over some seeds and lets its policy act for 100 sampled episodes that are paid by the gains of the objective,
whatever it was trained on. Prints one JSON line a task: {"task", "subpo": [...], "modular": [...], "greedy"}, a number a
seed; `greedy` is what the myopic walk gets.

    experiments/benchmarks/subpo_tasks.py --out /tmp/tasks [--seeds 5] [--updates 40] [TASK...]
"""
import argparse
import json
import pathlib
import re
import subprocess

STRIDER = pathlib.Path(__file__).resolve().parent.parent.parent / "build" / "strider"
# Actions in an episode.
TASKS = {"ItemCollection-v0": 39, "TwoRooms-v0": 39, "GridCoverage-v0": 79, "BimodalCoverage-v0": 39,
         "InformativePath-v0": 39, "Biodiversity-v0": 39, "ExperimentDesign-v0": 39}
WALKS = 500


def train(task, reward, options):
    """Trains the seeds that are not there yet and returns their objectives."""
    values = []
    for seed in range(options.seeds):
        run = pathlib.Path(options.out) / f"{task}-{reward}-{seed}"
        if not (run / "policy" / "policy.hdf5").exists():
            words = [STRIDER, "train", "subpo", "--env", task, "--seed", str(seed), "--num-envs", str(WALKS), "--steps",
                     str(options.updates * WALKS * TASKS[task]), "--threads", "1", "--quiet", "--out", run]
            for setting in [f"env.reward={reward}", "run.eval_episodes=0", *options.set]:
                words += ["--set", setting]
            subprocess.run(words, check=True)
        out = subprocess.run([STRIDER, "evaluate", run, "--set", "env.reward=gain", "--sampled", "--episodes", "100",
                              "--threads", "1", "--quiet", "--json"], check=True, capture_output=True, text=True).stdout
        values.append(json.loads(out)["mean"])
    return values


def greedy(task, options):
    picture = pathlib.Path(options.out) / f"{task}.svg"
    said = subprocess.run([STRIDER, "render", pathlib.Path(options.out) / f"{task}-gain-0", "--out", picture],
                          check=True, capture_output=True, text=True).stderr
    return float(re.search(r"the myopic walk gets ([0-9.]+)", said).group(1))


def main():
    parser = argparse.ArgumentParser(description="SubPO against the modular agent.")
    parser.add_argument("tasks", nargs="*", default=list(TASKS), metavar="TASK")
    parser.add_argument("--out", required=True, help="folder for the runs")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--set", action="append", default=[], help="a further setting of both, key=value")
    options = parser.parse_args()
    for task in options.tasks:
        result = {"task": task, "subpo": train(task, "gain", options), "modular": train(task, "modular", options),
                  "greedy": greedy(task, options)}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
