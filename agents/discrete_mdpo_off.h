// Off-policy MDPO for discrete actions, where expectations over actions are exact sums (MDPO sheet, section
// 3.5), and SAC as its special case c = lambda (Christodoulou 2019, arXiv 1910.07207).
#pragma once

#include "agents/mdpo_off.h"

namespace strider {

// Policy: categorical, logits by a perceptron. With c = 1/t_k and entropy weight lambda one update minimises
//   E_{s ~ D} sum_a pi(a|s) [c log pi(a|s) + (lambda - c) log pi_k(a|s) - Q(s, a)],
// whose minimum in each state is pi ~ pi_k^((c - lambda)/c) exp(Q/c), pi_k being the policy of up to m
// updates ago, or for tsallis_q = q above 1
//   E_{s ~ D} sum_a pi(a|s) [c log_q pi(a|s) + q (lambda - c) log_q pi_k(a|s) - Q(s, a)];  and fits
//   Q_i(s, a) <- r + gamma (1 - terminal) V'(s'),
//   V(s) = sum_a pi(a|s) [min_i Q_i(s, a) - lambda log_q pi(a|s)],
// V'(s') being what the target value network has learnt of V, or without it V(s') by the twin target critics.
// Q gives one number for each action of a state. MdpoOff's settings of densities have no part.
class DiscreteMdpoOff : public MdpoOffBase {
 public:
  // Throws InputError where the actions are not discrete or kl_coef < lambda.
  DiscreteMdpoOff(const Task& task, const Config& config);

  void Update(const TransitionBatch& batch) override;
  Policy MakePolicy() const override;

  // The policy's loss at rows of states, Q and old policy as they stand; policy().flat_grad() becomes its
  // gradient.
  at::Tensor PolicyLoss(const at::Tensor& observations, const at::Tensor& lambda);

  // V'(s'), (rows). No gradients.
  at::Tensor NextValue(const TransitionBatch& batch, const at::Tensor& lambda) const;

 private:
  DiscreteMdpoOff(const Task& task, const Config& config, nn::Mlp policy_net);

  // A policy at some states.
  struct Law {
    nn::ForwardPass pass;
    at::Tensor log_prob;  // (rows x n)
    at::Tensor prob;
  };
  Law LawAt(const nn::ParameterSet& policy, const at::Tensor& observations) const;

  // The same of each row, where the policy is `law`.
  at::Tensor PolicyLoss(const at::Tensor& observations, const Law& law, const at::Tensor& lambda);
  // V(s) by a set of critics, (rows). No gradients.
  at::Tensor SoftValue(const nn::ParameterSet& critic, const at::Tensor& observations, const Law& law,
                       const at::Tensor& lambda) const;
  void StepPolicy(const at::Tensor& observations, const Law& law, const at::Tensor& lambda);

  nn::Mlp policy_net_;
};

class DiscreteSac : public DiscreteMdpoOff {
 public:
  using Config = SacConfig;
  DiscreteSac(const Task& task, const Config& config) : DiscreteMdpoOff(task, config.AsMdpo()) {}
};

}  // namespace strider
