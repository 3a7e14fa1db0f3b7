#include "offline/td3_bc.h"

namespace strider {

Td3Bc::Td3Bc(const Task& task, const Config& config) : Td3(task, config.td3), alpha_(config.alpha) {
  Declare({"lambda", "actor_q_term", "actor_bc_term"});
}

at::Tensor Td3Bc::ActorLoss(const TransitionBatch& batch, const at::Tensor& action) {
  const at::Tensor cloning = at::mse_loss(action, batch.actions);
  Report("actor_bc_term", cloning);
  return NormalizedQTerm(FirstQ(batch.observations, action), alpha_) + cloning;
}

}  // namespace strider
