#!/usr/bin/env python3
"""PRDC or TD3+BC from first update to last as others do it, with episodes played in between. Called by offline_speed.py.

Without --code a plain PyTorch way of writing them: single-file modules, and for PRDC SciPy's KDTree asked by all cores for the
nearest (beta state, action) of each row of the batch at every step of the actor. With --code the classes of published programs
themselves, unchanged: PRDC and ReplayBuffer of its authors' checkout, TD3_BC and ReplayBuffer of CORL's; what those files
import beside PyTorch, SciPy and NumPy is not called and need not be there.

Prints {"updates_per_second": ...}; reading the dataset and building the tree do not count. Needs torch, scipy, h5py and
gymnasium with mujoco.
"""
import argparse
import contextlib
import json
import pathlib
import sys
import time
import unittest.mock

import gymnasium
import h5py
import numpy
import torch
from offline_peers import PlainTd3Bc
from scipy.spatial import KDTree

BETA = 2
BATCH = 256
COLUMNS = ["observations", "actions", "rewards", "next_observations", "terminals"]


class Plain:
    """Plain PyTorch, on a dictionary of float32 columns with normalised states."""

    def __init__(self, agent, data):
        self.columns = [torch.from_numpy(data[key].reshape(len(data["rewards"]), -1)) for key in COLUMNS]
        self.agent = agent

    def update(self):
        rows = numpy.random.randint(0, len(self.columns[0]), BATCH)
        self.agent.update(*[column[rows] for column in self.columns])

    def act(self, state):
        with torch.no_grad():
            return self.agent.actor(torch.from_numpy(state.astype(numpy.float32)).unsqueeze(0))[0].numpy()


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


class AuthorsPrdc:
    """LAMDA-RL/PRDC: main.py's loop around prdc.py and utils/buffer.py."""

    def __init__(self, folder, data, max_action):
        sys.path.insert(0, str(folder))
        from prdc import PRDC
        from utils.buffer import ReplayBuffer

        states, actions = data["observations"], data["actions"]
        self.buffer = ReplayBuffer(states.shape[1], actions.shape[1], "cpu", "", 1, 0)
        self.buffer.convert_D4RL(data)
        self.agent = PRDC(numpy.hstack([BETA * states, actions]), states.shape[1], actions.shape[1], max_action, "cpu", beta=BETA)

    def update(self):
        self.agent.train(self.buffer, BATCH)

    def act(self, state):
        return self.agent.select_action(state)


class CorlTd3Bc:
    """CORL: algorithms/offline/td3_bc.py's train() around its classes."""

    def __init__(self, folder, data, max_action):
        sys.path.insert(0, str(folder / "algorithms" / "offline"))
        absent = {name: unittest.mock.MagicMock() for name in ["d4rl", "gym", "pyrallis", "wandb"]}
        with unittest.mock.patch.dict(sys.modules, absent):
            import td3_bc

        states, actions = data["observations"], data["actions"]
        self.buffer = td3_bc.ReplayBuffer(states.shape[1], actions.shape[1], len(states), "cpu")
        self.buffer.load_d4rl_dataset(data)
        sizes = states.shape[1], actions.shape[1]
        networks = [td3_bc.Actor(*sizes, max_action), td3_bc.Critic(*sizes), td3_bc.Critic(*sizes)]
        adams = [torch.optim.Adam(network.parameters(), lr=3e-4) for network in networks]
        pairs = [part for pair in zip(networks, adams) for part in pair]
        self.agent = td3_bc.TD3_BC(max_action, *pairs, policy_noise=0.2 * max_action, noise_clip=0.5 * max_action)

    def update(self):
        self.agent.train([column.to("cpu") for column in self.buffer.sample(BATCH)])

    def act(self, state):
        return self.agent.actor.act(state, "cpu")


def make(options, data, max_action):
    if options.code:
        return {"prdc": AuthorsPrdc, "td3bc": CorlTd3Bc}[options.agent](options.code.resolve(), data, max_action)
    states, actions = data["observations"], data["actions"]
    if options.agent == "prdc":
        return Plain(PlainPrdc(states, actions), data)
    return Plain(PlainTd3Bc(torch, states.shape[1], actions.shape[1]), data)


def evaluate(learner, env, mean, deviation, episodes):
    for episode in range(episodes):
        state, _ = env.reset(seed=100 + episode)
        done = False
        while not done:
            state, _, terminated, truncated, _ = env.step(learner.act((state - mean) / deviation))
            done = terminated or truncated


def main():
    parser = argparse.ArgumentParser(description="PRDC or TD3+BC in Python.")
    parser.add_argument("--agent", choices=["prdc", "td3bc"], default="prdc")
    parser.add_argument("--code", type=pathlib.Path, help="checkout of the published program; plain PyTorch where left out")
    parser.add_argument("--dataset", required=True, help="in D4RL's layout, with next_observations")
    parser.add_argument("--env", required=True)
    parser.add_argument("--updates", type=int, required=True)
    parser.add_argument("--eval-interval", type=int, required=True)
    parser.add_argument("--eval-episodes", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with h5py.File(options.dataset) as file:
        data = {key: file[key][:].astype(numpy.float32) for key in COLUMNS}
    mean, deviation = data["observations"].mean(0), data["observations"].std(0) + 1e-3
    for key in ["observations", "next_observations"]:
        data[key] = (data[key] - mean) / deviation
    env = gymnasium.make(options.env)
    with contextlib.redirect_stdout(sys.stderr):  # what the programs print
        learner = make(options, data, float(env.action_space.high[0]))

    start = time.perf_counter()
    for update in range(1, options.updates + 1):
        learner.update()
        if update % options.eval_interval == 0:
            evaluate(learner, env, mean, deviation, options.eval_episodes)
    print(json.dumps({"updates_per_second": options.updates / (time.perf_counter() - start)}))


if __name__ == "__main__":
    main()
