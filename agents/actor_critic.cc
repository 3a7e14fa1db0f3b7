#include "agents/actor_critic.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <limits>

#include "agents/nn/distributions.h"
#include "agents/nn/host_memory.h"
#include "agents/nn/mixture.h"
#include "agents/nn/snapshot.h"

namespace strider {
namespace {

int OutputSize(const Task& task, int experts) {
  if (experts != Actor::kNoMixture) return experts * ContinuousActionSize(task);
  const auto* discrete = std::get_if<Discrete>(&task.action_space);
  return discrete != nullptr ? discrete->n : task.action_size();
}

std::vector<nn::ParameterShape> PolicyShapes(const nn::Mlp& net, const Task& task, int experts) {
  auto shapes = net.Shapes();
  if (std::holds_alternative<Box>(task.action_space)) {
    shapes.push_back({"log_std", {OutputSize(task, experts)}});
  }
  return shapes;
}

at::Tensor OnDevice(const std::vector<float>& rows, at::IntArrayRef shape, at::Device device) {
  return nn::OverHostMemory(rows, shape).to(device);
}

std::vector<float> ToHost(const at::Tensor& values) {
  const at::Tensor host = values.cpu().contiguous();
  return {host.const_data_ptr<float>(), host.const_data_ptr<float>() + host.numel()};
}

}  // namespace

Actor::Actor(const Task& task, const std::vector<int>& hidden, int experts, nn::Activation activation,
             Blend blend)
    : task_(task),
      discrete_(std::holds_alternative<Discrete>(task.action_space)),
      experts_(experts),
      blend_(blend),
      activation_(activation),
      hidden_layers_(hidden.size()),
      net_(task.observation_size, hidden, OutputSize(task, experts), activation),
      router_net_(task.observation_size, {}, experts, nn::Activation::kTanh),
      parameters_(PolicyShapes(net_, task, experts), task.device) {
  if (mixture()) router_ = nn::ParameterSet(router_net_.Shapes(), task.device);
}

void Actor::Initialise(double log_std, const at::Generator& random, nn::Initialisation how) {
  net_.Initialise(parameters_, how, /*output_gain=*/0.01, random);
  const at::NoGradGuard no_grad;
  if (!discrete_) parameters_.leaves().back().fill_(log_std);
}

void Actor::InitialiseRouter(const at::Generator& random) {
  router_net_.Initialise(router_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
}

Actor::Outputs Actor::Evaluate(const at::Tensor& observations) const {
  const at::Tensor out = net_.Forward(parameters_, observations);
  if (discrete_) return {out, {}};
  const at::Tensor& log_std = parameters_.leaves().back();
  if (!mixture()) return {out, log_std};
  return {out.view({-1, experts_, task_.action_size()}), log_std.view({experts_, task_.action_size()}),
          router_net_.Forward(router_, observations)};
}

at::Tensor Actor::LogProb(const at::Tensor& actions, const Outputs& outputs) const {
  if (discrete_) return nn::CategoricalLogProb(actions.squeeze(-1).to(at::kLong), outputs.mean);
  if (!mixture()) return nn::GaussianLogProb(actions, outputs.mean, outputs.log_std);
  if (blend_ != Blend::kNone) {
    const auto whole = nn::BlendedExperts(blend_, outputs.router, outputs.mean, outputs.log_std);
    return nn::GaussianLogProb(actions, whole.mean, whole.log_std);
  }
  return nn::MixtureLogProb(outputs.router,
                            nn::GaussianLogProb(actions.unsqueeze(1), outputs.mean, outputs.log_std));
}

at::Tensor Actor::Kl(const Outputs& outputs, const Outputs& old) const {
  return discrete_ ? nn::CategoricalKl(outputs.mean, old.mean)
                   : nn::GaussianKl(outputs.mean, outputs.log_std, old.mean, old.log_std);
}

at::Tensor Actor::Entropy(const Outputs& outputs) const {
  if (discrete_) return nn::RouterEntropy(outputs.mean);
  if (blend_ != Blend::kNone) {
    return nn::GaussianEntropy(
        nn::BlendedExperts(blend_, outputs.router, outputs.mean, outputs.log_std).log_std);
  }
  const at::Tensor entropy = nn::GaussianEntropy(outputs.log_std);
  return mixture() ? (at::softmax(outputs.router, -1) * entropy).sum(-1) : entropy;
}

void Actor::Backward(const at::Tensor& loss) const {
  if (!mixture()) {
    parameters_.Backward(loss);
    return;
  }
  std::vector<at::Tensor> leaves = parameters_.leaves();
  leaves.insert(leaves.end(), router_.leaves().begin(), router_.leaves().end());
  parameters_.flat_grad().zero_();
  router_.flat_grad().zero_();
  loss.backward({}, /*retain_graph=*/false, /*create_graph=*/false, at::TensorList(leaves));
}

void Actor::Backward(const nn::ForwardPass& pass, const at::Tensor& of_mean,
                     const at::Tensor& of_log_std) const {
  net_.Backward(parameters_, pass, of_mean);
  if (!discrete_) at::Tensor(parameters_.gradients().back()).copy_(of_log_std);
}

Policy Actor::MakePolicy() const {
  Policy policy = nn::SnapshotBody(task_, parameters_.leaves(), hidden_layers_);
  policy.distribution = discrete_ ? ActionDistribution::kCategorical : ActionDistribution::kGaussian;
  policy.tanh_hidden = activation_ == nn::Activation::kTanh;
  policy.mean = nn::SnapshotLayers(parameters_.leaves(), 2 * hidden_layers_, 1)[0];
  if (!discrete_) {
    const at::Tensor& log_std = parameters_.leaves().back();
    policy.log_std = nn::SnapshotLayer(at::zeros({log_std.size(0), policy.mean.weight.cols()}), log_std);
    policy.log_std_min = -std::numeric_limits<double>::infinity();
    policy.log_std_max = std::numeric_limits<double>::infinity();
  }
  if (mixture()) policy.router = nn::SnapshotLayers(router_.leaves(), 0, 1);
  policy.blend = blend_;
  return policy;
}

std::vector<nn::NamedTensor> Actor::State() const {
  return nn::Concatenate({parameters_.Named("policy"), router_.Named("router")});
}

Actor::Outputs Frozen(const Actor::Outputs& outputs) {
  const auto copy = [](const at::Tensor& x) { return x.defined() ? x.detach().clone() : at::Tensor(); };
  return {copy(outputs.mean), copy(outputs.log_std), copy(outputs.router)};
}

Experience Experience::Select(const at::Tensor& rows) const {
  return {observations.index_select(0, rows), actions.index_select(0, rows), values.index_select(0, rows),
          advantages.index_select(0, rows), returns.index_select(0, rows)};
}

Experience Judge(const Rollout& rollout, const RolloutConfig& config, at::Device device,
                 const std::function<at::Tensor(const Experience& rows)>& values,
                 const std::function<at::Tensor(const at::Tensor& observations)>& ahead) {
  const at::NoGradGuard no_grad;
  const std::int64_t rows = rollout.rows();
  const std::int64_t size = rollout.observation_size;
  Experience data;
  data.observations = OnDevice(rollout.observations, {rows, size}, device);
  data.actions = OnDevice(rollout.actions, {rows, rollout.action_size}, device);
  data.values = values(data);
  const at::Tensor last_values =
      ahead(OnDevice(rollout.last_observations, {rollout.environments, size}, device));
  std::vector<float> bonus;
  if (config.timeout_bootstrap && !rollout.truncated_rows.empty()) {
    const auto cut = static_cast<std::int64_t>(rollout.truncated_rows.size());
    bonus = ToHost(config.discount * ahead(OnDevice(rollout.truncated_observations, {cut, size}, device)));
  }
  std::vector<float> advantages(static_cast<std::size_t>(rows));
  std::vector<float> returns(static_cast<std::size_t>(rows));
  EstimateAdvantages(rollout, ToHost(data.values), ToHost(last_values), bonus, config.discount,
                     config.gae_lambda, advantages, returns);
  // Copies: the lists end here.
  data.advantages = OnDevice(advantages, {rows}, device).clone();
  data.returns = OnDevice(returns, {rows}, device).clone();
  return data;
}

at::Tensor ClippedErrors(const at::Tensor& value, const at::Tensor& old_value, const at::Tensor& returns,
                         double clip) {
  if (clip == 0) return (value - returns).square();
  const at::Tensor clipped = old_value + (value - old_value).clamp(-clip, clip);
  return at::maximum((value - returns).square(), (clipped - returns).square());
}

at::Tensor Standardized(const at::Tensor& x) { return (x - x.mean()) / (x.std(/*unbiased=*/false) + 1e-8); }

ValueFunction::ValueFunction(const Task& task, const std::vector<int>& hidden, double adam_epsilon,
                             nn::Activation activation, int outputs)
    : net_(task.observation_size, hidden, outputs, activation),
      parameters_(net_.Shapes(), task.device),
      adam_(parameters_, adam_epsilon) {}

void ValueFunction::Initialise(const at::Generator& random, nn::Initialisation how) {
  net_.Initialise(parameters_, how, /*output_gain=*/1, random);
}

at::Tensor ValueFunction::Value(const at::Tensor& observations) const {
  return net_.Forward(parameters_, observations).squeeze(-1);
}

Experience ValueFunction::Judge(const Rollout& rollout, const RolloutConfig& config) const {
  return strider::Judge(
      rollout, config, parameters_.device(), [&](const Experience& rows) { return Value(rows.observations); },
      [&](const at::Tensor& observations) { return Value(observations); });
}

at::Tensor ValueFunction::Loss(const Experience& batch, double clip) const {
  return ClippedErrors(Value(batch.observations), batch.values, batch.returns, clip).mean();
}

at::Tensor ValueFunction::Fit(const Experience& data, const FitOptions& options,
                              at::Generator& random) const {
  at::Tensor loss;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    for (const at::Tensor& rows :
         Minibatches(data.values.size(0), options.batch, random, data.observations.device())) {
      loss = Loss(data.Select(rows), options.clip);
      parameters_.Backward(loss);
      nn::ClipGradientNorm(parameters_, options.max_grad_norm);
      Step(options.learning_rate);
    }
  }
  return loss.detach();
}

std::vector<nn::NamedTensor> ValueFunction::State() const {
  return nn::Concatenate({parameters_.Named("value"), adam_.Named("value_adam")});
}

std::vector<at::Tensor> Minibatches(std::int64_t rows, std::int64_t batch, at::Generator& random,
                                    at::Device device) {
  const std::int64_t size = std::min(batch, rows);
  const at::Tensor order = at::randperm(rows, random, at::TensorOptions().dtype(at::kLong).device(device));
  std::vector<at::Tensor> minibatches;
  for (std::int64_t first = 0; first + size <= rows; first += size) {
    minibatches.push_back(order.narrow(0, first, size));
  }
  return minibatches;
}

void ClipJointGradientNorm(const std::vector<const nn::ParameterSet*>& sets, double max_norm) {
  const at::NoGradGuard no_grad;
  at::Tensor square = sets.front()->flat_grad().norm().square_();
  for (std::size_t i = 1; i < sets.size(); ++i) square += sets[i]->flat_grad().norm().square_();
  const at::Tensor factor = (max_norm / square.sqrt_().add_(1e-6)).clamp_max_(1.0);
  // On a device, looking would be waiting.
  if (factor.device().is_cpu() && factor.item<float>() == 1) return;
  for (const nn::ParameterSet* set : sets) set->flat_grad().mul_(factor);
}

}  // namespace strider
