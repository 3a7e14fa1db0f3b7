#include "agents/planning/return_law.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace strider::planning {
namespace {

constexpr int kDigits = 36;

// Sums of probabilities are off by rounding: 0.1 + 0.2 must not miss a level of 0.3.
constexpr double kRounding = 1e-12;

}  // namespace

double Snap(double value) {
  if (value == 0 || !std::isfinite(value)) return value == 0 ? 0 : value;
  const double scale = std::ldexp(1.0, kDigits - std::max(std::ilogb(value), 0));
  return std::round(value * scale) / scale + 0.0;  // no negative zero
}

ReturnLaw PointLaw(std::vector<double> atom) { return {static_cast<int>(atom.size()), std::move(atom), {1}}; }

ReturnLaw Merged(ReturnLaw unordered) {
  const auto size = static_cast<std::size_t>(unordered.size);
  std::vector<double> keys(unordered.atoms.size());
  std::ranges::transform(unordered.atoms, keys.begin(), Snap);
  const auto key = [&](std::size_t i) { return std::span(keys).subspan(i * size, size); };
  std::vector<std::size_t> order(unordered.count());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return std::ranges::lexicographical_compare(key(a), key(b));
  });
  ReturnLaw law{unordered.size, {}, {}};
  std::size_t last = 0;
  for (const std::size_t i : order) {
    if (unordered.probabilities[i] <= 0) continue;
    if (law.count() > 0 && std::ranges::equal(key(last), key(i))) {
      law.probabilities.back() += unordered.probabilities[i];
      continue;
    }
    const auto atom = unordered.Atom(i);
    law.atoms.insert(law.atoms.end(), atom.begin(), atom.end());
    law.probabilities.push_back(unordered.probabilities[i]);
    last = i;
  }
  return law;
}

double Mean(const ReturnLaw& law) {
  return std::inner_product(law.atoms.begin(), law.atoms.end(), law.probabilities.begin(), 0.0);
}

double LowerQuantile(const ReturnLaw& law, double level) {
  double cumulative = 0;
  for (std::size_t i = 0; i < law.count(); ++i) {
    cumulative += law.probabilities[i];
    if (cumulative >= level - kRounding) return law.atoms[i];
  }
  return law.atoms.back();
}

double Cvar(const ReturnLaw& law, double level) {
  double left = level;
  double sum = 0;
  for (std::size_t i = 0; i < law.count() && left > 0; ++i) {
    const double taken = i + 1 == law.count() ? left : std::min(left, law.probabilities[i]);
    sum += taken * law.atoms[i];
    left -= taken;
  }
  return sum / level;
}

double Wasserstein1(const ReturnLaw& a, const ReturnLaw& b) {
  // The area between the two distribution functions, from one atom of either to the next.
  std::size_t i = 0;
  std::size_t j = 0;
  double area = 0;
  double difference = 0;
  double position = 0;
  while (i < a.count() || j < b.count()) {
    const bool from_a = j == b.count() || (i < a.count() && a.atoms[i] <= b.atoms[j]);
    const double next = from_a ? a.atoms[i] : b.atoms[j];
    if (i + j > 0) area += std::abs(difference) * (next - position);
    difference += from_a ? a.probabilities[i++] : -b.probabilities[j++];
    position = next;
  }
  return area;
}

ReturnLaw ToQuantiles(const ReturnLaw& law, int count) {
  ReturnLaw projected;
  const double share = 1.0 / count;
  std::size_t atom = 0;
  double cumulative = law.probabilities[0];
  for (int i = 0; i < count; ++i) {
    const double level = (i + 0.5) * share;
    while (cumulative < level - kRounding && atom + 1 < law.count()) cumulative += law.probabilities[++atom];
    projected.atoms.push_back(law.atoms[atom]);
    projected.probabilities.push_back(share);
  }
  return Merged(std::move(projected));
}

ReturnLaw ToCategorical(const ReturnLaw& law, std::span<const double> grid) {
  ReturnLaw projected;
  projected.atoms.assign(grid.begin(), grid.end());
  projected.probabilities.assign(grid.size(), 0);
  for (std::size_t i = 0; i < law.count(); ++i) {
    const double atom = std::clamp(law.atoms[i], grid.front(), grid.back());
    const auto above = std::ranges::upper_bound(grid.begin() + 1, grid.end() - 1, atom) - grid.begin();
    const auto high = static_cast<std::size_t>(above);
    const double share = (atom - grid[high - 1]) / (grid[high] - grid[high - 1]);
    projected.probabilities[high - 1] += (1 - share) * law.probabilities[i];
    projected.probabilities[high] += share * law.probabilities[i];
  }
  return Merged(std::move(projected));
}

std::vector<double> Linspace(double low, double high, int count) {
  std::vector<double> values(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] =
        i == count - 1 ? high : low + (high - low) * i / std::max(count - 1, 1);
  }
  return values;
}

}  // namespace strider::planning
