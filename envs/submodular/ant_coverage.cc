#include "envs/submodular/ant_coverage.h"

#include <algorithm>
#include <cmath>

#include "envs/submodular/changed_settings.h"

namespace strider {
namespace {

constexpr int kSquares = 100;        // along each side
constexpr double kSquareSide = 0.4;  // m
constexpr double kHalfWidth = 20;    // m
constexpr int kSeen = 5;             // squares along each side of what is seen
constexpr double kWorth = 0.1;       // of a square

AntConfig RobotConfig(const AntCoverageConfig& config) {
  AntConfig ant = config.ant;
  ant.simulation.version = RobotVersion::kV4;
  ant.simulation.max_episode_steps = config.max_episode_steps;
  ant.exclude_current_positions_from_observation = false;
  return ant;
}

Coverage SquaresSeen() {
  std::vector<std::vector<int>> seen;
  for (int i = 0; i < kSquares; ++i) {
    for (int j = 0; j < kSquares; ++j) {
      auto& from_here = seen.emplace_back();
      for (int x = i; x < std::min(i + kSeen, kSquares); ++x) {
        for (int y = j; y < std::min(j + kSeen, kSquares); ++y) from_here.push_back(x * kSquares + y);
      }
    }
  }
  return Coverage(seen, std::vector<double>(std::size_t{kSquares} * kSquares, kWorth));
}

}  // namespace

AntCoverage::AntCoverage(std::string_view id, const Config& config)
    : Ant(id, RobotModel(id, RobotConfig(config)), RobotConfig(config)),
      modular_(config.reward == "modular"),
      trail_(std::make_unique<Coverage>(SquaresSeen()), config.max_episode_steps + 1) {
  SetInstance(InstanceName(ChangedSettings(config)));
}

int AntCoverage::Square(double x, double y) {
  const auto index = [](double place) {
    return static_cast<int>(std::trunc((place + kHalfWidth) / kSquareSide));
  };
  if (!(std::abs(x) <= kHalfWidth && std::abs(y) <= kHalfWidth)) return -1;
  // The far border itself belongs to no square.
  return index(x) < kSquares && index(y) < kSquares ? index(x) * kSquares + index(y) : -1;
}

void AntCoverage::DoReset(std::span<double> observation) {
  Ant::DoReset(observation);
  trail_.Start(Square(qpos()[0], qpos()[1]));
}

StepResult AntCoverage::DoStep(const ActionRow& action, std::span<double> observation) {
  StepResult result = Ant::DoStep(action, observation);
  result.reward = 0;
  const int square = Square(qpos()[0], qpos()[1]);
  if (square >= 0 && !trail_.full()) result.reward = trail_.Extend(square);
  if (modular_) result.reward = trail_.objective().value();
  if (std::abs(qpos()[0]) > kHalfWidth || std::abs(qpos()[1]) > kHalfWidth) result.terminated = true;
  return result;
}

std::vector<double> AntCoverage::State() const {
  std::vector<double> state = Ant::State();
  trail_.AppendTo(state);
  return state;
}

void AntCoverage::SetState(std::span<const double> state) {
  const std::size_t body = Ant::State().size();
  const auto entered = static_cast<std::size_t>(spec().max_episode_steps) + 1;
  if (state.size() != body + entered) {
    throw InputError("state of {} numbers given to {}; expected {}", state.size(), spec().id, body + entered);
  }
  WholeNumbers squares(spec().id, state.subspan(body), entered);
  trail_.Restore(squares);
  Ant::SetState(state.first(body));
}

MapPicture AntCoverage::Map() const {
  MapPicture map;
  map.legend = "squares of 0.4 m seen";
  map.rows = map.columns = kSquares;
  map.cell = kSquareSide;
  map.origin = {-kHalfWidth, -kHalfWidth};
  map.shades.assign(std::size_t{kSquares} * kSquares, 1);
  Coverage seen = SquaresSeen();
  for (const int square : trail_.elements()) seen.Add(square);
  for (int j = 0; j < kSquares; ++j) {
    for (int i = 0; i < kSquares; ++i) map.marked.push_back(seen.Covers(i * kSquares + j));
  }
  return map;
}

}  // namespace strider
