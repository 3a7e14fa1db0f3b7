#include "agents/dqn.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "agents/nn/snapshot.h"

namespace strider {
Dqn::Dqn(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      net_(task.observation_size, config_.hidden, DiscreteActions(task) + (config_.dueling ? 1 : 0),
           nn::Activation::kRelu),
      online_(net_.Shapes(), task.device),
      adam_(online_) {
  Declare({"loss", "q"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  net_.Initialise(online_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
  target_ = online_.FrozenClone();
}

double Dqn::exploration_epsilon(std::int64_t step, std::int64_t steps) const {
  const double done = static_cast<double>(step) / (config_.epsilon_fraction * static_cast<double>(steps));
  return config_.epsilon_start + (config_.epsilon_end - config_.epsilon_start) * std::min(done, 1.0);
}

at::Tensor Dqn::Q(const nn::ParameterSet& parameters, const at::Tensor& observations) const {
  const at::Tensor out = net_.Forward(parameters, observations);
  if (!config_.dueling) return out;
  const at::Tensor advantages = out.narrow(1, 1, out.size(1) - 1);
  return out.narrow(1, 0, 1) + advantages - advantages.mean(1, /*keepdim=*/true);
}

at::Tensor Dqn::Target(const TransitionBatch& batch) const {
  const at::NoGradGuard no_grad;
  const at::Tensor next_q = Q(target_, batch.next_observations);
  const at::Tensor chooser = config_.double_q ? Q(online_, batch.next_observations) : next_q;
  const at::Tensor value = next_q.gather(1, chooser.argmax(1, /*keepdim=*/true)).squeeze(1);
  const at::Tensor continues = 1 - batch.terminals;
  return batch.rewards +
         (batch.discounts.defined() ? batch.discounts * continues : config_.draws.discount * continues) *
             value;
}

void Dqn::Update(const TransitionBatch& batch) {
  const at::Tensor target = Target(batch);
  const at::Tensor q = Q(online_, batch.observations).gather(1, batch.actions.to(at::kLong)).squeeze(1);
  at::Tensor losses =
      config_.loss == "huber" ? at::smooth_l1_loss(q, target, at::Reduction::None) : (q - target).square();
  if (batch.weights.defined()) losses = losses * batch.weights;
  const at::Tensor loss = losses.mean();
  online_.Backward(loss);
  nn::ClipGradientNorm(online_, config_.max_grad_norm);
  adam_.Step(online_, config_.lr * anneal());
  td_errors_ = (q.detach() - target).abs();
  Report("loss", loss);
  Report("q", q.mean());
  CountUpdate();
  if (TargetMoves()) target_.MoveTowards(online_, config_.tau);
}

// Whether the environment steps that this round of updates belongs to reach a multiple of the interval;
// within a round the target stays.
bool Dqn::TargetMoves() const {
  if (updates() % config_.replay.updates_per_step != 0) return false;
  const std::int64_t now = updates() / config_.replay.updates_per_step * config_.replay.update_interval;
  const std::int64_t before = now - config_.replay.update_interval;
  return now / config_.target_interval > before / config_.target_interval;
}

Policy Dqn::MakePolicy() const {
  Policy policy = nn::SnapshotBody(task(), online_.leaves(), config_.hidden.size());
  policy.distribution = ActionDistribution::kGreedy;
  policy.mean = nn::SnapshotLayers(online_.leaves(), 2 * config_.hidden.size(), 1)[0];
  if (config_.dueling) {
    // Value, advantages and their mean are linear in the last layer: one layer says it all.
    const Policy::Layer heads = policy.mean;
    const Eigen::Index choices = heads.bias.size() - 1;
    const Eigen::RowVectorXf mean = heads.weight.bottomRows(choices).colwise().mean();
    policy.mean.weight = heads.weight.bottomRows(choices).rowwise() + (heads.weight.row(0) - mean);
    policy.mean.bias = heads.bias.tail(choices).array() + (heads.bias[0] - heads.bias.tail(choices).mean());
  }
  return policy;
}

std::vector<nn::NamedTensor> Dqn::State() const {
  return nn::Concatenate({online_.Named("q"), target_.Named("q", "_target"), adam_.Named("q_adam")});
}

}  // namespace strider
