// The weights of one network, in one piece of memory.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace strider::nn {

// A tensor with the name it has in files: "0.weight".
using NamedTensor = std::pair<std::string, at::Tensor>;

// Name and shape of one parameter to be.
struct ParameterShape {
  std::string name;
  std::vector<std::int64_t> shape;
};

// Parameters as views of one flat float32 tensor, gradients as views of another: copying a network, moving a
// target towards it, an optimiser step and a norm are one kernel each. What the parameters mean is the
// business of the network (Mlp and friends), which holds shapes only; so an online network, its target and
// its old copy are three ParameterSets of one network. Copies share memory, as tensors do; Clone does not.
class ParameterSet {
 public:
  ParameterSet() = default;
  // All zero. Gradients are on.
  ParameterSet(const std::vector<ParameterShape>& shapes, at::Device device);

  // An equal set in memory of its own, gradients off: a target network or an old policy.
  ParameterSet FrozenClone() const;

  const at::Tensor& operator[](std::size_t index) const { return leaves_[index]; }
  const std::vector<at::Tensor>& leaves() const { return leaves_; }
  const std::vector<std::string>& names() const { return names_; }
  const at::Tensor& flat() const { return flat_; }
  const at::Tensor& flat_grad() const { return flat_grad_; }  // undefined where gradients are off
  const std::vector<at::Tensor>& gradients() const { return gradients_; }  // its views, one a leaf
  const at::Tensor& grad(std::size_t index) const { return gradients_[index]; }
  at::Device device() const { return flat_.device(); }

  // flat_grad() becomes d loss / d parameters of this set alone; no other set's gradient is touched. Keeps
  // the graph where another backward pass through it follows.
  void Backward(const at::Tensor& loss, bool keep_graph = false) const;
  // The same from an output and d loss / d output, of its shape.
  void Backward(const at::Tensor& output, const at::Tensor& gradient) const;

  // this <- other. REQUIRES: equal shapes.
  void CopyFrom(const ParameterSet& other) const;

  // this <- rate * online + (1 - rate) * this (Polyak averaging).
  void MoveTowards(const ParameterSet& online, double rate) const;

  // Names with `prefix.` before them and plain tensors (no gradient), for files. An ensemble's parameter of
  // shape (members, ...) comes out as one slice a member: prefix1.0.weight, prefix2.0.weight. The tensors are
  // views: writing to them changes the set.
  std::vector<NamedTensor> Named(const std::string& prefix, const std::string& suffix = "") const;

 private:
  void MakeLeaves(bool with_gradients);

  std::vector<std::string> names_;
  std::vector<std::vector<std::int64_t>> shapes_;
  at::Tensor flat_;
  at::Tensor flat_grad_;
  std::vector<at::Tensor> leaves_;
  std::vector<at::Tensor> gradients_;
};

// Scales the gradient of a set so that its Euclidean norm is at most `max_norm`, 0 meaning any (PyTorch's
// clip_grad_norm_: the factor is max_norm / (norm + 1e-6) where that is below one). No synchronisation with
// the device.
void ClipGradientNorm(const ParameterSet& parameters, double max_norm);

// Adam (Kingma and Ba 2015) over the flat memory of one set, with PyTorch's placing of epsilon:
// w <- w - rate * m_hat / (sqrt(v_hat) + epsilon). Weight decay is L2: weight_decay * w joins the gradient.
class Adam {
 public:
  Adam() = default;
  explicit Adam(const ParameterSet& parameters, double epsilon = 1e-8, double weight_decay = 0);

  // One step along the gradient that the set holds.
  void Step(const ParameterSet& parameters, double learning_rate) const;

  // The same with the rate learning_rate (1 + cos(pi t / steps)) / 2 of step t, counted from 0; 0 from
  // t = steps on.
  void CosineStep(const ParameterSet& parameters, double learning_rate, std::int64_t steps) const;

  // First and second moments and the step count, for checkpoints (views).
  std::vector<NamedTensor> Named(const std::string& prefix) const;

 private:
  double epsilon_ = 1e-8;
  double weight_decay_ = 0;
  at::Tensor first_moment_;
  at::Tensor second_moment_;
  at::Tensor step_;  // float32 on the parameters' device, so that a captured graph counts on
};

// Lists of named tensors one after the other.
std::vector<NamedTensor> Concatenate(std::initializer_list<std::vector<NamedTensor>> parts);

}  // namespace strider::nn
