// PRDC: Policy Regularization with Dataset Constraint, Ran et al., ICML 2023 (arXiv 2306.06569). Sections
// named below are those of the PRDC sheet.
#pragma once

#include <optional>
#include <vector>

#include "agents/td3.h"
#include "datasets/preparation.h"
#include "offline/neighbour_search.h"

namespace strider {

struct PrdcConfig {
  Td3Config td3;
  double alpha = 2.5;
  double beta = 2;
  int k = 1;
  bool normalize_states = true;
  RewardConfig rewards;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    td3.Visit(visit);
    visit("alpha", alpha, "weight of the Q term relative to the constraint", AtLeast(0));
    visit("beta", beta, "weight of the state in the search: large clones, 0 looks at actions alone",
          AtLeast(0));
    visit("k", k, "which neighbour's action is imitated, 1 being the nearest", AtLeast(1));
    visit("normalize_states", normalize_states, "scale states by the dataset's mean and deviation");
    rewards.Visit(visit);
  }
};

// TD3 whose actor is pulled to the action of the nearest dataset pair: it minimises
//   -lambda mean Q_1(s, pi(s)) + mean (pi(s) - a_hat)^2,
// a_hat being the action of the dataset row nearest to (beta s, pi(s)), without gradient (section 3). Actions
// are in the networks' frame here as in Td3.
class Prdc : public Td3 {
 public:
  using Config = PrdcConfig;

  // `data` are the transitions that batches are drawn from, states normalised; the search reads them, and so
  // they must outlive it. Throws InputError where k exceeds their number.
  Prdc(const Task& task, const Config& config, const TransitionColumns& data);

  // Rows (batch) of the k-th neighbour of (beta s, pi(s)), on the task's device. Replayed rows of a mixed
  // batch look for theirs in the dataset as well.
  at::Tensor NeighbourRows(const TransitionBatch& batch, const at::Tensor& action);

  // The data's rows as they are searched.
  const at::Tensor& states() const { return states_; }    // (rows x observations)
  const at::Tensor& actions() const { return actions_; }  // (rows x actions)

 protected:
  at::Tensor ActorLoss(const TransitionBatch& batch, const at::Tensor& action) override;

  // (rows x [beta s, a]): what is searched for, and among.
  at::Tensor Keys(const at::Tensor& states, const at::Tensor& actions) const;

 private:
  double alpha_;
  double beta_;
  int k_;
  at::Tensor SearchOnHost(const at::Tensor& queries, const at::Tensor& indices);

  // The data's rows on the device; on the CPU the caller's memory, the actions where max_action is 1.
  at::Tensor states_;   // (rows x observations)
  at::Tensor actions_;  // (rows x actions)
  at::Tensor keys_;     // the data's Keys on the device, for a search there; undefined on the CPU
  std::optional<NeighbourSearch> search_;  // on the CPU
  std::vector<std::int64_t> last_rows_;  // what was found for each row of the data last time; -1: nothing yet
};

}  // namespace strider
