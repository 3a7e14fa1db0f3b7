#include "agents/trpo.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

namespace strider {
namespace {

constexpr double kValueAdamEpsilon = 1e-5;

at::Tensor Flat(const std::vector<at::Tensor>& parts) {
  std::vector<at::Tensor> flat;
  flat.reserve(parts.size());
  for (const at::Tensor& part : parts) flat.push_back(part.reshape({-1}));
  return at::cat(flat);
}

}  // namespace

FisherMatrix::FisherMatrix(const Actor& actor, const at::Tensor& observations, double damping)
    : leaves_(actor.parameters().leaves()), damping_(damping) {
  const Actor::Outputs outputs = actor.Evaluate(observations);
  const at::Tensor kl = actor.Kl(outputs, Frozen(outputs)).mean();
  gradient_ = Flat(torch::autograd::grad({kl}, leaves_, {}, /*retain_graph=*/true, /*create_graph=*/true));
}

at::Tensor FisherMatrix::operator*(const at::Tensor& vector) const {
  const auto product = torch::autograd::grad({gradient_.dot(vector)}, leaves_, {}, /*retain_graph=*/true);
  return Flat(product).detach() + damping_ * vector;
}

Trpo::Trpo(const Task& task, Config config)
    : OnPolicyAgent(task),
      config_(std::move(config)),
      actor_(task, config_.hidden),
      value_(task, config_.hidden, kValueAdamEpsilon) {
  Declare({"surrogate", "kl", "step", "value_loss", "entropy"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  actor_.Initialise(config_.log_std_init, random);
  value_.Initialise(random);
}

bool Trpo::StepPolicy(const at::Tensor& observations, const at::Tensor& actions,
                      const at::Tensor& advantages) {
  const nn::ParameterSet& theta = actor_.parameters();
  const Actor::Outputs old = Frozen(actor_.Evaluate(observations));
  const at::Tensor old_log_prob = actor_.LogProb(actions, old);
  const auto surrogate = [&](const Actor::Outputs& outputs) {
    return ((actor_.LogProb(actions, outputs) - old_log_prob).exp() * advantages).mean();
  };
  const at::Tensor before = surrogate(actor_.Evaluate(observations));
  actor_.Backward(before);
  const at::Tensor gradient = theta.flat_grad().clone();
  const FisherMatrix fisher(actor_, observations, config_.cg_damping);
  const at::Tensor direction = ConjugateGradient(fisher, gradient, config_.cg_iterations);
  const double curvature = direction.dot(fisher * direction).item<double>();

  const at::NoGradGuard no_grad;
  const at::Tensor start = theta.flat().clone();
  const auto old_surrogate = before.item<double>();
  Report("step", at::scalar_tensor(0.0));
  Report("kl", at::scalar_tensor(0.0));
  Report("surrogate", at::scalar_tensor(0.0));
  if (!(curvature > 0)) return false;  // nothing to gain anywhere
  const double longest = std::sqrt(2 * config_.max_kl / curvature);
  double shrunk = 1;
  for (int i = 0; i < config_.line_search_steps; ++i, shrunk *= config_.line_search_shrinkage) {
    theta.flat().copy_(start + shrunk * longest * direction);
    const Actor::Outputs outputs = actor_.Evaluate(observations);
    const auto kl = actor_.Kl(outputs, old).mean().item<double>();
    const double gain = surrogate(outputs).item<double>() - old_surrogate;
    if (!(kl < config_.max_kl) || !(gain > 0)) continue;
    Report("step", at::scalar_tensor(shrunk));
    Report("kl", at::scalar_tensor(kl));
    Report("surrogate", at::scalar_tensor(gain));
    return true;
  }
  theta.flat().copy_(start);
  return false;
}

void Trpo::Update(const Rollout& rollout, std::int64_t /*iteration*/, std::int64_t /*iterations*/) {
  const Experience data = value_.Judge(rollout, config_.rollout);
  StepPolicy(data.observations, data.actions, Standardized(data.advantages));
  Report("value_loss",
         value_.Fit(data, config_.value_epochs, config_.value_batch, /*clip=*/0, config_.value_lr, random()));
  const at::NoGradGuard no_grad;
  Report("entropy", actor_.Entropy(actor_.Evaluate(data.observations)).mean());
  CountUpdate();
}

std::vector<nn::NamedTensor> Trpo::State() const { return nn::Concatenate({actor_.State(), value_.State()}); }

}  // namespace strider
