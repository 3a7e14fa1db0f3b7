#include "agents/hnpg.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "agents/nn/host_memory.h"

namespace strider {
namespace {

constexpr double kHeadScale = 0.1;

// How many steps have networks of their own.
int StageCount(const Task& task, const HnpgConfig& config) {
  if (config.networks == "shared") return 1;
  if (task.fixed_length > 0) return task.fixed_length;
  if (config.networks == "auto") return 1;
  throw InputError(
      "agent.networks = step needs an environment whose episodes all have one length; expected shared or "
      "auto");
}

RolloutConfig MakeRolloutConfig(const HnpgConfig& config, int stages) {
  RolloutConfig rollout;
  rollout.steps = WholeEpisodes(config.rollout_steps, stages);
  rollout.discount = stages > 1 ? 1 : config.discount;
  rollout.gae_lambda = config.gae_lambda;
  rollout.normalize_observations = false;
  rollout.normalize_rewards = false;
  rollout.timeout_bootstrap = true;
  return rollout;
}

// The authors' start: the framework's default, with a last layer that says next to nothing.
void Shrink(const at::Tensor& head_weight, const at::Tensor& head_bias) {
  const at::NoGradGuard no_grad;
  head_weight.mul_(kHeadScale);
  head_bias.zero_();
}

// (rows ...), row t * environments + i, becomes one tensor a stage: the rows with t mod stages = h.
std::vector<at::Tensor> ByStage(const at::Tensor& rows, std::int64_t stages, std::int64_t environments) {
  std::vector<std::int64_t> shape = rows.sizes().vec();
  shape[0] = -1;
  const at::Tensor grouped = rows.reshape({-1, stages, environments, rows[0].numel()});
  std::vector<at::Tensor> parts;
  for (std::int64_t h = 0; h < stages; ++h) parts.push_back(grouped.select(1, h).reshape(shape));
  return parts;
}

// The way back for one number a row, as a list.
std::vector<float> ToRows(const std::vector<at::Tensor>& parts, std::int64_t environments) {
  std::vector<at::Tensor> grouped;
  for (const at::Tensor& part : parts) grouped.push_back(part.view({-1, environments}));
  const at::Tensor rows = at::stack(grouped, 1).reshape({-1}).cpu();
  return {rows.const_data_ptr<float>(), rows.const_data_ptr<float>() + rows.numel()};
}

at::Tensor Average(const std::vector<double>& values) { return at::tensor(values).mean(); }

}  // namespace

Hnpg::Hnpg(const Task& task, Config config, const TransitionColumns* data)
    : OnPolicyAgent(task),
      config_(std::move(config)),
      rollout_(MakeRolloutConfig(config_, StageCount(task, config_))),
      critic_net_(task.observation_size + ContinuousActionSize(task), config_.critic_hidden, 1,
                  nn::Activation::kTanh) {
  if (data == nullptr && config_.on_policy_weight == 0) {
    throw InputError(
        "agent.on_policy_weight = 0 leaves nothing to learn from; expected --dataset FILE as well");
  }
  Declare({"critic_loss", "surrogate", "kl", "step_fraction", "entropy"});
  if (data != nullptr) Declare({"offline_critic_loss"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  const int stages = StageCount(task, config_);
  for (int h = 0; h < stages; ++h) {
    Stage stage{Actor(task, config_.hidden), nn::ParameterSet(critic_net_.Shapes(), task.device)};
    stage.actor.Initialise(/*log_std=*/0, random, nn::Initialisation::kUniformFanIn);
    const auto& policy = stage.actor.parameters().leaves();  // ..., head's weight, head's bias, log_std
    Shrink(policy[policy.size() - 3], policy[policy.size() - 2]);
    critic_net_.Initialise(stage.critic, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
    Shrink(*(stage.critic.leaves().end() - 2), stage.critic.leaves().back());
    stages_.push_back(std::move(stage));
  }
  if (data != nullptr) offline_.emplace(*data, task, stages);
}

at::Tensor Hnpg::Q(const Stage& stage, const at::Tensor& observations, const at::Tensor& actions) const {
  return critic_net_.Forward(stage.critic, at::cat({observations, actions}, 1)).squeeze(-1);
}

// (draws * rows x actions), draw by draw.
at::Tensor Hnpg::Draw(const Stage& stage, const at::Tensor& observations, int draws) {
  const Actor::Outputs policy = stage.actor.Evaluate(observations);
  const std::int64_t rows = observations.size(0);
  const at::Tensor noise = Noise({draws, rows, task().action_size()});
  return (policy.mean + policy.log_std.exp() * noise).view({draws * rows, -1});
}

at::Tensor Hnpg::Value(const Stage& stage, const at::Tensor& observations) {
  const at::NoGradGuard no_grad;
  const int draws = config_.value_actions;
  const at::Tensor actions = Draw(stage, observations, draws);
  return Q(stage, observations.repeat({draws, 1}), actions).view({draws, -1}).mean(0);
}

// Generalised advantages and what they come to with the values (rows), given what the critic says of the
// states in which the rollout or the time limit cuts an episode.
Hnpg::Estimates Hnpg::Estimate(const Rollout& rollout, const std::vector<float>& values, double lambda) {
  std::vector<float> last(static_cast<std::size_t>(rollout.environments), 0.0F);
  std::vector<float> bonus;
  if (stages_.size() == 1) {
    const auto judge = [&](const std::vector<float>& rows) {
      return ToRows({Value(stages_[0], OnDevice(rows, rollout.observation_size))}, 1);
    };
    last = judge(rollout.last_observations);
    if (!rollout.truncated_rows.empty()) bonus = judge(rollout.truncated_observations);
    for (float& value : bonus) value *= static_cast<float>(rollout_.discount);
  }
  Estimates estimates{std::vector<float>(values.size()), std::vector<float>(values.size())};
  EstimateAdvantages(rollout, values, last, bonus, rollout_.discount, lambda, estimates.advantages,
                     estimates.returns);
  return estimates;
}

at::Tensor Hnpg::OnDevice(const std::vector<float>& rows, std::int64_t width) const {
  const auto count = static_cast<std::int64_t>(rows.size()) / width;
  // A copy even on the host: some lists are gone before the update is over.
  return nn::OverHostMemory(rows, {count, width})
      .to(task().device, at::kFloat, /*non_blocking=*/false, /*copy=*/true);
}

std::vector<Hnpg::Rows> Hnpg::Split(const Rollout& rollout) {
  const auto stages = static_cast<std::int64_t>(stages_.size());
  const auto split = [&](const std::vector<float>& rows, std::int64_t width) {
    return ByStage(OnDevice(rows, width), stages, rollout.environments);
  };
  // Without values and with lambda = 1 the advantage is the return.
  const std::vector<float> no_values(static_cast<std::size_t>(rollout.rows()), 0.0F);
  const auto returns = split(Estimate(rollout, no_values, /*lambda=*/1).returns, 1);
  const auto observations = split(rollout.observations, rollout.observation_size);
  const auto actions = split(rollout.actions, rollout.action_size);
  std::vector<TransitionBatch> offline(stages_.size());
  if (hybrid()) offline = offline_->Draw(rollout.rows() / stages);
  std::vector<Rows> rows;
  for (std::size_t h = 0; h < stages_.size(); ++h) {
    rows.push_back({observations[h], actions[h], returns[h].squeeze(-1), offline[h]});
  }
  return rows;
}

Hnpg::CriticLoss Hnpg::FitCritic(std::size_t index, const Rows& rows) {
  const Stage& stage = stages_[index];
  // At the last step there is no next one, and the rows are terminal.
  const Stage& next = stages_[std::min(index + 1, stages_.size() - 1)];
  const std::int64_t online = rows.returns.size(0);
  at::Tensor inputs = at::cat({rows.observations, rows.actions}, 1);
  at::Tensor targets = rows.returns;
  at::Tensor weights = at::full_like(targets, config_.on_policy_weight / static_cast<double>(online));
  const TransitionBatch& offline = rows.offline;
  if (hybrid()) {
    inputs = at::cat({inputs, at::cat({offline.observations, offline.actions}, 1)});
    weights = at::cat({weights, at::full_like(offline.rewards, 1.0 / static_cast<double>(online))});
  }
  at::Tensor errors;
  for (int round = 0; round < (stages_.size() > 1 ? 1 : config_.critic_rounds); ++round) {
    if (hybrid()) {
      const at::NoGradGuard no_grad;
      const at::Tensor ahead = Q(next, offline.next_observations, Draw(next, offline.next_observations));
      targets =
          at::cat({rows.returns, offline.rewards + rollout_.discount * (1 - offline.terminals) * ahead});
    }
    // A loss of l2 w^2 has the gradient 2 l2 w.
    const nn::Adam adam(stage.critic, /*epsilon=*/1e-8, 2 * config_.critic_l2);
    for (int i = 0; i < config_.critic_steps; ++i) {
      errors = (critic_net_.Forward(stage.critic, inputs).squeeze(-1) - targets).square();
      stage.critic.Backward((errors * weights).sum());
      adam.Step(stage.critic, config_.critic_lr);
    }
  }
  errors = errors.detach();
  return {errors.narrow(0, 0, online).mean(),
          hybrid() ? errors.narrow(0, online, online).mean() : at::Tensor()};
}

TrustRegionStep Hnpg::StepPolicy(const Stage& stage, const Rows& rows, const at::Tensor& advantages) {
  PolicyRows step{rows.observations, rows.actions, advantages};
  if (hybrid()) {
    const at::NoGradGuard no_grad;
    const at::Tensor& states = rows.offline.observations;
    // Not the logged action: only under the policy does the score have mean zero.
    const at::Tensor actions = Draw(stage, states);
    const at::Tensor offline_advantages = Q(stage, states, actions) - Value(stage, states);
    step.observations = at::cat({step.observations, states});
    step.actions = at::cat({step.actions, actions});
    step.advantages = at::cat({advantages, offline_advantages});
    if (const double lambda = config_.on_policy_weight; lambda != 1) {
      const at::Tensor ones = at::ones_like(advantages);
      step.weights = at::cat({lambda * ones, ones}) / ((1 + lambda) * static_cast<double>(ones.numel()));
    }
  }
  return StepInTrustRegion(stage.actor, step, config_.trust_region);
}

void Hnpg::Update(const Rollout& rollout, std::int64_t /*iteration*/, std::int64_t /*iterations*/) {
  const std::vector<Rows> rows = Split(rollout);
  std::vector<at::Tensor> online_losses;
  std::vector<at::Tensor> offline_losses;
  for (std::size_t h = stages_.size(); h-- > 0;) {
    const CriticLoss loss = FitCritic(h, rows[h]);
    online_losses.push_back(loss.online);
    if (hybrid()) offline_losses.push_back(loss.offline);
  }
  std::vector<at::Tensor> values;
  for (std::size_t h = 0; h < stages_.size(); ++h) values.push_back(Value(stages_[h], rows[h].observations));
  const Estimates estimates = Estimate(rollout, ToRows(values, rollout.environments), rollout_.gae_lambda);
  const auto advantages = ByStage(OnDevice(estimates.advantages, 1),
                                  static_cast<std::int64_t>(stages_.size()), rollout.environments);
  std::vector<double> gains;
  std::vector<double> divergences;
  std::vector<double> fractions;
  std::vector<at::Tensor> entropies;
  for (std::size_t h = 0; h < stages_.size(); ++h) {
    const TrustRegionStep step = StepPolicy(stages_[h], rows[h], advantages[h].squeeze(-1));
    gains.push_back(step.gain);
    divergences.push_back(step.kl);
    fractions.push_back(step.fraction);
    const at::NoGradGuard no_grad;
    entropies.push_back(stages_[h].actor.Entropy(stages_[h].actor.Evaluate(rows[h].observations)));
  }
  Report("critic_loss", at::stack(online_losses).mean());
  if (hybrid()) Report("offline_critic_loss", at::stack(offline_losses).mean());
  Report("surrogate", Average(gains));
  Report("kl", Average(divergences));
  Report("step_fraction", Average(fractions));
  Report("entropy", at::stack(entropies).mean());
  CountUpdate();
}

Policy Hnpg::MakePolicy() const {
  if (stages_.size() == 1) return stages_[0].actor.MakePolicy();
  Policy policy = UniformPolicy(task().observation_size, task().action_space);
  policy.transform = task().transform;
  for (const Stage& stage : stages_) policy.steps.push_back(stage.actor.MakePolicy());
  return policy;
}

std::vector<nn::NamedTensor> Hnpg::State() const {
  std::vector<nn::NamedTensor> state;
  for (std::size_t h = 0; h < stages_.size(); ++h) {
    for (const auto& [part, parameters] :
         {std::pair{"policy", &stages_[h].actor.parameters()}, std::pair{"critic", &stages_[h].critic}}) {
      const auto named = parameters->Named(fmt::format("step{}.{}", h, part));
      state.insert(state.end(), named.begin(), named.end());
    }
  }
  return state;
}

}  // namespace strider
