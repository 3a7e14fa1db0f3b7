// HAC: hybrid actor-critic with tables. Zhou, Sekhari, Song and Sun, "Offline Data Enhanced On-Policy Policy
// Gradient with Provable Guarantees", ICLR 2024 (arXiv 2311.08384), algorithms 1 and 2.
#pragma once

#include <optional>
#include <vector>

#include "agents/hybrid_evaluation.h"
#include "agents/offline_rows.h"

namespace strider {

struct HacConfig {
  int rollout_steps = 1000;
  int offline_rows = 200;
  double eta = 4;
  EvaluationConfig evaluation;

  // States come as indicators.
  Augmentation ObservationAugmentation() const { return {.one_hot = true}; }

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit(
        "rollout_steps", rollout_steps,
        "steps of each environment between updates, rounded up to whole episodes where those have one length",
        InRange(1, 1e7));
    visit(
        "offline_rows", offline_rows,
        "the dataset's rows in one evaluation: for each step of an episode where those have one length, else "
        "in all",
        AtLeast(1));
    visit("eta", eta, "step length: the policy is multiplied by exp(eta Q)", Above(0));
    evaluation.Visit(visit);
  }
};

// Each update evaluates the policy by hybrid fitted evaluation, one number for each pair of state and action,
// from rollouts and, where there is one, a dataset, and then multiplies: pi(a|s) <- pi(a|s) exp(eta f(s,a)) /
// Z(s). What is evaluated and kept is the latest policy; the paper's guarantee is for the mixture of all.
class Hac final : public OnPolicyAgent {
 public:
  using Config = HacConfig;

  // `data`, whose observations are the numbers of states, may be null and must outlive the agent. Throws
  // InputError where observations or actions are not discrete, or the data's are none of them.
  Hac(const Task& task, Config config, const TransitionColumns* data);

  const RolloutConfig& rollout() const override { return rollout_; }
  bool evaluate_sampled() const override { return true; }
  void Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) override;
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override { return {{"logits", logits_}, {"critic", critic_}}; }

  // logits += eta * f, both (states x actions).
  void Multiply(const at::Tensor& f);
  at::Tensor Probabilities() const { return at::softmax(logits_, -1); }

 private:
  void DoSave(StateWriter& out) const override {
    if (offline_) offline_->Save(out);
  }
  void DoLoad(StateReader& in) override {
    if (offline_) offline_->Load(in);
  }

  // The states that rows of indicators show.
  std::vector<std::int64_t> StatesOf(const std::vector<float>& observations) const;
  OnPolicySamples OnPolicy(const Rollout& rollout) const;
  OfflineSamples Offline();
  // Indicators of the pairs of (rows) states and actions.
  FeatureRows Pairs(const std::vector<std::int64_t>& states, const std::vector<std::int64_t>& actions) const;

  Config config_;
  RolloutConfig rollout_;
  int states_;
  int actions_;
  at::Tensor logits_;  // (states x actions), on the host as all of it is
  at::Tensor critic_;  // (states x actions) f of the latest evaluation
  std::optional<OfflineRows> offline_;
};

}  // namespace strider
