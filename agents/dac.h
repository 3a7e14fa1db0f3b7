// DAC: the Double Actor-Critic architecture for learning options, Zhang and Whiteson, NeurIPS 2019 (arXiv
// 1904.12691), on PPO: what PMOE is compared with (PMOE sheet, section 8). After the paper and the authors'
// code; the sheet does not describe it.
#pragma once

#include <vector>

#include "agents/ppo.h"

namespace strider {

struct DacConfig {
  PpoConfig ppo;
  int options = 4;
  double option_entropy_coef = 0.01;

  Augmentation ObservationAugmentation() const { return {.options = options}; }

  template <class Visitor>
  void Visit(Visitor&& visit) {
    ppo.Visit(visit);
    visit("options", options, "K: Gaussians, each acting until it ends; 1 is PPO", InRange(1, 1024));
    visit("option_entropy_coef", option_entropy_coef,
          "weight of the entropy of the choice among options, a bonus; entropy_coef is that of the actions",
          AtLeast(0));
  }
};

// log pi_H(o | s, o_prev), (rows x K), of
//   pi_H = (1 - beta_{o_prev}(s)) 1[o = o_prev] + beta_{o_prev}(s) mu(o | s),
// mu the softmax of `choice` and beta the sigmoid of `end`; `previous` is one-hot, or all zeros at the start
// of an episode, where pi_H = mu. (rows x K) each.
at::Tensor OptionLogProbs(const at::Tensor& choice, const at::Tensor& end, const at::Tensor& previous);

// Two PPOs on two views of one experience. The high one's states are (s, o_prev), its actions options o drawn
// from pi_H, its values sum_o pi_H q(s, o); the low one's states are (s, o), its actions those of option o's
// Gaussian, its values q(s, o). Rewards are the same; both estimate their advantages before either learns,
// and which learns first is drawn anew for each rollout. Rows hold s and o_prev, action rows the action and o
// (AugmentedEnv), so that nobody has to remember anything.
//
// What the authors have otherwise: an option has body and mean of its own (here one body with K heads, as
// PMOE-PPO), means in tanh, deviations in softplus, 1e-5 added to probabilities, no clip of the value,
// returns without lambda, advantages standardised over a whole rollout, one Adam for all weights, and a drawn
// option where the rollout breaks off (here the mean over pi_H). With one option there is nothing to choose:
// this is PPO, to the bit.
class Dac : public OnPolicyAgent {
 public:
  using Config = DacConfig;

  // Throws InputError where the actions are discrete. REQUIRES: rows and actions with the configuration's
  // options.
  Dac(const Task& task, const Config& config);

  const RolloutConfig& rollout() const override { return config_.ppo.rollout; }
  void Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) override;
  Policy MakePolicy() const override;
  std::vector<nn::NamedTensor> State() const override;

  // Of observations with o_prev, and of actions with o.
  at::Tensor OptionLogProbs(const at::Tensor& observations) const;  // (rows x K) log pi_H
  at::Tensor ActionLogProb(const at::Tensor& observations,
                           const at::Tensor& actions) const;     // (rows) log pi_L
  at::Tensor Q(const at::Tensor& observations) const;            // (rows x K) q(s, .)
  at::Tensor OptionValue(const at::Tensor& observations) const;  // (rows) sum_o pi_H q, the high level's V

 private:
  enum class Level { kOptions, kActions };

  // What one level learns from, rows of a rollout.
  struct Experiences {
    Experience data;
    at::Tensor old_log_prob;     // (rows) of the level's own actions
    at::Tensor old_probability;  // (rows x K) pi_H
  };
  Experiences Judge(const Rollout& rollout, Level level) const;
  void Improve(Level level, const Experiences& all, double clip, double learning_rate);
  bool Step(Level level, const Experiences& batch, double clip, double learning_rate);
  // What the level's policy is like on some rows of a rollout.
  struct Stance {
    at::Tensor log_prob;  // (rows) of the level's own actions
    at::Tensor entropy;   // scalar, the mean; of the Gaussians by how often each acted
  };
  at::Tensor ActionLogProb(const at::Tensor& observations, const at::Tensor& actions,
                           const at::Tensor& log_std) const;
  Stance Look(Level level, const Experience& rows) const;
  void ReportOptions(const Experience& data);

  at::Tensor Own(const at::Tensor& observations) const;       // s
  at::Tensor Previous(const at::Tensor& observations) const;  // o_prev, one-hot
  at::Tensor Chosen(const at::Tensor& actions) const;         // (rows x 1) o
  at::Tensor Means(const at::Tensor& observations) const;     // (rows x K x actions)
  at::Tensor LogStd() const;                                  // (K x actions)

  Config config_;
  Task own_;     // the environment's part of a row, the actions of all options side by side
  Actor actor_;  // all options' Gaussians
  ValueFunction q_;
  nn::Mlp chooser_net_;  // logits of mu, then of beta
  nn::ParameterSet chooser_;
  nn::Adam actor_adam_;
  nn::Adam chooser_adam_;
  at::Tensor divergences_;  // of the latest minibatch, (rows)
};

}  // namespace strider
