#!/usr/bin/env python3
"""How fast others learn by acting: what `strider bench online --peer-python PYTHON` asks, in turns with ours.

Reads one JSON request a line and answers each with one line: environment steps a second of training, acting and updates
alike, over at least `seconds` after a warm-up; null where this Python cannot do it. `threads` are PyTorch's. Kinds:

    sb3-sac      Stable-Baselines3's SAC: `env`, `hidden`, `batch`, `starts`; one update a step
    sb3-ppo      Stable-Baselines3's PPO with its own settings (batches of 64, 10 epochs, 64x64): `env`, `envs`, and
                 `rollout` steps of each; of several environments in DummyVecEnv and SubprocVecEnv the faster one counts
    rltools-sac  RLtools' SAC (its wheel compiles itself with -O3 -march=native -ffast-math, and MKL where that is
                 installed) on its own Pendulum-v1: 64x64, batches of 100, one update a step

For a Python to ask, outside the project's folder:
    python3 -m venv /tmp/sb3 && /tmp/sb3/bin/pip install stable-baselines3 'gymnasium[mujoco]' rltools
"""
import json
import os
import shutil
import sys
import tempfile
import time
import warnings

CHUNK = 200  # steps between looks at the clock


def measure(block, seconds):
    """Steps a second of `block`, which returns how many it did, over at least `seconds`."""
    start = time.perf_counter()
    steps = 0
    while True:
        steps += block()
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return steps / elapsed


def learning(agent, chunk):
    def block():
        before = agent.num_timesteps
        agent.learn(chunk, reset_num_timesteps=False)
        return agent.num_timesteps - before

    return block


def make_sb3_sac(request):
    import gymnasium
    import stable_baselines3

    agent = stable_baselines3.SAC("MlpPolicy", gymnasium.make(request["env"]), batch_size=request["batch"],
                                  learning_starts=request["starts"], policy_kwargs={"net_arch": request["hidden"]},
                                  seed=0, device="cpu")
    agent.learn(request["starts"] + CHUNK)
    return [learning(agent, CHUNK)]


def make_sb3_ppo(request):
    import stable_baselines3
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

    blocks = []
    for kind in [DummyVecEnv, SubprocVecEnv] if request["envs"] > 1 else [DummyVecEnv]:
        envs = make_vec_env(request["env"], request["envs"], seed=0, vec_env_cls=kind)
        agent = stable_baselines3.PPO("MlpPolicy", envs, n_steps=request["rollout"], seed=0, device="cpu")
        rollout = request["rollout"] * request["envs"]
        agent.learn(rollout)
        blocks.append(learning(agent, rollout))
    return blocks


RLTOOLS_PENDULUM = """
#include <rl_tools/rl/environments/pendulum/operations_cpu.h>
template <typename T, typename TI>
using ENVIRONMENT_FACTORY =
    rl_tools::rl::environments::Pendulum<rl_tools::rl::environments::pendulum::Specification<T, TI>>;
"""


def make_rltools_sac(request):
    import rltools

    folder = tempfile.mkdtemp()
    try:
        with open(os.path.join(folder, "environment.h"), "w") as header:
            header.write(RLTOOLS_PENDULUM)
        sac = rltools.SAC({"path": folder, "observation_dim": 3, "action_dim": 1}, enable_evaluation=False,
                          STEP_LIMIT=1_000_000_000, REPLAY_BUFFER_CAP=100_000, force_recompile=True)
    finally:
        shutil.rmtree(folder)
    state = sac.State(0)
    for _ in range(1000):
        state.step()

    def block():
        for _ in range(CHUNK):
            state.step()
        return CHUNK

    return [block]


MAKERS = {"sb3-sac": make_sb3_sac, "sb3-ppo": make_sb3_ppo, "rltools-sac": make_rltools_sac}


def main():
    warnings.filterwarnings("ignore")
    os.environ["RL_TOOLS_IGNORE_TORCH_WARNING"] = "1"  # or else it refuses to work beside PyTorch
    # Whatever the libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    made, failed = {}, set()
    for line in sys.stdin:
        request = json.loads(line)
        key = json.dumps(request, sort_keys=True)
        answer = None
        try:
            if request["kind"].startswith("sb3"):
                import torch

                torch.set_num_threads(request["threads"])
            if key not in made and key not in failed:
                made[key] = MAKERS[request["kind"]](request)
            if key in made:
                answer = max(measure(block, request["seconds"]) for block in made[key])
        except Exception as error:  # missing packages, unknown environments
            print(f"{request['kind']}: {error}", file=sys.stderr)
            failed.add(key)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
