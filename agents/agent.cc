#include "agents/agent.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace strider {

int ContinuousActionSize(const Task& task) {
  if (!std::holds_alternative<Box>(task.action_space)) {
    throw InputError("this agent needs continuous actions, but the environment's are discrete");
  }
  return task.action_size();
}

int DiscreteActions(const Task& task) {
  const auto* discrete = std::get_if<Discrete>(&task.action_space);
  if (discrete == nullptr) {
    throw InputError("this agent needs discrete actions, but the environment's are continuous");
  }
  return discrete->n;
}

void CheckLogStdRange(double log_std_min, double log_std_max) {
  if (log_std_min <= log_std_max) return;
  throw InputError("agent.log_std_min = {} is above agent.log_std_max = {}; expected at most that",
                   log_std_min, log_std_max);
}

Agent::Agent(Task task)
    : task_(std::move(task)),
      random_(MakeGenerator(task_.device, StreamSeed(task_.seed, Purpose::kLearning))) {}

void Agent::Save(StateWriter& out) const {
  out.Put(updates_);
  const at::Tensor state = random_.get_state();
  out.PutSpan(std::span<const std::uint8_t>(state.const_data_ptr<std::uint8_t>(), state.numel()));
  for (const auto& [name, value] : metrics_) out.Put(value.item<double>());
  DoSave(out);
}

void Agent::Load(StateReader& in) {
  updates_ = in.Get<std::int64_t>();
  at::Tensor state = random_.get_state();
  in.GetSpan(std::span<std::uint8_t>(state.mutable_data_ptr<std::uint8_t>(), state.numel()));
  random_.set_state(state);
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    const auto value = in.Get<double>();
    metrics_[i].second = at::scalar_tensor(value, at::kDouble);
    reported_[i] = !std::isnan(value);  // a diverged learner is not saved
  }
  DoLoad(in);
}

std::optional<std::pair<std::string, double>> Agent::Divergence() const {
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    if (!reported_[i]) continue;
    const auto value = metrics_[i].second.item<double>();
    if (!std::isfinite(value)) return std::pair(metrics_[i].first, value);
  }
  return std::nullopt;
}

at::Tensor Agent::Noise(at::IntArrayRef shape) {
  return at::randn(shape, random_, at::TensorOptions().dtype(at::kFloat).device(task_.device));
}

void Agent::Declare(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    metrics_.emplace_back(name, at::scalar_tensor(std::numeric_limits<double>::quiet_NaN()));
    reported_.push_back(false);
  }
}

void Agent::Report(const std::string& name, const at::Tensor& value) {
  const auto found = std::ranges::find(metrics_, name, &Metrics::value_type::first);
  if (found == metrics_.end()) throw std::logic_error("metric " + name + " was not declared");
  found->second = value.detach();
  reported_[static_cast<std::size_t>(found - metrics_.begin())] = true;
}

}  // namespace strider
