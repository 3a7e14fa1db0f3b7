#include "envs/registry.h"

#include <algorithm>
#include <array>

#include "core/names.h"
#include "envs/classic/cartpole.h"
#include "envs/classic/pendulum.h"
#include "envs/mazes/ant_maze.h"
#include "envs/mazes/d4rl_ant_maze.h"
#include "envs/mazes/maze2d.h"
#include "envs/mazes/point_maze.h"
#include "envs/mujoco/ant.h"
#include "envs/mujoco/half_cheetah.h"
#include "envs/mujoco/hopper.h"
#include "envs/mujoco/humanoid.h"
#include "envs/mujoco/humanoid_standup.h"
#include "envs/mujoco/inverted_double_pendulum.h"
#include "envs/mujoco/inverted_pendulum.h"
#include "envs/mujoco/pusher.h"
#include "envs/mujoco/reacher.h"
#include "envs/mujoco/swimmer.h"
#include "envs/mujoco/walker2d.h"

namespace strider {
namespace {

constexpr std::string_view kPrefix = "env";

// The settings of E as they stand before any is changed. An id of an older version says which, and an
// environment of many ids reads its own.
template <class E, RobotVersion... kVersion>
typename E::Config Defaults(std::string_view id) {
  typename E::Config config;
  if constexpr (requires { E::DefaultsOf(id); }) config = E::DefaultsOf(id);
  ((config.simulation.version = kVersion), ...);
  return config;
}

template <class E, RobotVersion... kVersion>
std::unique_ptr<Env> Make(std::string_view id, const Assignments& options) {
  auto config = Defaults<E, kVersion...>(id);
  SettingList settings;
  settings.Add(kPrefix, config);
  const std::string prefix = fmt::format("{}.", kPrefix);
  for (const auto& [key, value] : options) settings.Set(key.starts_with(prefix) ? key : prefix + key, value);
  return std::make_unique<E>(id, config);
}

template <class E, RobotVersion... kVersion>
std::vector<Setting> Options(std::string_view id) {
  const auto config = std::make_shared<typename E::Config>(Defaults<E, kVersion...>(id));
  SettingList list;
  list.Add(kPrefix, *config);
  std::vector<Setting> settings = list.settings();
  // The settings share ownership of the config that they change.
  for (Setting& setting : settings) {
    setting.get = [config, get = std::move(setting.get)] { return get(); };
    setting.set = [config, set = std::move(setting.set)](std::string_view value) { set(value); };
  }
  return settings;
}

template <class E, RobotVersion... kVersion>
constexpr EnvEntry Entry(std::string_view id, std::string_view summary) {
  return {id, summary, &Make<E, kVersion...>, &Options<E, kVersion...>};
}

constexpr auto kV2 = RobotVersion::kV2;
constexpr auto kV4 = RobotVersion::kV4;

// Ids that differ in their defaults only.
template <class E, class... Ids>
constexpr std::array<EnvEntry, sizeof...(Ids)> Entries(std::string_view summary, Ids... ids) {
  return {Entry<E>(ids, summary)...};
}

template <std::size_t... kSizes>
constexpr auto Join(const std::array<EnvEntry, kSizes>&... parts) {
  std::array<EnvEntry, (kSizes + ...)> joined{};
  auto next = joined.begin();
  ((next = std::ranges::copy(parts, next).out), ...);
  return joined;
}

constexpr std::array kSingles{
    Entry<CartPole>("CartPole-v1", "balance a pole on a cart pushed left or right"),
    Entry<Pendulum>("Pendulum-v1", "swing a pendulum up and hold it there"),
    Entry<InvertedPendulum>("InvertedPendulum-v5", "balance a pole on a cart (MuJoCo)"),
    Entry<InvertedDoublePendulum>("InvertedDoublePendulum-v5", "balance a pole on a pole on a cart (MuJoCo)"),
    Entry<Reacher>("Reacher-v5", "reach a target with an arm of two links (MuJoCo)"),
    Entry<Pusher>("Pusher-v5", "push an object to a goal with an arm of seven joints (MuJoCo)"),
    Entry<Swimmer>("Swimmer-v5", "swim with three links in a viscous fluid (MuJoCo)"),
    Entry<HalfCheetah>("HalfCheetah-v5", "run on two legs in a plane (MuJoCo)"),
    Entry<Hopper>("Hopper-v5", "hop on one leg in a plane (MuJoCo)"),
    Entry<Walker2d>("Walker2d-v5", "walk on two legs in a plane (MuJoCo)"),
    Entry<Ant>("Ant-v5", "walk on four legs (MuJoCo)"),
    Entry<Humanoid>("Humanoid-v5", "walk like a person (MuJoCo)"),
    Entry<HumanoidStandup>("HumanoidStandup-v5", "stand up like a person from lying (MuJoCo)"),
    Entry<HalfCheetah, kV4>("HalfCheetah-v4", "HalfCheetah under Gymnasium's earlier rules (MuJoCo)"),
    Entry<Hopper, kV4>("Hopper-v4", "Hopper under Gymnasium's earlier rules (MuJoCo)"),
    Entry<Walker2d, kV4>("Walker2d-v4", "Walker2d under Gymnasium's earlier rules (MuJoCo)"),
    Entry<Ant, kV4>("Ant-v4", "Ant under Gymnasium's earlier rules (MuJoCo)"),
    Entry<HalfCheetah, kV2>("HalfCheetah-v2",
                            "HalfCheetah with rules and physics of D4RL's datasets (MuJoCo)"),
    Entry<Hopper, kV2>("Hopper-v2", "Hopper with rules and physics of D4RL's datasets (MuJoCo)"),
    Entry<Walker2d, kV2>("Walker2d-v2", "Walker2d with rules and physics of D4RL's datasets (MuJoCo)"),
    Entry<Ant, kV2>("Ant-v2", "Ant with rules and physics of D4RL's datasets (MuJoCo)"),
};

constexpr std::array kPointMazes = Entries<PointMaze>(
    "push a ball through a maze to a goal (MuJoCo)", "PointMaze_UMaze-v3", "PointMaze_UMazeDense-v3",
    "PointMaze_Open-v3", "PointMaze_OpenDense-v3", "PointMaze_Open_Diverse_G-v3",
    "PointMaze_Open_Diverse_GDense-v3", "PointMaze_Open_Diverse_GR-v3", "PointMaze_Open_Diverse_GRDense-v3",
    "PointMaze_Medium-v3", "PointMaze_MediumDense-v3", "PointMaze_Medium_Diverse_G-v3",
    "PointMaze_Medium_Diverse_GDense-v3", "PointMaze_Medium_Diverse_GR-v3",
    "PointMaze_Medium_Diverse_GRDense-v3", "PointMaze_Large-v3", "PointMaze_LargeDense-v3",
    "PointMaze_Large_Diverse_G-v3", "PointMaze_Large_Diverse_GDense-v3", "PointMaze_Large_Diverse_GR-v3",
    "PointMaze_Large_Diverse_GRDense-v3");

constexpr std::array kAntMazes = Entries<AntMaze>(
    "walk on four legs through a maze to a goal (MuJoCo)", "AntMaze_UMaze-v5", "AntMaze_UMazeDense-v5",
    "AntMaze_Open-v5", "AntMaze_OpenDense-v5", "AntMaze_Open_Diverse_G-v5", "AntMaze_Open_Diverse_GDense-v5",
    "AntMaze_Open_Diverse_GR-v5", "AntMaze_Open_Diverse_GRDense-v5", "AntMaze_Medium-v5",
    "AntMaze_MediumDense-v5", "AntMaze_Medium_Diverse_G-v5", "AntMaze_Medium_Diverse_GDense-v5",
    "AntMaze_Medium_Diverse_GR-v5", "AntMaze_Medium_Diverse_GRDense-v5", "AntMaze_Large-v5",
    "AntMaze_LargeDense-v5", "AntMaze_Large_Diverse_G-v5", "AntMaze_Large_Diverse_GDense-v5",
    "AntMaze_Large_Diverse_GR-v5", "AntMaze_Large_Diverse_GRDense-v5", "AntMaze_UMaze-v4",
    "AntMaze_UMazeDense-v4", "AntMaze_Open-v4", "AntMaze_OpenDense-v4", "AntMaze_Open_Diverse_G-v4",
    "AntMaze_Open_Diverse_GDense-v4", "AntMaze_Open_Diverse_GR-v4", "AntMaze_Open_Diverse_GRDense-v4",
    "AntMaze_Medium-v4", "AntMaze_MediumDense-v4", "AntMaze_Medium_Diverse_G-v4",
    "AntMaze_Medium_Diverse_GDense-v4", "AntMaze_Medium_Diverse_GR-v4", "AntMaze_Medium_Diverse_GRDense-v4",
    "AntMaze_Large-v4", "AntMaze_LargeDense-v4", "AntMaze_Large_Diverse_G-v4",
    "AntMaze_Large_Diverse_GDense-v4", "AntMaze_Large_Diverse_GR-v4", "AntMaze_Large_Diverse_GRDense-v4");

constexpr std::array kD4rlMazes = Join(
    Entries<Maze2d>("push a ball through a maze to a goal that it does not see (D4RL's)", "maze2d-open-v0",
                    "maze2d-open-dense-v0", "maze2d-umaze-v1", "maze2d-umaze-dense-v1", "maze2d-medium-v1",
                    "maze2d-medium-dense-v1", "maze2d-large-v1", "maze2d-large-dense-v1"),
    Entries<D4rlAntMaze>("walk on four legs through a maze to a goal that it does not see (D4RL's)",
                         "antmaze-umaze-v2", "antmaze-umaze-diverse-v2", "antmaze-medium-play-v2",
                         "antmaze-medium-diverse-v2", "antmaze-large-play-v2", "antmaze-large-diverse-v2"));

constexpr std::array kEntries = Join(kSingles, kPointMazes, kAntMazes, kD4rlMazes);

}  // namespace

std::span<const EnvEntry> EnvRegistry() { return kEntries; }

const EnvEntry& FindEnv(std::string_view id) {
  const auto found = std::ranges::find(kEntries, id, &EnvEntry::id);
  if (found != kEntries.end()) return *found;
  std::vector<std::string> ids;
  for (const EnvEntry& entry : kEntries) ids.emplace_back(entry.id);
  throw UnknownName("environment", id, ids);
}

std::unique_ptr<Env> MakeEnv(std::string_view id, const Assignments& options) {
  return FindEnv(id).make(id, options);
}

}  // namespace strider
