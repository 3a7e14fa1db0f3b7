#include "agents/subpo.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "agents/nn/distributions.h"
#include "agents/nn/host_memory.h"
#include "agents/trpo.h"

namespace strider {
namespace {

// Calls visit(first_row, end_row) for each episode of each environment, whole or cut by the batch. Its rows
// are first_row, first_row + environments, ... below end_row.
template <class Visit>
void ForEachEpisode(const Rollout& rollout, Visit&& visit) {
  const auto environments = static_cast<std::size_t>(rollout.environments);
  const auto rows = static_cast<std::size_t>(rollout.rows());
  for (std::size_t i = 0; i < environments; ++i) {
    std::size_t first = i;
    for (std::size_t row = i; row < rows; row += environments) {
      if (rollout.ended[row] == 0 && row + environments < rows) continue;
      visit(first, row + 1);
      first = row + environments;
    }
  }
}

}  // namespace

Subpo::Subpo(const Task& task, Config config)
    : OnPolicyAgent(task),
      config_(std::move(config)),
      credit_(ParseCredit(config_.credit)),
      actor_(task, config_.hidden, Actor::kNoMixture, nn::ParseActivation(config_.activation)),
      value_(task, config_.hidden, /*adam_epsilon=*/1e-8, nn::ParseActivation(config_.activation)),
      policy_adam_(actor_.parameters()) {
  if (config_.baseline == "value" && credit_ != Credit::kToGo) {
    throw InputError(
        "agent.baseline = value learns gains to go and does not fit agent.credit = {}; expected "
        "time or none",
        config_.credit);
  }
  if (credit_ != Credit::kToGo && config_.rollout.discount != 1) {
    throw InputError("agent.discount = {} has no part in agent.credit = {}; expected 1, or credit = to_go",
                     config_.rollout.discount, config_.credit);
  }
  if (config_.baseline != "value" && config_.rollout.gae_lambda != 1) {
    throw InputError(
        "agent.gae_lambda = {} has no part in agent.baseline = {}; expected 1, or baseline = value",
        config_.rollout.gae_lambda, config_.baseline);
  }
  if (config_.batch < task.environments) {
    throw InputError(
        "agent.batch = {} episodes are too few for run.num_envs = {}; expected at least one each, or fewer "
        "environments",
        config_.batch, task.environments);
  }
  const std::int64_t episodes = (config_.batch + task.environments - 1) / task.environments;  // of each
  config_.rollout.steps = WholeEpisodes(episodes * task.max_episode_steps, task.max_episode_steps);
  Declare({"objective", "entropy"});
  if (config_.step == "natural") Declare({"kl"});
  if (config_.baseline == "value") Declare({"value_loss"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  actor_.Initialise(config_.log_std_init, random);
  value_.Initialise(random);
}

std::vector<float> Subpo::Weights(const Rollout& rollout) const {
  std::vector<float> weights = rollout.rewards;
  const auto environments = static_cast<std::size_t>(rollout.environments);
  const auto length = static_cast<std::size_t>(task().max_episode_steps);
  const bool mean_by_time = config_.baseline == "time";
  std::vector<double> sums(mean_by_time ? length : 0);
  std::vector<double> counts(sums.size());  // of the episodes that last as long
  ForEachEpisode(rollout, [&](std::size_t first, std::size_t end) {
    AssignCredit(std::span(weights).subspan(first, end - first), environments, credit_,
                 config_.rollout.discount);
    if (!mean_by_time) return;
    for (std::size_t row = first; row < end; row += environments) {
      const std::size_t time = (row - first) / environments;
      sums[time] += weights[row];
      ++counts[time];
    }
  });
  if (!mean_by_time) return weights;
  ForEachEpisode(rollout, [&](std::size_t first, std::size_t end) {
    for (std::size_t row = first; row < end; row += environments) {
      const std::size_t time = (row - first) / environments;
      weights[row] -= static_cast<float>(sums[time] / counts[time]);
    }
  });
  return weights;
}

void Subpo::FindGradient(const at::Tensor& observations, const at::Tensor& actions,
                         const at::Tensor& weights) {
  const at::NoGradGuard no_grad;
  const auto rows = static_cast<double>(weights.size(0));
  const double bonus = config_.entropy_anneal ? config_.entropy_coef / static_cast<double>(updates() + 1)
                                              : config_.entropy_coef;
  const at::Tensor weight = weights / rows;
  const nn::ForwardPass pass = actor_.Run(observations);
  const at::Tensor& out = pass.outputs[0];
  if (actor_.discrete()) {
    // One row an action: LibTorch is slow at sums along a dimension of a few.
    const at::Tensor log_p = at::log_softmax(out.t().contiguous(), 0);
    const at::Tensor p = log_p.exp();
    const at::Tensor chosen = actions.to(at::kLong).view({1, -1});
    const at::Tensor entropy = -(p * log_p).sum(0);
    Report("objective", (log_p.gather(0, chosen) * weight).sum());
    Report("entropy", entropy.mean());
    // d log p_a / d logits = [a] - p and d H / d logits = -p (log p + H).
    at::Tensor of_logits = p * -weight;
    of_logits.scatter_add_(0, chosen, weight.unsqueeze(0));
    if (bonus > 0) of_logits -= bonus / rows * p * (log_p + entropy);
    actor_.Backward(pass, of_logits.t().contiguous());
  } else {
    const at::Tensor& log_std = actor_.parameters().leaves().back();
    const at::Tensor inverse = at::exp(-log_std);
    const at::Tensor z = (actions - out) * inverse;
    Report("objective", (nn::GaussianLogProb(actions, out, log_std) * weights).mean());
    Report("entropy", nn::GaussianEntropy(log_std));
    // d log p / d mean = z / sd, d log p / d log sd = z^2 - 1 and d H / d log sd = 1.
    const at::Tensor by_row = weight.unsqueeze(-1);
    actor_.Backward(pass, z * inverse * by_row, ((z.square() - 1) * by_row).sum(0) + bonus);
  }
}

void Subpo::Ascend(const at::Tensor& observations, const at::Tensor& actions, const at::Tensor& weights) {
  const nn::ParameterSet& theta = actor_.parameters();
  FindGradient(observations, actions, weights);
  if (config_.step == "adam") {
    theta.flat_grad().neg_();  // Adam descends
    policy_adam_.Step(theta, config_.lr);
    return;
  }
  const at::Tensor gradient = theta.flat_grad().clone();
  const FisherMatrix fisher(actor_, observations, config_.cg_damping);
  const at::Tensor direction = ConjugateGradient(fisher, gradient, config_.cg_iterations);
  const auto curvature = direction.dot(fisher * direction).item<double>();
  const at::NoGradGuard no_grad;
  // Without a finite gradient the conjugate gradients do not even start, and the curvature is 0.
  if (const at::Tensor square = gradient.dot(gradient);
      !std::isfinite(square.item<double>()) || !std::isfinite(curvature)) {
    Report("kl", at::full_like(square, std::numeric_limits<double>::quiet_NaN()));  // a divergence
    return;
  }
  if (curvature <= 0) return;  // no direction gains anything
  const Actor::Outputs old = Frozen(actor_.Evaluate(observations));
  theta.flat().add_(std::sqrt(2 * config_.max_kl / curvature) * direction);
  Report("kl", actor_.Kl(actor_.Evaluate(observations), old).mean());
}

void Subpo::FitValue(const Experience& data) {
  for (int epoch = 0; epoch < config_.value_epochs; ++epoch) {
    const at::Tensor loss = value_.Loss(data, /*clip=*/0);
    Report("value_loss", loss);
    value_.parameters().Backward(loss);
    value_.Step(config_.value_lr);
  }
}

void Subpo::Update(const Rollout& rollout, std::int64_t /*iteration*/, std::int64_t /*iterations*/) {
  if (config_.baseline == "value") {
    Rollout ended = rollout;
    std::fill(ended.ended.end() - rollout.environments, ended.ended.end(), std::uint8_t{1});
    const Experience data = value_.Judge(ended, config_.rollout);
    Ascend(data.observations, data.actions, data.advantages);
    FitValue(data);
  } else {
    const auto on_device = [&](const std::vector<float>& rows, at::IntArrayRef shape) {
      return nn::OverHostMemory(rows, shape).to(task().device);
    };
    const std::vector<float> weights = Weights(rollout);
    Ascend(on_device(rollout.observations, {rollout.rows(), rollout.observation_size}),
           on_device(rollout.actions, {rollout.rows(), rollout.action_size}),
           on_device(weights, {rollout.rows()}));
  }
  CountUpdate();
}

std::vector<nn::NamedTensor> Subpo::State() const {
  return nn::Concatenate({actor_.State(), value_.State(), policy_adam_.Named("policy_adam")});
}

}  // namespace strider
