#include "agents/nn/snapshot.h"

namespace strider::nn {
namespace {

// Each of these calls costs as much as copying a small layer, and mostly there is nothing to do.
at::Tensor OnHost(const at::Tensor& x) {
  return x.is_cpu() && x.is_contiguous() ? x : x.detach().cpu().contiguous();
}

}  // namespace

Policy::Layer SnapshotLayer(const at::Tensor& weight, const at::Tensor& bias) {
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const at::Tensor w = OnHost(weight);
  const at::Tensor b = OnHost(bias);
  Policy::Layer layer;
  layer.weight = Eigen::Map<const RowMajor>(w.const_data_ptr<float>(), w.size(0), w.size(1));
  layer.bias = Eigen::Map<const Eigen::VectorXf>(b.const_data_ptr<float>(), b.size(0));
  return layer;
}

std::vector<Policy::Layer> SnapshotLayers(const std::vector<at::Tensor>& leaves, std::size_t first,
                                          std::size_t count) {
  std::vector<Policy::Layer> layers;
  for (std::size_t i = 0; i < count; ++i) {
    layers.push_back(SnapshotLayer(leaves[first + 2 * i], leaves[first + 2 * i + 1]));
  }
  return layers;
}

std::vector<Policy::Layer> SnapshotMember(const std::vector<at::Tensor>& leaves, std::int64_t member) {
  std::vector<Policy::Layer> layers;
  for (std::size_t i = 0; i < leaves.size(); i += 2) {
    layers.push_back(SnapshotLayer(leaves[i][member], leaves[i + 1][member]));
  }
  return layers;
}

Policy SnapshotBody(const Task& task, const std::vector<at::Tensor>& leaves, std::size_t hidden_layers) {
  Policy policy;
  policy.observation_size = task.observation_size;
  policy.action_space = task.action_space;
  policy.hidden = SnapshotLayers(leaves, 0, hidden_layers);
  policy.transform = task.transform;
  policy.augmentation = task.augmentation;
  return policy;
}

Policy SnapshotSquashedGaussian(const Task& task, const ParameterSet& actor, std::size_t hidden_layers,
                                double log_std_min, double log_std_max) {
  Policy policy = SnapshotBody(task, actor.leaves(), hidden_layers);
  policy.distribution = ActionDistribution::kTanhGaussian;
  policy.mean = SnapshotLayers(actor.leaves(), 2 * hidden_layers, 1)[0];
  policy.log_std = SnapshotLayers(actor.leaves(), 2 * hidden_layers + 2, 1)[0];
  policy.log_std_min = log_std_min;
  policy.log_std_max = log_std_max;
  return policy;
}

Policy SnapshotTanhActor(const Task& task, const ParameterSet& actor, std::size_t hidden_layers) {
  Policy policy = SnapshotBody(task, actor.leaves(), hidden_layers);
  policy.distribution = ActionDistribution::kTanh;
  policy.mean = SnapshotLayers(actor.leaves(), 2 * hidden_layers, 1)[0];
  return policy;
}

Policy SnapshotFreeDeviation(const Task& task, const ParameterSet& actor, std::size_t hidden_layers,
                             bool squash_mean, double log_std_min, double log_std_max) {
  Policy policy = SnapshotTanhActor(task, actor, hidden_layers);
  policy.distribution =
      squash_mean ? ActionDistribution::kClippedTanhGaussian : ActionDistribution::kClippedGaussian;
  const at::Tensor& log_std = actor.leaves().back();
  policy.log_std =
      SnapshotLayer(at::zeros({log_std.size(0), policy.mean.weight.cols()}, log_std.options()), log_std);
  policy.log_std_min = log_std_min;
  policy.log_std_max = log_std_max;
  return policy;
}

}  // namespace strider::nn
