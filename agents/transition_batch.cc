#include "agents/transition_batch.h"

#include <ATen/Context.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "agents/nn/host_memory.h"
#include "core/error.h"

namespace strider {
namespace {

// The columns of a batch, the last of which may be undefined.
std::array<at::Tensor*, 6> Columns(TransitionBatch& batch) {
  return {&batch.observations,      &batch.actions,   &batch.rewards,
          &batch.next_observations, &batch.terminals, &batch.next_actions};
}

// The named rows of a column. On the CPU a loop: a batch is a few kilobytes.
at::Tensor Rows(const at::Tensor& column, const at::Tensor& indices) {
  if (!column.is_cpu()) return column.index_select(0, indices);
  const std::int64_t rows = indices.size(0);
  const std::int64_t width = column.dim() == 1 ? 1 : column.size(1);
  at::Tensor chosen =
      column.dim() == 1 ? at::empty({rows}, column.options()) : at::empty({rows, width}, column.options());
  const auto* const row = indices.const_data_ptr<std::int64_t>();
  const float* const from = column.const_data_ptr<float>();
  float* to = chosen.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < rows; ++i, to += width) std::copy_n(from + row[i] * width, width, to);
  return chosen;
}

}  // namespace

RowDraws::RowDraws(at::Device device, std::uint64_t seed) : numbers_(Pcg64(seed)) {
  if (!device.is_cpu()) on_device_ = MakeGenerator(device, seed);
}

at::Tensor RowDraws::Next(std::int64_t batch, std::int64_t rows) {
  if (!on_device_.defined()) {
    at::Tensor indices = at::empty({batch}, at::kLong);
    numbers_.Sample(static_cast<std::size_t>(rows),
                    {indices.mutable_data_ptr<std::int64_t>(), static_cast<std::size_t>(batch)});
    return indices;
  }
  constexpr std::size_t kSeeds = std::size_t{1} << 62;
  std::int64_t seed = 0;
  numbers_.Sample(kSeeds, {&seed, 1});
  on_device_.set_current_seed(static_cast<std::uint64_t>(seed));
  return at::randint(rows, {batch}, on_device_,
                     at::TensorOptions().dtype(at::kLong).device(on_device_.device()));
}

BatchSampler::BatchSampler(const TransitionColumns& columns, at::Device device, std::uint64_t seed)
    : rows_(device, seed) {
  host_.observations = nn::OverHostMemory(columns.observations, {columns.capacity, columns.observation_size});
  host_.actions = nn::OverHostMemory(columns.actions, {columns.capacity, columns.action_size});
  host_.rewards = nn::OverHostMemory(columns.rewards, {columns.capacity});
  host_.next_observations =
      nn::OverHostMemory(columns.next_observations, {columns.capacity, columns.observation_size});
  host_.terminals = nn::OverHostMemory(columns.terminals, {columns.capacity});
  if (!columns.next_actions.empty()) {
    host_.next_actions = nn::OverHostMemory(columns.next_actions, {columns.capacity, columns.action_size});
  }
  all_ = host_;
  if (!device.is_cpu()) {
    for (at::Tensor* column : Columns(all_)) {
      if (column->defined()) *column = column->to(device);
    }
  }
}

void BatchSampler::Upload(std::int64_t first, std::int64_t count) {
  if (all_.rewards.device().is_cpu()) return;
  const auto from = Columns(host_);
  const auto to = Columns(all_);
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (!to[i]->defined()) continue;
    to[i]->narrow(0, first, count).copy_(from[i]->narrow(0, first, count), /*non_blocking=*/true);
  }
}

TransitionBatch Mix(const TransitionBatch& logged, const TransitionBatch& replayed) {
  const auto both = [](const at::Tensor& a, const at::Tensor& b) {
    return a.defined() ? at::cat({a, b}) : at::Tensor();
  };
  return {at::cat({logged.indices, at::full_like(replayed.indices, -1)}),
          both(logged.observations, replayed.observations),
          both(logged.actions, replayed.actions),
          both(logged.rewards, replayed.rewards),
          both(logged.next_observations, replayed.next_observations),
          both(logged.terminals, replayed.terminals),
          both(logged.next_actions, replayed.next_actions)};
}

TransitionBatch BatchSampler::Sample(std::int64_t batch, std::int64_t rows) {
  return Gather(Draw(batch, rows));
}

TransitionBatch BatchSampler::Gather(const at::Tensor& indices) const {
  return {indices,
          Rows(all_.observations, indices),
          Rows(all_.actions, indices),
          Rows(all_.rewards, indices),
          Rows(all_.next_observations, indices),
          Rows(all_.terminals, indices),
          all_.next_actions.defined() ? Rows(all_.next_actions, indices) : at::Tensor()};
}

at::Generator MakeGenerator(at::Device device, std::uint64_t seed) {
  if (device.is_cuda()) at::globalContext().lazyInitDevice(c10::DeviceType::CUDA);
  at::Generator generator = at::globalContext().defaultGenerator(device).clone();
  generator.set_current_seed(seed);
  return generator;
}

void SaveGenerator(StateWriter& out, const at::Generator& generator) {
  const at::Tensor state = generator.get_state();
  out.PutSpan(std::span<const std::uint8_t>(state.const_data_ptr<std::uint8_t>(), state.numel()));
}

void LoadGenerator(StateReader& in, at::Generator& generator) {
  const auto bytes = in.GetVector<std::uint8_t>();
  at::Tensor state = generator.get_state();
  if (static_cast<std::int64_t>(bytes.size()) != state.numel()) return;
  std::ranges::copy(bytes, state.mutable_data_ptr<std::uint8_t>());
  generator.set_state(state);
}

at::Device ParseDevice(const std::string& text) {
  if (text == "cpu") return at::kCPU;
  constexpr std::string_view kPrefix = "cuda:";
  int index = 0;
  if (text != "cuda") {
    const char* end = text.data() + text.size();
    const char* digits = text.data() + std::min(kPrefix.size(), text.size());
    const auto [rest, error] = std::from_chars(digits, end, index);
    constexpr int kLast = 999;  // no machine has more
    const bool number = error == std::errc() && rest == end && index >= 0 && index <= kLast;
    if (!text.starts_with(kPrefix) || !number) {
      throw InputError("device '{}' is not known; expected cpu, cuda or cuda:N", text);
    }
  }
  if (!at::hasCUDA()) {
    throw InputError(
        "device '{}': this build has no CUDA or this machine no usable GPU driver; build with "
        "`cmake --preset cuda`, or use --device cpu",
        text);
  }
  const auto count = static_cast<int>(at::getNumGPUs());
  if (index >= count) throw InputError("device '{}': this machine shows {} GPUs", text, count);
  return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
}

}  // namespace strider
