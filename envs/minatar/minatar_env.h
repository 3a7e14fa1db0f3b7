// MinAtar's games on a 10 x 10 screen: what they share.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <bitset>
#include <cstdint>
#include <string>
#include <vector>

#include "core/random_state.h"
#include "core/settings.h"
#include "envs/discrete.h"
#include "envs/env.h"

namespace strider {

enum class MinAtarAction { kNone, kLeft, kUp, kRight, kDown, kFire };

// The cells of the screen, row by row from the top, that hold something.
inline constexpr int kMinAtarSide = 10;
using MinAtarMap = std::bitset<static_cast<std::size_t>(kMinAtarSide* kMinAtarSide)>;

inline std::size_t MinAtarCell(int row, int column) {
  return static_cast<std::size_t>(row) * kMinAtarSide + static_cast<std::size_t>(column);
}
inline MinAtarMap OneMinAtarCell(int row, int column) { return MinAtarMap().set(MinAtarCell(row, column)); }

// Calls visit(cell) for each cell of the map that holds something: a word of it at a time, as most are empty.
template <class Visitor>
void ForEachMinAtarCell(const MinAtarMap& map, Visitor&& visit) {
  constexpr std::size_t kWord = 64;
  constexpr MinAtarMap kMask(~std::uint64_t{0});
  for (std::size_t begin = 0; begin < map.size(); begin += kWord) {
    for (std::uint64_t word = (map >> begin & kMask).to_ullong(); word != 0; word &= word - 1) {
      visit(begin + static_cast<std::size_t>(std::countr_zero(word)));
    }
  }
}

struct MinAtarConfig {
  int max_episode_steps = 10'000;
  double sticky_action_prob = 0.1;
  bool use_minimal_action_set = true;
  std::string encoding = "image";

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps until an episode is truncated", AtLeast(1));
    visit("sticky_action_prob", sticky_action_prob, "probability that the last action is repeated instead",
          InRange(0, 1));
    visit("use_minimal_action_set", use_minimal_action_set,
          "leaves out the actions that do nothing in this game");
    visit("encoding", encoding,
          "image: 10 x 10 x channels of 0 and 1; study: one number a cell, its highest channel over their "
          "number less a half, which the offline dataset study feeds to its networks",
          OneOf({"image", "study"}));
  }
};

// The same with all six actions.
template <class Config>
struct AllMinAtarActions : Config {
  AllMinAtarActions() { this->use_minimal_action_set = false; }
};

// A game as an environment (environments sheet, section 8; package minatar 1.0.15, ids MinAtar/<Game>-v1 with
// the minimal actions and -v0 with all six). MinAtar knows no step limit; 10,000 is ours. Its random numbers
// come from one RandomState for game and sticky actions. Only a seeded reset forgets the last action. After
// the end a step changes nothing.
//
// Game is a value with
//   Config, derived from or equal to MinAtarConfig, from which it is made; kChannels; kMinimalActions;
//   void Start(RandomState&)              begins an episode
//   StepResult Act(MinAtarAction)         one frame
//   void Draw(mark) const                 calls mark(MinAtarMap, channel) for what each channel shows
//   void VisitState(visit)                calls visit(field, lowest, highest) for its fields and
//   visit(MinAtarMap)
template <class Game>
class MinAtarEnv final : public Env {
 public:
  using Config = typename Game::Config;

  MinAtarEnv(std::string_view id, const Config& config)
      : Env(MakeSpec(id, config)),
        actions_(Actions(config)),
        sticky_action_prob_(config.sticky_action_prob),
        study_encoding_(config.encoding == "study"),
        game_(config) {}

  // The last action, then the game's fields; a map is its 100 cells.
  std::vector<double> State() const override {
    std::vector<double> state{static_cast<double>(last_action_)};
    Game game = game_;
    game.VisitState([&](const auto& field, auto...) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, MinAtarMap>) {
        for (std::size_t i = 0; i < field.size(); ++i) state.push_back(field[i] ? 1 : 0);
      } else {
        state.push_back(static_cast<double>(field));
      }
    });
    return state;
  }

  void SetState(std::span<const double> state) override {
    WholeNumbers numbers(spec().id, state, State().size());
    const auto last_action = static_cast<MinAtarAction>(numbers.Next(0, 5));
    Game game = game_;
    game.VisitState([&](auto& field, auto... range) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, MinAtarMap>) {
        for (std::size_t i = 0; i < field.size(); ++i) field[i] = numbers.Next(0, 1) == 1;
      } else {
        field = static_cast<std::remove_cvref_t<decltype(field)>>(numbers.Next(range...));
      }
    });
    last_action_ = last_action;
    game_ = game;
  }

 private:
  static std::vector<MinAtarAction> Actions(const Config& config) {
    if (config.use_minimal_action_set) return {Game::kMinimalActions.begin(), Game::kMinimalActions.end()};
    using enum MinAtarAction;
    return {kNone, kLeft, kUp, kRight, kDown, kFire};
  }

  static EnvSpec MakeSpec(std::string_view id, const Config& config) {
    const Box observations = config.encoding == "study"
                                 ? ImageBox({kMinAtarSide, kMinAtarSide}, -0.5, 0.5)
                                 : ImageBox({kMinAtarSide, kMinAtarSide, Game::kChannels}, 0, 1);
    const auto actions = static_cast<int>(Actions(config).size());
    return {std::string(id),          observations, Discrete{actions},
            config.max_episode_steps, {},           config.sticky_action_prob > 0};
  }

  void DoSeed(std::uint64_t seed) override {
    random_state_ = RandomState(seed);
    last_action_ = MinAtarAction::kNone;
  }

  void DoReset(std::span<double> observation) override {
    game_.Start(random_state_);
    Observe(observation);
  }

  StepResult DoStep(const ActionRow& action, std::span<double> observation) override {
    const MinAtarAction chosen = actions_[static_cast<std::size_t>(action[0])];
    if (!(random_state_.Random() < sticky_action_prob_)) last_action_ = chosen;
    const StepResult result = game_.Act(last_action_);
    Observe(observation);
    return result;
  }

  void Observe(std::span<double> observation) const {
    std::ranges::fill(observation, study_encoding_ ? -0.5 : 0.0);
    game_.Draw([&](const MinAtarMap& map, int channel) {
      ForEachMinAtarCell(map, [&](std::size_t cell) { Mark(cell, channel, observation); });
    });
  }

  void Mark(std::size_t cell, int channel, std::span<double> observation) const {
    if (study_encoding_) {
      const double brightness = static_cast<double>(channel + 1) / Game::kChannels - 0.5;
      observation[cell] = std::max(observation[cell], brightness);
    } else {
      observation[cell * Game::kChannels + static_cast<std::size_t>(channel)] = 1;
    }
  }

  void DoSave(StateWriter& out) const override { random_state_.Save(out); }
  void DoLoad(StateReader& in) override { random_state_.Load(in); }

  std::vector<MinAtarAction> actions_;
  double sticky_action_prob_;
  bool study_encoding_;
  RandomState random_state_{0};
  MinAtarAction last_action_ = MinAtarAction::kNone;
  Game game_;
};

}  // namespace strider
