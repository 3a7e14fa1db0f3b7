#include "agents/deep_q.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "agents/nn/snapshot.h"

namespace strider {

DeepQ::DeepQ(const Task& task, const DeepQConfig& config, int outputs)
    : OffPolicyAgent(task),
      deep_q_(config),
      choices_(DiscreteActions(task)),
      outputs_(outputs),
      net_(task.observation_size, config.hidden, (choices_ + (config.dueling ? 1 : 0)) * outputs,
           nn::Activation::kRelu),
      online_(net_.Shapes(), task.device),
      adam_(online_) {
  Declare({"loss", "q"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  net_.Initialise(online_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
  target_ = online_.FrozenClone();
}

double DeepQ::exploration_epsilon(std::int64_t step, std::int64_t steps) const {
  const double done = static_cast<double>(step) / (deep_q_.epsilon_fraction * static_cast<double>(steps));
  return deep_q_.epsilon_start + (deep_q_.epsilon_end - deep_q_.epsilon_start) * std::min(done, 1.0);
}

at::Tensor DeepQ::Outputs(const nn::ParameterSet& parameters, const at::Tensor& observations) const {
  const at::Tensor out = net_.Forward(parameters, observations).unflatten(1, {-1, outputs_});
  if (!deep_q_.dueling) return out;
  const at::Tensor advantages = out.narrow(1, 1, choices_);
  return out.narrow(1, 0, 1) + advantages - advantages.mean(1, /*keepdim=*/true);
}

at::Tensor DeepQ::Targets(const TransitionBatch& batch) const {
  const at::NoGradGuard no_grad;
  const at::Tensor& next = batch.next_observations;
  const at::Tensor judged = Outputs(target_, next);
  const at::Tensor action = Greedy(deep_q_.double_q ? Outputs(online_, next) : judged, next);
  const at::Tensor after = judged.take_along_dim(action.view({-1, 1, 1}), 1).squeeze(1);
  const at::Tensor continues = 1 - batch.terminals;
  const at::Tensor discounts =
      batch.discounts.defined() ? batch.discounts * continues : deep_q_.draws.discount * continues;
  return batch.rewards.unsqueeze(1) + discounts.unsqueeze(1) * after;
}

void DeepQ::Update(const TransitionBatch& batch) {
  const at::Tensor targets = Targets(batch);
  const at::Tensor taken = batch.actions.to(at::kLong).reshape({-1, 1, 1});
  const at::Tensor outputs = Outputs(online_, batch.observations).take_along_dim(taken, 1).squeeze(1);
  at::Tensor losses = Losses(outputs, targets);
  if (batch.weights.defined()) losses = losses * batch.weights;
  const at::Tensor loss = losses.mean();
  online_.Backward(loss);
  nn::ClipGradientNorm(online_, deep_q_.max_grad_norm);
  adam_.Step(online_, deep_q_.lr * anneal());
  td_errors_ = (outputs.detach() - targets).mean(1).abs();
  Report("loss", loss);
  Report("q", outputs.mean());
  CountUpdate();
  if (!TargetMoves()) return;
  target_.MoveTowards(online_, deep_q_.tau);
  AfterTargetMove();
}

// Whether the environment steps that this round of updates belongs to reach a multiple of the interval;
// within a round the target stays.
bool DeepQ::TargetMoves() const {
  if (updates() % deep_q_.replay.updates_per_step != 0) return false;
  const std::int64_t now = updates() / deep_q_.replay.updates_per_step * deep_q_.replay.update_interval;
  const std::int64_t before = now - deep_q_.replay.update_interval;
  return now / deep_q_.target_interval > before / deep_q_.target_interval;
}

Policy DeepQ::SnapshotNetwork() const {
  const std::size_t layers = deep_q_.hidden.size();
  Policy policy = nn::SnapshotBody(task(), online_.leaves(), layers);
  policy.mean = nn::SnapshotLayers(online_.leaves(), 2 * layers, 1)[0];
  if (!deep_q_.dueling) return policy;
  const Policy::Layer heads = policy.mean;
  const Eigen::Index rows = outputs_;
  Policy::Layer mean{heads.weight.topRows(rows) * 0, heads.bias.head(rows) * 0};
  for (Eigen::Index a = 1; a <= choices_; ++a) {
    mean.weight += heads.weight.middleRows(a * rows, rows) / static_cast<float>(choices_);
    mean.bias += heads.bias.segment(a * rows, rows) / static_cast<float>(choices_);
  }
  policy.mean.weight = heads.weight.bottomRows(choices_ * rows);
  policy.mean.bias = heads.bias.tail(choices_ * rows);
  for (Eigen::Index a = 0; a < choices_; ++a) {
    policy.mean.weight.middleRows(a * rows, rows) += heads.weight.topRows(rows) - mean.weight;
    policy.mean.bias.segment(a * rows, rows) += heads.bias.head(rows) - mean.bias;
  }
  return policy;
}

std::vector<nn::NamedTensor> DeepQ::State() const {
  return nn::Concatenate({online_.Named("q"), target_.Named("q", "_target"), adam_.Named("q_adam")});
}

}  // namespace strider
