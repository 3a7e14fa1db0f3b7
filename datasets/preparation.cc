#include "datasets/preparation.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "core/error.h"

namespace strider {
namespace {

// A stretch of the q-learning view that counts as one episode.
struct Piece {
  std::size_t first = 0;  // of the view's rows
  std::size_t count = 0;
  double total = 0;       // undiscounted return
  double discounted = 0;  // the same with Preparation::return_discount
};

// How many rows an episode has at most.
struct Limit {
  std::size_t longest;  // of the episodes that the file's flags end; of files without timeouts, `beyond`
  std::size_t flags_end = 0;  // rows up to the last flag
  std::size_t beyond;         // of what follows it, of which the file does not say how long it may get
};

Limit LongestEpisode(const DatasetView& dataset, const ViewOptions& options) {
  Limit limit{.longest = 0, .beyond = static_cast<std::size_t>(options.max_episode_steps)};
  std::size_t count = 0;
  for (std::size_t row = 0; row < dataset.timeouts.size(); ++row) {
    ++count;
    if (dataset.timeouts[row] == 0 && dataset.terminals[row] == 0) continue;
    limit.longest = std::max(limit.longest, count);
    limit.flags_end = row + 1;
    count = 0;
  }
  limit.beyond = std::max(limit.beyond, limit.longest);
  if (limit.longest == 0) limit.longest = limit.beyond;
  return limit;
}

// As the authors' programs find returns (baselines sheet, section 2): the view's rows are cut after a
// terminal and after as many rows as an episode has steps, and what is left at the end is no piece. Rows
// that the step limit ended are not in the view, so that these cuts drift by one row an episode. `setting`
// asks for them.
std::vector<Piece> Pieces(const DatasetView& dataset, const std::vector<std::size_t>& rows,
                          const ViewOptions& options, double discount, std::string_view setting,
                          const std::string& source) {
  const Limit limit = LongestEpisode(dataset, options);
  std::vector<Piece> pieces;
  Piece piece;
  double weight = 1;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto reward = static_cast<double>(dataset.rewards[rows[i]]);
    piece.total += reward;
    piece.discounted += weight * reward;
    weight *= discount;
    const std::size_t longest = rows[i] < limit.flags_end ? limit.longest : limit.beyond;
    if (++piece.count < longest && dataset.terminals[rows[i]] == 0) continue;
    pieces.push_back(piece);
    piece = {.first = i + 1};
    weight = 1;
  }
  if (!pieces.empty()) return pieces;
  throw InputError(
      "{}: {} needs returns of episodes, but there is none: {} transitions without a terminal; expected one, "
      "or {} transitions",
      source, setting, rows.size(), limit.longest);
}

// The rows of the best pieces, in the file's order.
std::vector<std::size_t> BestRows(const DatasetView& dataset, const std::vector<std::size_t>& rows,
                                  const ViewOptions& options, const Preparation& preparation,
                                  const std::string& source) {
  std::vector<Piece> pieces =
      Pieces(dataset, rows, options, preparation.return_discount,
             fmt::format("agent.best_fraction = {}", preparation.best_fraction), source);
  std::ranges::stable_sort(pieces, std::ranges::greater(), &Piece::discounted);
  const auto share = static_cast<std::size_t>(preparation.best_fraction * static_cast<double>(pieces.size()));
  pieces.resize(std::max<std::size_t>(1, share));
  std::ranges::sort(pieces, {}, &Piece::first);
  std::vector<std::size_t> best;
  for (const Piece& piece : pieces) {
    const auto first = rows.begin() + static_cast<std::ptrdiff_t>(piece.first);
    best.insert(best.end(), first, first + static_cast<std::ptrdiff_t>(piece.count));
  }
  return best;
}

// The rows of one complete episode.
std::vector<std::size_t> EpisodeRows(const DatasetView& dataset, const std::vector<std::size_t>& rows,
                                     const ViewOptions& options, int number, const std::string& source) {
  const std::vector<Episode> all = Episodes(dataset, options);
  if (number >= static_cast<int>(all.size())) {
    throw InputError("{}: agent.episode = {}, but the dataset holds {} complete episodes, counted from 0",
                     source, number, all.size());
  }
  const Episode& episode = all[static_cast<std::size_t>(number)];
  return {std::ranges::lower_bound(rows, episode.start),
          std::ranges::lower_bound(rows, episode.start + episode.length)};
}

double RangeFactor(const DatasetView& dataset, const ViewOptions& options, const std::string& source) {
  // There is nothing to scale; what comes of it, the learner says.
  if (std::ranges::all_of(dataset.rewards, [](float reward) { return reward == 0; })) return 1;
  const std::vector<Piece> pieces = Pieces(dataset, QlearningRows(dataset, options), options, /*discount=*/1,
                                           "agent.reward_map = range", source);
  const auto [worst, best] = std::ranges::minmax(pieces, {}, &Piece::total);
  if (worst.total == best.total) {
    throw InputError(
        "{}: agent.reward_map = range scales by the range of returns, but all {} episodes return {}; "
        "expected agent.reward_map = none for such data",
        source, pieces.size(), best.total);
  }
  return 1000 / (best.total - worst.total);
}

}  // namespace

float RewardTransform::operator()(float reward) const {
  double mapped = static_cast<double>(reward);
  if (goal) mapped = reward == 0 ? kShortOfGoal : 0;
  return static_cast<float>(factor * mapped + shift);
}

Transitions PreparedTransitions(const DatasetView& dataset, const ViewOptions& options,
                                const Preparation& preparation, const std::string& source) {
  std::vector<std::size_t> rows = QlearningRows(dataset, options);
  if (preparation.episode >= 0) {
    rows = EpisodeRows(dataset, rows, options, preparation.episode, source);
  } else if (preparation.best_fraction < 1) {
    rows = BestRows(dataset, rows, options, preparation, source);
  }
  if (rows.empty()) throw InputError("{}: holds no transition to learn from", source);
  Transitions transitions = QlearningTransitions(dataset, rows, preparation.next_actions);
  const RewardTransform transform = FitRewards(dataset, options, preparation.rewards, source);
  std::ranges::transform(transitions.rewards, transitions.rewards.begin(), transform);
  return transitions;
}

RewardTransform FitRewards(const DatasetView& dataset, const ViewOptions& options,
                           const RewardConfig& rewards, const std::string& source) {
  const double range = rewards.reward_map == "range" ? RangeFactor(dataset, options, source) : 1;
  return {rewards.reward_map == "goal", rewards.reward_scale * range, rewards.reward_shift};
}

}  // namespace strider
