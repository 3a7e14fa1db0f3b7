// What a plan is to make large.
//
// Every objective here is an expected utility of stock plus return, E f(c0 + G), with the initial stock c0
// given, or, where the objective is an optimised certainty equivalent such as CVaR, with c0 chosen:
// max over c0 of -c0 + E f(c0 + G).
//
// Expected utilities are what the theory allows (Pires et al. 2025): an objective must not care for mixing
// its choices with a third ("indifference to mixtures"), which forces an expected utility; and with a
// discount below 1 it must not change its mind when all returns are scaled ("indifference to the discount"),
// which a plain f obeys only if it is linear on either side of zero: f(x) = w- min(x, 0) + w+ max(x, 0).
// Other utilities can be planned for over a finite horizon, by scaling them with time.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/planning/mdp.h"
#include "agents/planning/return_law.h"

namespace strider::planning {

// The slopes of f on either side of zero.
struct TwoWeights {
  double below = 1;  // w-
  double above = 1;  // w+

  double operator()(double x) const { return x < 0 ? below * x : above * x; }
  bool operator==(const TwoWeights&) const = default;
};

struct Objective {
  std::string name;                                        // as it was given: "cvar:0.5"
  std::string meaning;                                     // "mean of the worst 50 %"
  std::function<double(std::span<const double>)> utility;  // f
  std::optional<TwoWeights> weights;                       // where f is two weights of a plain number
  // Indifferent to the discount and Lipschitz: the conditions of an infinite horizon.
  bool scales = true;
  bool chooses_stock = false;
  std::vector<double> initial_stock = {0};  // where it is not chosen
};

// Reads NAME[:PARAMETERS], such as "cvar:0.5"; ObjectiveHelp lists them. Throws InputError that names what
// was given and what was expected; for an objective that the theory does not cover, with the reason.
Objective ParseObjective(std::string_view text);

// "cvar:TAU  mean of the worst TAU", a line each.
std::string ObjectiveHelp();

// Throws InputError, with the reason, where the objective cannot be planned for in this process.
void CheckCovered(const Objective& objective, const Mdp& mdp);

// E f(stock + G).
double ExpectedUtility(const Objective& objective, std::span<const double> stock, const ReturnLaw& law);

// The objective's value with this initial stock: E f(stock + G), and minus the stock where it is chosen.
double Value(const Objective& objective, std::span<const double> stock, const ReturnLaw& law);

// The initial stock that is best for this law. REQUIRES: chooses_stock.
double BestStock(const Objective& objective, const ReturnLaw& law);

}  // namespace strider::planning
