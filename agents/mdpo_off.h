// Off-policy MDPO: Mirror Descent Policy Optimization, Tomar, Shani, Efroni and Ghavamzadeh, ICLR 2022
// (arXiv 2005.09814), with SAC as its special case c = lambda. Sections named below are those of the MDPO
// sheet.
#pragma once

#include <vector>

#include "agents/mdpo_off_base.h"
#include "agents/nn/heads.h"
#include "agents/nn/tsallis.h"

namespace strider {

// Policy: squashed Gaussian. One update minimises, with c = 1/t_k and entropy weight lambda (section 3.2),
//   E_{s ~ D, a ~ pi}[c log pi(a|s) + (lambda - c) log pi_k(a|s) - Q(s, a)]
// through a reparameterised action, pi_k being the policy of up to m updates ago, or for tsallis_q = q above
// 1
//   E_{s ~ D, a ~ pi}[c log_q pi(a|s) + q (lambda - c) log_q pi_k(a|s) - Q(s, a)]  (section 3.3); and fits
//   Q_i(s, a) <- r + gamma (1 - terminal) V_target(s'),   V(s) <- min_i Q_i(s, a) - lambda log pi(a|s),
// or, without the value network, the twin target critics' y = r + gamma (1 - terminal)
// (min_i Q_i'(s', a') - lambda log pi(a'|s')). With c = lambda the old policy drops out and this is SAC.
class MdpoOff : public MdpoOffBase {
 public:
  // Throws InputError where the action space is discrete, kl_coef < lambda, or densities have bounds of the
  // other logarithm.
  MdpoOff(const Task& task, const Config& config);

  // Random numbers of one update, standard normal, (batch x actions) each.
  struct UpdateNoise {
    at::Tensor action;       // a at s
    at::Tensor next_action;  // a' at s'; undefined with the value network
  };

  void Update(const TransitionBatch& batch) override;
  void Update(const TransitionBatch& batch, const UpdateNoise& noise);
  Policy MakePolicy() const override;

  // The policy's loss on a batch (rows of states) for given noise, Q and old policy as they stand; gradients
  // flow to the policy's parameters through the action into Q and into log pi_k.
  at::Tensor PolicyLoss(const at::Tensor& observations, const at::Tensor& noise, const at::Tensor& lambda);

 protected:
  // Actions drawn at some states.
  struct Draw {
    nn::GaussianHeads::Output heads;
    nn::SquashedSample sample;
    at::Tensor log_q;  // (rows) log_q pi(a|s): sample.log_prob where q is 1 and there is no floor
  };
  Draw SampleFrom(const nn::GaussianHeads::Output& heads, const at::Tensor& noise) const;
  Draw SamplePolicy(const at::Tensor& observations, const at::Tensor& noise) const;

  // Both critics of a set, (2 x batch).
  at::Tensor Q(const nn::ParameterSet& critic, const at::Tensor& observations,
               const at::Tensor& actions) const {
    return critics().Q(critic, observations, actions);
  }

  // Soft value of s', (batch): the target value network's or the twin target critics'. No gradients.
  at::Tensor NextValue(const TransitionBatch& batch, const at::Tensor& next_noise,
                       const at::Tensor& lambda) const;

 private:
  MdpoOff(const Task& task, const Config& config, nn::GaussianHeads policy_net);

  // The policy's loss of each row but for its -Q.
  at::Tensor EntropyLoss(const Draw& draw, const nn::GaussianHeads::Output& old, const at::Tensor& lambda);

  // The same, and the gradient of the whole loss by the policy's outputs, that of -Q by the action being
  // given.
  struct LossAndGradient {
    at::Tensor loss;
    nn::GaussianGradient gradient;
  };
  LossAndGradient PolicySlope(const Draw& draw, const nn::GaussianHeads::Output& old, const at::Tensor& noise,
                              const at::Tensor& lambda, const at::Tensor& of_action);
  void StepPolicy(const at::Tensor& observations, const nn::GaussianHeads::Pass& pass, const Draw& draw,
                  const at::Tensor& noise, const at::Tensor& lambda);
  nn::GaussianHeads::Output OldHeads(const at::Tensor& observations) const;
  bool clamped() const { return tsallis_.q != 1 || config().kl_density_floor > 0; }

  nn::TsallisOptions tsallis_;
  nn::GaussianHeads policy_net_;
};

// SAC (Haarnoja et al. 2018), Stable-Baselines3's settings, as the special case c = lambda of MdpoOff.
struct SacConfig {
  ReplayConfig replay;
  std::vector<int> hidden{256, 256};
  double discount = 0.99;
  double tau = 0.005;
  int target_interval = 1;
  double actor_lr = 3e-4;
  double critic_lr = 3e-4;
  double alpha_lr = 3e-4;
  double max_grad_norm = 0;
  double alpha = 1;
  bool alpha_auto = true;
  double target_entropy = -1;
  double discrete_target_entropy = 0.98;
  double squash_epsilon = 1e-6;
  double log_std_min = -20;
  double log_std_max = 2;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    replay.Visit(visit);
    visit("hidden", hidden, "widths of the hidden ReLU layers of actor and critics", InRange(1, 65536));
    visit("discount", discount, "discount factor per step", InRange(0, 1));
    visit("tau", tau, "how far the target critics move at a time", InRange(0, 1));
    visit("target_interval", target_interval, "updates between moves of the target critics", AtLeast(1));
    visit("actor_lr", actor_lr, "Adam's step length for the actor", Above(0));
    visit("critic_lr", critic_lr, "Adam's step length for the critics", Above(0));
    visit("alpha_lr", alpha_lr, "Adam's step length for log alpha", Above(0));
    visit("max_grad_norm", max_grad_norm, "bound on each network's gradient norm; 0: none", AtLeast(0));
    visit("alpha", alpha, "entropy weight, or its start where alpha_auto is on", Above(0));
    visit("alpha_auto", alpha_auto, "learn alpha so that the entropy becomes its target");
    visit("target_entropy", target_entropy, "what alpha_auto aims at, for each dimension of the action",
          WithContinuousActions(Finite()));
    visit("discrete_target_entropy", discrete_target_entropy,
          "what alpha_auto aims at with n actions, as a part of log n, the uniform policy's entropy",
          WithDiscreteActions(InRange(0, 1)));
    visit("squash_epsilon", squash_epsilon, "added inside log(1 - tanh^2); 0: the stable form",
          WithContinuousActions(AtLeast(0)));
    visit("log_std_min", log_std_min, "lower clamp of the policy's log deviation",
          WithContinuousActions(Finite()));
    visit("log_std_max", log_std_max, "upper clamp of the policy's log deviation",
          WithContinuousActions(Finite()));
  }

  MdpoOffConfig AsMdpo() const;
};

class Sac : public MdpoOff {
 public:
  using Config = SacConfig;
  Sac(const Task& task, const Config& config) : MdpoOff(task, config.AsMdpo()) {}
};

}  // namespace strider
