// Turning rows of observations and actions into codes that can be counted (dataset-metrics sheet, section 2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace strider {

inline constexpr int kDefaultBins = 100;  // edges per axis in the authors' code

// Smallest and largest value of each column, observation first and action after it.
class ColumnLimits {
 public:
  explicit ColumnLimits(std::size_t columns);

  // Widens the limits by rows of observations (n x o) and actions (n x a), o + a columns together. REQUIRES:
  // finite values.
  void Add(std::span<const float> observations, std::span<const float> actions, std::size_t rows);

  std::size_t columns() const { return low_.size(); }
  double low(std::size_t column) const { return low_[column]; }
  double high(std::size_t column) const { return high_[column]; }

 private:
  std::vector<float> low_;
  std::vector<float> high_;
};

// InputError unless 2 <= bins <= 255: a code is a byte.
void CheckBins(int bins);

// Gives each value the number of the bin it falls into: how many of `bins` equally spaced edges from the
// column's smallest to its largest value are <= it (numpy.digitize over numpy.linspace in double precision).
// 0 is below the limits, `bins` is the largest value and all beyond it; so is every value of a constant
// column.
class Discretizer {
 public:
  // Errors of CheckBins. REQUIRES: limits of at least one row.
  Discretizer(const ColumnLimits& limits, int bins = kDefaultBins);

  int bins() const { return bins_; }
  std::size_t columns() const { return low_.size(); }
  // A row's code is one byte a column, filled up with zeros to whole words.
  std::size_t code_words() const { return (columns() + 7) / 8; }

  // Codes of rows of observations (n x o) and actions (n x a), columns() wide together: (n x code_words()).
  // REQUIRES: finite values.
  void Encode(std::span<const float> observations, std::span<const float> actions, std::size_t rows,
              std::vector<std::uint64_t>& codes) const;

 private:
  void EncodeColumns(std::span<const float> values, std::size_t rows, std::size_t first_column,
                     std::uint8_t* codes) const;

  int bins_;
  // One number a column.
  std::vector<double> low_;
  std::vector<double> high_;
  std::vector<double> step_;   // between edges
  std::vector<double> scale_;  // 1 / step, 0 for a constant column
};

// A 64-bit hash of each code of `words` words, for tables and sketches: SplitMix64's finaliser (Steele et
// al., "Fast splittable pseudorandom number generators", 2014), a bijection that lets every input bit decide
// over every output bit, over each word in turn mixed with what came before.
void HashCodes(std::span<const std::uint64_t> codes, std::size_t words, std::vector<std::uint64_t>& hashes);

}  // namespace strider
