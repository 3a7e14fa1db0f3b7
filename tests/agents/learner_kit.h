// What the tests of the learners have in common.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "agents/agent.h"

namespace strider {

// A task on the CPU with actions in [-1, 1].
Task BoxTask(int observations, int actions, std::uint64_t seed = 1);
Task DiscreteTask(int observations, int actions, std::uint64_t seed = 1);

// Standard normal numbers of a stream of the test's own, float32.
at::Tensor Normal(at::IntArrayRef shape, std::uint64_t seed);

// Normal states and rewards, uniform actions, a fifth of the rows terminal, rows numbered from 0.
TransitionBatch RandomBatch(int observations, int actions, std::int64_t rows, std::uint64_t seed);

// Standard normal observations, actions and rewards (whole numbers below `choices` for actions where that is
// above 0) of `steps` steps of `environments` environments; a tenth of the rows ends an episode, and every
// second one of those by the time limit.
Rollout RandomRollout(int observations, int actions, int choices, int steps, int environments,
                      std::uint64_t seed);

// The tensor of that name; throws std::runtime_error where there is none.
at::Tensor Named(const std::vector<nn::NamedTensor>& tensors, const std::string& name);
at::Tensor State(const Agent& agent, const std::string& name);

// Overwrites a tensor of the agent's state with `values` in row-major order.
void Assign(const Agent& agent, const std::string& name, std::initializer_list<float> values);

// A metric as a number; throws std::runtime_error where the agent has none of that name.
double Metric(const Agent& agent, const std::string& name);

// The gradients a set holds, named as ParameterSet::Named names its parameters.
std::vector<nn::NamedTensor> NamedGradients(const nn::ParameterSet& parameters, const std::string& prefix);

// Copies of the parameters in double with gradients on, in order.
std::vector<at::Tensor> Doubles(const nn::ParameterSet& parameters);

// max |a - b|, in double; throws where the shapes differ.
double LargestDifference(const at::Tensor& a, const at::Tensor& b);

// max |a|.
double LargestEntry(const at::Tensor& a);

// Whether every tensor of both lists has the same name and the same bits.
bool SameBits(const std::vector<nn::NamedTensor>& a, const std::vector<nn::NamedTensor>& b);

// Whether two agents from `make(seed)` come to the same bits by the same `train(agent, first, last)`, updates
// first to last counted from 0, and whether one that is saved half-way into another agent goes on as if
// nothing had happened. Fails the test where not.
void ExpectSameBitsAndResume(const std::function<std::unique_ptr<Agent>(std::uint64_t seed)>& make,
                             const std::function<void(Agent&, int first, int last)>& train, int updates);

// d loss / d parameters as one flat tensor, by autograd; zero where the loss does not depend on one.
at::Tensor FlatGradient(const at::Tensor& loss, const std::vector<at::Tensor>& parameters);

// Linear layers with an activation between them, written apart from the kit under test. `parameters` are
// (weight, bias) pairs, the output layer last.
at::Tensor ReferenceMlp(const std::vector<at::Tensor>& parameters, const at::Tensor& x,
                        at::Tensor (*activation)(const at::Tensor&));

// d f / d parameters by central differences of step `h`, one entry after the other, as tensors of the
// parameters' shapes. The parameters are doubles and are left as they were.
template <class Function>
std::vector<at::Tensor> FiniteDifferences(const std::vector<at::Tensor>& parameters, const Function& f,
                                          double h) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& parameter : parameters) {
    at::Tensor gradient = at::empty(parameter.sizes(), at::kDouble);
    double* entries = parameter.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < parameter.numel(); ++i) {
      const double here = entries[i];
      entries[i] = here + h;
      const double above = f().template item<double>();
      entries[i] = here - h;
      const double below = f().template item<double>();
      entries[i] = here;
      gradient.mutable_data_ptr<double>()[i] = (above - below) / (2 * h);
    }
    gradients.push_back(gradient);
  }
  return gradients;
}

}  // namespace strider
