// Distributions of returns, as atoms with probabilities.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace strider::planning {

// Returns are vectors of `size` numbers, as rewards are.
struct ReturnLaw {
  int size = 1;
  std::vector<double> atoms;          // (count x size), in ascending (lexicographic) order
  std::vector<double> probabilities;  // (count), positive

  std::size_t count() const { return probabilities.size(); }
  std::span<const double> Atom(std::size_t index) const {
    return std::span(atoms).subspan(index * static_cast<std::size_t>(size), static_cast<std::size_t>(size));
  }
};

// The nearest number that keeps 36 binary digits: equal for numbers that only rounding tells apart, but for
// the few on either side of a border.
double Snap(double value);

ReturnLaw PointLaw(std::vector<double> atom);

// "merge": the law of these atoms in order, equal ones as one. Exact: nothing is lost.
ReturnLaw Merged(ReturnLaw unordered);

// The rest is for laws of plain numbers (size 1).

double Mean(const ReturnLaw& law);
// The smallest atom that `level` in (0, 1] of the probability does not exceed.
double LowerQuantile(const ReturnLaw& law, double level);
// The mean of the worst `level`, the atom on the border counted in part.
double Cvar(const ReturnLaw& law, double level);
double Wasserstein1(const ReturnLaw& a, const ReturnLaw& b);

// The nearest law (in Wasserstein-1) of `count` equally likely atoms: the quantiles at (2 i - 1) / (2 count).
ReturnLaw ToQuantiles(const ReturnLaw& law, int count);
// Each atom's probability shared between its two neighbours of `grid` so that the mean stays (Bellemare,
// Dabney and Munos 2017); atoms beyond the ends go to the ends. REQUIRES: ascending, at least two.
ReturnLaw ToCategorical(const ReturnLaw& law, std::span<const double> grid);

// `count` numbers from low to high.
std::vector<double> Linspace(double low, double high, int count);

}  // namespace strider::planning
