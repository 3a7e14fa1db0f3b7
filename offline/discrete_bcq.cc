#include "offline/discrete_bcq.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <limits>

#include "agents/nn/snapshot.h"

namespace strider {

DiscreteBcq::DiscreteBcq(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      net_(task.observation_size, config_.hidden, 2 * DiscreteActions(task), nn::Activation::kRelu),
      online_(net_.Shapes(), task.device),
      adam_(online_) {
  Declare({"loss", "q_loss", "imitation_loss", "q"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  net_.Initialise(online_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
  target_ = online_.FrozenClone();
}

DiscreteBcq::Heads DiscreteBcq::Forward(const nn::ParameterSet& parameters,
                                        const at::Tensor& observations) const {
  const std::vector<at::Tensor> heads = net_.Forward(parameters, observations).chunk(2, -1);
  return {heads[0], heads[1]};
}

at::Tensor DiscreteBcq::LikelyBest(const Heads& heads) const {
  const at::Tensor margin = heads.logits - heads.logits.amax(1, /*keepdim=*/true);  // log G / max G
  return heads.values
      .masked_fill(margin < std::log(config_.threshold), -std::numeric_limits<double>::infinity())
      .argmax(1);
}

at::Tensor DiscreteBcq::Target(const TransitionBatch& batch) const {
  const at::NoGradGuard no_grad;
  const at::Tensor next_action = LikelyBest(Forward(online_, batch.next_observations));
  const at::Tensor values = Forward(target_, batch.next_observations).values;
  const at::Tensor value = values.gather(1, next_action.unsqueeze(1)).squeeze(1);
  return batch.rewards + config_.discount * (1 - batch.terminals) * value;
}

void DiscreteBcq::Update(const TransitionBatch& batch) {
  const at::Tensor target = Target(batch);
  const Heads heads = Forward(online_, batch.observations);
  const at::Tensor action = batch.actions.to(at::kLong);  // (rows x 1)
  const at::Tensor q = heads.values.gather(1, action).squeeze(1);
  const at::Tensor q_loss = at::smooth_l1_loss(q, target);
  const at::Tensor imitation_loss = at::cross_entropy_loss(heads.logits, action.squeeze(1));
  const at::Tensor loss = q_loss + imitation_loss + config_.logit_penalty * heads.logits.square().mean();
  online_.Backward(loss);
  adam_.Step(online_, config_.lr * anneal());
  target_.MoveTowards(online_, config_.tau);
  Report("loss", loss);
  Report("q_loss", q_loss);
  Report("imitation_loss", imitation_loss);
  Report("q", q.mean());
  CountUpdate();
}

Policy DiscreteBcq::MakePolicy() const {
  Policy policy = nn::SnapshotBody(task(), online_.leaves(), config_.hidden.size());
  policy.distribution = ActionDistribution::kLikelyGreedy;
  const std::size_t last = 2 * config_.hidden.size();
  const std::vector<at::Tensor> weights = online_[last].detach().chunk(2, 0);
  const std::vector<at::Tensor> biases = online_[last + 1].detach().chunk(2, 0);
  policy.mean = nn::SnapshotLayer(weights[0], biases[0]);
  policy.behaviour = nn::SnapshotLayer(weights[1], biases[1]);
  policy.likely = config_.threshold;
  return policy;
}

std::vector<nn::NamedTensor> DiscreteBcq::State() const {
  return nn::Concatenate({online_.Named("q"), target_.Named("q", "_target"), adam_.Named("q_adam")});
}

}  // namespace strider
