// The natural-gradient step that TRPO, HNPG and whoever else take in common.
#pragma once

#include <vector>

#include "agents/actor_critic.h"

namespace strider {

struct TrustRegionConfig {
  double max_kl = 0.01;
  int cg_iterations = 15;
  double cg_damping = 0.1;
  int line_search_steps = 10;
  double line_search_shrinkage = 0.8;
  double accept_ratio = 0;
  bool kl_constraint = true;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_kl", max_kl, "delta: mean divergence that the longest step reaches", Above(0));
    visit("cg_iterations", cg_iterations, "steps of the conjugate gradient method", AtLeast(1));
    visit("cg_damping", cg_damping, "multiple of the identity added to the Fisher matrix", AtLeast(0));
    visit("line_search_steps", line_search_steps, "step lengths tried before the policy stays as it is",
          AtLeast(1));
    visit("line_search_shrinkage", line_search_shrinkage, "each length tried is this times the one before",
          InRange(0.01, 0.99));
    visit("accept_ratio", accept_ratio,
          "a step is good where it gains, and more than this times what the gradient promises",
          InRange(0, 0.99));
    visit("kl_constraint", kl_constraint, "a step is good only where its mean divergence is below max_kl");
  }
};

// What a step is to increase: the mean over rows of weight * pi(a|s) / pi_old(a|s) * advantage.
struct PolicyRows {
  at::Tensor observations;  // (rows x observations)
  at::Tensor actions;       // (rows x actions)
  at::Tensor advantages;    // (rows)
  at::Tensor weights = {};  // (rows) of sum 1; undefined: 1/rows each
};

struct TrustRegionStep {
  double fraction = 0;  // of the longest step; 0: no length was good, and every parameter is what it was
  double kl = 0;        // mean KL(pi || pi_old)
  double gain = 0;      // of the surrogate; NaN where there is no direction, its numbers not being finite
};

// Takes one step that increases the surrogate
//   L(theta) = mean[pi(a|s) / pi_old(a|s) A]   subject to   mean KL(pi || pi_old) < delta
// along x = F^-1 grad L by conjugate gradients, F being the damped Fisher matrix, of length
// sqrt(2 delta / x^T F x) times the first power of the shrinkage that is good. Where the surrogate, its
// gradient or x^T F x is not finite no step is taken and the gain is NaN, so that a learner that reports it
// is seen to diverge instead of standing still.
TrustRegionStep StepInTrustRegion(const Actor& actor, const PolicyRows& rows,
                                  const TrustRegionConfig& config);

// Products with the Fisher matrix of a policy at some states: the Hessian of mean KL(pi || pi_old) where both
// are equal, plus `damping` times the identity. One graph serves them all. `weights` as PolicyRows has them.
class FisherMatrix {
 public:
  FisherMatrix(const Actor& actor, const at::Tensor& observations, double damping,
               const at::Tensor& weights = {});
  at::Tensor operator*(const at::Tensor& vector) const;  // both flat

 private:
  std::vector<at::Tensor> leaves_;
  at::Tensor gradient_;  // of the divergence, flat, still tied to the parameters
  double damping_;
};

// x with F x = b by at most `iterations` steps from zero (Stable-Baselines3 starts from noise of 1e-4); stops
// at |F x - b|^2 < 1e-10.
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
