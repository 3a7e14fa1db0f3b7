#include "agents/dqn.h"

namespace strider {

at::Tensor Dqn::Greedy(const at::Tensor& outputs, const at::Tensor& /*observations*/) const {
  return outputs.squeeze(2).argmax(1);
}

at::Tensor Dqn::Losses(const at::Tensor& outputs, const at::Tensor& targets) const {
  const at::Tensor q = outputs.squeeze(1);
  const at::Tensor y = targets.squeeze(1);
  return huber_ ? at::smooth_l1_loss(q, y, at::Reduction::None) : (q - y).square();
}

Policy Dqn::MakePolicy() const {
  Policy policy = SnapshotNetwork();
  policy.distribution = ActionDistribution::kGreedy;
  return policy;
}

}  // namespace strider
