#include "envs/registry.h"

#include <algorithm>
#include <array>

#include "core/names.h"
#include "envs/classic/acrobot.h"
#include "envs/classic/cartpole.h"
#include "envs/classic/mountain_car.h"
#include "envs/classic/pendulum.h"
#include "envs/mujoco/half_cheetah.h"
#include "envs/mujoco/hopper.h"
#include "envs/mujoco/inverted_pendulum.h"
#include "envs/mujoco/walker2d.h"

namespace strider {
namespace {

constexpr std::string_view kPrefix = "env";

template <class E>
std::unique_ptr<Env> Make(std::string_view id, const Assignments& options) {
  typename E::Config config;
  SettingList settings;
  settings.Add(kPrefix, config);
  const std::string prefix = fmt::format("{}.", kPrefix);
  for (const auto& [key, value] : options) settings.Set(key.starts_with(prefix) ? key : prefix + key, value);
  return std::make_unique<E>(id, config);
}

template <class E>
std::vector<Setting> Options() {
  const auto config = std::make_shared<typename E::Config>();
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

constexpr std::array kEntries{
    Entry<CartPole>("CartPole-v1", "balance a pole on a cart pushed left or right"),
    Entry<CartPoleV0>("CartPole-v0", "the same for at most 200 steps"),
    Entry<Pendulum>("Pendulum-v1", "swing a pendulum up and hold it there"),
    Entry<Acrobot>("Acrobot-v1", "swing up a chain of two links by a motor between them"),
    Entry<MountainCar>("MountainCar-v0", "drive a weak car out of a valley, pushing left or right"),
    Entry<MountainCarContinuous>("MountainCarContinuous-v0", "the same with a continuous force"),
    Entry<InvertedPendulum>("InvertedPendulum-v5", "balance a pole on a cart (MuJoCo)"),
    Entry<HalfCheetah>("HalfCheetah-v5", "run on two legs in a plane (MuJoCo)"),
    Entry<Hopper>("Hopper-v5", "hop on one leg in a plane (MuJoCo)"),
    Entry<Walker2d>("Walker2d-v5", "walk on two legs in a plane (MuJoCo)"),
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
