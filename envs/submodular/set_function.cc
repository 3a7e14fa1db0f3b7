#include "envs/submodular/set_function.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "core/error.h"

namespace strider {
namespace {

std::size_t Index(int i) { return static_cast<std::size_t>(i); }

}  // namespace

Coverage::Coverage(const std::vector<std::vector<int>>& covers, std::vector<double> weights)
    : SetFunction(static_cast<int>(covers.size())), covered_(weights.size()) {
  Facts facts{{0}, {}, std::move(weights)};
  for (std::size_t element = 0; element < covers.size(); ++element) {
    for (const int point : covers[element]) {
      if (point < 0 || Index(point) >= covered_.size()) {
        throw InputError("element {} covers point {}; expected a point from 0 to {}", element, point,
                         covered_.size() - 1);
      }
      // A point that is listed twice counts once.
      const auto listed = facts.points.begin() + static_cast<std::ptrdiff_t>(facts.first.back());
      if (std::find(listed, facts.points.end(), Index(point)) == facts.points.end()) {
        facts.points.push_back(Index(point));
      }
    }
    facts.first.push_back(facts.points.size());
  }
  facts_ = std::make_shared<const Facts>(std::move(facts));
}

double Coverage::Gain(int element) const {
  double gain = 0;
  for (std::size_t i = facts_->first[Index(element)]; i < facts_->first[Index(element) + 1]; ++i) {
    const std::size_t point = facts_->points[i];
    if (covered_[point] == 0) gain += facts_->weights[point];
  }
  return gain;
}

double Coverage::Collect(int element) {
  const double gain = Gain(element);
  for (std::size_t i = facts_->first[Index(element)]; i < facts_->first[Index(element) + 1]; ++i) {
    covered_[facts_->points[i]] = 1;
  }
  return gain;
}

void Coverage::Forget() { std::ranges::fill(covered_, std::uint8_t{0}); }

CappedCounts::CappedCounts(std::vector<int> kinds, std::vector<int> caps)
    : SetFunction(static_cast<int>(kinds.size())), collected_(kinds.size()), counts_(caps.size()) {
  for (std::size_t element = 0; element < kinds.size(); ++element) {
    const int kind = kinds[element];
    if (kind == kNoKind || (kind >= 0 && Index(kind) < caps.size())) continue;
    throw InputError("element {} is of kind {}, of {} that have a cap", element, kind, caps.size());
  }
  for (std::size_t kind = 0; kind < caps.size(); ++kind) {
    if (caps[kind] < 0) throw InputError("kind {} has cap {}; expected at least 0", kind, caps[kind]);
  }
  facts_ = std::make_shared<const Facts>(Facts{std::move(kinds), std::move(caps)});
}

double CappedCounts::Gain(int element) const {
  const int kind = facts_->kinds[Index(element)];
  if (kind == kNoKind || collected_[Index(element)] != 0) return 0;
  return counts_[Index(kind)] < facts_->caps[Index(kind)] ? 1 : 0;
}

double CappedCounts::Collect(int element) {
  const double gain = Gain(element);
  const int kind = facts_->kinds[Index(element)];
  if (kind != kNoKind && collected_[Index(element)] == 0) ++counts_[Index(kind)];
  collected_[Index(element)] = 1;
  return gain;
}

void CappedCounts::Forget() {
  std::ranges::fill(collected_, std::uint8_t{0});
  std::ranges::fill(counts_, 0);
}

FacilityLocation::FacilityLocation(Eigen::MatrixXd benefits)
    : SetFunction(static_cast<int>(benefits.cols())), best_(Eigen::VectorXd::Zero(benefits.rows())) {
  if (benefits.size() > 0 && !(benefits.minCoeff() >= 0)) {
    throw InputError("a facility's benefit is {}; expected at least 0", benefits.minCoeff());
  }
  benefits_ = std::make_shared<const Eigen::MatrixXd>(std::move(benefits));
}

double FacilityLocation::Gain(int element) const {
  return (benefits_->col(element) - best_).cwiseMax(0.0).sum();
}

double FacilityLocation::Collect(int element) {
  const double gain = Gain(element);
  best_ = best_.cwiseMax(benefits_->col(element));
  return gain;
}

InformationGain::InformationGain(Eigen::MatrixXd covariance, double noise, int reserved)
    : SetFunction(static_cast<int>(covariance.rows())),
      noise_(noise),
      reserved_(static_cast<std::size_t>(reserved)) {
  if (!(noise > 0)) throw InputError("the variance of the noise is {}; expected a number above 0", noise);
  if (covariance.rows() != covariance.cols()) {
    throw InputError("a covariance of {} x {} numbers; expected a square one", covariance.rows(),
                     covariance.cols());
  }
  covariance_ = std::make_shared<const Eigen::MatrixXd>(std::move(covariance));
  Reserve();
}

// A copied vector has no room to spare.
InformationGain::InformationGain(const InformationGain& other)
    : SetFunction(other),
      covariance_(other.covariance_),
      noise_(other.noise_),
      reserved_(other.reserved_),
      measured_(other.measured_),
      factor_(other.factor_) {
  Reserve();
}

void InformationGain::Reserve() {
  measured_.reserve(reserved_);
  row_.reserve(reserved_);
  factor_.reserve(reserved_ * (reserved_ + 1) / 2);
}

double InformationGain::NextRow(int element) const {
  row_.resize(measured_.size());
  double variance = (*covariance_)(element, element);
  const double* factor_row = factor_.data();
  for (std::size_t i = 0; i < measured_.size(); ++i) {
    double x = (*covariance_)(measured_[i], element);
    for (std::size_t j = 0; j < i; ++j) x -= factor_row[j] * row_[j];
    row_[i] = x / factor_row[i];
    variance -= row_[i] * row_[i];
    factor_row += i + 1;
  }
  // What is left of the variance may be rounding.
  return std::max(variance, 0.0);
}

double InformationGain::Gain(int element) const { return 0.5 * std::log1p(NextRow(element) / noise_); }

double InformationGain::Collect(int element) {
  const double variance = NextRow(element);
  factor_.insert(factor_.end(), row_.begin(), row_.end());
  factor_.push_back(std::sqrt(variance + noise_));
  measured_.push_back(element);
  return 0.5 * std::log1p(variance / noise_);
}

void InformationGain::Forget() {
  measured_.clear();
  factor_.clear();
}

Modular::Modular(std::vector<double> weights)
    : SetFunction(static_cast<int>(weights.size())),
      weights_(std::make_shared<const std::vector<double>>(std::move(weights))) {}

Modular ModularLike(const SetFunction& function) {
  const auto empty = function.Clone();
  empty->Clear();
  std::vector<double> weights;
  for (int element = 0; element < function.size(); ++element) weights.push_back(empty->Gain(element));
  return Modular(std::move(weights));
}

Sum::Sum(std::vector<Term> terms)
    : SetFunction(terms.empty() ? 0 : terms.front().second->size()), terms_(std::move(terms)) {
  if (terms_.empty()) throw InputError("a sum of no set functions; expected at least one");
  for (const auto& [weight, function] : terms_) {
    if (!(weight >= 0)) throw InputError("a set function has weight {}; expected at least 0", weight);
    if (function->size() != size()) {
      throw InputError("set functions of {} and of {} elements in one sum", size(), function->size());
    }
  }
}

Sum::Sum(const Sum& other) : SetFunction(other) {
  for (const auto& [weight, function] : other.terms_) terms_.emplace_back(weight, function->Clone());
}

double Sum::Gain(int element) const {
  double gain = 0;
  for (const auto& [weight, function] : terms_) gain += weight * function->Gain(element);
  return gain;
}

double Sum::Collect(int element) {
  double gain = 0;
  for (const auto& [weight, function] : terms_) gain += weight * function->Add(element);
  return gain;
}

void Sum::Forget() {
  for (const auto& [weight, function] : terms_) function->Clear();
}

void CheckMonotoneSubmodular(const SetFunction& function, std::string_view name, int samples, Pcg64& random) {
  constexpr std::int64_t kLargestSet = 12;
  constexpr double kRounding = 1e-9;
  const auto smaller = function.Clone();
  const auto larger = function.Clone();
  std::vector<int> elements(Index(function.size()));
  std::iota(elements.begin(), elements.end(), 0);
  const std::int64_t most = std::min<std::int64_t>(kLargestSet, function.size() - 1);
  for (int sample = 0; sample < samples && most >= 0; ++sample) {
    const auto size_b = static_cast<std::size_t>(random.Integers(0, most + 1));
    const auto size_a = static_cast<std::size_t>(random.Integers(0, static_cast<std::int64_t>(size_b) + 1));
    // The first of a shuffle: A, then the rest of B, then the new element.
    for (std::size_t i = 0; i <= size_b; ++i) {
      const auto other =
          static_cast<std::size_t>(random.Integers(static_cast<std::int64_t>(i), function.size()));
      std::swap(elements[i], elements[other]);
    }
    smaller->Clear();
    larger->Clear();
    for (std::size_t i = 0; i < size_a; ++i) smaller->Add(elements[i]);
    for (std::size_t i = 0; i < size_b; ++i) larger->Add(elements[i]);
    const int element = elements[size_b];
    const double with_less = smaller->Gain(element);
    const double with_more = larger->Gain(element);
    const double rounding = kRounding * (1 + std::abs(smaller->value()) + std::abs(larger->value()));
    const auto set = [&](std::size_t size) { return std::span(elements).first(size); };
    if (with_less < -rounding || with_more < -rounding) {
      const bool less = with_less < -rounding;
      throw InputError("{} is not monotone: element {} gains {} after {{{}}}; expected at least 0", name,
                       element, less ? with_less : with_more, fmt::join(set(less ? size_a : size_b), ", "));
    }
    if (with_more > with_less + rounding) {
      throw InputError(
          "{} is not submodular: element {} gains {} after {{{}}} but {} after {{{}}}; expected no more "
          "where more has been collected",
          name, element, with_less, fmt::join(set(size_a), ", "), with_more, fmt::join(set(size_b), ", "));
    }
  }
}

}  // namespace strider
