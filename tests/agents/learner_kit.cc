#include "tests/agents/learner_kit.h"

#include <algorithm>
#include <stdexcept>

namespace strider {

Task BoxTask(int observations, int actions, std::uint64_t seed) {
  Task task;
  task.observation_size = observations;
  task.action_space = UniformBox(actions, -1, 1);
  task.seed = seed;
  return task;
}

Task DiscreteTask(int observations, int actions, std::uint64_t seed) {
  Task task;
  task.observation_size = observations;
  task.action_space = Discrete{actions};
  task.seed = seed;
  return task;
}

at::Tensor Normal(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, MakeGenerator(at::kCPU, seed), at::TensorOptions().dtype(at::kFloat));
}

TransitionBatch RandomBatch(int observations, int actions, std::int64_t rows, std::uint64_t seed) {
  at::Generator random = MakeGenerator(at::kCPU, seed);
  const auto options = at::TensorOptions().dtype(at::kFloat);
  TransitionBatch batch;
  batch.indices = at::arange(rows, at::kLong);
  batch.observations = at::randn({rows, observations}, random, options);
  batch.actions = at::rand({rows, actions}, random, options) * 2 - 1;
  batch.rewards = at::randn({rows}, random, options);
  batch.next_observations = at::randn({rows, observations}, random, options);
  batch.terminals = (at::rand({rows}, random, options) < 0.2).to(at::kFloat);
  return batch;
}

at::Tensor Named(const std::vector<nn::NamedTensor>& tensors, const std::string& name) {
  const auto found = std::ranges::find(tensors, name, &nn::NamedTensor::first);
  if (found == tensors.end()) throw std::runtime_error("no tensor named " + name);
  return found->second;
}

at::Tensor State(const Agent& agent, const std::string& name) { return Named(agent.State(), name); }

void Assign(const Agent& agent, const std::string& name, std::initializer_list<float> values) {
  const at::Tensor target = State(agent, name);
  target.copy_(at::tensor(at::ArrayRef<float>(values)).view(target.sizes()));
}

double Metric(const Agent& agent, const std::string& name) {
  return Named(agent.metrics(), name).item<double>();
}

std::vector<nn::NamedTensor> NamedGradients(const nn::ParameterSet& parameters, const std::string& prefix) {
  std::vector<nn::NamedTensor> gradients;
  for (std::size_t i = 0; i < parameters.leaves().size(); ++i) {
    const at::Tensor gradient = parameters.grad(i);
    const std::string& name = parameters.names()[i];
    if (!name.starts_with('*')) {
      gradients.emplace_back(prefix + "." + name, gradient);
      continue;
    }
    for (std::int64_t member = 0; member < gradient.size(0); ++member) {
      gradients.emplace_back(prefix + std::to_string(member + 1) + "." + name.substr(1), gradient[member]);
    }
  }
  return gradients;
}

std::vector<at::Tensor> Doubles(const nn::ParameterSet& parameters) {
  std::vector<at::Tensor> copies;
  for (const at::Tensor& leaf : parameters.leaves()) {
    copies.push_back(leaf.detach().to(at::kDouble).contiguous().requires_grad_(true));
  }
  return copies;
}

double LargestDifference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) throw std::runtime_error("tensors of different shapes are compared");
  return LargestEntry(a.to(at::kDouble) - b.to(at::kDouble));
}

double LargestEntry(const at::Tensor& a) {
  return a.numel() == 0 ? 0 : a.detach().abs().max().to(at::kDouble).item<double>();
}

bool SameBits(const std::vector<nn::NamedTensor>& a, const std::vector<nn::NamedTensor>& b) {
  return std::ranges::equal(a, b, [](const nn::NamedTensor& x, const nn::NamedTensor& y) {
    return x.first == y.first && at::equal(x.second, y.second);
  });
}

at::Tensor ReferenceMlp(const std::vector<at::Tensor>& parameters, const at::Tensor& x,
                        at::Tensor (*activation)(const at::Tensor&)) {
  at::Tensor h = x;
  for (std::size_t i = 0; i + 1 < parameters.size(); i += 2) {
    h = at::matmul(h, parameters[i].transpose(-1, -2)) + parameters[i + 1];
    if (i + 2 < parameters.size()) h = activation(h);
  }
  return h;
}

}  // namespace strider
