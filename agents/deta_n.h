// D-eta-N: deep distributional value iteration with a stock (Pires et al. 2025, arXiv 2501.13028), as
// restated in the distributional DP sheet, section 4.3: QR-DQN whose network sees the stock, and whose greedy
// action maximises the utility of stock plus return.
#pragma once

#include <vector>

#include "agents/qr_dqn.h"
#include "agents/stocks.h"

namespace strider {

struct DetaNConfig : DeepQConfig {
  QuantileConfig quantile;
  StockConfig stock;

  DetaNConfig();  // sheet, section 5

  Augmentation ObservationAugmentation() const { return stock.ObservationAugmentation(draws.discount); }

  template <class Visitor>
  void Visit(Visitor&& visit) {
    DeepQConfig::Visit(visit);
    quantile.Visit(visit);
    stock.Visit(visit);
  }
};

// theta_i(s, c, a), i = 1 ... N, are quantiles of the return G, not of c + G. The greedy action maximises
// mean_i f(c + theta_i(s, c, a)), the larger mean among equals; an update is QR-DQN's with that action and
// with c' = (c + r) / discount, which the environment carries along (AugmentedEnv).
class DetaN : public QrDqn {
 public:
  using Config = DetaNConfig;

  // Throws InputError where the actions are not discrete, or as Stocks does.
  DetaN(const Task& task, const Config& config);

  void Update(const TransitionBatch& batch) override;
  at::Tensor td_errors() const override { return QrDqn::td_errors().narrow(0, 0, replay().batch_size); }
  Policy MakePolicy() const override;
  std::string Warning() const override { return stocks_.Warning(); }
  std::vector<nn::NamedTensor> State() const override;

  const Stocks& stocks() const { return stocks_; }

 private:
  at::Tensor Greedy(const at::Tensor& outputs, const at::Tensor& observations) const override;
  void AfterTargetMove() override;

  Stocks stocks_;
};

}  // namespace strider
