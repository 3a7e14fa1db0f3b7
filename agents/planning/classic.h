// Planning that looks at the mean only, and standard distributional dynamic programming: what stocks are
// compared with.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "agents/planning/mdp.h"
#include "agents/planning/return_law.h"

namespace strider::planning {

// All of this is for scalar rewards, and for a horizon or a discount below 1.

// A horizon of its own, or the number of sweeps after which what lies beyond is worth less than `tolerance`.
// Throws InputError where that is more than anybody waits for.
int Sweeps(const Mdp& mdp, double tolerance);

// The sweeps after which what lies beyond counts for at most `share`, above 0, of what it did. REQUIRES: a
// discount below 1 and no horizon. Throws as Sweeps.
int SweepsUntil(const Mdp& mdp, double share);

// The smallest and largest return of any choices and chances from any state that can be reached, over any
// number of steps up to the horizon: 0 is always among them.
struct ReturnRange {
  double low = 0;
  double high = 0;
};
// Where `taken` is given, of choices among the actions that it allows; `left` is the number of steps up to
// the horizon, and means nothing where there is none.
using TakenActions = std::function<bool(int left, int state, int action)>;
ReturnRange RangeOfReturns(const Mdp& mdp, const TakenActions& taken = {});

// The same of a policy that is best for the mean.
ReturnRange RangeOfMeanOptimalReturns(const Mdp& mdp);

struct MeanPlan {
  std::vector<double> values;  // (states)
  std::vector<int> policy;     // (states) of the first step, where there is a horizon
  int iterations = 0;
};

// Sweeps V <- max over actions of E R + discount V(S') from V = 0, and the greedy actions of the last one;
// without a horizon until no value moves by more than `tolerance`. Ties go to the first action.
MeanPlan ValueIteration(const Mdp& mdp, double tolerance = 1e-10);

// Howard's: solves for the value of a policy, then takes its greedy actions. REQUIRES: a discount below 1 and
// no horizon.
MeanPlan PolicyIteration(const Mdp& mdp);

struct DistributionalPlan {
  std::vector<ReturnLaw> laws;  // (states)
  std::vector<int> policy;      // (states) of the first step, where there is a horizon
};

// Bellemare, Dabney and Munos's operator for control: each state's law becomes that of reward plus discounted
// return under the action of the largest mean, projected to quantiles (QR) or to `grid` (C51).
DistributionalPlan QuantileIteration(const Mdp& mdp, int atoms, int sweeps);
DistributionalPlan CategoricalIteration(const Mdp& mdp, std::span<const double> grid, int sweeps);

}  // namespace strider::planning
