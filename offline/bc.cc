#include "offline/bc.h"

#include "agents/nn/snapshot.h"

namespace strider {
namespace {

int Outputs(const Task& task) {
  const auto* discrete = std::get_if<Discrete>(&task.action_space);
  return discrete != nullptr ? discrete->n : task.action_size();
}

}  // namespace

Bc::Bc(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      discrete_(std::holds_alternative<Discrete>(task.action_space)),
      actor_net_(task.observation_size, config_.hidden, Outputs(task), nn::Activation::kRelu),
      actor_(actor_net_.Shapes(), task.device),
      actor_adam_(actor_) {
  Declare({"actor_loss"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  actor_net_.Initialise(actor_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
}

at::Tensor Bc::Loss(const TransitionBatch& batch) const {
  const at::Tensor out = actor_net_.Forward(actor_, batch.observations);
  if (discrete_) return at::cross_entropy_loss(out, batch.actions.squeeze(1).to(at::kLong));
  return config_.max_action * config_.max_action * at::mse_loss(at::tanh(out), batch.actions);
}

void Bc::Update(const TransitionBatch& batch) {
  const at::Tensor loss = Loss(batch);
  actor_.Backward(loss);
  actor_adam_.Step(actor_, config_.actor_lr * anneal());
  Report("actor_loss", loss);
  CountUpdate();
}

Policy Bc::MakePolicy() const {
  Policy policy = nn::SnapshotTanhActor(task(), actor_, config_.hidden.size());
  if (discrete_) policy.distribution = ActionDistribution::kCategorical;
  return policy;
}

std::vector<nn::NamedTensor> Bc::State() const {
  return nn::Concatenate({actor_.Named("actor"), actor_adam_.Named("actor_adam")});
}

}  // namespace strider
