// Risk-sensitive continuous control with a stock: our extension of D-eta-N (deta_n.h), not a published
// method. TD3 whose networks see the stock, whose critics learn quantiles of the return, and whose actor
// maximises the utility of stock plus return.
#pragma once

#include <vector>

#include "agents/qr_dqn.h"
#include "agents/stocks.h"
#include "agents/td3.h"

namespace strider {

struct DetaTd3Config : Td3Config {
  QuantileConfig quantile;
  StockConfig stock;
  int stock_interval = 500;

  Augmentation ObservationAugmentation() const { return stock.ObservationAugmentation(discount); }

  template <class Visitor>
  void Visit(Visitor&& visit) {
    Td3Config::Visit(visit);
    quantile.Visit(visit);
    stock.Visit(visit);
    visit("stock_interval", stock_interval, "updates between choices of the initial stock", AtLeast(1));
  }
};

// Both critics are fitted, by quantile regression, to the quantiles of r + discount (1 - terminal) theta'(s',
// c', a'), theta' being those of the target critic that is worth less by mean_i f(c' + theta'_i), as TD3
// takes the lesser value. The actor's loss is -mean_i f(c + theta_i(s, c, pi(s, c))) under the first critic.
class DetaTd3 : public Td3 {
 public:
  using Config = DetaTd3Config;

  // Throws InputError where the actions are discrete or there is one quantile alone, or as Stocks does.
  DetaTd3(const Task& task, const Config& config);

  void Update(const TransitionBatch& batch) override;
  Policy MakePolicy() const override;
  std::string Warning() const override { return stocks_.Warning(); }
  std::vector<nn::NamedTensor> State() const override;

  const Stocks& stocks() const { return stocks_; }

 protected:
  at::Tensor TdTarget(const TransitionBatch& batch, const at::Tensor& next_action) const override;
  at::Tensor CriticLosses(const at::Tensor& q, const at::Tensor& target) const override;
  at::Tensor ActorLoss(const TransitionBatch& batch, const at::Tensor& action) override;

 private:
  DetaTd3Config config_;
  Stocks stocks_;
};

}  // namespace strider
