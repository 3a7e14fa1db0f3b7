#include "agents/stocks.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace strider {
namespace {

constexpr std::int64_t kStarts = 16;       // first observations that are kept
constexpr std::int64_t kCandidates = 401;  // initial stocks that are tried

// Columns from the end of a row.
constexpr std::int64_t kStockColumn = -kStockColumns;
constexpr std::int64_t kTimeColumn = kStockColumn - 1;

// discount^-t may grow beyond what single precision holds; the stock is clipped anyway.
constexpr double kLargest = 1e30;

planning::Objective Parse(const std::string& text) {
  planning::Objective objective = planning::ParseObjective(text);
  if (!objective.weights) {
    throw InputError(
        "agent.objective = '{}' cannot be learnt: the agent takes utilities of one number that are linear on "
        "either side of zero; expected cvar, mean-cvar, target, mean, utility or oce:two-weight",
        text);
  }
  return objective;
}

StockRule RuleOf(const Task& task) {
  if (!task.augmentation.stock || !task.augmentation.time) {
    throw InputError(
        "this agent carries a stock along the episodes that it acts in, and a dataset has none; expected "
        "--env ID without --dataset");
  }
  return *task.augmentation.stock;
}

}  // namespace

Augmentation StockConfig::ObservationAugmentation(double discount) const {
  if (!(discount > 0)) throw InputError("agent.discount = {}; expected a number in (0, 1]", discount);
  if (!(stock_low <= stock_high)) {
    throw InputError("agent.stock_low = {} is above agent.stock_high = {}; expected at most that", stock_low,
                     stock_high);
  }
  if (std::max(-stock_low, stock_high) > stock_bound) {
    throw InputError(
        "agent.stock_bound = {} is less than an initial stock from {} to {} may be; expected at least that",
        stock_bound, stock_low, stock_high);
  }
  return {.one_hot = true,
          .time = true,
          .stock = StockRule{discount, stock_low, stock_high, stock_bound, !use_stock}};
}

Stocks::Stocks(const Task& task, const StockConfig& config, double discount)
    : objective_(Parse(config.objective)),
      weights_{objective_.weights->below, objective_.weights->above},
      rule_(RuleOf(task)),
      copies_(config.edited_stocks),
      max_episode_steps_(task.max_episode_steps) {
  rule_.discount = discount;
  const double given = objective_.initial_stock[0];
  if (!objective_.chooses_stock && !(config.stock_low <= given && given <= config.stock_high)) {
    throw InputError(
        "agent.objective = '{}' starts from a stock of {}; expected agent.stock_low = {} and "
        "agent.stock_high = "
        "{} on either side of it, and agent.stock_bound = {} beyond them",
        config.objective, given, config.stock_low, config.stock_high, rule_.bound);
  }
  const auto options = at::TensorOptions().dtype(at::kFloat).device(task.device);
  starts_ = at::full({kStarts, task.observation_size}, -1, options);
  initial_ = at::full({}, given, options);
}

at::Tensor Stocks::Of(const at::Tensor& observations) const {
  return rule_.bound * observations.select(1, kStockColumn);
}

at::Tensor Stocks::With(const at::Tensor& observations, const at::Tensor& stock) const {
  const at::Tensor clipped = rule_.hidden ? at::zeros_like(stock) : stock.clamp(-rule_.bound, rule_.bound);
  const at::Tensor shown = at::stack({clipped / rule_.bound, clipped.sign() * clipped.abs().log1p()}, 1);
  return at::cat({observations.narrow(1, 0, observations.size(1) - kStockColumns), shown}, 1);
}

TransitionBatch Stocks::Edited(const TransitionBatch& batch, at::Generator& random) const {
  if (copies_ == 0) return batch;
  const std::int64_t rows = batch.rewards.size(0);
  const auto repeated = [&](const at::Tensor& column) {
    if (!column.defined()) return column;
    std::vector<std::int64_t> times(static_cast<std::size_t>(column.dim()), 1);
    times[0] = 1 + copies_;
    return column.repeat(times);
  };
  TransitionBatch all;
  all.indices = repeated(batch.indices);
  all.actions = repeated(batch.actions);
  all.rewards = repeated(batch.rewards);
  all.terminals = repeated(batch.terminals);
  all.discounts = repeated(batch.discounts);
  all.weights = repeated(batch.weights);
  const at::Tensor observations = repeated(batch.observations);

  const auto draw = [&] { return at::rand({copies_ * rows}, random, batch.rewards.options()); };
  const at::Tensor first = draw();
  const at::Tensor difference =
      at::cat({at::zeros({rows}, first.options()), (rule_.high - rule_.low) * (draw() - first)});
  const at::Tensor time = max_episode_steps_ * observations.select(1, kTimeColumn);
  const at::Tensor scale = at::pow(1 / rule_.discount, time).clamp_max(kLargest);
  const at::Tensor stock = Of(observations) + scale * difference;
  const at::Tensor after =
      (stock + all.rewards) /
      (all.discounts.defined() ? all.discounts : at::full_like(all.rewards, rule_.discount));
  all.observations = With(observations, stock);
  all.next_observations = With(repeated(batch.next_observations), after);
  return all;
}

void Stocks::RememberStarts(const TransitionBatch& batch) {
  if (!objective_.chooses_stock) return;
  // The batch's first observations before those kept, in order: no shape depends on how many there are.
  const at::Tensor rows = at::cat({batch.observations, starts_});
  const at::Tensor later = batch.observations.select(1, kTimeColumn) != 0;
  const at::Tensor last = at::cat({later, at::zeros({kStarts}, later.options())}).to(at::kInt);
  const at::Tensor order = at::argsort(last, /*stable=*/true, /*dim=*/0);
  starts_.copy_(rows.index_select(0, order.narrow(0, 0, kStarts)));
}

void Stocks::Choose(const std::function<at::Tensor(const at::Tensor&)>& quantiles) {
  const at::NoGradGuard no_grad;
  const at::Tensor kept = at::nonzero(starts_.select(1, kTimeColumn) == 0).squeeze(1);
  const std::int64_t count = kept.size(0);
  if (!objective_.chooses_stock || count == 0) return;
  const at::Tensor candidates = at::linspace(rule_.low, rule_.high, kCandidates, starts_.options());
  const at::Tensor stocks = candidates.repeat({count});
  const at::Tensor rows = starts_.index_select(0, kept).repeat_interleave(kCandidates, 0);
  const at::Tensor theta = quantiles(With(rows, stocks)).unflatten(0, {count, kCandidates});
  const at::Tensor values = nn::MeanUtility(theta, candidates, weights_).mean(0) - candidates;
  const auto best = values.argmax().item<std::int64_t>();

  const at::Tensor atoms = theta.select(1, best).flatten().to(at::kCPU, at::kDouble).contiguous();
  const auto size = static_cast<std::size_t>(atoms.size(0));
  planning::ReturnLaw law;
  law.atoms.assign(atoms.const_data_ptr<double>(), atoms.const_data_ptr<double>() + size);
  law.probabilities.assign(size, 1.0 / static_cast<double>(size));
  const double chosen = planning::BestStock(objective_, planning::Merged(std::move(law)));
  initial_.fill_(std::clamp(chosen, rule_.low, rule_.high));

  const auto largest = theta.abs().max().item<double>();
  saturated_ = largest > rule_.bound ? Overstep{saturated_.times + 1, largest} : Overstep();
  const bool at_edge = chosen < rule_.low || chosen > rule_.high;
  at_edge_ = at_edge ? Overstep{at_edge_.times + 1, chosen} : Overstep();
}

std::string Stocks::Warning() const {
  constexpr int kPatience = 5;  // what is foreseen at first means little
  if (saturated_.times >= kPatience) {
    return fmt::format(
        "returns of {:.4g} are foreseen, beyond agent.stock_bound = {:g}: stocks that are clipped to it may "
        "lead to wrong actions",
        saturated_.by, rule_.bound);
  }
  if (at_edge_.times >= kPatience) {
    return fmt::format(
        "the best initial stock would be {:.4g} by what is foreseen, and training starts episodes with {:g} "
        "to {:g}: widen agent.stock_low and agent.stock_high",
        at_edge_.by, rule_.low, rule_.high);
  }
  return {};
}

void Stocks::Describe(Policy& policy) const {
  policy.objective = objective_.name;
  policy.weight_below = static_cast<float>(weights_.below);
  policy.weight_above = static_cast<float>(weights_.above);
  policy.augmentation.stock->low = initial_.item<double>();
  policy.augmentation.stock->high = policy.augmentation.stock->low;
}

std::vector<nn::NamedTensor> Stocks::State() const {
  return {{"starts", starts_}, {"initial_stock", initial_}};
}

}  // namespace strider
