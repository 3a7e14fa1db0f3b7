"""Records gymnasium's robots under constructor options that are not their defaults: envs/options.h5.

Needs gymnasium 1.4.0, mujoco 3.17.0, numpy and h5py: python make_env_options.py
"""

import os

import gymnasium
import h5py
import mujoco
import numpy as np

STEPS = 12
SEED = 11

POSITIONS = {"exclude_current_positions_from_observation": False}
CHEETAH = [{"forward_reward_weight": 1.7, "ctrl_cost_weight": 0.3}, {"reset_noise_scale": 0.03, "frame_skip": 3}, POSITIONS]
WALKER = [
    {"forward_reward_weight": 1.7, "ctrl_cost_weight": 0.3, "healthy_reward": 2.5},
    {"reset_noise_scale": 0.03},
    {"healthy_z_range": (1.22, 1.27), "healthy_angle_range": (-0.05, 0.02), **POSITIONS},
    {"terminate_when_unhealthy": False, "healthy_z_range": (1.2, 1.251)},
]
HOPPER = WALKER + [{"healthy_state_range": (-0.9, 0.9)}]
HUMANOID = [
    {"ctrl_cost_weight": 0.3, "reset_noise_scale": 0.03, "frame_skip": 3},
    POSITIONS,
    {"include_cinert_in_observation": False},
    {"include_cvel_in_observation": False},
    {"include_qfrc_actuator_in_observation": False},
    {"include_cfrc_ext_in_observation": False},
]
CASES = {
    "InvertedPendulum-v5": [{"reset_noise_scale": 0.03, "frame_skip": 3}],
    "InvertedDoublePendulum-v5": [{"reset_noise_scale": 0.03, "frame_skip": 3, "healthy_reward": 2.5}],
    "Reacher-v5": [{"reward_dist_weight": 1.7, "reward_control_weight": 0.3, "frame_skip": 3}],
    "Pusher-v5": [{"reward_near_weight": 0.7, "reward_dist_weight": 1.7, "reward_control_weight": 0.3, "frame_skip": 3}],
    "Swimmer-v5": CHEETAH,
    "HalfCheetah-v5": CHEETAH,
    "Hopper-v5": HOPPER,
    "Walker2d-v5": WALKER,
    "Ant-v5": [
        {"forward_reward_weight": 1.7, "ctrl_cost_weight": 0.3, "healthy_reward": 2.5, "contact_cost_weight": 0.1},
        {"main_body": 4, "reset_noise_scale": 0.03, "frame_skip": 3},
        {"main_body": "aux_2", "contact_force_range": (-0.4, 0.3), **POSITIONS},
        {"healthy_z_range": (0.6, 0.75)},
        {"terminate_when_unhealthy": False, "healthy_z_range": (0.6, 0.75)},
        {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.1},
        {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.0},
    ],
    "Humanoid-v5": HUMANOID + [
        {"forward_reward_weight": 1.7, "healthy_reward": 2.5, "contact_cost_weight": 1e-6},
        {"contact_cost_range": (0.02, 0.03)},
        {"healthy_z_range": (1.3, 1.39)},
        {"terminate_when_unhealthy": False, "healthy_z_range": (1.3, 1.39)},
    ],
    "HumanoidStandup-v5": HUMANOID + [
        {"uph_cost_weight": 1.7, "impact_cost_weight": 1e-6},
        {"impact_cost_range": (0.05, 0.4)},
    ],
    "Hopper-v4": [{"terminate_when_unhealthy": False, "healthy_z_range": (1.2, 1.251)}, {"healthy_state_range": (-0.9, 0.9)}],
    "Ant-v4": [
        {"use_contact_forces": True},
        {"use_contact_forces": True, "contact_cost_weight": 0.1, "contact_force_range": (-0.4, 0.3), **POSITIONS},
        {"terminate_when_unhealthy": False, "healthy_z_range": (0.6, 0.75)},
    ],
}


def text(value):
    """As Strider's settings are written."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(repr(x) for x in value)
    return str(value)


def record(group, env_id, options):
    env = gymnasium.make(env_id, disable_env_checker=True, **options)
    space = env.action_space
    # A little beyond the bounds, so that it shows which costs count that.
    actions = np.random.default_rng(7).uniform(1.2 * space.low, 1.2 * space.high, (STEPS, space.shape[0])).astype(np.float32)
    observations = [env.reset(seed=SEED)[0]]
    rewards, terminated = [], []
    for action in actions:
        observation, reward, end, _, _ = env.step(action)
        observations.append(observation)
        rewards.append(float(reward))
        terminated.append(bool(end))
    group.attrs["env_id"] = env_id
    group.create_dataset("options", data=[f"{k}={text(v)}" for k, v in options.items()], dtype=h5py.string_dtype("ascii"))
    group.create_dataset("actions", data=actions.astype(np.float64))
    group.create_dataset("obs", data=np.array(observations)[[0, -1]])  # of the reset and of the last step
    group.create_dataset("reward", data=rewards)
    group.create_dataset("terminated", data=np.array(terminated, np.uint8))
    env.close()


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "envs", "options.h5")
    with h5py.File(path, "w", libver="earliest") as f:
        f.attrs["gymnasium_version"], f.attrs["mujoco_version"] = gymnasium.__version__, mujoco.__version__
        f.attrs["seed"] = SEED
        for env_id, cases in CASES.items():
            for i, options in enumerate(cases):
                record(f.create_group(f"{env_id}_{i}"), env_id, options)


if __name__ == "__main__":
    main()
