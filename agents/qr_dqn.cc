#include "agents/qr_dqn.h"

#include "agents/nn/quantiles.h"

namespace strider {

at::Tensor QrDqn::Greedy(const at::Tensor& outputs, const at::Tensor& /*observations*/) const {
  return outputs.mean(2).argmax(1);
}

at::Tensor QrDqn::Losses(const at::Tensor& outputs, const at::Tensor& targets) const {
  return nn::QuantileHuberLoss(outputs, targets, quantile_.kappa);
}

Policy QrDqn::MakePolicy() const {
  Policy policy = SnapshotNetwork();
  policy.distribution = ActionDistribution::kGreedy;
  const Policy::Layer all = policy.mean;
  const Eigen::Index count = quantile_.quantiles;
  policy.mean = {Eigen::MatrixXf(choices(), all.weight.cols()), Eigen::VectorXf(choices())};
  for (Eigen::Index a = 0; a < choices(); ++a) {
    policy.mean.weight.row(a) = all.weight.middleRows(a * count, count).colwise().mean();
    policy.mean.bias[a] = all.bias.segment(a * count, count).mean();
  }
  return policy;
}

}  // namespace strider
