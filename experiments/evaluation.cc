#include "experiments/evaluation.h"

#include <algorithm>

#include "core/error.h"

namespace strider {

EpisodeScores Evaluate(const Policy& policy, const std::function<std::unique_ptr<Env>()>& make_env,
                       const EvaluationOptions& options, WorkerPool& pool,
                       const std::function<bool(int ended)>& progress) {
  const auto episodes = static_cast<std::size_t>(options.episodes);
  std::vector<std::unique_ptr<Env>> envs;
  for (std::size_t i = 0; i < episodes; ++i) envs.push_back(Augmented(make_env(), policy.augmentation));
  EpisodeScores scores{std::vector<double>(episodes, 0.0), std::vector<int>(episodes, 0),
                       std::vector<double>(episodes, 0.0)};
  if (episodes == 0) return scores;

  const auto observation_size = static_cast<std::size_t>(envs[0]->spec().observation_size());
  const auto action_size = static_cast<std::size_t>(envs[0]->spec().action_size());
  std::vector<double> observations(episodes * observation_size);
  std::vector<float> actions(episodes * action_size);
  std::vector<std::uint8_t> ended(episodes, 0);
  const double discount = policy.augmentation.stock ? policy.augmentation.stock->discount : 1;
  std::vector<double> weights(episodes, 1.0);  // discount^step
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
        scores.discounted[i] += weights[i] * result.reward;
        weights[i] *= discount;
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
    whole.discounted.push_back(scores.discounted[i]);
  }
  return whole;
}

void BackgroundEvaluation::Start(Policy policy, std::function<std::unique_ptr<Env>()> make_env,
                                 const EvaluationOptions& options, WorkerPool& pool) {
  ended_ = 0;
  scores_ = std::async(std::launch::async,
                       [this, policy = std::move(policy), make = std::move(make_env), options, &pool] {
                         return Evaluate(policy, make, options, pool, [this](int ended) {
                           ended_ = ended;
                           return !abandoned_;
                         });
                       });
}

bool BackgroundEvaluation::WaitFor(std::chrono::milliseconds time) const {
  return scores_.wait_for(time) == std::future_status::ready;
}

std::vector<ExpertTrace> TraceExperts(const Policy& policy, Env& env, std::uint64_t seed, int dimension) {
  const auto size = static_cast<Eigen::Index>(env.spec().action_size());
  const Eigen::Index experts = policy.router.empty() ? 0 : policy.router.back().bias.size();
  if (experts == 0) throw InputError("this policy has no experts; expected one of pmoe-sac or pmoe-ppo");
  if (dimension < 0 || dimension >= size) {
    throw InputError("action dimension {}: expected 0 to {}", dimension, size - 1);
  }
  std::vector<ExpertTrace> traces(static_cast<std::size_t>(experts));
  std::vector<double> observation(static_cast<std::size_t>(env.spec().observation_size()));
  std::vector<float> transformed(observation.size());
  std::vector<float> action(static_cast<std::size_t>(size));
  Pcg64 random(StreamSeed(seed, Purpose::kEvaluation));
  env.Reset(seed, observation);
  for (bool ended = false; !ended;) {
    policy.transform.Apply(observation, transformed);
    const Policy::Experts here = policy.ExpertsAt(transformed);
    for (Eigen::Index k = 0; k < experts; ++k) {
      ExpertTrace& trace = traces[static_cast<std::size_t>(k)];
      std::copy_n(here.actions.data() + k * size, size, action.begin());
      policy.ToEnvironment(action);
      trace.actions.push_back(action[static_cast<std::size_t>(dimension)]);
      trace.weights.push_back(here.weights(k, 0));
    }
    policy.Act(observation, /*deterministic=*/true, random, action);
    const StepResult step = env.Step(action, observation);
    ended = step.terminated || step.truncated;
  }
  return traces;
}

}  // namespace strider
