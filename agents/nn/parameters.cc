#include "agents/nn/parameters.h"

#include <ATen/core/grad_mode.h>

#include <numbers>
#include <numeric>

namespace strider::nn {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;

std::int64_t Count(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

}  // namespace

ParameterSet::ParameterSet(const std::vector<ParameterShape>& shapes, at::Device device) {
  std::int64_t total = 0;
  for (const ParameterShape& entry : shapes) {
    names_.push_back(entry.name);
    shapes_.push_back(entry.shape);
    total += Count(entry.shape);
  }
  flat_ = at::zeros({total}, at::TensorOptions().dtype(at::kFloat).device(device));
  MakeLeaves(/*with_gradients=*/true);
}

ParameterSet ParameterSet::FrozenClone() const {
  ParameterSet clone;
  clone.names_ = names_;
  clone.shapes_ = shapes_;
  clone.flat_ = flat_.clone();
  clone.MakeLeaves(/*with_gradients=*/false);
  return clone;
}

void ParameterSet::MakeLeaves(bool with_gradients) {
  if (with_gradients) flat_grad_ = at::zeros_like(flat_);
  std::int64_t offset = 0;
  for (const auto& shape : shapes_) {
    const std::int64_t count = Count(shape);
    at::Tensor leaf = flat_.narrow(0, offset, count).view(shape);
    if (with_gradients) {
      leaf.requires_grad_(true);
      gradients_.push_back(flat_grad_.narrow(0, offset, count).view(shape));
      leaf.mutable_grad() = gradients_.back();
    }
    leaves_.push_back(leaf);
    offset += count;
  }
}

void ParameterSet::Backward(const at::Tensor& loss, bool keep_graph) const {
  flat_grad_.zero_();
  loss.backward({}, keep_graph, /*create_graph=*/false, at::TensorList(leaves_));
}

void ParameterSet::Backward(const at::Tensor& output, const at::Tensor& gradient) const {
  flat_grad_.zero_();
  output.backward(gradient, /*retain_graph=*/false, /*create_graph=*/false, at::TensorList(leaves_));
}

void ParameterSet::CopyFrom(const ParameterSet& other) const {
  const at::NoGradGuard no_grad;
  flat_.copy_(other.flat_);
}

void ParameterSet::MoveTowards(const ParameterSet& online, double rate) const {
  const at::NoGradGuard no_grad;
  flat_.lerp_(online.flat_, rate);
}

std::vector<NamedTensor> ParameterSet::Named(const std::string& prefix, const std::string& suffix) const {
  std::vector<NamedTensor> named;
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    const at::Tensor plain = leaves_[i].detach();
    const bool ensemble = names_[i].starts_with('*');
    if (!ensemble) {
      named.emplace_back(prefix + suffix + "." + names_[i], plain);
      continue;
    }
    for (std::int64_t member = 0; member < plain.size(0); ++member) {
      named.emplace_back(prefix + std::to_string(member + 1) + suffix + "." + names_[i].substr(1),
                         plain[member]);
    }
  }
  return named;
}

void ClipGradientNorm(const ParameterSet& parameters, double max_norm) {
  if (max_norm == 0) return;
  const at::NoGradGuard no_grad;
  const at::Tensor norm = parameters.flat_grad().norm();
  parameters.flat_grad().mul_((max_norm / (norm + 1e-6)).clamp_max_(1.0));
}

Adam::Adam(const ParameterSet& parameters, double epsilon, double weight_decay)
    : epsilon_(epsilon),
      weight_decay_(weight_decay),
      first_moment_(at::zeros_like(parameters.flat())),
      second_moment_(at::zeros_like(parameters.flat())),
      step_(at::zeros({}, parameters.flat().options())) {}

void Adam::Step(const ParameterSet& parameters, double learning_rate) const {
  const at::NoGradGuard no_grad;
  step_.add_(1);
  at::_fused_adam_({parameters.flat()}, {parameters.flat_grad()}, {first_moment_}, {second_moment_}, {},
                   {step_}, learning_rate, kBeta1, kBeta2, weight_decay_, epsilon_, /*amsgrad=*/false,
                   /*maximize=*/false);
}

void Adam::CosineStep(const ParameterSet& parameters, double learning_rate, std::int64_t steps) const {
  const at::NoGradGuard no_grad;
  // From the step count on the device, so that a captured graph follows the schedule.
  const at::Tensor angle =
      (std::numbers::pi / static_cast<double>(steps) * step_.to(at::kDouble)).clamp_max(std::numbers::pi);
  const at::Tensor rate = (0.5 * learning_rate * (1 + at::cos(angle))).to(at::kFloat);
  step_.add_(1);
  at::_fused_adam_({parameters.flat()}, {parameters.flat_grad()}, {first_moment_}, {second_moment_}, {},
                   {step_}, rate, kBeta1, kBeta2, weight_decay_, epsilon_, /*amsgrad=*/false,
                   /*maximize=*/false);
}

std::vector<NamedTensor> Adam::Named(const std::string& prefix) const {
  return {{prefix + ".first_moment", first_moment_},
          {prefix + ".second_moment", second_moment_},
          {prefix + ".step", step_}};
}

std::vector<NamedTensor> Concatenate(std::initializer_list<std::vector<NamedTensor>> parts) {
  std::vector<NamedTensor> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace strider::nn
