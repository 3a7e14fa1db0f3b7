#!/usr/bin/env python3
"""How fast others step the same environments: what `strider bench envs --peer-python PYTHON` asks, in turns with ours.

Reads one JSON request a line, {"kind": ..., "id": ..., "size": ..., "threads": ..., "seconds": ...}, and answers each
with one line: control steps a second, or null where this Python cannot do it. Kinds:

    gymnasium   one environment of Gymnasium, random actions, reset where an episode ends
    envpool     `size` environments of EnvPool on `threads` threads, in its synchronous mode
    rollout     the physics alone: mujoco.rollout of Gymnasium's model, `size` simulations on `threads` threads
"""
import json
import os
import sys
import time
import warnings

BLOCK = 20  # control steps between looks at the clock


def measure(block, steps, seconds):
    """Steps a second of `block`, which does `steps` of them, over at least `seconds`."""
    start = time.perf_counter()
    blocks = 0
    while True:
        block()
        blocks += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return blocks * steps / elapsed


def make_gymnasium(request):
    import gymnasium

    env = gymnasium.make(request["id"])
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(1000)]
    state = {"next": 0}

    def block():
        for _ in range(BLOCK):
            _, _, terminated, truncated, _ = env.step(actions[state["next"]])
            state["next"] = (state["next"] + 1) % len(actions)
            if terminated or truncated:
                env.reset()

    return block, BLOCK


def make_envpool(request):
    import envpool
    import numpy

    size = request["size"]
    env = envpool.make(
        request["id"], env_type="gymnasium", num_envs=size, num_threads=request["threads"], seed=0
    )
    env.reset()
    env.action_space.seed(0)
    actions = [numpy.array([env.action_space.sample() for _ in range(size)]) for _ in range(16)]

    def block():
        for k in range(BLOCK):
            env.step(actions[k % len(actions)])

    return block, BLOCK * size


def make_rollout(request):
    import gymnasium
    import mujoco
    import numpy
    from mujoco import rollout

    size, threads = request["size"], request["threads"]
    env = gymnasium.make(request["id"]).unwrapped
    model, frame_skip = env.model, env.frame_skip
    data = [mujoco.MjData(model) for _ in range(threads)]
    state_size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    states = numpy.empty((size, state_size))
    for row in states:
        env.reset()
        mujoco.mj_getState(model, env.data, row, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    bound = model.actuator_ctrlrange[:, 1]
    control = numpy.random.default_rng(0).uniform(-bound, bound, (size, BLOCK, model.nu))
    control = numpy.repeat(control, frame_skip, axis=1)
    pool = rollout.Rollout(nthread=threads)
    held = {"states": states}
    # Robots that fall start again, as ours do: lying on the ground they cost more.
    falls = getattr(env, "_terminate_when_unhealthy", False)

    def block():
        rows, _ = pool.rollout(model, data, held["states"], control)
        if not falls:
            held["states"] = numpy.ascontiguousarray(rows[:, -1])

    return block, BLOCK * size


MAKERS = {"gymnasium": make_gymnasium, "envpool": make_envpool, "rollout": make_rollout}


def main():
    warnings.filterwarnings("ignore")
    # Whatever the libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    made = {}
    failed = set()
    for line in sys.stdin:
        request = json.loads(line)
        key = (request["kind"], request["id"], request["size"], request["threads"])
        answer = None
        try:
            if key not in made and key not in failed:
                made.clear()
                made[key] = MAKERS[request["kind"]](request)
                made[key][0]()  # warm-up
            if key in made:
                answer = measure(*made[key], request["seconds"])
        except Exception as error:  # missing packages, unknown environments
            print(f"{request['kind']} {request['id']}: {error}", file=sys.stderr)
            made.clear()
            failed.add(key)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
