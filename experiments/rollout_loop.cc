#include "experiments/rollout_loop.h"

#include <algorithm>
#include <iostream>

#include "agents/nn/learner_threads.h"
#include "core/error.h"
#include "envs/augmented_env.h"

namespace strider {
namespace {

std::uint64_t Seed(const Experiment& experiment) { return static_cast<std::uint64_t>(experiment.run().seed); }

}  // namespace

RolloutLoop::RolloutLoop(const Experiment& experiment, OnPolicyAgent& agent, WorkerPool& pool)
    : envs_([&] { return Augmented(experiment.MakeEnv(), agent.task().augmentation); },
            experiment.run().num_envs, pool),
      agent_(agent),
      config_(agent.rollout()),
      observation_moments_(envs_.spec().observation_size()),
      reward_scaler_(envs_.size(), config_.discount, config_.clip_normalized,
                     ResetsAtTermination() ? ReturnReset::kAtTermination : ReturnReset::kAfterEpisode),
      exploration_(StreamSeed(Seed(experiment), Purpose::kExploration)),
      rollout_(MakeRollout(config_.steps, envs_.size(), envs_.spec().observation_size(),
                           envs_.spec().action_size())),
      environment_actions_(static_cast<std::size_t>(envs_.size() * envs_.spec().action_size())),
      iterations_((experiment.run().steps + rollout_.rows() - 1) / rollout_.rows()) {
  if (rollout_.rows() == 1 && experiment.agent().kind == AgentKind::kOnPolicy) {
    throw InputError(
        "a rollout of one step of one environment: an advantage is one only beside others, and nothing is "
        "to be learnt from it; expected more steps or environments");
  }
  if (rollout_.rows() > experiment.run().steps) {
    std::cerr << fmt::format("strider: warning: a rollout of {} steps is made whole, though run.steps = {}\n",
                             rollout_.rows(), experiment.run().steps);
  }
  envs_.Reset(StreamSeed(Seed(experiment), Purpose::kTraining));
  current_.resize(envs_.observations().size());
  rewards_.resize(static_cast<std::size_t>(envs_.size()));
  ended_.resize(rewards_.size());
  Observe();
}

void RolloutLoop::Advance(EpisodeTally& tally, const std::function<void(std::int64_t)>& watch) {
  const Policy policy = agent_.MakePolicy();
  rollout_.truncated_rows.clear();
  rollout_.truncated_observations.clear();
  for (int t = 0; t < rollout_.steps; ++t) {
    StepOnce(policy, static_cast<std::size_t>(t), tally);
    watch(static_cast<std::int64_t>(t + 1) * envs_.size());
  }
  std::ranges::copy(current_, rollout_.last_observations.begin());
  const FlushDenormals flush;
  agent_.Update(rollout_, agent_.updates(), iterations_);
}

Policy RolloutLoop::CurrentPolicy() const {
  Policy policy = agent_.MakePolicy();
  policy.transform = Transform();
  return policy;
}

ObservationTransform RolloutLoop::Transform() const {
  if (!config_.normalize_observations) return agent_.task().transform;
  ObservationTransform transform = observation_moments_.Transform(config_.clip_normalized);
  // Which option was in force is no measurement; it is shown as it is.
  const int options = agent_.task().augmentation.options;
  std::fill_n(transform.mean.rbegin(), options, 0.0);
  std::fill_n(transform.scale.rbegin(), options, 1.0);
  return transform;
}

// Where in their episodes the environments are. Throws WorkError where the policy has to know and they are
// not at one step.
int RolloutLoop::EpisodeStep(const Policy& policy) const {
  if (policy.steps.empty()) return 0;
  const auto step_of = [&](std::size_t i) {
    return envs_.terminated()[i] != 0 || envs_.truncated()[i] != 0 ? 0 : envs_.episode_lengths()[i];
  };
  const int step = step_of(0);
  for (std::size_t i = 1; i < rewards_.size(); ++i) {
    if (step_of(i) == step) continue;
    throw WorkError("environments 0 and {} are at steps {} and {} of their episodes", i, step, step_of(i));
  }
  return step;
}

// Takes in the observations to act on next.
void RolloutLoop::Observe() {
  if (config_.normalize_observations) observation_moments_.Update(envs_.observations());
  Transform().Apply(envs_.observations(), current_);
}

void RolloutLoop::StepOnce(const Policy& policy, std::size_t t, EpisodeTally& tally) {
  const auto environments = static_cast<std::size_t>(envs_.size());
  const std::size_t row = t * environments;
  const auto action_size = static_cast<std::size_t>(rollout_.action_size);
  const auto actions = std::span(rollout_.actions).subspan(row * action_size, environments * action_size);
  std::ranges::copy(
      current_, rollout_.observations.begin() + static_cast<std::ptrdiff_t>(row) * rollout_.observation_size);
  policy.Sample(current_, /*deterministic=*/false, exploration_, actions, {}, EpisodeStep(policy));
  std::ranges::copy(actions, environment_actions_.begin());
  policy.ToEnvironment(environment_actions_);
  envs_.Step(environment_actions_);

  std::ranges::copy(envs_.rewards(), rewards_.begin());
  for (std::size_t i = 0; i < environments; ++i) {
    ended_[i] = envs_.terminated()[i] != 0 || envs_.truncated()[i] != 0 ? 1 : 0;
    if (ended_[i] != 0) tally.Add(envs_.episode_returns()[i], envs_.episode_lengths()[i]);
    if (envs_.truncated()[i] != 0 && envs_.terminated()[i] == 0) KeepFinalObservation(row + i, i);
  }
  if (config_.normalize_rewards) {
    reward_scaler_.Scale(rewards_, ResetsAtTermination() ? envs_.terminated() : ended_);
  }
  for (std::size_t i = 0; i < environments; ++i) {
    rollout_.rewards[row + i] = static_cast<float>(rewards_[i]);
    rollout_.ended[row + i] = ended_[i];
  }
  Observe();
}

void RolloutLoop::KeepFinalObservation(std::size_t row, std::size_t environment) {
  const auto size = static_cast<std::size_t>(rollout_.observation_size);
  std::vector<float> transformed(size);
  Transform().Apply(envs_.next_observations().subspan(environment * size, size), transformed);
  rollout_.truncated_rows.push_back(static_cast<std::int64_t>(row));
  rollout_.truncated_observations.insert(rollout_.truncated_observations.end(), transformed.begin(),
                                         transformed.end());
}

void RolloutLoop::Save(StateWriter& out) const {
  envs_.Save(out);
  observation_moments_.Save(out);
  reward_scaler_.Save(out);
  exploration_.Save(out);
  out.PutSpan(std::span<const float>(current_));
}

void RolloutLoop::Load(StateReader& in) {
  envs_.Load(in);
  observation_moments_.Load(in);
  reward_scaler_.Load(in);
  exploration_.Load(in);
  in.GetSpan(std::span<float>(current_));
}

}  // namespace strider
