#!/usr/bin/env python3
"""The peer of on-policy training: Stable-Baselines3's PPO on Hopper-v5, timed.

Prints one JSON object: {"peer", "env", "steps", "seconds", "steps_per_second", "cpu_seconds", "threads"}. What is timed
is learn(), roll-outs and updates alike; imports, the making of the environment and the networks, and a first iteration
to warm up are not. Where cpu_seconds is below seconds, something else kept the machine busy. The settings are the
library's own for PPO, written out so that ours can be given the same: roll-outs of 2048 steps of one environment, 10
epochs of mini-batches of 64, separate 64x64 tanh networks for policy and value, on the CPU.

Needs, for the comparison only (Strider itself needs none of it):
    python3 -m venv /tmp/sb3
    /tmp/sb3/bin/pip install stable-baselines3 'gymnasium[mujoco]'
    /tmp/sb3/bin/python experiments/benchmarks/ppo_sb3.py --steps 40960
"""
import argparse
import json
import time

import gymnasium
import stable_baselines3
import torch

ROLLOUT_STEPS = 2048


def main():
    parser = argparse.ArgumentParser(description="Times Stable-Baselines3's PPO on Hopper-v5.")
    parser.add_argument("--steps", type=int, default=20 * ROLLOUT_STEPS, help="steps to time, rounded up to roll-outs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="PyTorch's threads; its own choice if absent")
    options = parser.parse_args()
    if options.threads is not None:
        torch.set_num_threads(options.threads)

    agent = stable_baselines3.PPO(
        "MlpPolicy",
        gymnasium.make("Hopper-v5"),
        n_steps=ROLLOUT_STEPS,
        batch_size=64,
        n_epochs=10,
        learning_rate=3e-4,
        policy_kwargs={"net_arch": {"pi": [64, 64], "vf": [64, 64]}, "activation_fn": torch.nn.Tanh},
        seed=options.seed,
        device="cpu",
    )
    agent.learn(ROLLOUT_STEPS)  # warm-up
    steps_before = agent.num_timesteps
    start, cpu_start = time.perf_counter(), time.process_time()
    agent.learn(options.steps, reset_num_timesteps=False)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    steps = agent.num_timesteps - steps_before
    print(json.dumps({
        "peer": f"stable-baselines3 {stable_baselines3.__version__}",
        "env": "Hopper-v5",
        "steps": steps,
        "seconds": round(seconds, 3),
        "steps_per_second": round(steps / seconds, 1),
        "cpu_seconds": round(cpu_seconds, 3),
        "threads": torch.get_num_threads(),
    }))


if __name__ == "__main__":
    main()
