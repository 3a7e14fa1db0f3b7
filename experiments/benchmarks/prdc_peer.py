#!/usr/bin/env python3
"""PRDC as its authors' code goes about it, for comparison: plain PyTorch, and SciPy's KDTree asked by all cores for the nearest
(beta state, action) of each row of the batch at every step of the actor. Every `--eval-interval` updates it plays
`--eval-episodes` episodes of the environment, one after the other. Prints {"updates_per_second": ...}; reading the dataset
and building the tree do not count.

Needs torch, scipy, h5py and gymnasium with mujoco. Called by prdc_speed.py.
"""
import argparse
import json
import time

import gymnasium
import h5py
import numpy
import torch
from offline_peers import PlainTd3Bc
from scipy.spatial import KDTree

BETA = 2
BATCH = 256


class PlainPrdc(PlainTd3Bc):
    """TD3+BC whose actor is drawn to the nearest logged action instead of the row's own."""

    def __init__(self, states, actions):
        super().__init__(torch, states.shape[1], actions.shape[1])
        self.actions = torch.from_numpy(actions)
        self.tree = KDTree(numpy.hstack([BETA * states, actions]))

    def constraint(self, state, action, pi):
        keys = torch.cat([BETA * state, pi], 1).detach().numpy()
        _, rows = self.tree.query(keys, k=1, workers=-1)
        return torch.nn.functional.mse_loss(pi, self.actions[rows])


def evaluate(agent, env, mean, deviation, episodes):
    for episode in range(episodes):
        state, _ = env.reset(seed=100 + episode)
        done = False
        while not done:
            with torch.no_grad():
                seen = torch.from_numpy(((state - mean) / deviation).astype(numpy.float32)).unsqueeze(0)
                action = agent.actor(seen)[0].numpy()
            state, _, terminated, truncated, _ = env.step(action)
            done = terminated or truncated


def main():
    parser = argparse.ArgumentParser(description="PRDC in plain PyTorch with SciPy's KDTree.")
    parser.add_argument("--dataset", required=True, help="in D4RL's layout, with next_observations")
    parser.add_argument("--env", required=True)
    parser.add_argument("--updates", type=int, required=True)
    parser.add_argument("--eval-interval", type=int, required=True)
    parser.add_argument("--eval-episodes", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with h5py.File(options.dataset) as file:
        columns = [file[key][:] for key in ["observations", "actions", "rewards", "next_observations", "terminals"]]
    states, actions, rewards, next_states, terminals = [column.astype(numpy.float32) for column in columns]
    mean, deviation = states.mean(0), states.std(0) + 1e-3
    states, next_states = (states - mean) / deviation, (next_states - mean) / deviation
    agent = PlainPrdc(states, actions)
    data = [torch.from_numpy(column.reshape(len(states), -1)) for column in [states, actions, rewards, next_states, terminals]]
    env = gymnasium.make(options.env)

    start = time.perf_counter()
    for update in range(1, options.updates + 1):
        rows = numpy.random.randint(0, len(states), BATCH)
        agent.update(*[column[rows] for column in data])
        if update % options.eval_interval == 0:
            evaluate(agent, env, mean, deviation, options.eval_episodes)
    print(json.dumps({"updates_per_second": options.updates / (time.perf_counter() - start)}))


if __name__ == "__main__":
    main()
