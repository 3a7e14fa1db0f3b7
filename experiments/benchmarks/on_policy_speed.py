#!/usr/bin/env python3
"""On-policy MDPO on Hopper-v5 against Stable-Baselines3's PPO: environment steps a second, in turns on one machine.

Both roll out 2048 steps of one environment with 64x64 tanh networks and then update as their own default (`paper`)
settings say, on the CPU. Prints one JSON object: {"ours": [...], "peer": [...], "ratio"} with the medians' ratio. Ours is
read from the run's progress.csv between its first and last row, so that start-up counts for neither.

    experiments/benchmarks/on_policy_speed.py --peer-python /tmp/sb3/bin/python     (see ppo_sb3.py for that environment)
    experiments/benchmarks/on_policy_speed.py                                       (ours alone)
"""
import argparse
import csv
import json
import pathlib
import statistics
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
STRIDER = HERE.parent.parent / "build" / "strider"
ROLLOUT_STEPS = 2048


def ours(steps, threads):
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        subprocess.run(
            [STRIDER, "train", "mdpo-on", "--env", "Hopper-v5", "--steps", str(steps + ROLLOUT_STEPS), "--threads",
             str(threads), "--set", f"run.log_interval={ROLLOUT_STEPS}", "--set", "run.eval_episodes=0", "--set",
             f"run.checkpoint_interval={2 * steps}", "--quiet", "--out", run], check=True)
        with open(run / "progress.csv", newline="") as file:
            rows = list(csv.DictReader(file))
    first, last = rows[0], rows[-1]
    return (int(last["step"]) - int(first["step"])) / (float(last["seconds"]) - float(first["seconds"]))


def peer(python, steps, threads):
    words = [python, HERE / "ppo_sb3.py", "--steps", str(steps), "--threads", str(threads)]
    out = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])["steps_per_second"]


def main():
    parser = argparse.ArgumentParser(description="On-policy MDPO against Stable-Baselines3's PPO.")
    parser.add_argument("--peer-python", help="Python that has stable-baselines3")
    parser.add_argument("--steps", type=int, default=10 * ROLLOUT_STEPS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    result = {"ours": [], "peer": []}
    for _ in range(options.rounds):
        result["ours"].append(ours(options.steps, options.threads))
        if options.peer_python:
            result["peer"].append(peer(options.peer_python, options.steps, options.threads))
    if options.peer_python:
        result["ratio"] = statistics.median(result["ours"]) / statistics.median(result["peer"])
    result.update(unit="environment steps per second", threads=options.threads, steps=options.steps)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
