#include "envs/registry.h"

#include <algorithm>
#include <array>

#include "core/names.h"
#include "envs/classic/cartpole.h"
#include "envs/classic/pendulum.h"
#include "envs/mazes/maze2d.h"
#include "envs/mazes/point_maze.h"
#include "envs/mujoco/half_cheetah.h"
#include "envs/mujoco/hopper.h"
#include "envs/mujoco/inverted_pendulum.h"
#include "envs/mujoco/walker2d.h"

namespace strider {
namespace {

constexpr std::string_view kPrefix = "env";

// An environment that exists under several ids has a DefaultsOf(id).
template <class E>
typename E::Config DefaultsOf(std::string_view id) {
  if constexpr (requires { E::DefaultsOf(id); }) {
    return E::DefaultsOf(id);
  } else {
    return {};
  }
}

template <class E>
std::unique_ptr<Env> Make(std::string_view id, const Assignments& options) {
  auto config = DefaultsOf<E>(id);
  SettingList settings;
  settings.Add(kPrefix, config);
  const std::string prefix = fmt::format("{}.", kPrefix);
  for (const auto& [key, value] : options) settings.Set(key.starts_with(prefix) ? key : prefix + key, value);
  return std::make_unique<E>(id, config);
}

template <class E>
std::vector<Setting> Options(std::string_view id) {
  const auto config = std::make_shared<typename E::Config>(DefaultsOf<E>(id));
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

template <class E>
constexpr EnvEntry Entry(std::string_view id, std::string_view summary) {
  return {id, summary, &Make<E>, &Options<E>};
}

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

constexpr std::array kEntries = Join(
    std::array{
        Entry<CartPole>("CartPole-v1", "balance a pole on a cart pushed left or right"),
        Entry<Pendulum>("Pendulum-v1", "swing a pendulum up and hold it there"),
        Entry<InvertedPendulum>("InvertedPendulum-v5", "balance a pole on a cart (MuJoCo)"),
        Entry<HalfCheetah>("HalfCheetah-v5", "run on two legs in a plane (MuJoCo)"),
        Entry<Hopper>("Hopper-v5", "hop on one leg in a plane (MuJoCo)"),
        Entry<Walker2d>("Walker2d-v5", "walk on two legs in a plane (MuJoCo)"),
    },
    Entries<PointMaze>("push a ball through a maze to a goal (MuJoCo)", "PointMaze_UMaze-v3",
                       "PointMaze_UMazeDense-v3", "PointMaze_Open-v3", "PointMaze_OpenDense-v3",
                       "PointMaze_Open_Diverse_G-v3", "PointMaze_Open_Diverse_GDense-v3",
                       "PointMaze_Open_Diverse_GR-v3", "PointMaze_Open_Diverse_GRDense-v3",
                       "PointMaze_Medium-v3", "PointMaze_MediumDense-v3", "PointMaze_Medium_Diverse_G-v3",
                       "PointMaze_Medium_Diverse_GDense-v3", "PointMaze_Medium_Diverse_GR-v3",
                       "PointMaze_Medium_Diverse_GRDense-v3", "PointMaze_Large-v3", "PointMaze_LargeDense-v3",
                       "PointMaze_Large_Diverse_G-v3", "PointMaze_Large_Diverse_GDense-v3",
                       "PointMaze_Large_Diverse_GR-v3", "PointMaze_Large_Diverse_GRDense-v3"),
    Entries<Maze2d>("push a ball through a maze to a fixed goal that it does not see (D4RL's, MuJoCo)",
                    "maze2d-open-v0", "maze2d-open-dense-v0", "maze2d-umaze-v1", "maze2d-umaze-dense-v1",
                    "maze2d-medium-v1", "maze2d-medium-dense-v1", "maze2d-large-v1",
                    "maze2d-large-dense-v1"));

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
