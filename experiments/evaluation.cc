#include "experiments/evaluation.h"

#include <algorithm>

namespace strider {

EpisodeScores Evaluate(const Policy& policy, const std::function<std::unique_ptr<Env>()>& make_env,
                       const EvaluationOptions& options, WorkerPool& pool,
                       const std::function<bool(int ended)>& progress) {
  const auto episodes = static_cast<std::size_t>(options.episodes);
  std::vector<std::unique_ptr<Env>> envs;
  for (std::size_t i = 0; i < episodes; ++i) envs.push_back(make_env());
  EpisodeScores scores{std::vector<double>(episodes, 0.0), std::vector<int>(episodes, 0)};
  if (episodes == 0) return scores;

  const auto observation_size = static_cast<std::size_t>(envs[0]->spec().observation_size());
  const auto action_size = static_cast<std::size_t>(envs[0]->spec().action_size());
  std::vector<double> observations(episodes * observation_size);
  std::vector<float> actions(episodes * action_size);
  std::vector<std::uint8_t> ended(episodes, 0);
  const auto observation = [&](std::size_t i) {
    return std::span(observations).subspan(i * observation_size, observation_size);
  };
  for (std::size_t i = 0; i < episodes; ++i) envs[i]->Reset(options.seed + i, observation(i));

  Pcg64 random(StreamSeed(options.seed, Purpose::kEvaluation));
  std::ptrdiff_t done = 0;
  for (int step = 0; done < static_cast<std::ptrdiff_t>(episodes); ++step) {
    // Rows of episodes that have ended are computed on and ignored: the batch keeps its size, so that an
    // episode's numbers do not depend on when the others end.
    policy.Act(observations, options.deterministic, random, actions, {}, step);
    pool.ParallelFor(static_cast<std::int64_t>(episodes), [&](std::int64_t begin, std::int64_t end) {
      for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
        if (ended[i] != 0) continue;
        const auto action = std::span<const float>(actions).subspan(i * action_size, action_size);
        const StepResult result = envs[i]->Step(action, observation(i));
        scores.returns[i] += result.reward;
        ++scores.lengths[i];
        ended[i] = result.terminated || result.truncated ? 1 : 0;
      }
    });
    done = std::ranges::count(ended, 1);
    if (progress && !progress(static_cast<int>(done))) break;
  }
  if (done == static_cast<std::ptrdiff_t>(episodes)) return scores;
  EpisodeScores whole;
  for (std::size_t i = 0; i < episodes; ++i) {
    if (ended[i] == 0) continue;
    whole.returns.push_back(scores.returns[i]);
    whole.lengths.push_back(scores.lengths[i]);
  }
  return whole;
}

}  // namespace strider
