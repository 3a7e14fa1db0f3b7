#!/usr/bin/env python3
"""The peer of SubPO on the coverage task: the loop of the authors' Python as the SubPO sheet describes it, timed.

It is a restatement in our own words, not their program: 500 walks of 79 steps on 30 x 30 cells side by side; a network of
2 -> 64 tanh -> 32 tanh -> 5 softmax on the cell's number and the time; after every step the objective of every walk so far,
computed from all its cells with Python's sets, as their grid code does; then one Adam step on the mean of log pi times
these values. (Their transitions are a product with a table of zeros and ones; here they are a lookup, which is faster.)

Prints one JSON object: {"peer", "updates", "seconds", "updates_per_second", "cpu_seconds", "threads"}. The first update,
which warms up, is not timed. Needs PyTorch.
"""
import argparse
import json
import time

import torch

SIDE = 30
HORIZON = 80
BATCH = 500
START = 34
MOVES = ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))


def next_cells():
    table = torch.empty(SIDE * SIDE, len(MOVES), dtype=torch.long)
    for x in range(SIDE):
        for y in range(SIDE):
            for action, (dx, dy) in enumerate(MOVES):
                inside = 0 <= x + dx < SIDE and 0 <= y + dy < SIDE
                table[x * SIDE + y, action] = (x + dx) * SIDE + y + dy if inside else x * SIDE + y
    return table


def footprints():
    return [[cx * SIDE + cy for cx in (x, x + 1) for cy in (y, y + 1) if cx < SIDE and cy < SIDE]
            for x in range(SIDE) for y in range(SIDE)]


def objectives(states, covers, weights):
    """F of each walk so far, afresh from the list of its cells."""
    values = []
    for walk in torch.stack(states).t().tolist():
        covered = set()
        for cell in walk:
            covered.update(covers[cell])
        values.append(sum(weights[cell] for cell in covered))
    return torch.tensor(values)


def update(network, optimiser, table, covers, weights):
    state = torch.full((BATCH,), START)
    states, inputs, actions, values = [state], [], [], []
    for step in range(HORIZON - 1):
        seen = torch.stack([state.float(), torch.full((BATCH,), float(step))], dim=1)
        with torch.no_grad():
            action = torch.distributions.Categorical(network(seen)).sample()
        state = table[state, action]
        states.append(state)
        inputs.append(seen)
        actions.append(action)
        values.append(objectives(states, covers, weights))
    policy = torch.distributions.Categorical(network(torch.cat(inputs)))
    loss = -(policy.log_prob(torch.cat(actions)) * torch.cat(values) / (2 * (HORIZON + 1))).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def main():
    parser = argparse.ArgumentParser(description="Times the Python peer of SubPO on the coverage task.")
    parser.add_argument("--updates", type=int, default=5)
    parser.add_argument("--threads", type=int, help="PyTorch's threads; its own choice if absent")
    options = parser.parse_args()
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(2, 64), torch.nn.Tanh(), torch.nn.Linear(64, 32), torch.nn.Tanh(),
                                  torch.nn.Linear(32, len(MOVES)), torch.nn.Softmax(dim=-1))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    task = next_cells(), footprints(), [1.0] * SIDE * SIDE
    update(network, optimiser, *task)
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(options.updates):
        update(network, optimiser, *task)
    seconds = time.perf_counter() - start
    print(json.dumps({"peer": f"PyTorch {torch.__version__}", "updates": options.updates, "seconds": seconds,
                      "updates_per_second": options.updates / seconds, "cpu_seconds": time.process_time() - cpu,
                      "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
