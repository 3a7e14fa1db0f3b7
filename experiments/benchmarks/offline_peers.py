#!/usr/bin/env python3
"""How fast others do the same offline learning: what `strider bench offline --peer-python PYTHON` asks, in turns with ours.

Reads one JSON request a line, {"kind": ..., ...}, and answers each with one line: a number, or null where this Python
cannot do it. Kinds:

    build    SciPy's KDTree over the float32 keys (rows x width) in the file `keys`: seconds that it took
    query    the nearest of those keys to each of the queries (n x width) in the file `queries`, by all cores, after
             those in the file `others`; writes their rows as int64 to the file `answers`: queries a second
    torch    TD3+BC in plain PyTorch: updates a second
    d3rlpy   d3rlpy's TD3+BC: updates a second

The updates are of the sheet's TD3+BC, batches of `batch` random transitions of `observations` + `actions` numbers, 2x256
networks, `threads` threads, on the CPU; drawing the batch counts. The plain PyTorch is written as single-file reference
implementations write it: modules, one Adam for each network, Polyak averaging parameter by parameter.
"""
import copy
import json
import os
import sys
import time

ROWS = 100_000
trees = {}  # by file


def build(request):
    import numpy
    from scipy.spatial import KDTree

    start = time.perf_counter()
    trees[request["keys"]] = KDTree(numpy.fromfile(request["keys"], numpy.float32).reshape(-1, request["width"]))
    return time.perf_counter() - start


def query(request):
    import numpy

    def read(file):
        return numpy.fromfile(request[file], numpy.float32).reshape(-1, request["width"])

    tree, queries = trees[request["keys"]], read("queries")
    tree.query(read("others"), workers=-1)
    start = time.perf_counter()
    _, rows = tree.query(queries, workers=-1)
    seconds = time.perf_counter() - start
    rows.astype(numpy.int64).tofile(request["answers"])
    return len(queries) / seconds


def rate(update, seconds=2.0):
    """Updates a second, after a few to warm up."""
    for _ in range(20):
        update()
    start = time.perf_counter()
    count = 0
    while count % 20 or time.perf_counter() - start < seconds:
        update()
        count += 1
    return count / (time.perf_counter() - start)


class PlainTd3Bc:
    DISCOUNT, TAU, NOISE, CLIP, DELAY, ALPHA = 0.99, 0.005, 0.2, 0.5, 2, 2.5

    def __init__(self, torch, observations, actions):
        def net(inputs, outputs, *last):
            linear = torch.nn.Linear
            return torch.nn.Sequential(linear(inputs, 256), torch.nn.ReLU(), linear(256, 256), torch.nn.ReLU(),
                                       linear(256, outputs), *last)

        self.torch = torch
        self.actor = net(observations, actions, torch.nn.Tanh())
        self.critics = [net(observations + actions, 1) for _ in range(2)]
        self.actor_target = copy.deepcopy(self.actor)
        self.critic_targets = copy.deepcopy(self.critics)
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), lr=3e-4)
        self.critic_adams = [torch.optim.Adam(critic.parameters(), lr=3e-4) for critic in self.critics]
        self.updates = 0

    def constraint(self, state, action, pi):
        return self.torch.nn.functional.mse_loss(pi, action)

    def update(self, state, action, reward, next_state, done):
        torch = self.torch
        self.updates += 1
        with torch.no_grad():
            noise = (torch.randn_like(action) * self.NOISE).clamp(-self.CLIP, self.CLIP)
            next_input = torch.cat([next_state, (self.actor_target(next_state) + noise).clamp(-1, 1)], 1)
            target = torch.min(*[critic(next_input) for critic in self.critic_targets])
            target = reward + (1 - done) * self.DISCOUNT * target
        values = [critic(torch.cat([state, action], 1)) for critic in self.critics]
        loss = sum(torch.nn.functional.mse_loss(value, target) for value in values)
        for adam in self.critic_adams:
            adam.zero_grad()
        loss.backward()
        for adam in self.critic_adams:
            adam.step()
        if self.updates % self.DELAY:
            return
        pi = self.actor(state)
        q = self.critics[0](torch.cat([state, pi], 1))
        loss = -self.ALPHA / q.abs().mean().detach() * q.mean() + self.constraint(state, action, pi)
        self.actor_adam.zero_grad()
        loss.backward()
        self.actor_adam.step()
        for online, target in zip([self.actor, *self.critics], [self.actor_target, *self.critic_targets]):
            for source, copied in zip(online.parameters(), target.parameters()):
                copied.data.copy_(self.TAU * source.data + (1 - self.TAU) * copied.data)


def plain_torch(request):
    import numpy
    import torch

    torch.set_num_threads(request["threads"])
    agent = PlainTd3Bc(torch, request["observations"], request["actions"])
    sizes = [request["observations"], request["actions"], 1, request["observations"]]
    columns = [torch.randn(ROWS, size) for size in sizes] + [torch.zeros(ROWS, 1)]
    columns[1].tanh_()

    def update():
        rows = numpy.random.randint(0, ROWS, request["batch"])
        agent.update(*[column[rows] for column in columns])

    return rate(update)


def d3rlpy_update(request):
    import d3rlpy
    import numpy
    import torch

    torch.set_num_threads(request["threads"])
    random = numpy.random.default_rng(0)
    terminals = numpy.zeros(ROWS, numpy.float32)
    terminals[999::1000] = 1
    dataset = d3rlpy.dataset.MDPDataset(
        random.standard_normal((ROWS, request["observations"]), numpy.float32),
        numpy.tanh(random.standard_normal((ROWS, request["actions"]), numpy.float32)),
        random.standard_normal(ROWS, numpy.float32), terminals)
    algorithm = d3rlpy.algos.TD3PlusBCConfig(batch_size=request["batch"]).create(device="cpu:0")
    algorithm.build_with_dataset(dataset)
    return rate(lambda: algorithm.update(dataset.sample_transition_batch(request["batch"])))


KINDS = {"build": build, "query": query, "torch": plain_torch, "d3rlpy": d3rlpy_update}


def main():
    # Whatever the libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = KINDS[request["kind"]](request)
        except Exception as error:  # missing packages
            print(f"{request['kind']}: {error}", file=sys.stderr)
            answer = None
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
