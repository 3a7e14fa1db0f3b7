#include "envs/registry.h"

#include <algorithm>
#include <array>

#include "core/names.h"
#include "envs/classic/cartpole.h"
#include "envs/classic/pendulum.h"
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

// The settings of E as they stand before any is changed. An id of an older version says which.
template <class E, RobotVersion... kVersion>
typename E::Config Defaults() {
  typename E::Config config;
  ((config.simulation.version = kVersion), ...);
  return config;
}

template <class E, RobotVersion... kVersion>
std::unique_ptr<Env> Make(std::string_view id, const Assignments& options) {
  auto config = Defaults<E, kVersion...>();
  SettingList settings;
  settings.Add(kPrefix, config);
  const std::string prefix = fmt::format("{}.", kPrefix);
  for (const auto& [key, value] : options) settings.Set(key.starts_with(prefix) ? key : prefix + key, value);
  return std::make_unique<E>(id, config);
}

template <class E, RobotVersion... kVersion>
std::vector<Setting> Options() {
  const auto config = std::make_shared<typename E::Config>(Defaults<E, kVersion...>());
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

constexpr auto kV4 = RobotVersion::kV4;

constexpr std::array kEntries{
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
};

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
