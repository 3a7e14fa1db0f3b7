#include "envs/registry.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/error.h"
#include "core/names.h"
#include "envs/classic/acrobot.h"
#include "envs/classic/cartpole.h"
#include "envs/classic/mountain_car.h"
#include "envs/classic/pendulum.h"
#include "envs/lock/embedding_lock.h"
#include "envs/lock/lock_env.h"
#include "envs/mazes/ant_maze.h"
#include "envs/mazes/d4rl_ant_maze.h"
#include "envs/mazes/maze2d.h"
#include "envs/mazes/point_maze.h"
#include "envs/minatar/breakout.h"
#include "envs/minatar/space_invaders.h"
#include "envs/minigrid/dynamic_obstacles.h"
#include "envs/minigrid/lava_gap.h"
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
#include "envs/submodular/ant_coverage.h"
#include "envs/submodular/race_car.h"
#include "envs/submodular/survey_tasks.h"
#include "envs/tabular/cliff_walking.h"
#include "envs/tabular/four_rooms.h"
#include "envs/tabular/frozen_lake.h"
#include "envs/tabular/risk_worlds.h"

namespace strider {
namespace {

constexpr std::string_view kPrefix = "env";

// Other defaults for the ids of an older version of a robot.
template <class RobotConfig, RobotVersion kVersion>
struct Versioned : RobotConfig {
  Versioned() { this->simulation.version = kVersion; }
};

// The settings as they stand before any is changed. An environment of many ids reads its own.
template <class E, class Config>
Config Defaults(std::string_view id) {
  if constexpr (requires { E::DefaultsOf(id); }) {
    return E::DefaultsOf(id);
  } else {
    return {};
  }
}

template <class E, class Config>
std::unique_ptr<Env> Make(std::string_view id, const Assignments& options) {
  auto config = Defaults<E, Config>(id);
  SettingList settings;
  settings.Add(kPrefix, config);
  const std::string prefix = fmt::format("{}.", kPrefix);
  for (const auto& [key, value] : options) settings.Set(key.starts_with(prefix) ? key : prefix + key, value);
  return std::make_unique<E>(id, config);
}

template <class E, class Config>
std::vector<Setting> Options(std::string_view id) {
  const auto config = std::make_shared<Config>(Defaults<E, Config>(id));
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

// Config is E's own, or one derived from it that sets other defaults.
template <class E, class Config = typename E::Config>
constexpr EnvEntry Entry(std::string_view id, std::string_view summary) {
  return {id, summary, &Make<E, Config>, &Options<E, Config>, std::is_base_of_v<MapView, E>};
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
    Entry<CartPoleV0>("CartPole-v0", "the same for at most 200 steps"),
    Entry<Pendulum>("Pendulum-v1", "swing a pendulum up and hold it there"),
    Entry<Acrobot>("Acrobot-v1", "swing up a chain of two links by a motor between them"),
    Entry<MountainCar>("MountainCar-v0", "drive a weak car out of a valley, pushing left or right"),
    Entry<MountainCarContinuous>("MountainCarContinuous-v0", "the same with a continuous force"),
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
    Entry<HalfCheetah, Versioned<HalfCheetahConfig, kV4>>(
        "HalfCheetah-v4", "HalfCheetah under Gymnasium's earlier rules (MuJoCo)"),
    Entry<Hopper, Versioned<HopperConfig, kV4>>("Hopper-v4",
                                                "Hopper under Gymnasium's earlier rules (MuJoCo)"),
    Entry<Walker2d, Versioned<Walker2dConfig, kV4>>("Walker2d-v4",
                                                    "Walker2d under Gymnasium's earlier rules (MuJoCo)"),
    Entry<Ant, Versioned<AntConfig, kV4>>("Ant-v4", "Ant under Gymnasium's earlier rules (MuJoCo)"),
    Entry<HalfCheetah, Versioned<HalfCheetahConfig, kV2>>(
        "HalfCheetah-v2", "HalfCheetah with rules and physics of D4RL's datasets (MuJoCo)"),
    Entry<Hopper, Versioned<HopperConfig, kV2>>("Hopper-v2",
                                                "Hopper with rules and physics of D4RL's datasets (MuJoCo)"),
    Entry<Walker2d, Versioned<Walker2dConfig, kV2>>(
        "Walker2d-v2", "Walker2d with rules and physics of D4RL's datasets (MuJoCo)"),
    Entry<Ant, Versioned<AntConfig, kV2>>("Ant-v2", "Ant with rules and physics of D4RL's datasets (MuJoCo)"),
    Entry<FrozenLake>("FrozenLake-v1", "cross a frozen lake without falling into holes (tabular)"),
    Entry<FrozenLake, FrozenLake8x8Config>("FrozenLake8x8-v1", "the same on a larger lake (tabular)"),
    Entry<CliffWalking>("CliffWalking-v1", "walk along a cliff (tabular)"),
    Entry<CliffWalking, CliffWalkingSlipperyConfig>("CliffWalkingSlippery-v1",
                                                    "the same in the wet (tabular)"),
    Entry<FourRooms>("FourRooms-v0", "find the goal among four rooms (tabular)"),
    Entry<ThreeState>("ThreeState-v0", "a safe or a risky last step, after good or bad luck (tabular)"),
    Entry<GridG>("GridG-v0", "collect points of either sign, any total is in reach (tabular)"),
    Entry<GridR>("GridR-v0", "a short way over a weak bridge or a safe one around it (tabular)"),
    Entry<Chain>("Chain-v0", "go forward without reward or back for a small one (tabular)"),
    Entry<CombinationLock>("CombinationLock-v0",
                           "open a lock by the right continuous action at every step, from coded sights"),
    Entry<EmbeddingLock>("EmbeddingLock-v0",
                         "the same from image features, for which random vectors stand in"),
    Entry<LockChain>("LockChain-v0", "the same with the lock's state in sight (tabular)"),
    Entry<LavaGap, LavaGapSized<5>>("MiniGrid-LavaGapS5-v0", "reach the goal through a gap in lava, 5 x 5"),
    Entry<LavaGap, LavaGapSized<6>>("MiniGrid-LavaGapS6-v0", "reach the goal through a gap in lava, 6 x 6"),
    Entry<LavaGap, LavaGapSized<7>>("MiniGrid-LavaGapS7-v0", "reach the goal through a gap in lava, 7 x 7"),
    Entry<DynamicObstacles, DynamicObstaclesVariant<5, 2, false>>("MiniGrid-Dynamic-Obstacles-5x5-v0",
                                                                  "reach the goal among 2 moving balls"),
    Entry<DynamicObstacles, DynamicObstaclesVariant<5, 2, true>>(
        "MiniGrid-Dynamic-Obstacles-Random-5x5-v0", "reach the goal among 2 moving balls from anywhere"),
    Entry<DynamicObstacles, DynamicObstaclesVariant<6, 3, false>>("MiniGrid-Dynamic-Obstacles-6x6-v0",
                                                                  "reach the goal among 3 moving balls"),
    Entry<DynamicObstacles, DynamicObstaclesVariant<6, 3, true>>(
        "MiniGrid-Dynamic-Obstacles-Random-6x6-v0", "reach the goal among 3 moving balls from anywhere"),
    Entry<DynamicObstacles, DynamicObstaclesVariant<8, 4, false>>("MiniGrid-Dynamic-Obstacles-8x8-v0",
                                                                  "reach the goal among 4 moving balls"),
    Entry<DynamicObstacles, DynamicObstaclesVariant<16, 8, false>>("MiniGrid-Dynamic-Obstacles-16x16-v0",
                                                                   "reach the goal among 8 moving balls"),
    Entry<MinAtarEnv<Breakout>>("MinAtar/Breakout-v1", "bounce a ball at bricks, 3 actions"),
    Entry<MinAtarEnv<Breakout>, AllMinAtarActions<MinAtarConfig>>("MinAtar/Breakout-v0",
                                                                  "bounce a ball at bricks, all 6 actions"),
    Entry<MinAtarEnv<SpaceInvaders>>("MinAtar/SpaceInvaders-v1", "shoot at marching aliens, 4 actions"),
    Entry<MinAtarEnv<SpaceInvaders>, AllMinAtarActions<SpaceInvadersConfig>>(
        "MinAtar/SpaceInvaders-v0", "shoot at marching aliens, all 6 actions"),
};

constexpr std::array kSubmodular{
    Entry<SurveyOf<GridCoverageTask>>("GridCoverage-v0",
                                      "see as many cells of a grid as can be (submodular)"),
    Entry<SurveyOf<BimodalCoverageTask>>("BimodalCoverage-v0",
                                         "the same where two corners are worth more (submodular)"),
    Entry<SurveyOf<InformativePathTask>>("InformativePath-v0",
                                         "the same on a drawn map of worth (submodular)"),
    Entry<SurveyOf<BiodiversityTask>>(
        "Biodiversity-v0", "the same on a map of density: your own CSV or a synthetic one (submodular)"),
    Entry<SurveyOf<TwoRoomsTask>>("TwoRooms-v0", "see all of two rooms joined by a corridor (submodular)"),
    Entry<SurveyOf<ItemCollectionTask>>("ItemCollection-v0",
                                        "collect a few items of each of six kinds (submodular)"),
    Entry<SurveyOf<ExperimentDesignTask>>("ExperimentDesign-v0",
                                          "measure where a Gaussian process is least known (submodular)"),
    Entry<AntCoverage>("AntCoverage-v0",
                       "see as much of a square as can be on four legs (submodular, MuJoCo)"),
    Entry<RaceCar>("RaceCar-v0", "drive a miniature car round a track (submodular)"),
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

constexpr std::array kEntries = Join(kSingles, kSubmodular, kPointMazes, kAntMazes, kD4rlMazes);

// Nothing where there is no such environment or option.
std::optional<bool> MatchesDefault(std::string_view id, std::string_view option, std::string_view value) {
  const auto entry = std::ranges::find(kEntries, id, &EnvEntry::id);
  if (entry == kEntries.end()) return std::nullopt;
  SettingList settings;
  for (const Setting& setting : entry->options()) settings.Append(setting);
  const Setting* const setting =
      settings.Find(option.starts_with("env.") ? std::string(option) : fmt::format("env.{}", option));
  if (setting == nullptr) return std::nullopt;
  const std::string usual = setting->get();
  try {
    setting->set(value);  // so that 1e-3 is 0.001
  } catch (const InputError&) {
    return false;
  }
  return setting->get() == usual;
}

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

bool IsUsual(std::string_view id, const Assignments& options) {
  return std::ranges::all_of(options, [&](const auto& option) {
    return MatchesDefault(id, option.first, option.second).value_or(true);
  });
}

bool IsDefault(std::string_view id, std::string_view option, std::string_view value) {
  return MatchesDefault(id, option, value).value_or(false);
}

Assignments ChangedOptions(std::string_view id, Assignments options) {
  std::erase_if(options, [&](const auto& option) { return IsDefault(id, option.first, option.second); });
  constexpr std::string_view kSection = "env.";
  for (auto& [name, value] : options) {
    if (name.starts_with(kSection)) name.erase(0, kSection.size());
  }
  return options;
}

}  // namespace strider
