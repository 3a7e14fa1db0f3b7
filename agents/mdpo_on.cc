#include "agents/mdpo_on.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "agents/nn/distributions.h"
#include "agents/nn/host_memory.h"
#include "agents/nn/snapshot.h"

namespace strider {
namespace {

int OutputSize(const Space& action_space) {
  const auto* discrete = std::get_if<Discrete>(&action_space);
  return discrete != nullptr ? discrete->n : RowSize(action_space);
}

std::vector<nn::ParameterShape> PolicyShapes(const nn::Mlp& net, const Task& task) {
  auto shapes = net.Shapes();
  if (std::holds_alternative<Box>(task.action_space)) shapes.push_back({"log_std", {task.action_size()}});
  return shapes;
}

at::Tensor OnDevice(const std::vector<float>& rows, at::IntArrayRef shape, at::Device device) {
  return nn::OverHostMemory(rows, shape).to(device);
}

std::vector<float> ToHost(const at::Tensor& values) {
  const at::Tensor host = values.cpu().contiguous();
  return {host.const_data_ptr<float>(), host.const_data_ptr<float>() + host.numel()};
}

constexpr double kPolicyAdamEpsilon = 1e-5;  // section 5

}  // namespace

MdpoOn::MdpoOn(const Task& task, Config config)
    : OnPolicyAgent(task),
      config_(std::move(config)),
      discrete_(std::holds_alternative<Discrete>(task.action_space)),
      policy_net_(task.observation_size, config_.hidden, OutputSize(task.action_space),
                  nn::Activation::kTanh),
      value_net_(task.observation_size, config_.hidden, 1, nn::Activation::kTanh),
      policy_(PolicyShapes(policy_net_, task), task.device),
      value_(value_net_.Shapes(), task.device),
      policy_adam_(policy_, kPolicyAdamEpsilon),
      value_adam_(value_) {
  Declare({"surrogate", "kl", "step_size", "value_loss"});
  if (!discrete_) Declare({"entropy"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  policy_net_.Initialise(policy_, nn::Initialisation::kOrthogonal, /*output_gain=*/0.01, random);
  value_net_.Initialise(value_, nn::Initialisation::kOrthogonal, /*output_gain=*/1, random);
  const at::NoGradGuard no_grad;
  if (!discrete_) policy_.leaves().back().fill_(config_.log_std_init);
}

double MdpoOn::StepSize(std::int64_t iteration, std::int64_t iterations) const {
  const auto k = static_cast<double>(iteration);
  const auto count = static_cast<double>(iterations);
  if (config_.step_size_schedule == "linear") return config_.step_size * std::max(1 - k / count, 1 / count);
  if (config_.step_size_schedule == "inverse_sqrt") return config_.step_size / std::sqrt(1 + k);
  return config_.step_size;
}

MdpoOn::Outputs MdpoOn::Evaluate(const at::Tensor& observations) const {
  const at::Tensor out = policy_net_.Forward(policy_, observations);
  return discrete_ ? Outputs{out, {}} : Outputs{out, policy_.leaves().back()};
}

at::Tensor MdpoOn::LogProb(const at::Tensor& actions, const Outputs& outputs) const {
  return discrete_ ? nn::CategoricalLogProb(actions.squeeze(-1).to(at::kLong), outputs.mean)
                   : nn::GaussianLogProb(actions, outputs.mean, outputs.log_std);
}

at::Tensor MdpoOn::Kl(const Outputs& outputs, const Outputs& old) const {
  return discrete_ ? nn::CategoricalKl(outputs.mean, old.mean)
                   : nn::GaussianKl(outputs.mean, outputs.log_std, old.mean, old.log_std);
}

at::Tensor MdpoOn::PolicyLoss(const at::Tensor& observations, const at::Tensor& actions,
                              const at::Tensor& advantages, const at::Tensor& old_log_prob,
                              const Outputs& old, double step_size) {
  const Outputs outputs = Evaluate(observations);
  const at::Tensor surrogate = ((LogProb(actions, outputs) - old_log_prob).exp() * advantages).mean();
  const at::Tensor kl = Kl(outputs, old).mean();
  Report("surrogate", surrogate);
  Report("kl", kl);
  return kl / step_size - surrogate;
}

void MdpoOn::Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) {
  const at::Device device = task().device;
  const std::int64_t rows = rollout.rows();
  const at::Tensor observations = OnDevice(rollout.observations, {rows, task().observation_size}, device);
  const at::Tensor actions = OnDevice(rollout.actions, {rows, rollout.action_size}, device);

  // pi_k and V_k, frozen for the whole iteration.
  Outputs old;
  at::Tensor old_log_prob;
  at::Tensor old_values;
  at::Tensor last_values;
  std::vector<float> bonus;
  {
    const at::NoGradGuard no_grad;
    old = Evaluate(observations);
    if (!discrete_) old.log_std = old.log_std.clone();  // the live one is stepped in place
    old_log_prob = LogProb(actions, old);
    const auto value_of = [&](const at::Tensor& x) { return value_net_.Forward(value_, x).squeeze(-1); };
    old_values = value_of(observations);
    last_values = value_of(
        OnDevice(rollout.last_observations, {rollout.environments, task().observation_size}, device));
    if (config_.rollout.timeout_bootstrap && !rollout.truncated_rows.empty()) {
      const auto cut = static_cast<std::int64_t>(rollout.truncated_rows.size());
      bonus = ToHost(config_.rollout.discount * value_of(OnDevice(rollout.truncated_observations,
                                                                  {cut, task().observation_size}, device)));
    }
  }
  std::vector<float> advantage_rows(static_cast<std::size_t>(rows));
  std::vector<float> return_rows(static_cast<std::size_t>(rows));
  EstimateAdvantages(rollout, ToHost(old_values), ToHost(last_values), bonus, config_.rollout.discount,
                     config_.rollout.gae_lambda, advantage_rows, return_rows);
  at::Tensor advantages = OnDevice(advantage_rows, {rows}, device);
  advantages = (advantages - advantages.mean()) / (advantages.std(/*unbiased=*/false) + 1e-8);

  const double done = static_cast<double>(iteration) / static_cast<double>(iterations);
  const double anneal = config_.lr_anneal ? 1 - done : 1;
  const double step_size = StepSize(iteration, iterations);
  for (int step = 0; step < config_.inner_steps; ++step) {
    policy_.Backward(PolicyLoss(observations, actions, advantages, old_log_prob, old, step_size));
    nn::ClipGradientNorm(policy_, config_.max_grad_norm);
    policy_adam_.Step(policy_, config_.policy_lr * anneal);
  }
  FitValue(observations, old_values, OnDevice(return_rows, {rows}, device), config_.value_lr * anneal);
  if (!discrete_) Report("entropy", nn::GaussianEntropy(policy_.leaves().back()));
  Report("step_size", at::scalar_tensor(step_size));
  CountUpdate();
}

void MdpoOn::FitValue(const at::Tensor& observations, const at::Tensor& old_values, const at::Tensor& returns,
                      double learning_rate) {
  const std::int64_t rows = observations.size(0);
  const std::int64_t batch = std::min<std::int64_t>(config_.value_batch, rows);
  for (int epoch = 0; epoch < config_.value_epochs; ++epoch) {
    const at::Tensor order =
        at::randperm(rows, random(), at::TensorOptions().dtype(at::kLong).device(observations.device()));
    for (std::int64_t first = 0; first + batch <= rows; first += batch) {
      const at::Tensor chosen = order.narrow(0, first, batch);
      const at::Tensor target = returns.index_select(0, chosen);
      const at::Tensor old = old_values.index_select(0, chosen);
      const at::Tensor value = value_net_.Forward(value_, observations.index_select(0, chosen)).squeeze(-1);
      const at::Tensor clipped = old + (value - old).clamp(-config_.value_clip, config_.value_clip);
      const at::Tensor loss = at::maximum((value - target).square(), (clipped - target).square()).mean();
      value_.Backward(loss);
      value_adam_.Step(value_, learning_rate);
      Report("value_loss", loss);
    }
  }
}

Policy MdpoOn::MakePolicy() const {
  Policy policy = nn::SnapshotBody(task(), policy_.leaves(), config_.hidden.size());
  policy.distribution = discrete_ ? ActionDistribution::kCategorical : ActionDistribution::kGaussian;
  policy.tanh_hidden = true;
  policy.mean = nn::SnapshotLayers(policy_.leaves(), 2 * config_.hidden.size(), 1)[0];
  if (!discrete_) {
    const at::Tensor& log_std = policy_.leaves().back();
    policy.log_std = nn::SnapshotLayer(at::zeros({log_std.size(0), policy.mean.weight.cols()}), log_std);
    policy.log_std_min = -std::numeric_limits<double>::infinity();
    policy.log_std_max = std::numeric_limits<double>::infinity();
  }
  return policy;
}

std::vector<nn::NamedTensor> MdpoOn::State() const {
  return nn::Concatenate({policy_.Named("policy"), value_.Named("value"), policy_adam_.Named("policy_adam"),
                          value_adam_.Named("value_adam")});
}

}  // namespace strider
