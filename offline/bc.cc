#include "offline/bc.h"

#include "agents/nn/snapshot.h"

namespace strider {

Bc::Bc(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      actor_net_(task.observation_size, config_.hidden, ContinuousActionSize(task), nn::Activation::kRelu),
      actor_(actor_net_.Shapes(), task.device),
      actor_adam_(actor_) {
  replay_.batch_size = config_.batch_size;
  Declare({"actor_loss"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  actor_net_.Initialise(actor_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
}

void Bc::Update(const TransitionBatch& batch) {
  const at::Tensor error =
      at::mse_loss(at::tanh(actor_net_.Forward(actor_, batch.observations)), batch.actions);
  const at::Tensor loss = config_.max_action * config_.max_action * error;
  actor_.Backward(loss);
  actor_adam_.Step(actor_, config_.actor_lr);
  Report("actor_loss", loss);
  CountUpdate();
}

Policy Bc::MakePolicy() const { return nn::SnapshotTanhActor(task(), actor_, config_.hidden.size()); }

std::vector<nn::NamedTensor> Bc::State() const {
  return nn::Concatenate({actor_.Named("actor"), actor_adam_.Named("actor_adam")});
}

}  // namespace strider
