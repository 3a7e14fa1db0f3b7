#include "agents/planning/objective.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/names.h"
#include "core/settings.h"

namespace strider::planning {
namespace {

// What stands behind the colon.
class Parameters {
 public:
  Parameters(std::string_view objective, std::string_view expected, const std::string& text)
      : objective_(objective), expected_(expected) {
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      words_.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }

  std::size_t count() const { return words_.size(); }

  void ExpectCount(std::size_t low, std::size_t high) const {
    if (count() < low || count() > high) throw Refused("");
  }

  std::string Word(std::size_t index) const { return words_[index]; }

  double Number(std::size_t index, std::string_view name, Accepted accepted = Anything()) const {
    if (accepted.text.empty()) accepted.text = "a finite number";
    double value = 0;
    try {
      internal::Parse(name, words_[index], accepted, value);
    } catch (const InputError& error) {
      throw Refused(fmt::format(": {}", error.what()));
    }
    if (!std::isfinite(value))
      throw Refused(fmt::format(": {} is {}; expected a finite number", name, value));
    return value;
  }

  double Share(std::size_t index, std::string_view name) const {
    const double value = Number(index, name);
    if (!(value > 0 && value <= 1)) {
      throw Refused(fmt::format(": {} is {}; expected a number in (0, 1]", name, value));
    }
    return value;
  }

  InputError Refused(const std::string& why) const {
    return InputError("objective '{}{}{}' is not accepted{}; expected {}", objective_,
                      words_.empty() ? "" : ":", fmt::join(words_, ","), why, expected_);
  }

 private:
  std::string_view objective_;
  std::string_view expected_;
  std::vector<std::string> words_;
};

Objective OfTwoWeights(TwoWeights weights, std::string meaning) {
  Objective objective;
  objective.meaning = std::move(meaning);
  objective.weights = weights;
  objective.utility = [weights](std::span<const double> x) { return weights(x[0]); };
  return objective;
}

Objective OfPlainUtility(std::function<double(double)> utility, std::string meaning) {
  Objective objective;
  objective.meaning = std::move(meaning);
  objective.utility = [utility = std::move(utility)](std::span<const double> x) { return utility(x[0]); };
  objective.scales = false;
  return objective;
}

Objective MakeMean(const Parameters& parameters) {
  parameters.ExpectCount(0, 0);
  return OfTwoWeights({1, 1}, "mean");
}

// Rockafellar and Uryasev: CVaR_tau(G) = max over c0 of -c0 + E min(c0 + G, 0) / tau.
Objective MakeCvar(const Parameters& parameters) {
  parameters.ExpectCount(1, 1);
  const double tau = parameters.Share(0, "tau");
  Objective objective = OfTwoWeights({1 / tau, 0}, fmt::format("mean of the worst {:g} %", 100 * tau));
  objective.chooses_stock = true;
  return objective;
}

Objective MakeMeanCvar(const Parameters& parameters) {
  parameters.ExpectCount(2, 2);
  const double lambda = parameters.Number(0, "lambda", InRange(0, 1));
  const double tau = parameters.Share(1, "tau");
  Objective objective = OfTwoWeights(
      {(1 - lambda) / tau + lambda, lambda},
      fmt::format("{:g} x mean + {:g} x mean of the worst {:g} %", lambda, 1 - lambda, 100 * tau));
  objective.chooses_stock = true;
  return objective;
}

// Optimised certainty equivalents sup over e of e + E u(X - e), u concave with u(0) = 0 and slope 1 there.
Objective MakeOce(const Parameters& parameters) {
  if (parameters.count() == 0) throw parameters.Refused("");
  const std::string utility = parameters.Word(0);
  Objective objective;
  if (utility == "two-weight") {
    parameters.ExpectCount(3, 3);
    const TwoWeights weights{parameters.Number(1, "w-", AtLeast(1)),
                             parameters.Number(2, "w+", InRange(0, 1))};
    objective = OfTwoWeights(weights, "optimised certainty equivalent of two weights");
  } else if (utility == "exponential") {
    parameters.ExpectCount(2, 2);
    const double beta = parameters.Number(1, "beta", Above(0));
    objective = OfPlainUtility([beta](double x) { return -std::expm1(-beta * x) / beta; },
                               "entropic risk, -log E exp(-beta G) / beta");
  } else if (utility == "quadratic") {
    parameters.ExpectCount(2, 2);
    const double a = parameters.Number(1, "a", Above(0));
    objective = OfPlainUtility(
        [a](double x) { return x < 1 / a ? x - a * x * x / 2 : 1 / (2 * a); },
        "optimised certainty equivalent of u(x) = x - a x^2 / 2, constant beyond its top (monotone "
        "mean-variance)");
  } else {
    throw parameters.Refused(fmt::format(": unknown utility '{}'", utility));
  }
  objective.chooses_stock = true;
  return objective;
}

Objective MakeTarget(const Parameters& parameters) {
  parameters.ExpectCount(1, 1);
  const double target = parameters.Number(0, "target");
  Objective objective = OfTwoWeights({1, -1}, fmt::format("minus the mean distance from {:g}", target));
  objective.initial_stock = {-target};
  return objective;
}

Objective MakeHomeostasis(const Parameters& parameters) {
  parameters.ExpectCount(1, 1000);
  Objective objective;
  objective.meaning = "minus the mean length of stock plus return";
  objective.initial_stock.clear();
  for (std::size_t i = 0; i < parameters.count(); ++i) {
    objective.initial_stock.push_back(parameters.Number(i, "stock"));
  }
  objective.utility = [](std::span<const double> x) {
    double sum = 0;
    for (const double value : x) sum += value * value;
    return -std::sqrt(sum);
  };
  if (parameters.count() == 1) objective.weights = TwoWeights{1, -1};
  return objective;
}

Objective MakeUtility(const Parameters& parameters) {
  parameters.ExpectCount(2, 3);
  Objective objective = OfTwoWeights({parameters.Number(0, "w-"), parameters.Number(1, "w+")},
                                     "expected utility of two weights");
  if (parameters.count() == 3) objective.initial_stock = {parameters.Number(2, "stock")};
  return objective;
}

Objective MakeExponential(const Parameters& parameters) {
  parameters.ExpectCount(1, 2);
  const double beta = parameters.Number(0, "beta", Above(0));
  Objective objective =
      OfPlainUtility([beta](double x) { return -std::exp(-beta * x); }, "expected exponential utility");
  if (parameters.count() == 2) objective.initial_stock = {parameters.Number(1, "stock")};
  return objective;
}

struct Entry {
  std::string_view form;
  std::string_view help;
  Objective (*make)(const Parameters& parameters);

  std::string_view name() const { return form.substr(0, form.find(':')); }
};

constexpr std::array kEntries = {
    Entry{"mean", "mean return", &MakeMean},
    Entry{"cvar:TAU", "mean of the worst share TAU of returns, TAU in (0, 1]", &MakeCvar},
    Entry{"mean-cvar:LAMBDA,TAU", "LAMBDA x mean + (1 - LAMBDA) x CVaR", &MakeMeanCvar},
    Entry{"oce:two-weight,W-,W+ or oce:exponential,BETA or oce:quadratic,A",
          "optimised certainty equivalent max over e of e + E u(G - e): u of slopes W- >= 1 >= W+ >= 0; "
          "(1 - exp(-BETA x)) / BETA; x - A x^2 / 2 up to its top",
          &MakeOce},
    Entry{"target:Z", "-E|G - Z|: produce the return Z", &MakeTarget},
    Entry{"homeostasis:C1[,C2...]", "-E|C + G|: bring the stock back to zero, one number a reward component",
          &MakeHomeostasis},
    Entry{"utility:W-,W+[,C]", "E f(C + G), f of slopes W- below zero and W+ above", &MakeUtility},
    Entry{"exponential:BETA[,C]", "-E exp(-BETA (C + G)); with a discount below 1 over a finite horizon only",
          &MakeExponential},
};

// What people ask for that is no expected utility.
struct Uncovered {
  std::string_view name;
  std::string_view reason;
};

constexpr std::string_view kMixtures =
    "it is not indifferent to mixtures: which of two returns is better can depend on a third that either is "
    "mixed with, so no choice made from state and stock alone is right";

constexpr std::array kUncovered = {
    Uncovered{"quantile", "cvar:TAU is the covered objective nearest to it"},
    Uncovered{"var", "cvar:TAU is the covered objective nearest to it"},
    Uncovered{"median", "cvar:0.5 is the covered objective nearest to it"},
    Uncovered{"variance", "oce:quadratic,A is the covered objective nearest to it"},
    Uncovered{"mean-variance", "oce:quadratic,A is the covered objective nearest to it"},
    Uncovered{"sharpe", "oce:quadratic,A is the covered objective nearest to it"},
};

}  // namespace

Objective ParseObjective(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view name = text.substr(0, colon);
  for (const Uncovered& uncovered : kUncovered) {
    if (name != uncovered.name) continue;
    throw InputError("objective '{}' is not covered by the theory: {}; {}", text, kMixtures,
                     uncovered.reason);
  }
  std::vector<std::string> names;
  for (const Entry& entry : kEntries) {
    names.emplace_back(entry.name());
    if (name != entry.name()) continue;
    const std::string behind(text.substr(std::min(colon + 1, text.size())));
    Objective objective = entry.make(Parameters(name, entry.form, behind));
    objective.name = text;
    return objective;
  }
  throw UnknownName("objective", name, names);
}

std::string ObjectiveHelp() {
  std::string text;
  for (const Entry& entry : kEntries) text += fmt::format("  {}\n      {}\n", entry.form, entry.help);
  return text;
}

void CheckCovered(const Objective& objective, const Mdp& mdp) {
  const auto components = static_cast<int>(objective.initial_stock.size());
  if (components != mdp.reward_size()) {
    throw InputError(
        "objective '{}' takes rewards of {} number(s), but those of {} have {}; for vectors there is "
        "homeostasis with as many numbers",
        objective.name, components, mdp.name(), mdp.reward_size());
  }
  if (mdp.horizon() > 0) return;
  if (mdp.discount() == 1) {
    throw InputError(
        "{}: without a discount and a horizon returns may grow without end; expected "
        "plan.horizon of at least 1, or plan.discount below 1",
        mdp.name());
  }
  if (!objective.scales) {
    throw InputError(
        "objective '{}' is not covered by the theory in {}: with discount {:g} and no horizon it must be "
        "indifferent to the discount (prefer the same of two returns when both are scaled), which a utility "
        "that is not linear on either side of zero is not; expected plan.horizon, over which it is planned "
        "with a utility scaled by time",
        objective.name, mdp.name(), mdp.discount());
  }
}

double ExpectedUtility(const Objective& objective, std::span<const double> stock, const ReturnLaw& law) {
  std::vector<double> x(stock.size());
  double sum = 0;
  for (std::size_t i = 0; i < law.count(); ++i) {
    std::ranges::transform(stock, law.Atom(i), x.begin(), std::plus());
    sum += law.probabilities[i] * objective.utility(x);
  }
  return sum;
}

double Value(const Objective& objective, std::span<const double> stock, const ReturnLaw& law) {
  return ExpectedUtility(objective, stock, law) - (objective.chooses_stock ? stock[0] : 0);
}

double BestStock(const Objective& objective, const ReturnLaw& law) {
  const auto value = [&](double stock) { return Value(objective, std::array{stock}, law); };
  if (objective.weights) {
    // Concave and piecewise linear in the stock, with its corners at the atoms. Of equal ones the largest.
    double best = -law.atoms[0];
    double best_value = value(best);
    for (const double atom : law.atoms) {
      const double other = value(-atom);
      if (other > best_value + 1e-12 * std::max(1.0, std::abs(best_value))) {
        best = -atom;
        best_value = other;
      }
    }
    return best;
  }
  // Concave: golden-section search between the corners.
  const double ratio = (std::sqrt(5.0) - 1) / 2;
  double low = -law.atoms.back();
  double high = -law.atoms.front();
  while (high - low > 1e-9 * std::max({1.0, std::abs(low), std::abs(high)})) {
    const double left = high - ratio * (high - low);
    const double right = low + ratio * (high - low);
    (value(left) < value(right) ? low : high) = value(left) < value(right) ? left : right;
  }
  return (low + high) / 2;
}

}  // namespace strider::planning
