#include "offline/td3_bc.h"

namespace strider {

at::Tensor Td3Bc::ActorLoss(const TransitionBatch& batch, const at::Tensor& action) {
  const at::Tensor cloning = at::mse_loss(action, batch.actions);
  Report("actor_bc_term", cloning);
  return NormalizedQTerm(Q(batch.observations, action)[0], alpha_) + cloning;
}

}  // namespace strider
