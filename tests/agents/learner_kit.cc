#include "tests/agents/learner_kit.h"

#include <gtest/gtest.h>

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
  batch.next_actions = at::rand({rows, actions}, random, options) * 2 - 1;
  return batch;
}

Rollout RandomRollout(int observations, int actions, int choices, int steps, int environments,
                      std::uint64_t seed) {
  Pcg64 random(seed);
  Rollout rollout = MakeRollout(steps, environments, observations, actions);
  const auto fill = [&random](std::vector<float>& numbers) {
    for (float& x : numbers) x = static_cast<float>(random.StandardNormal());
  };
  fill(rollout.observations);
  fill(rollout.actions);
  if (choices > 0) {
    for (float& a : rollout.actions) a = static_cast<float>(random.Integers(0, choices));
  }
  fill(rollout.rewards);
  fill(rollout.last_observations);
  for (std::int64_t row = 0; row < rollout.rows(); ++row) {
    if (random.Random() > 0.1) continue;
    rollout.ended[static_cast<std::size_t>(row)] = 1;
    if (random.Random() < 0.5) rollout.truncated_rows.push_back(row);
  }
  rollout.truncated_observations.resize(rollout.truncated_rows.size() *
                                        static_cast<std::size_t>(observations));
  fill(rollout.truncated_observations);
  return rollout;
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
  const Metrics metrics = agent.metrics();
  const auto found = std::ranges::find(metrics, name, &Metrics::value_type::first);
  if (found == metrics.end()) throw std::out_of_range(name);
  return found->second;
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

void ExpectSameBitsAndResume(const std::function<std::unique_ptr<Agent>(std::uint64_t seed)>& make,
                             const std::function<void(Agent&, int first, int last)>& train, int updates) {
  const auto a = make(1);
  const auto b = make(1);
  const auto other = make(2);
  EXPECT_FALSE(SameBits(a->State(), other->State())) << "the seed changes nothing";
  train(*a, 0, updates);
  train(*b, 0, updates / 2);
  EXPECT_FALSE(SameBits(a->State(), b->State())) << "training changes nothing";

  StateWriter saved;
  b->Save(saved);
  const auto from = b->State();
  for (const auto& [name, tensor] : other->State()) tensor.copy_(Named(from, name));
  StateReader reader(saved.bytes());
  other->Load(reader);
  EXPECT_EQ(reader.remaining(), 0);
  EXPECT_EQ(other->updates(), updates / 2);

  train(*b, updates / 2, updates);
  EXPECT_TRUE(SameBits(a->State(), b->State())) << "the same seed gives other bits";
  train(*other, updates / 2, updates);
  EXPECT_TRUE(SameBits(a->State(), other->State())) << "the resumed agent goes another way";
  for (const auto& [name, value] : a->metrics()) {
    const double resumed = Metric(*other, name);
    EXPECT_TRUE(value == resumed || (std::isnan(value) && std::isnan(resumed))) << name << ": " << resumed;
  }
}

at::Tensor FlatGradient(const at::Tensor& loss, const std::vector<at::Tensor>& parameters) {
  for (const at::Tensor& parameter : parameters) parameter.mutable_grad() = at::Tensor();
  loss.backward({}, /*retain_graph=*/true, /*create_graph=*/false, at::TensorList(parameters));
  std::vector<at::Tensor> parts;
  for (const at::Tensor& parameter : parameters) {
    const at::Tensor& gradient = parameter.grad();
    parts.push_back(gradient.defined() ? gradient.reshape({-1})
                                       : at::zeros({parameter.numel()}, at::kDouble));
  }
  return at::cat(parts);
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
