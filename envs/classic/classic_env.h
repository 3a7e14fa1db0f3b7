// A classic environment's dynamics, written once, as a single environment and as a batch.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <limits>
#include <memory>
#include <vector>

#include "core/error.h"
#include "core/settings.h"
#include "envs/env.h"
#include "envs/env_batch.h"

namespace strider {

// What most of them have as settings.
struct ClassicConfig {
  int max_episode_steps = 0;
  double low = 0;
  double high = 0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps until an episode is truncated", AtLeast(1));
    visit("low", low, "start states are drawn uniformly from here", InRange(-1000, 1000));
    visit("high", high, "to here", InRange(-1000, 1000));
  }

  // Throws InputError where `low` is above `high`.
  void Check() const {
    if (low > high)
      throw InputError("env.low = {} is not accepted; expected at most env.high = {}", low, high);
  }
};

// One number of each of W environments that step side by side.
template <std::size_t W>
using Lanes = std::array<double, W>;

// What a step of W environments gave; the observation as N numbers, before they are rounded to float32.
template <std::size_t N, std::size_t W>
struct ClassicOutcome {
  std::array<Lanes<W>, N> observation;
  Lanes<W> reward;
  std::array<bool, W> terminated;
};

// The rules of one environment. Its state is a row of numbers: first the physical state, which Env::State()
// shows, then whatever else the next step needs. Actions are one number. A step is written for W
// environments, number by number in lanes, so that the compiler vectorises its arithmetic; what a lane
// computes does not depend on W.
template <class D>
concept ClassicDynamics = requires(const D dynamics, typename D::Config config, Pcg64 random,
                                   std::span<const double> physical, std::span<double> observation,
                                   std::array<Lanes<1>, D::kState> lanes) {
  requires D::kPhysical <= D::kState;
  { D::Spec(std::string_view(), config) } -> std::same_as<EnvSpec>;
  // From the options. Throws InputError where they do not fit together.
  D(config);
  // Draws a start state and writes its observation.
  { dynamics.Start(random, observation) } -> std::same_as<typename D::State>;
  // The state with the given physical part.
  { dynamics.Resume(physical) } -> std::same_as<typename D::State>;
  // Advances.
  { dynamics.Step(lanes, std::array<float, 1>()) } -> std::same_as<ClassicOutcome<D::kObservation, 1>>;
  { dynamics.Step(lanes, std::array<double, 1>()) } -> std::same_as<ClassicOutcome<D::kObservation, 1>>;
};

// The values rounded to float32, as Gymnasium's classic environments return them.
inline void WriteRounded(std::span<const double> values, std::span<double> row) {
  std::ranges::transform(values, row.begin(),
                         [](double x) { return static_cast<double>(static_cast<float>(x)); });
}

// Box bounds as Gymnasium's: rounded to float32.
inline Box RoundedBox(std::span<const double> low, std::span<const double> high) {
  Box box{{low.begin(), low.end()}, {high.begin(), high.end()}};
  WriteRounded(box.low, box.low);
  WriteRounded(box.high, box.high);
  return box;
}

// Steps W environments, of which state(k, i) is number k of lane i, and writes their rows.
template <std::size_t W, ClassicDynamics D, class StateAt, class Real>
void StepLanes(const D& dynamics, const StateAt& state, std::span<const Real, W> actions,
               std::span<double, W * D::kObservation> observations, std::span<double, W> rewards,
               std::span<std::uint8_t, W> terminated) {
  std::array<Lanes<W>, D::kState> lanes;
  std::array<Real, W> lane_actions;
  for (std::size_t k = 0; k < D::kState; ++k) {
    for (std::size_t i = 0; i < W; ++i) lanes[k][i] = state(k, i);
  }
  std::ranges::copy(actions, lane_actions.begin());
  const ClassicOutcome<D::kObservation, W> outcome = dynamics.Step(lanes, lane_actions);
  for (std::size_t k = 0; k < D::kState; ++k) {
    for (std::size_t i = 0; i < W; ++i) state(k, i) = lanes[k][i];
  }
  for (std::size_t i = 0; i < W; ++i) {
    for (std::size_t k = 0; k < D::kObservation; ++k) {
      observations[i * D::kObservation + k] =
          static_cast<double>(static_cast<float>(outcome.observation[k][i]));
    }
  }
  std::ranges::copy(outcome.reward, rewards.begin());
  std::ranges::copy(outcome.terminated, terminated.begin());
}

// Many of one environment: the states lie in columns, one for each number of the state.
template <ClassicDynamics D>
class ClassicBatch final : public EnvBatch {
 public:
  ClassicBatch(const EnvSpec& spec, const D& dynamics, std::size_t size)
      : spec_(spec), dynamics_(dynamics), random_(size, Pcg64(0)), elapsed_steps_(size, 0) {
    for (std::vector<double>& column : columns_) column.resize(size);
  }

  void Reset(std::size_t index, std::uint64_t seed, std::span<double> observation) override {
    random_[index] = Pcg64(seed);
    Reset(index, observation);
  }

  void Reset(std::size_t index, std::span<double> observation) override {
    elapsed_steps_[index] = 0;
    const auto state = dynamics_.Start(random_[index], observation);
    for (std::size_t k = 0; k < D::kState; ++k) columns_[k][index] = state[k];
  }

  void Step(std::size_t begin, std::size_t end, std::span<const float> actions,
            const BatchRows& rows) override {
    CheckActions(spec_, ActionRow(actions.subspan(begin, end - begin)));
    std::size_t i = begin;
    for (; i + kLanes <= end; i += kLanes) StepFrom<kLanes>(i, actions, rows);
    for (; i < end; ++i) StepFrom<1>(i, actions, rows);
    for (i = begin; i < end; ++i) {
      rows.truncated[i] = ++elapsed_steps_[i] >= spec_.max_episode_steps ? 1 : 0;
    }
  }

  void Save(StateWriter& out) const override {
    out.PutSpan(std::span<const char>(spec_.id));
    for (const auto& column : columns_) out.PutSpan(std::span<const double>(column));
    for (const Pcg64& random : random_) random.Save(out);
    out.PutSpan(std::span<const int>(elapsed_steps_));
  }

  void Load(StateReader& in) override {
    CheckSavedId(spec_, in);
    for (auto& column : columns_) in.GetSpan(std::span(column));
    for (Pcg64& random : random_) random.Load(in);
    in.GetSpan(std::span(elapsed_steps_));
  }

 private:
  static constexpr std::size_t kLanes = 16;

  template <std::size_t W>
  void StepFrom(std::size_t first, std::span<const float> actions, const BatchRows& rows) {
    StepLanes<W>(
        dynamics_, [&](std::size_t k, std::size_t i) -> double& { return columns_[k][first + i]; },
        actions.subspan(first).first<W>(),
        rows.observations.subspan(first * D::kObservation).template first<W * D::kObservation>(),
        rows.rewards.subspan(first).first<W>(), rows.terminated.subspan(first).first<W>());
  }

  EnvSpec spec_;
  D dynamics_;
  std::array<std::vector<double>, D::kState> columns_;  // each (size)
  std::vector<Pcg64> random_;                           // (size)
  std::vector<int> elapsed_steps_;                      // (size)
};

template <ClassicDynamics D>
class ClassicEnv final : public Env {
 public:
  using Config = typename D::Config;
  ClassicEnv(std::string_view id, const Config& config) : Env(D::Spec(id, config)), dynamics_(config) {}

  std::vector<double> State() const override { return {state_.begin(), state_.begin() + D::kPhysical}; }

  void SetState(std::span<const double> state) override {
    if (state.size() != D::kPhysical) {
      throw InputError("state of {} numbers given to {}; expected {}", state.size(), spec().id,
                       std::size_t{D::kPhysical});
    }
    state_ = dynamics_.Resume(state);
  }

  std::unique_ptr<EnvBatch> MakeBatch(std::size_t size) const override {
    return std::make_unique<ClassicBatch<D>>(spec(), dynamics_, size);
  }

 private:
  void DoReset(std::span<double> observation) override { state_ = dynamics_.Start(random(), observation); }

  StepResult DoStep(const ActionRow& action, std::span<double> observation) override {
    std::array<double, 1> reward;
    std::array<std::uint8_t, 1> terminated;
    const auto state = [this](std::size_t k, std::size_t) -> double& { return state_[k]; };
    action.Visit([&](auto row) {
      StepLanes<1>(dynamics_, state, row.template first<1>(), observation.first<D::kObservation>(),
                   std::span(reward), std::span(terminated));
    });
    return {reward[0], terminated[0] != 0, false};
  }

  void DoSave(StateWriter& out) const override { out.Put(state_); }
  void DoLoad(StateReader& in) override { state_ = in.Get<typename D::State>(); }

  D dynamics_;
  typename D::State state_{};
};

}  // namespace strider
