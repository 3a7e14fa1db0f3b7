#include "agents/agent.h"

#include <fmt/format.h>

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

namespace {

// Small float32 values on the CPU are looked at in place: this is done after every update there.
bool AllFinite(const at::Tensor& values) {
  if (values.device().is_cpu() && values.scalar_type() == at::kFloat && values.is_contiguous()) {
    const float* const first = values.const_data_ptr<float>();
    return std::all_of(first, first + values.numel(), [](float x) { return std::isfinite(x); });
  }
  return at::isfinite(values).all().item<bool>();
}

}  // namespace

Agent::Agent(Task task)
    : task_(std::move(task)),
      random_(MakeGenerator(task_.device, StreamSeed(task_.seed, Purpose::kLearning))) {}

void Agent::Save(StateWriter& out) const {
  out.Put(updates_);
  SaveGenerator(out, random_);
  for (const Reported& metric : reported_) out.Put(metric.Mean());
  DoSave(out);
}

void Agent::Load(StateReader& in) {
  updates_ = in.Get<std::int64_t>();
  LoadGenerator(in, random_);
  for (Reported& metric : reported_) {
    const auto value = in.Get<double>();
    // NaN: not reported, for a diverged learner is not saved.
    metric.values = std::isnan(value) ? at::Tensor() : at::scalar_tensor(value, at::kDouble);
    metric.weight = 1;
  }
  DoLoad(in);
}

double Agent::Reported::Mean() const {
  if (!values.defined()) return std::numeric_limits<double>::quiet_NaN();
  return weight * values.mean(at::kDouble).item<double>();
}

Metrics Agent::metrics() const {
  Metrics metrics;
  for (const Reported& metric : reported_) {
    metrics.emplace_back(metric.name, metric.Mean());
  }
  return metrics;
}

std::optional<std::pair<std::string, double>> Agent::Divergence() const {
  for (const Reported& metric : reported_) {
    if (!metric.values.defined() || AllFinite(metric.values)) continue;
    return std::pair(metric.name, metric.Mean());
  }
  return std::nullopt;
}

at::Tensor Agent::Noise(at::IntArrayRef shape) {
  return at::randn(shape, random_, at::TensorOptions().dtype(at::kFloat).device(task_.device));
}

void Agent::Declare(std::initializer_list<const char*> names) {
  for (const char* name : names) reported_.push_back({name, {}});
}

void Agent::Report(std::string_view name, const at::Tensor& values, double weight) {
  const auto found = std::ranges::find(reported_, name, &Reported::name);
  if (found == reported_.end()) throw std::logic_error(fmt::format("metric {} was not declared", name));
  found->values = values.requires_grad() ? values.detach() : values;
  found->weight = weight;
}

}  // namespace strider
