#include "offline/discrete_cql.h"

#include <ATen/core/grad_mode.h>

#include "agents/nn/snapshot.h"

namespace strider {

DiscreteCql::DiscreteCql(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      net_(task.observation_size, config_.critic_hidden, DiscreteActions(task), nn::Activation::kRelu),
      online_(net_.Shapes(), task.device),
      adam_(online_) {
  if (config_.lagrange || config_.max_target_backup) {
    throw InputError(
        "agent.lagrange and agent.max_target_backup are for continuous actions, but the environment's are "
        "discrete; expected both to be false");
  }
  Declare({"td_loss", "cql_loss", "loss", "q"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  net_.Initialise(online_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
  target_ = online_.FrozenClone();
}

void DiscreteCql::Update(const TransitionBatch& batch) {
  at::Tensor target;
  {
    const at::NoGradGuard no_grad;
    const at::Tensor best = net_.Forward(online_, batch.next_observations).argmax(1, /*keepdim=*/true);
    const at::Tensor value = net_.Forward(target_, batch.next_observations).gather(1, best).squeeze(1);
    target = batch.rewards + config_.discount * (1 - batch.terminals) * value;
  }
  const at::Tensor values = net_.Forward(online_, batch.observations);
  const at::Tensor q = values.gather(1, batch.actions.to(at::kLong)).squeeze(1);
  const at::Tensor td_loss = (q - target).square().mean();
  const double temperature = config_.cql_temperature;
  const at::Tensor cql_loss =
      config_.cql_alpha * (temperature * at::logsumexp(values / temperature, 1) - q).mean();
  const at::Tensor loss = td_loss + cql_loss;
  online_.Backward(loss);
  adam_.Step(online_, config_.critic_lr * anneal());
  target_.MoveTowards(online_, config_.tau);
  Report("td_loss", td_loss);
  Report("cql_loss", cql_loss);
  Report("loss", loss);
  Report("q", q.mean());
  CountUpdate();
}

Policy DiscreteCql::MakePolicy() const {
  Policy policy = nn::SnapshotBody(task(), online_.leaves(), config_.critic_hidden.size());
  policy.distribution = ActionDistribution::kGreedy;
  policy.mean = nn::SnapshotLayers(online_.leaves(), 2 * config_.critic_hidden.size(), 1)[0];
  return policy;
}

std::vector<nn::NamedTensor> DiscreteCql::State() const {
  return nn::Concatenate({online_.Named("q"), target_.Named("q", "_target"), adam_.Named("q_adam")});
}

}  // namespace strider
