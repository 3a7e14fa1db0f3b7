// What agents that optimise the whole law of the return have in common (Pires et al. 2025; distributional DP
// sheet, sections 2 to 4): a stock c that observations carry, a utility f of stock plus return, and the
// choice of the initial stock.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agents/agent.h"
#include "agents/nn/quantiles.h"
#include "agents/planning/objective.h"

namespace strider {

struct StockConfig {
  std::string objective = "cvar:0.5";
  double stock_low = -10;
  double stock_high = 10;
  double stock_bound = 20;
  int edited_stocks = 0;
  bool use_stock = true;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("objective", objective,
          "what to make large, as in `strider plan`: cvar:TAU, mean-cvar:LAMBDA,TAU, target:Z, mean, "
          "utility:W-,W+[,C], oce:two-weight,W-,W+");
    visit("stock_low", stock_low, "training episodes start with stocks from here ...", Finite());
    visit("stock_high", stock_high, "... to here; the stock that is acted on in the end must lie between",
          Finite());
    visit("stock_bound", stock_bound, "no return is larger than this: stocks are clipped to it", Above(0));
    visit("edited_stocks", edited_stocks,
          "copies of each replayed transition with another stock, as if its episode had started from another",
          InRange(0, 1000));
    visit("use_stock", use_stock, "off: agent and policy see 0 for every stock, for comparison");
  }

  // A discrete observation, the time, and the stock. Throws InputError where the settings do not fit
  // together.
  Augmentation ObservationAugmentation(double discount) const;
};

class Stocks {
 public:
  // Throws InputError where the objective is no expected utility of two weights, where it starts from a stock
  // that training does not start with, or where observations carry no stock (those of a dataset do not).
  Stocks(const Task& task, const StockConfig& config, double discount);

  nn::Weights weights() const { return weights_; }

  // The stock of each row of observations, (rows), and rows of observations with another.
  at::Tensor Of(const at::Tensor& observations) const;
  at::Tensor With(const at::Tensor& observations, const at::Tensor& stock) const;

  // The batch, then edited copies of it: what happens does not depend on the stock, so that a transition at
  // time t is as good with c_t + discount^-t (c0' - c0) and what follows from it. The difference is that of
  // two initial stocks drawn at random.
  TransitionBatch Edited(const TransitionBatch& batch, at::Generator& random) const;

  // Keeps first observations of episodes, in which the initial stock is chosen.
  void RememberStarts(const TransitionBatch& batch);

  // Where the objective leaves the initial stock free: takes the best of many, max over c of -c + E f(c + G),
  // and then the best for the law of G that this one leads to. `quantiles` gives theta (rows x N) of the
  // action that the agent would take in each row.
  void Choose(const std::function<at::Tensor(const at::Tensor& observations)>& quantiles);
  const at::Tensor& initial() const { return initial_; }  // a scalar

  // As Agent::Warning: returns beyond the stock's bound, or an initial stock that would lie outside those of
  // training, several choices in a row.
  std::string Warning() const;

  // Adds what a policy needs to know of its stock.
  void Describe(Policy& policy) const;

  std::vector<nn::NamedTensor> State() const;

 private:
  planning::Objective objective_;
  nn::Weights weights_;
  StockRule rule_;
  int copies_;
  int max_episode_steps_;
  at::Tensor starts_;   // (kept x observations), the newest first; time is -1 in rows that are still empty
  at::Tensor initial_;  // the stock to start episodes with

  // What the latest choices, one after the other, have found to be out of bounds.
  struct Overstep {
    int times = 0;
    double by = 0;  // the latest one's number
  };
  Overstep saturated_;
  Overstep at_edge_;
};

}  // namespace strider
