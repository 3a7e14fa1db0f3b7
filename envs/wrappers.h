// What a learner may want between itself and a VectorEnv. Wrappers nest and refer to what they wrap:
//
//   VectorEnv envs(make, 64, pool);
//   RescaleActions rescaled(envs);
//   NormalizeObservations observed(rescaled, 10);
//   NormalizeRewards normalized(observed, 0.99, 10);
//   normalized.Step(actions);
//
// A wrapper offers what VectorEnv does; returns and lengths of episodes stay the environment's own. Stepping
// allocates no memory. Where an episode is cut by the time limit (truncated and not terminated),
// next_observations() holds what to bootstrap from.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "core/error.h"
#include "envs/normalizer.h"
#include "envs/vector_env.h"

namespace strider {

// Passes everything on. REQUIRES: `inner` outlives this object.
template <class Inner>
class VectorWrapper {
 public:
  explicit VectorWrapper(Inner& inner) : inner_(inner) {}

  int size() const { return inner_.size(); }
  const EnvSpec& spec() const { return inner_.spec(); }
  Autoreset autoreset() const { return inner_.autoreset(); }
  void Reset(std::uint64_t seed) { inner_.Reset(seed); }
  void Step(std::span<const float> actions) { inner_.Step(actions); }
  auto observations() const { return inner_.observations(); }
  auto next_observations() const { return inner_.next_observations(); }
  std::span<const double> rewards() const { return inner_.rewards(); }
  std::span<const std::uint8_t> terminated() const { return inner_.terminated(); }
  std::span<const std::uint8_t> truncated() const { return inner_.truncated(); }
  std::span<const double> episode_returns() const { return inner_.episode_returns(); }
  std::span<const int> episode_lengths() const { return inner_.episode_lengths(); }
  void Save(StateWriter& out) const { inner_.Save(out); }
  void Load(StateReader& in) { inner_.Load(in); }

 protected:
  const Inner& inner() const { return inner_; }

 private:
  Inner& inner_;
};

// Takes actions in [-1, 1] and hands them on in the box's bounds. What lies outside stays outside: the
// environment clips it or not. Throws InputError where the action space is no box.
template <class Inner>
class RescaleActions : public VectorWrapper<Inner> {
 public:
  explicit RescaleActions(Inner& inner) : VectorWrapper<Inner>(inner), spec_(inner.spec()) {
    const auto* box = std::get_if<Box>(&spec_.action_space);
    if (box == nullptr) throw InputError("actions of {} are discrete and cannot be rescaled", spec_.id);
    box_ = *box;
    spec_.action_space = UniformBox(spec_.action_size(), -1, 1);
    actions_.resize(static_cast<std::size_t>(inner.size() * spec_.action_size()));
  }

  const EnvSpec& spec() const { return spec_; }

  void Step(std::span<const float> actions) {
    if (actions.size() != actions_.size()) {
      throw InputError("{} action numbers given to {} environments {}; expected {}", actions.size(),
                       this->size(), spec_.id, actions_.size());
    }
    std::ranges::copy(actions, actions_.begin());
    ScaleToBox(box_, actions_);
    VectorWrapper<Inner>::Step(actions_);
  }

 private:
  EnvSpec spec_;
  Box box_;
  std::vector<float> actions_;  // (size x action), the environment's frame
};

// Observations less their running mean, by their running deviation, clipped. Every observation to act on is
// counted once, before it is scaled; final observations are scaled as the others are. The statistics are
// saved, and transform() is what a policy takes along.
template <class Inner>
class NormalizeObservations : public VectorWrapper<Inner> {
 public:
  NormalizeObservations(Inner& inner, double clip)
      : VectorWrapper<Inner>(inner), moments_(inner.spec().observation_size()), clip_(clip) {
    observations_.resize(inner.observations().size());
    next_observations_.resize(observations_.size());
    moments_.WriteTransform(clip_, transform_);
  }

  void Reset(std::uint64_t seed) {
    VectorWrapper<Inner>::Reset(seed);
    Observe();
  }

  void Step(std::span<const float> actions) {
    VectorWrapper<Inner>::Step(actions);
    Observe();
  }

  std::span<const float> observations() const { return observations_; }            // (size x obs)
  std::span<const float> next_observations() const { return next_observations_; }  // (size x obs)
  const ObservationTransform& transform() const { return transform_; }

  void Save(StateWriter& out) const {
    VectorWrapper<Inner>::Save(out);
    moments_.Save(out);
  }

  void Load(StateReader& in) {
    VectorWrapper<Inner>::Load(in);
    moments_.Load(in);
    Scale();
  }

 private:
  void Observe() {
    moments_.Update(this->inner().observations());
    Scale();
  }

  void Scale() {
    moments_.WriteTransform(clip_, transform_);
    transform_.Apply(this->inner().observations(), observations_);
    transform_.Apply(this->inner().next_observations(), next_observations_);
  }

  RunningMoments moments_;
  double clip_;
  ObservationTransform transform_;
  std::vector<float> observations_;
  std::vector<float> next_observations_;
};

// Rewards by the running deviation of the discounted return, clipped (see RewardScaler). Throws InputError
// for Autoreset::kNextStep, where some rows are no transitions.
template <class Inner>
class NormalizeRewards : public VectorWrapper<Inner> {
 public:
  NormalizeRewards(Inner& inner, double discount, double clip)
      : VectorWrapper<Inner>(inner),
        scaler_(inner.size(), discount, clip),
        rewards_(static_cast<std::size_t>(inner.size())),
        ended_(rewards_.size()) {
    if (inner.autoreset() != Autoreset::kSameStep) {
      throw InputError("rewards are normalised only where environments are reset in the same step");
    }
  }

  void Reset(std::uint64_t seed) {
    VectorWrapper<Inner>::Reset(seed);
    scaler_.Restart();
    std::ranges::fill(rewards_, 0.0);
  }

  void Step(std::span<const float> actions) {
    VectorWrapper<Inner>::Step(actions);
    std::ranges::copy(this->inner().rewards(), rewards_.begin());
    for (std::size_t i = 0; i < ended_.size(); ++i) ended_[i] = this->terminated()[i] | this->truncated()[i];
    scaler_.Scale(rewards_, ended_);
  }

  std::span<const double> rewards() const { return rewards_; }  // (size)

  void Save(StateWriter& out) const {
    VectorWrapper<Inner>::Save(out);
    scaler_.Save(out);
    out.PutSpan(rewards());
  }

  void Load(StateReader& in) {
    VectorWrapper<Inner>::Load(in);
    scaler_.Load(in);
    in.GetSpan(std::span(rewards_));
  }

 private:
  RewardScaler scaler_;
  std::vector<double> rewards_;
  std::vector<std::uint8_t> ended_;  // (size)
};

}  // namespace strider
