#include "envs/submodular/survey_tasks.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>

#include "envs/submodular/gaussian_process.h"
#include "envs/submodular/weight_map.h"

namespace strider {
namespace {

std::size_t Index(int i) { return static_cast<std::size_t>(i); }

// A grid without walls, with nothing to collect yet.
SurveyTask OpenGrid(int rows, int columns, std::string legend) {
  SurveyTask task;
  task.rows = rows;
  task.columns = columns;
  task.free.assign(Index(rows * columns), 1);
  task.legend = std::move(legend);
  return task;
}

// The free cells within `reach` further rows and columns of each free cell.
std::vector<std::vector<int>> Seen(const SurveyTask& task, int reach) {
  std::vector<std::vector<int>> seen(Index(task.cells()));
  for (int cell = 0; cell < task.cells(); ++cell) {
    if (task.free[Index(cell)] == 0) continue;
    const int row = cell / task.columns;
    const int column = cell % task.columns;
    for (int x = row; x <= std::min(row + reach, task.rows - 1); ++x) {
      for (int y = column; y <= std::min(column + reach, task.columns - 1); ++y) {
        const int other = x * task.columns + y;
        if (task.free[Index(other)] != 0) seen[Index(cell)].push_back(other);
      }
    }
  }
  return seen;
}

void CollectWhatIsSeen(SurveyTask& task, const Footprint& footprint, std::vector<double> weights) {
  const int reach = footprint.footprint == "small" ? 1 : 2;
  task.shades = weights;
  task.objective = std::make_unique<Coverage>(Seen(task, reach), std::move(weights));
}

// The i-th of n numbers from -1 to 1.
double Spread(int i, int n) { return n == 1 ? -1 : -1 + 2.0 * i / (n - 1); }

[[noreturn]] void RefuseItems(const std::string& why) {
  throw InputError(
      "env.items does not fit: {}; expected numbers of cells separated by blanks, kinds separated "
      "by /",
      why);
}

// The kind of each cell, or CappedCounts::kNoKind.
std::vector<int> ReadItems(const ItemCollectionTask& task) {
  std::vector<int> kinds(Index(task.grid.cells()), CappedCounts::kNoKind);
  int kind = 0;
  std::string_view rest = task.items;
  const auto skip_blanks = [&] { rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size())); };
  for (skip_blanks(); !rest.empty(); skip_blanks()) {
    if (rest.front() == '/') {
      ++kind;
      rest.remove_prefix(1);
      continue;
    }
    const std::string_view word = rest.substr(0, rest.find_first_of(" /"));
    int cell = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), cell);
    if (error != std::errc() || end != word.data() + word.size()) {
      RefuseItems(fmt::format("'{}' is no number", word));
    }
    if (cell < 0 || cell >= task.grid.cells()) {
      RefuseItems(fmt::format("kind {} lies in cell {}, which is not on the {} x {} grid of cells 0 to {}",
                              kind, cell, task.grid.rows, task.grid.columns, task.grid.cells() - 1));
    }
    if (kinds[Index(cell)] != CappedCounts::kNoKind) {
      RefuseItems(fmt::format("cell {} holds kinds {} and {}", cell, kinds[Index(cell)], kind));
    }
    kinds[Index(cell)] = kind;
    rest.remove_prefix(word.size());
  }
  if (Index(kind + 1) != task.wanted.size()) {
    RefuseItems(fmt::format("it lists {} kinds where env.wanted has {}", kind + 1, task.wanted.size()));
  }
  for (std::size_t k = 0; k < task.wanted.size(); ++k) {
    const auto there = std::ranges::count(kinds, static_cast<int>(k));
    if (there >= task.wanted[k]) continue;
    RefuseItems(
        fmt::format("there are {} of kind {} where env.wanted asks for {}", there, k, task.wanted[k]));
  }
  return kinds;
}

WeightMap ReadMap(const std::string& file) {
  try {
    return ReadWeightMap(file);
  } catch (const InputError& error) {
    throw InputError("env.map: {}", error.what());
  }
}

}  // namespace

SurveyTask GridCoverageTask::Make() const {
  SurveyTask task = OpenGrid(grid.rows, grid.columns, "every cell counts 1");
  CollectWhatIsSeen(task, footprint, std::vector<double>(Index(grid.cells()), 1.0));
  return task;
}

SurveyTask BimodalCoverageTask::Make() const {
  SurveyTask task = OpenGrid(grid.rows, grid.columns, "two corners are worth more");
  std::vector<double> weights;
  for (int x = 0; x < grid.rows; ++x) {
    for (int y = 0; y < grid.columns; ++y) {
      weights.push_back(1 / (1 + std::exp(-Spread(x, grid.rows) * Spread(y, grid.columns))));
    }
  }
  CollectWhatIsSeen(task, footprint, std::move(weights));
  return task;
}

SurveyTask InformativePathTask::Make() const {
  constexpr double kLift = 3;
  Pcg64 random(static_cast<std::uint64_t>(map_seed));
  const Eigen::VectorXd field = DrawField(GridPosterior(grid.rows, grid.columns, 1, random), random);
  const double lift = std::max(kLift, -field.minCoeff());
  SurveyTask task = OpenGrid(grid.rows, grid.columns, fmt::format("a Gaussian process, draw {}", map_seed));
  std::vector<double> weights;
  for (const double value : field) weights.push_back(value + lift);
  CollectWhatIsSeen(task, footprint, std::move(weights));
  return task;
}

SurveyTask BiodiversityTask::Make() const {
  constexpr int kSyntheticSide = 30;
  Pcg64 random(static_cast<std::uint64_t>(map_seed));
  const bool synthetic = map == "synthetic";
  WeightMap density = synthetic ? SyntheticDensity(kSyntheticSide, kSyntheticSide, random) : ReadMap(map);
  SurveyTask task = OpenGrid(density.rows, density.columns,
                             synthetic ? "synthetic density, made up"
                                       : "density of " + std::filesystem::path(map).filename().string());
  if (!synthetic) task.contents = "map_sha256=" + density.sha256;
  CollectWhatIsSeen(task, footprint, std::move(density.weights));
  return task;
}

SurveyTask TwoRoomsTask::Make() const {
  constexpr int kRows = 7;
  constexpr int kColumns = 14;
  SurveyTask task = OpenGrid(kRows, kColumns, "two rooms and a corridor");
  for (int cell = 0; cell < task.cells(); ++cell) {
    const int row = cell / kColumns;
    const int column = cell % kColumns;
    const bool corridor = row == 2 || row == 3;
    task.free[Index(cell)] = column <= 3 || column >= 10 || corridor ? 1 : 0;
  }
  CollectWhatIsSeen(task, {}, std::vector<double>(Index(task.cells()), 1.0));
  for (int cell = 0; cell < task.cells(); ++cell) {
    if (task.free[Index(cell)] == 0) task.shades[Index(cell)] = std::numeric_limits<double>::quiet_NaN();
  }
  return task;
}

SurveyTask ItemCollectionTask::Make() const {
  const std::vector<int> kinds = ReadItems(*this);
  SurveyTask task =
      OpenGrid(grid.rows, grid.columns, fmt::format("kinds of items, {} in all", wanted.size()));
  task.kinds = true;
  task.shades.assign(kinds.begin(), kinds.end());
  for (double& shade : task.shades) {
    if (shade == CappedCounts::kNoKind) shade = std::numeric_limits<double>::quiet_NaN();
  }
  task.objective = std::make_unique<CappedCounts>(kinds, wanted);
  return task;
}

SurveyTask ExperimentDesignTask::Make() const {
  constexpr int kObservations = 5;
  Pcg64 random(static_cast<std::uint64_t>(map_seed));
  Eigen::MatrixXd covariance = GridPosterior(grid.rows, grid.columns, kObservations, random);
  SurveyTask task = OpenGrid(grid.rows, grid.columns, "variance before the measurements");
  for (const double variance : covariance.diagonal()) task.shades.push_back(variance);
  task.objective =
      std::make_unique<InformationGain>(std::move(covariance), noise, survey.max_episode_steps + 1);
  return task;
}

}  // namespace strider
