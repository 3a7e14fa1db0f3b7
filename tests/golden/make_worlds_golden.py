"""Records the small discrete worlds: envs/<id>.h5 for FrozenLake, CliffWalking, MiniGrid and MinAtar.

    python make_worlds_golden.py [OUTPUT]

The layout is that of the other environments' files (README.md). Needs gymnasium 1.4.0, minigrid 3.2.0, minatar 1.0.15,
numpy 2.4.6 and h5py 3.16.0; with these a second recording gives the same bytes. Observations are MiniGrid's image and
MinAtar's channels; `state` is what Env::State() of the environment means.
"""

import pathlib
import sys

import gymnasium as gym
import h5py
import minatar.gym
import minigrid  # noqa: F401: registers its environments
import numpy as np

STEPS = 300
SEEDS = (0, 7, 123)
ACTION_SEED = 7

IDS = (
    ["FrozenLake-v1", "FrozenLake8x8-v1", "CliffWalking-v1", "CliffWalkingSlippery-v1"]
    + [f"MiniGrid-LavaGapS{size}-v0" for size in (5, 6, 7)]
    + [f"MiniGrid-Dynamic-Obstacles-{kind}-v0" for kind in ("5x5", "Random-5x5", "6x6", "Random-6x6", "8x8", "16x16")]
    + [f"MinAtar/{game}-{version}" for game in ("Breakout", "SpaceInvaders") for version in ("v0", "v1")]
)


def step_limit(env_id):
    """What we chose where the package has no limit; None where it has one."""
    if env_id.startswith("MinAtar"):
        return 10_000
    return 1000 if env_id.startswith("Cliff") else None


def image(observation):
    return observation["image"] if isinstance(observation, dict) else observation


def state(env):
    world = env.unwrapped
    if hasattr(world, "P"):
        return [world.s]
    if hasattr(world, "agent_pos"):
        things = [ball.cur_pos for ball in world.obstacles] if hasattr(world, "obstacles") else [world.gap_pos]
        return [*world.agent_pos, world.agent_dir, world.step_count, *np.ravel(things)]
    game = world.game.env
    if hasattr(game, "ball_x"):
        fields = [game.pos, game.ball_x, game.ball_y, game.last_x, game.last_y, game.ball_dir, game.strike, game.terminal]
        maps = [game.brick_map]
    else:
        fields = [game.pos, game.alien_dir < 0, game.enemy_move_interval, game.alien_move_timer, game.alien_shot_timer,
                  game.shot_timer, game.terminal]
        maps = [game.alien_map, game.f_bullet_map, game.e_bullet_map]
    return [world.game.last_action, *fields, *np.ravel(maps)]


def action(env, random):
    """Uniform; half of the time Breakout's paddle follows the ball, so that bricks get hit."""
    world = env.unwrapped
    drawn = int(random.integers(env.action_space.n))
    if hasattr(world, "game") and hasattr(world.game.env, "ball_x") and random.random() < 0.5:
        way = np.sign(world.game.env.ball_x - world.game.env.pos)
        return world.action_set.index({-1: 1, 0: 0, 1: 3}[int(way)])
    return drawn


def record(env, seed):
    random = np.random.default_rng([ACTION_SEED, seed])
    rows = {key: [] for key in ("actions", "obs", "reward", "terminated", "truncated", "state")}
    resets = {key: [] for key in ("step", "obs", "state")}

    def after_reset(step, observation):
        resets["step"].append(step)
        resets["obs"].append(np.array(image(observation)))
        resets["state"].append(state(env))

    after_reset(0, env.reset(seed=seed)[0])
    for step in range(STEPS):
        chosen = action(env, random)
        rows["state"].append(state(env))
        observation, reward, terminated, truncated, _ = env.step(chosen)
        for key, value in zip(rows, (chosen, np.array(image(observation)), float(reward), terminated, truncated)):
            rows[key].append(value)
        if (terminated or truncated) and step + 1 < STEPS:
            after_reset(step + 1, env.reset()[0])
    return rows, resets, state(env)


def write(group, name, values):
    values = np.asarray(values)
    if values.dtype != np.float64:
        values = values.astype(np.uint8 if values.max() < 256 else np.int64)
    options = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if values.nbytes >= 2048 else {}
    group.create_dataset(name, data=values.reshape(len(values), -1) if values.ndim > 2 else values, **options)


def write_env(env_id, folder):
    limit = step_limit(env_id)
    env = gym.make(env_id, disable_env_checker=True, **({} if limit is None else {"max_episode_steps": limit}))
    path = folder / "envs" / f"{env_id}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["env_id"] = env_id
        file.attrs["max_episode_steps"] = limit or env.spec.max_episode_steps or env.unwrapped.max_steps
        file.attrs["action_kind"] = "discrete"
        file.attrs["n_actions"] = int(env.action_space.n)
        for seed in SEEDS:
            rows, resets, final = record(env, seed)
            group = file.create_group(f"seed_{seed}")
            for name, values in rows.items():
                write(group, name, values)
            for name, values in resets.items():
                write(group, f"resets/{name}", values)
            write(group, "final/state", final)
            if "MinAtar" in env_id:
                env.unwrapped.game.last_action = 0  # the package keeps it even through a seeded reset


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    if "MinAtar/Breakout-v1" not in gym.registry:
        minatar.gym.register_envs()
    for env_id in IDS:
        write_env(env_id, folder)


if __name__ == "__main__":
    main()
