#include "envs/minigrid/minigrid_env.h"

#include <algorithm>
#include <limits>

#include "envs/discrete.h"

namespace strider {
namespace {

constexpr int kDirections = 4;
constexpr std::array kRightward = {1, 0, -1, 0};
constexpr std::array kDownward = {0, 1, 0, -1};

// What the agent's window shows of a cell. MiniGrid has a third code, the state of doors, which is 0 here.
struct Code {
  int object;
  int colour;
};
constexpr Code kUnseen{0, 0};
constexpr std::array<Code, 5> kCodes = {{{1, 0}, {2, 5}, {6, 2}, {8, 1}, {9, 0}}};  // in the order of Cell
constexpr double kStudyScale = 10;

EnvSpec MakeSpec(std::string_view id, const MiniGridConfig& config, int actions, bool random_steps) {
  const Box observations =
      config.encoding == "study" ? ImageBox({7, 7, 2}, 0, 1) : ImageBox({7, 7, 3}, 0, 255);
  const int limit = config.max_episode_steps == 0 ? 4 * config.size * config.size : config.max_episode_steps;
  return {std::string(id), observations, Discrete{actions}, limit, {}, random_steps};
}

}  // namespace

MiniGridEnv::MiniGridEnv(std::string_view id, const MiniGridConfig& config, const Kind& kind)
    : Env(MakeSpec(id, config, kind.actions, kind.random_steps)),
      size_(config.size),
      walls_block_sight_(kind.walls_block_sight),
      study_encoding_(config.encoding == "study"),
      cells_(static_cast<std::size_t>(size_ * size_)),
      things_(static_cast<std::size_t>(kind.things)) {
  EmptyRoom();
}

std::vector<double> MiniGridEnv::State() const {
  std::vector<double> state{static_cast<double>(agent_.x), static_cast<double>(agent_.y),
                            static_cast<double>(direction_), static_cast<double>(steps_)};
  for (const Position& thing : things_) {
    state.push_back(thing.x);
    state.push_back(thing.y);
  }
  return state;
}

void MiniGridEnv::SetState(std::span<const double> state) {
  WholeNumbers numbers(spec().id, state, 4 + 2 * things_.size());
  const auto next_position = [&] {
    const int x = numbers.Next(1, size_ - 2);
    return Position{x, numbers.Next(1, size_ - 2)};
  };
  agent_ = next_position();
  direction_ = numbers.Next(0, kDirections - 1);
  steps_ = numbers.Next(0, std::numeric_limits<int>::max() - 1);
  std::ranges::generate(things_, next_position);
  EmptyRoom();
  PutThings();
}

void MiniGridEnv::EmptyRoom() {
  for (int y = 0; y < size_; ++y) {
    for (int x = 0; x < size_; ++x) {
      const bool border = x == 0 || y == 0 || x == size_ - 1 || y == size_ - 1;
      At({x, y}) = border ? Cell::kWall : Cell::kEmpty;
    }
  }
  At({size_ - 2, size_ - 2}) = Cell::kGoal;
}

void MiniGridEnv::PlaceAgent(bool at_random) {
  agent_ = {1, 1};
  direction_ = 0;
  if (!at_random) return;
  agent_ = {-1, -1};  // nowhere, so that no draw is refused for it
  agent_ = *DrawFree({0, 0}, size_, std::numeric_limits<int>::max());
  direction_ = static_cast<int>(random().Integers(0, kDirections));
}

std::optional<MiniGridEnv::Position> MiniGridEnv::DrawFree(Position corner, int extent, int tries) {
  for (int i = 0; i < tries; ++i) {
    const auto x = static_cast<int>(random().Integers(corner.x, corner.x + extent));
    const auto y = static_cast<int>(random().Integers(corner.y, corner.y + extent));
    if (At({x, y}) == Cell::kEmpty && agent_ != Position{x, y}) return Position{x, y};
  }
  return std::nullopt;
}

void MiniGridEnv::DoReset(std::span<double> observation) {
  steps_ = 0;
  EmptyRoom();
  Furnish();
  Observe(observation);
}

StepResult MiniGridEnv::DoStep(const ActionRow& action, std::span<double> observation) {
  const StepResult result = Advance(static_cast<int>(action[0]));
  Observe(observation);
  return result;
}

StepResult MiniGridEnv::Act(int action) {
  ++steps_;
  StepResult result;
  if (action == kTurnLeft) direction_ = (direction_ + kDirections - 1) % kDirections;
  if (action == kTurnRight) direction_ = (direction_ + 1) % kDirections;
  if (action == kForward) {
    const Cell ahead = Ahead();
    if (ahead != Cell::kWall && ahead != Cell::kBall) agent_ = Front();
    result.terminated = ahead == Cell::kGoal || ahead == Cell::kLava;
    if (ahead == Cell::kGoal) {
      result.reward = 1 - 0.9 * (static_cast<double>(steps_) / spec().max_episode_steps);
    }
  }
  return result;
}

MiniGridEnv::Position MiniGridEnv::Offset(int ahead, int right) const {
  const auto direction = static_cast<std::size_t>(direction_);
  const int x = kRightward[direction];
  const int y = kDownward[direction];
  return {agent_.x + ahead * x - right * y, agent_.y + ahead * y + right * x};
}

void MiniGridEnv::Observe(std::span<double> observation) const {
  constexpr std::size_t kAgentColumn = kView / 2;
  constexpr std::size_t kAgentRow = kView - 1;
  View view{};
  for (std::size_t column = 0; column < kView; ++column) {
    for (std::size_t row = 0; row < kView; ++row) {
      const Position position = Offset(static_cast<int>(kAgentRow) - static_cast<int>(row),
                                       static_cast<int>(column) - static_cast<int>(kAgentColumn));
      view[column][row] = Contains(position) ? cells_[Index(position)] : Cell::kWall;
    }
  }
  const Sight sight = Visible(view);
  view[kAgentColumn][kAgentRow] = Cell::kEmpty;  // it would show what the agent carries

  double* out = observation.data();
  for (std::size_t column = 0; column < kView; ++column) {
    for (std::size_t row = 0; row < kView; ++row) {
      const bool seen = !walls_block_sight_ || sight[column][row];
      const Code code = seen ? kCodes[static_cast<std::size_t>(view[column][row])] : kUnseen;
      *out++ = study_encoding_ ? code.object / kStudyScale : code.object;
      *out++ = study_encoding_ ? code.colour / kStudyScale : code.colour;
      if (!study_encoding_) *out++ = 0;
    }
  }
}

// Sight spreads from the agent's cell upwards, row by row, and along each row first to the right, then to the
// left; walls stop it.
MiniGridEnv::Sight MiniGridEnv::Visible(const View& view) {
  Sight sight{};
  sight[kView / 2][kView - 1] = true;
  const auto spread = [&](std::size_t column, std::size_t row, std::size_t side) {
    if (!sight[column][row] || view[column][row] == Cell::kWall) return;
    sight[side][row] = true;
    if (row == 0) return;
    sight[side][row - 1] = true;
    sight[column][row - 1] = true;
  };
  for (std::size_t row = kView; row-- > 0;) {
    for (std::size_t column = 0; column + 1 < kView; ++column) spread(column, row, column + 1);
    for (std::size_t column = kView - 1; column > 0; --column) spread(column, row, column - 1);
  }
  return sight;
}

}  // namespace strider
