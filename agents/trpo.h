// TRPO: Trust Region Policy Optimization, Schulman, Levine, Moritz, Jordan and Abbeel, ICML 2015
// (arXiv 1502.05477). Online baselines sheet, section 4.
#pragma once

#include <vector>

#include "agents/actor_critic.h"

namespace strider {

struct TrpoConfig {
  RolloutConfig rollout;
  std::vector<int> hidden{64, 64};
  double max_kl = 0.01;
  int cg_iterations = 15;
  double cg_damping = 0.1;
  int line_search_steps = 10;
  double line_search_shrinkage = 0.8;
  double value_lr = 1e-3;
  int value_epochs = 10;
  int value_batch = 128;
  double log_std_init = 0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    rollout.Visit(visit);
    visit("hidden", hidden, "widths of the hidden tanh layers of policy and value", InRange(1, 65536));
    visit("max_kl", max_kl, "delta: mean divergence that no step exceeds", Above(0));
    visit("cg_iterations", cg_iterations, "steps of the conjugate gradient method", AtLeast(1));
    visit("cg_damping", cg_damping, "multiple of the identity added to the Fisher matrix", AtLeast(0));
    visit("line_search_steps", line_search_steps, "step lengths tried before the policy stays as it is",
          AtLeast(1));
    visit("line_search_shrinkage", line_search_shrinkage, "each length tried is this times the one before",
          InRange(0.01, 0.99));
    visit("value_lr", value_lr, "Adam's step length for the value", Above(0));
    visit("value_epochs", value_epochs, "passes over the rollout for the value", AtLeast(1));
    visit("value_batch", value_batch, "rows in a value step; an incomplete last batch is dropped",
          AtLeast(1));
    visit("log_std_init", log_std_init, "initial natural logarithm of the action noise", InRange(-20, 2));
  }
};

// Each iteration takes one step that increases
//   L(theta) = mean[pi(a|s) / pi_old(a|s) A]   subject to   mean KL(pi || pi_old) < delta:
// along x = F^-1 grad L by conjugate gradients, F being the Fisher matrix, of length sqrt(2 delta / x^T F x)
// times the first power of the shrinkage that keeps the constraint and does increase L. The whole rollout is
// one batch. The value is then fitted to the returns.
class Trpo : public OnPolicyAgent {
 public:
  using Config = TrpoConfig;

  Trpo(const Task& task, Config config);

  const RolloutConfig& rollout() const override { return config_.rollout; }
  void Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) override;
  Policy MakePolicy() const override { return actor_.MakePolicy(); }
  std::vector<nn::NamedTensor> State() const override;

  // The policy's step on some rows. False where no length was good, and every parameter is what it was.
  bool StepPolicy(const at::Tensor& observations, const at::Tensor& actions, const at::Tensor& advantages);

  const Actor& actor() const { return actor_; }

 private:
  Config config_;
  Actor actor_;
  ValueFunction value_;
};

// Products with the Fisher matrix of a policy at some states: the Hessian of mean KL(pi || pi_old) where both
// are equal, plus `damping` times the identity. One graph serves them all.
class FisherMatrix {
 public:
  FisherMatrix(const Actor& actor, const at::Tensor& observations, double damping);
  at::Tensor operator*(const at::Tensor& vector) const;  // both flat

 private:
  std::vector<at::Tensor> leaves_;
  at::Tensor gradient_;  // of the divergence, flat, still tied to the parameters
  double damping_;
};

// x with F x = b by at most `iterations` steps from zero; stops at |F x - b|^2 < 1e-10.
template <class Matrix>
at::Tensor ConjugateGradient(const Matrix& matrix, const at::Tensor& b, int iterations) {
  at::Tensor x = at::zeros_like(b);
  at::Tensor residual = b.clone();
  at::Tensor direction = b.clone();
  at::Tensor square = residual.dot(residual);
  for (int i = 0; i < iterations && square.template item<double>() >= 1e-10; ++i) {
    const at::Tensor image = matrix * direction;
    const at::Tensor length = square / direction.dot(image);
    x = x + length * direction;
    residual = residual - length * image;
    const at::Tensor next = residual.dot(residual);
    direction = residual + (next / square) * direction;
    square = next;
  }
  return x;
}

}  // namespace strider
