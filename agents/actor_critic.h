// What on-policy learners have in common: a policy, a value function, and what they make of a rollout.
#pragma once

#include <functional>
#include <vector>

#include "agents/agent.h"
#include "agents/nn/mlp.h"

namespace strider {

// The stochastic policy: a perceptron (tanh unless told otherwise) that gives the mean of a diagonal Gaussian
// for boxes, whose log deviation is a parameter of its own, or the logits of discrete actions. As a mixture
// (PMOE) it gives the means of several Gaussians, one expert after the other, and a router, one linear layer
// on the observation with parameters apart, gives the logits of their probabilities; or, where they are
// blended, what each counts for in the one Gaussian that acts.
class Actor {
 public:
  static constexpr int kNoMixture = 0;

  // Throws InputError where a mixture is asked for and the actions are discrete.
  Actor(const Task& task, const std::vector<int>& hidden, int experts = kNoMixture,
        nn::Activation activation = nn::Activation::kTanh, Blend blend = Blend::kNone);

  void Initialise(double log_std, const at::Generator& random,
                  nn::Initialisation how = nn::Initialisation::kOrthogonal);
  void InitialiseRouter(const at::Generator& random);  // mixtures only

  struct Outputs {
    at::Tensor mean;         // (rows x actions), logits (rows x n), or a mixture's (rows x experts x actions)
    at::Tensor log_std;      // (actions) or (experts x actions); undefined for discrete actions
    at::Tensor router = {};  // (rows x experts) logits; mixtures only
  };
  Outputs Evaluate(const at::Tensor& observations) const;
  at::Tensor LogProb(const at::Tensor& actions, const Outputs& outputs) const;  // (rows), a mixture's whole
  at::Tensor Kl(const Outputs& outputs, const Outputs& old) const;  // (rows), KL(outputs || old); no mixtures

  // (rows), or a scalar for one Gaussian. Of a mixture that is not blended, the mean entropy of its experts,
  // which is less than the mixture's own by at most log K.
  at::Tensor Entropy(const Outputs& outputs) const;

  // Gradients of a loss for policy and router.
  void Backward(const at::Tensor& loss) const;

  // Evaluate without a graph, and the gradients of a loss whose gradients by the outputs are given: by mean
  // (rows x actions) and log_std (actions), or by logits (rows x n) alone. No mixtures.
  nn::ForwardPass Run(const at::Tensor& observations) const {
    return net_.Run(parameters_.leaves(), observations);
  }
  void Backward(const nn::ForwardPass& pass, const at::Tensor& of_mean,
                const at::Tensor& of_log_std = {}) const;

  Policy MakePolicy() const;
  std::vector<nn::NamedTensor> State() const;

  bool discrete() const { return discrete_; }
  bool mixture() const { return experts_ != kNoMixture; }
  const nn::ParameterSet& parameters() const { return parameters_; }  // the perceptron's, then log_std
  const nn::ParameterSet& router() const { return router_; }          // mixtures only

 private:
  Task task_;
  bool discrete_;
  int experts_;
  Blend blend_;
  nn::Activation activation_;
  std::size_t hidden_layers_;
  nn::Mlp net_;
  nn::Mlp router_net_;
  nn::ParameterSet parameters_;
  nn::ParameterSet router_;
};

// Outputs that stay what they are while the policy is stepped.
Actor::Outputs Frozen(const Actor::Outputs& outputs);

// A rollout on the learner's device, with the values of the value function that saw it first.
struct Experience {
  at::Tensor observations;  // (rows x observations)
  at::Tensor actions;       // (rows x actions)
  at::Tensor values;        // (rows)
  at::Tensor advantages;    // (rows), as estimated
  at::Tensor returns;       // (rows) advantages + values

  // The named rows.
  Experience Select(const at::Tensor& rows) const;
};

// Advantages and returns of a rollout, without gradients, as memory of the device. `values` gives those of
// the rows (observations and actions are set), `ahead` those of the observations that follow the last step or
// that the time limit cut, where no action has been taken yet; (n) each.
Experience Judge(const Rollout& rollout, const RolloutConfig& config, at::Device device,
                 const std::function<at::Tensor(const Experience& rows)>& values,
                 const std::function<at::Tensor(const at::Tensor& observations)>& ahead);

// max((V - R)^2, (V_old + clip(V - V_old, +-clip) - R)^2), or (V - R)^2 where `clip` is 0; (rows) each.
at::Tensor ClippedErrors(const at::Tensor& value, const at::Tensor& old_value, const at::Tensor& returns,
                         double clip);

// (x - mean) / (deviation + 1e-8), the deviation with the number of entries in its denominator as in OpenAI's
// baselines; CleanRL's and Stable-Baselines3's PPO have one less there, 0.8 % of minibatches of 64.
at::Tensor Standardized(const at::Tensor& x);

// V(s): a perceptron (tanh unless told otherwise) with its Adam. With several outputs it is Q(s, .) of as
// many choices.
class ValueFunction {
 public:
  ValueFunction(const Task& task, const std::vector<int>& hidden, double adam_epsilon,
                nn::Activation activation = nn::Activation::kTanh, int outputs = 1);
  void Initialise(const at::Generator& random, nn::Initialisation how = nn::Initialisation::kOrthogonal);

  at::Tensor Value(const at::Tensor& observations) const;  // (rows), or (rows x outputs) of several

  // The next two and Fit are for one output. Advantages and returns of a rollout, without gradients.
  Experience Judge(const Rollout& rollout, const RolloutConfig& config) const;

  // Value without a graph, (rows x 1), and the gradient of a loss whose gradient by it (rows) is given.
  nn::ForwardPass Run(const at::Tensor& observations) const {
    return net_.Run(parameters_.leaves(), observations);
  }
  void Backward(const nn::ForwardPass& pass, const at::Tensor& of_value) const {
    net_.Backward(parameters_, pass, of_value.unsqueeze(-1));
  }

  // The mean of these rows' ClippedErrors.
  at::Tensor Loss(const Experience& batch, double clip) const;

  // How Fit steps.
  struct FitOptions {
    int epochs = 1;
    int batch = 1;
    double clip = 0;  // as Loss takes it
    double learning_rate = 0;
    double max_grad_norm = 0;  // bound on the gradient's norm; 0: none
  };

  // Passes over shuffled minibatches; an incomplete last one is dropped. The last loss.
  at::Tensor Fit(const Experience& data, const FitOptions& options, at::Generator& random) const;

  void Step(double learning_rate) const { adam_.Step(parameters_, learning_rate); }
  const nn::ParameterSet& parameters() const { return parameters_; }
  std::vector<nn::NamedTensor> State() const;

 private:
  nn::Mlp net_;
  nn::ParameterSet parameters_;
  nn::Adam adam_;
};

// The rows of shuffled minibatches of one pass; an incomplete last one is dropped, unless it is the only one.
std::vector<at::Tensor> Minibatches(std::int64_t rows, std::int64_t batch, at::Generator& random,
                                    at::Device device);

// Scales the gradients of several sets so that the norm of all together is at most `max_norm`.
void ClipJointGradientNorm(const std::vector<const nn::ParameterSet*>& sets, double max_norm);

}  // namespace strider
