// QR-DQN: Dabney, Rowland, Bellemare and Munos, "Distributional reinforcement learning with quantile
// regression", AAAI 2018. The whole law of the return is learnt; its mean decides.
#pragma once

#include "agents/deep_q.h"

namespace strider {

// How laws of returns are learnt.
struct QuantileConfig {
  int quantiles = 51;
  double kappa = 1;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("quantiles", quantiles, "N: equally likely returns that a law is made of", InRange(1, 10000));
    visit("kappa", kappa, "of Huber's loss: quadratic up to it, linear beyond", Above(0));
  }
};

struct QrDqnConfig : DeepQConfig {
  QuantileConfig quantile;
  bool time = false;

  Augmentation ObservationAugmentation() const { return {.one_hot = true, .time = time}; }

  template <class Visitor>
  void Visit(Visitor&& visit) {
    DeepQConfig::Visit(visit);
    quantile.Visit(visit);
    visit("time", time, "observe how much of the time limit is over, and take it for an end of the task");
  }
};

// One update fits the quantiles theta(s, a) of the taken actions to those of r + gamma (1 - terminal)
// theta'(s', a'), by quantile regression, a' being the action of the largest mean.
class QrDqn : public DeepQ {
 public:
  using Config = QrDqnConfig;

  // Throws InputError where the actions are not discrete.
  QrDqn(const Task& task, const Config& config) : QrDqn(task, config, config.quantile) {}

  // The mean is linear in the last layer: the policy is like DQN's.
  Policy MakePolicy() const override;

 protected:
  QrDqn(const Task& task, const DeepQConfig& config, QuantileConfig quantile)
      : DeepQ(task, config, quantile.quantiles), quantile_(quantile) {}

  at::Tensor Greedy(const at::Tensor& outputs, const at::Tensor& observations) const override;

 private:
  at::Tensor Losses(const at::Tensor& outputs, const at::Tensor& targets) const override;

  QuantileConfig quantile_;
};

}  // namespace strider
