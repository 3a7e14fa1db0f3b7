#include "agents/planning/worlds.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "agents/planning/mdp_file.h"
#include "core/error.h"
#include "core/names.h"
#include "envs/registry.h"
#include "envs/tabular/tabular_env.h"

namespace strider::planning {
namespace {

// Environments with the discount that makes them interesting.
struct World {
  std::string_view name;
  std::string_view env;
  double discount;
  bool has_horizon;  // the environment's step limit
};

constexpr std::array kWorlds = {
    World{"three-state", "ThreeState-v0", 0.5, true},
    World{"grid-g", "GridG-v0", 1, true},
    World{"grid-r", "GridR-v0", 1, true},
    World{"chain", "Chain-v0", 0.9, false},
    World{"four-rooms", "FourRooms-v0", 0.95, false},
};

constexpr std::string_view kHomeostasis = "homeostasis";

struct HomeostasisConfig {
  int dimensions = 2;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("dimensions", dimensions, "components of stock and reward", InRange(1, 8));
  }
};

// One state, in which each action moves one component of the stock up or down, and one none.
Mdp Homeostasis(const Assignments& options) {
  HomeostasisConfig config;
  SettingList settings;
  settings.Add("env", config);
  for (const auto& [key, value] : options) settings.Set(key.starts_with("env.") ? key : "env." + key, value);

  const int actions = 2 * config.dimensions + 1;
  TabularMdp table(1, actions);
  table.start = {1};
  table.action_names = {"rest"};
  std::vector<double> rewards(static_cast<std::size_t>(actions * config.dimensions));
  for (int action = 0; action < actions; ++action) {
    table.Outcomes(0, action) = {{1, 0, 0, false}};
    if (action == 0) continue;
    const int component = (action - 1) / 2;
    const bool up = action % 2 == 1;
    table.action_names.push_back(fmt::format("{} {}", up ? "raise" : "lower", component + 1));
    rewards[static_cast<std::size_t>(action * config.dimensions + component)] = up ? 1 : -1;
  }
  return Mdp(std::string(kHomeostasis), table, 0.5, 7, config.dimensions, rewards);
}

Mdp OfEnv(const std::string& name, std::string_view id, const Assignments& options,
          std::optional<double> discount, bool has_horizon) {
  const std::unique_ptr<Env> env = MakeEnv(id, options);
  const auto* tabular = dynamic_cast<const TabularEnv*>(env.get());
  if (tabular == nullptr) {
    throw InputError(
        "{}: planning needs a process that is written out in full, and this is none; "
        "FrozenLake-v1, CliffWalking-v1 and FourRooms-v0 are",
        id);
  }
  return Mdp(name, tabular->mdp(), discount.value_or(1), has_horizon ? env->spec().max_episode_steps : 0);
}

bool LooksLikeFile(const std::string& name) {
  const std::string extension = std::filesystem::path(name).extension().string();
  return extension == ".json" || extension == ".hdf5" || extension == ".h5";
}

}  // namespace

Mdp MakeMdp(const std::string& name, const Assignments& options) {
  if (name == kHomeostasis) return Homeostasis(options);
  for (const World& world : kWorlds) {
    if (name == world.name) return OfEnv(name, world.env, options, world.discount, world.has_horizon);
  }
  if (LooksLikeFile(name)) {
    if (!options.empty()) {
      throw InputError("{}: a file has no settings, but {} was given", name, options[0].first);
    }
    return ReadMdpFile(name);
  }
  std::vector<std::string> names{std::string(kHomeostasis)};
  for (const World& world : kWorlds) names.emplace_back(world.name);
  for (const EnvEntry& entry : EnvRegistry()) names.emplace_back(entry.id);
  if (std::ranges::find(names, name) == names.end()) throw UnknownName("MDP", name, names);
  return OfEnv(name, name, options, {}, true);
}

std::string WorldsHelp() {
  std::string text;
  for (const World& world : kWorlds) {
    text +=
        fmt::format("  {:<12} {}, discount {:g}\n", world.name, FindEnv(world.env).summary, world.discount);
  }
  return text + fmt::format("  {:<12} bring a stock of several components back to zero, discount 0.5\n",
                            kHomeostasis);
}

}  // namespace strider::planning
