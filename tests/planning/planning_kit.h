// Processes and searches that the tests of planning share.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "agents/planning/mdp.h"
#include "agents/planning/objective.h"
#include "agents/planning/return_law.h"
#include "agents/planning/stock_tree.h"
#include "agents/planning/worlds.h"

namespace strider::planning {

// The sheet's one-state process: r in {-1, 0, 1}, discount 1/2.
inline Mdp Balance(int horizon) {
  TabularMdp table(1, 3);
  table.start = {1};
  for (const int action : {0, 1, 2}) table.Outcomes(0, action) = {{1, 0, action - 1.0, false}};
  return Mdp("balance", table, 0.5, horizon);
}

// The sheet's process B, discount 0.8. a0: x gives .2 and stays, y gives 1 or -1 and leads to a1. a1: x leads
// back, y gives 2 or -1 and leads to a2, where nothing happens any more.
inline Mdp ProcessB(int horizon) {
  TabularMdp table(3, 2);
  table.start = {1, 0, 0};
  table.Outcomes(0, 0) = {{1, 0, 0.2, false}};
  table.Outcomes(0, 1) = {{0.5, 1, 1, false}, {0.5, 1, -1, false}};
  table.Outcomes(1, 0) = {{1, 0, 0, false}};
  table.Outcomes(1, 1) = {{0.5, 2, 2, false}, {0.5, 2, -1, false}};
  for (const int action : {0, 1}) table.Outcomes(2, action) = {{1, 2, 0, false}};
  return Mdp("B", table, 0.8, horizon);
}

// An expected utility of two weights.
inline Objective TwoWeightObjective(double below, double above) {
  return ParseObjective("utility:" + std::to_string(below) + "," + std::to_string(above));
}

inline ReturnLaw Law(std::vector<double> atoms, std::vector<double> probabilities) {
  return Merged({1, std::move(atoms), std::move(probabilities)});
}

}  // namespace strider::planning
