// Planning with stocks on a grid: for processes without a horizon, and where exact stocks are too many.
//
// For utilities of two weights. Stocks between two grid points are rounded to either at random so that the
// mean stays, which makes values linear in between. Beyond the ends of the grid the sign of stock plus return
// is settled, so that only the mean return matters there and values go on with the slope of the weight: that
// costs nothing (the stock itself would grow like discount^-t). For concave utilities it is enough that it is
// settled for the policy that is best for the mean: E f(c + G) is at most the weight times c + E G, and that
// policy gets there. So the grid need not span what no good policy returns.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agents/planning/grid_kernels.h"
#include "agents/planning/mdp.h"
#include "agents/planning/objective.h"
#include "agents/planning/return_law.h"
#include "agents/planning/stock_tree.h"
#include "core/parallel.h"

namespace strider::planning {

struct GridOptions {
  int stocks = 401;         // points of the grid, at least 2
  int atoms = 64;           // of each return law, at least 2
  double tolerance = 1e-6;  // of values, where there is no horizon
  double memory = 4e9;      // bytes
};

// What planning with these options takes, in bytes.
double GridBytes(const Mdp& mdp, const GridOptions& options);

class GridPlan {
 public:
  // Plans. The result does not depend on the pool's number of threads. Throws InputError before any memory is
  // taken where it would not fit, and where rewards are vectors.
  GridPlan(Mdp mdp, TwoWeights weights, const GridOptions& options, WorkerPool& pool,
           const Progress& progress = {});

  const std::vector<double>& stocks() const { return stocks_; }
  const std::vector<double>& atoms() const { return atoms_; }
  int sweeps() const { return sweeps_; }  // over the values
  double bytes() const { return bytes_; }

  // The largest E f(stock + G) from the start, and the mean return that comes with it.
  double Utility(double stock) const { return AtStart(stock).utility; }
  double MeanReturn(double stock) const { return AtStart(stock).mean; }
  // How far that utility can be from the largest with exact stocks. Values have slopes between the two
  // weights everywhere, so that a line between two grid points is off by a quarter of their distance times
  // the difference of the weights at most; each step adds that, discounted.
  double ErrorBound() const;
  // The law of the return from the start under the plan, on a fixed grid of atoms.
  ReturnLaw Law(double stock) const;

  // The action at a grid point; `step` counts where there is a horizon.
  int Action(int step, int state, std::size_t stock) const;
  // The grid points that a step from one of them leads to, or that a stock is rounded to.
  struct Rounded {
    std::size_t below;
    double share_above;  // the probability of below + 1
  };
  Rounded Round(double stock) const;

 private:
  // Of a state with any stock, between the grid's points and beyond its ends.
  Worth At(int state, double stock) const;
  Worth AtStart(double stock) const;
  // The place of (stock i + reward) / discount on the grid, counted in points: first + i / discount.
  double FirstPlace(double reward) const;
  Rounded RoundPlace(double place) const;
  // The atoms, over what the plan's actions can return, and the laws before the first of their sweeps: no
  // return yet, or the mean where there is no horizon.
  void StartLaws();
  void PlanToHorizon(WorkerPool& pool, const Progress& progress);
  void PlanForEver(double tolerance, WorkerPool& pool, const Progress& progress);
  // Adds what an action is worth in a state with stocks [begin, end) to `sums` (stocks).
  void AddAction(int state, int action, std::size_t begin, std::size_t end, StockMove& move,
                 Worth* sums) const;
  // The largest change of a value, as a difference of returns.
  double SweepActions(WorkerPool& pool);
  void SweepPolicy(WorkerPool& pool);
  void SweepLaws(const std::vector<std::uint16_t>& policy, WorkerPool& pool);
  double Slope() const;  // the larger weight

  Mdp mdp_;
  TwoWeights weights_;
  std::vector<double> stocks_;
  std::vector<double> atoms_;
  double stock_step_;
  double atom_step_ = 0;
  int sweeps_ = 0;
  double tolerance_;  // of values, where there is no horizon
  double bytes_;
  std::size_t law_size_;  // atoms, and zeros up to whole blocks
  // (states x stocks), and what the next sweep makes of it.
  std::vector<Worth> worths_, next_worths_;
  // (states x stocks x law_size)
  std::vector<float> laws_, next_laws_;
  // (states x stocks), one a step from the last on, or the newest only.
  std::vector<std::vector<std::uint16_t>> policies_;
};

}  // namespace strider::planning
