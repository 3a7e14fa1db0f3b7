#include "datasets/preparation.h"

#include <algorithm>
#include <cmath>

namespace strider {
namespace {

double DiscountedReturn(const DatasetView& dataset, const Episode& episode, double discount) {
  double sum = 0;
  for (std::size_t row = episode.start + episode.length; row-- > episode.start;) {
    sum = static_cast<double>(dataset.rewards[row]) + discount * sum;
  }
  return sum;
}

// Complete episodes; a method that asks for some cannot do without.
std::vector<Episode> CompleteEpisodes(const DatasetView& dataset, const ViewOptions& options,
                                      const std::string& source) {
  std::vector<Episode> episodes = Episodes(dataset, options);
  if (episodes.empty()) {
    throw InputError("{}: holds no complete episode, but agent.* asks for episodes' returns", source);
  }
  return episodes;
}

// The episodes that are kept, in the file's order.
std::vector<Episode> Keep(const DatasetView& dataset, const ViewOptions& options,
                          const Preparation& preparation, const std::string& source) {
  const std::vector<Episode> all = CompleteEpisodes(dataset, options, source);
  if (preparation.episode >= static_cast<int>(all.size())) {
    throw InputError("{}: agent.episode = {}, but the dataset holds {} complete episodes, counted from 0",
                     source, preparation.episode, all.size());
  }
  if (preparation.episode >= 0) return {all[static_cast<std::size_t>(preparation.episode)]};
  std::vector<std::pair<double, std::size_t>> ranks;
  for (std::size_t i = 0; i < all.size(); ++i) {
    ranks.emplace_back(-DiscountedReturn(dataset, all[i], preparation.return_discount), i);
  }
  std::ranges::sort(ranks);
  const auto share = static_cast<std::size_t>(preparation.best_fraction * static_cast<double>(all.size()));
  ranks.resize(std::max<std::size_t>(1, share));
  std::ranges::sort(ranks, {}, &std::pair<double, std::size_t>::second);
  std::vector<Episode> kept;
  for (const auto& [rank, index] : ranks) kept.push_back(all[index]);
  return kept;
}

std::vector<std::size_t> RowsOf(const std::vector<Episode>& episodes, const std::vector<std::size_t>& rows) {
  std::vector<std::size_t> chosen;
  auto row = rows.begin();
  for (const Episode& episode : episodes) {
    row = std::lower_bound(row, rows.end(), episode.start);
    for (; row != rows.end() && *row < episode.start + episode.length; ++row) chosen.push_back(*row);
  }
  return chosen;
}

double RangeFactor(const DatasetView& dataset, const ViewOptions& options, const std::string& source) {
  const std::vector<Episode> episodes = CompleteEpisodes(dataset, options, source);
  const auto [worst, best] = std::ranges::minmax(episodes, {}, &Episode::episode_return);
  if (worst.episode_return == best.episode_return) {
    throw InputError(
        "{}: agent.reward_map = range scales by the range of returns, but all {} complete episodes return "
        "{}; "
        "expected reward_map = none for such data",
        source, episodes.size(), best.episode_return);
  }
  return 1000 / (best.episode_return - worst.episode_return);
}

}  // namespace

float RewardTransform::operator()(float reward) const {
  double mapped = static_cast<double>(reward);
  if (goal) mapped = reward == 0 ? -3 : 0;
  return static_cast<float>(factor * mapped + shift);
}

Transitions PreparedTransitions(const DatasetView& dataset, const ViewOptions& options,
                                const Preparation& preparation, const std::string& source) {
  std::vector<std::size_t> rows = QlearningRows(dataset, options);
  if (preparation.best_fraction < 1 || preparation.episode >= 0) {
    rows = RowsOf(Keep(dataset, options, preparation, source), rows);
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
