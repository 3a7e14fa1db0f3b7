// Submodular functions of sets, grown one element at a time: small objects that compose.
//
// Submodular: an element gains no more where more has been collected, F(x | A) >= F(x | B) for A within B.
// Monotone: no gain is negative. Source: Prajapat, Mutny, Zeilinger and Krause, "Submodular Reinforcement
// Learning" (arXiv 2307.13372), SubPO sheet, section 2.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/random.h"

namespace strider {

// A function F of sets of the elements 0 ... size() - 1, with F(nothing) = 0, and the set S collected so far.
// Copies share what does not change. Collecting allocates nothing unless a class says otherwise. Not
// thread-safe.
class SetFunction {
 public:
  virtual ~SetFunction() = default;
  SetFunction& operator=(const SetFunction&) = delete;

  int size() const { return size_; }
  double value() const { return value_; }  // F(S)

  // The marginal gain F(element | S) = F(S + element) - F(S). REQUIRES: 0 <= element < size().
  virtual double Gain(int element) const = 0;

  // Collects an element and returns what it gained. REQUIRES: as Gain.
  double Add(int element) {
    const double gain = Collect(element);
    value_ += gain;
    return gain;
  }

  // Forgets what was collected.
  void Clear() {
    Forget();
    value_ = 0;
  }

  virtual std::unique_ptr<SetFunction> Clone() const = 0;

 protected:
  explicit SetFunction(int size) : size_(size) {}
  SetFunction(const SetFunction&) = default;

 private:
  // Takes the element in and returns its gain.
  virtual double Collect(int element) = 0;
  virtual void Forget() = 0;

  int size_;
  double value_ = 0;
};

// Weighted coverage: every element covers some points, and F(S) is the weight of the points that are covered
// by any of S.
class Coverage final : public SetFunction {
 public:
  // covers[e] lists the points of element e, weights (points) what each is worth. Throws InputError where an
  // element covers a point that does not exist.
  Coverage(const std::vector<std::vector<int>>& covers, std::vector<double> weights);

  double Gain(int element) const override;
  std::unique_ptr<SetFunction> Clone() const override { return std::make_unique<Coverage>(*this); }

  bool Covers(int point) const { return covered_[static_cast<std::size_t>(point)] != 0; }

 private:
  struct Facts {
    std::vector<std::size_t> first;  // (elements + 1) where an element's points begin
    std::vector<std::size_t> points;
    std::vector<double> weights;  // (points)
  };
  double Collect(int element) override;
  void Forget() override;

  std::shared_ptr<const Facts> facts_;
  std::vector<std::uint8_t> covered_;  // (points)
};

// Capped counts: each element is of one kind or of none, and F(S) = sum_k min(distinct elements of kind k in
// S, cap_k).
class CappedCounts final : public SetFunction {
 public:
  static constexpr int kNoKind = -1;

  // kinds (elements) and caps (kinds). Throws InputError where a kind has no cap or a cap is negative.
  CappedCounts(std::vector<int> kinds, std::vector<int> caps);

  double Gain(int element) const override;
  std::unique_ptr<SetFunction> Clone() const override { return std::make_unique<CappedCounts>(*this); }

 private:
  struct Facts {
    std::vector<int> kinds;
    std::vector<int> caps;
  };
  double Collect(int element) override;
  void Forget() override;

  std::shared_ptr<const Facts> facts_;
  std::vector<std::uint8_t> collected_;  // (elements)
  std::vector<int> counts_;              // (kinds)
};

// Facility location: F(S) = sum over clients of the benefit of the best facility in S.
class FacilityLocation final : public SetFunction {
 public:
  // benefits (clients x facilities), none negative: InputError.
  explicit FacilityLocation(Eigen::MatrixXd benefits);

  double Gain(int element) const override;
  std::unique_ptr<SetFunction> Clone() const override { return std::make_unique<FacilityLocation>(*this); }

 private:
  double Collect(int element) override;
  void Forget() override { best_.setZero(); }

  std::shared_ptr<const Eigen::MatrixXd> benefits_;
  Eigen::VectorXd best_;  // (clients)
};

// What noisy measurements tell about a Gaussian process: F(T) = 1/2 ln det(I + K_T / noise), natural
// logarithm. T is a list: a point measured again tells something again. A gain is 1/2 ln(1 + v / noise), v
// being the point's variance given T, from one more row of a Cholesky factor, O(|T|^2).
class InformationGain final : public SetFunction {
 public:
  // covariance (elements x elements); variance of the noise. Memory for `reserved` measurements is taken at
  // once, for more when they come. Throws InputError where the noise is not positive or the matrix not
  // square.
  InformationGain(Eigen::MatrixXd covariance, double noise, int reserved);
  InformationGain(const InformationGain& other);
  InformationGain& operator=(const InformationGain&) = delete;
  ~InformationGain() override = default;

  double Gain(int element) const override;
  std::unique_ptr<SetFunction> Clone() const override { return std::make_unique<InformationGain>(*this); }

 private:
  // The next row of the factor, up to its diagonal, into row_; returns the element's variance given T.
  double NextRow(int element) const;
  double Collect(int element) override;
  void Forget() override;
  void Reserve();

  std::shared_ptr<const Eigen::MatrixXd> covariance_;
  double noise_;
  std::size_t reserved_;
  std::vector<int> measured_;
  std::vector<double> factor_;  // rows of the lower Cholesky factor of K_T + noise I, one after the other
  mutable std::vector<double> row_;  // scratch of a gain
};

// Modular, for comparison: a weight for every element, as often as it comes.
class Modular final : public SetFunction {
 public:
  explicit Modular(std::vector<double> weights);

  double Gain(int element) const override { return (*weights_)[static_cast<std::size_t>(element)]; }
  std::unique_ptr<SetFunction> Clone() const override { return std::make_unique<Modular>(*this); }

 private:
  double Collect(int element) override { return Gain(element); }
  void Forget() override {}

  std::shared_ptr<const std::vector<double>> weights_;
};

// The modular function with the same value for single elements.
Modular ModularLike(const SetFunction& function);

// A weighted sum of functions over the same elements, weights at least 0.
class Sum final : public SetFunction {
 public:
  using Term = std::pair<double, std::unique_ptr<SetFunction>>;

  // Throws InputError where there is no term, a weight is negative or sizes differ.
  explicit Sum(std::vector<Term> terms);
  Sum(const Sum& other);
  Sum& operator=(const Sum&) = delete;
  ~Sum() override = default;

  double Gain(int element) const override;
  std::unique_ptr<SetFunction> Clone() const override { return std::make_unique<Sum>(*this); }

 private:
  double Collect(int element) override;
  void Forget() override;

  std::vector<Term> terms_;
};

// Draws `samples` times sets A within B and an element outside both, and throws InputError that names
// `function`, the sets and the gains where one of them shows that it is not monotone or not submodular. That
// nothing is found proves nothing; rounding (1e-9 of the values) is let pass.
void CheckMonotoneSubmodular(const SetFunction& function, std::string_view name, int samples, Pcg64& random);

}  // namespace strider
