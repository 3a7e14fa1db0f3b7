// Counting distinct things approximately in little memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace strider {

// HyperLogLog over 64-bit hashes (Flajolet et al. 2007; registers as in dataset-metrics sheet, section 2),
// read by Ertl's estimator, which needs no table of corrections and has no bias at any size ("New cardinality
// estimation algorithms for HyperLogLog sketches", arXiv 1702.01284, section 4). The sketch of a set does not
// depend on the order or on repetitions.
class HyperLogLog {
 public:
  // As many registers, a power of two and a byte each, as the relative standard error asks for: 0.01 gives
  // 16,384. InputError unless 0.001 <= error <= 0.26.
  explicit HyperLogLog(double error = 0.01);

  void Add(std::span<const std::uint64_t> hashes);
  // What the sketch of both sets' things would be. REQUIRES: as many registers.
  void Unite(const HyperLogLog& other);

  double Estimate() const;

  std::size_t registers() const { return registers_.size(); }
  // Relative standard deviation of the estimate, 1.04 / sqrt(registers), and four times as much: the estimate
  // lies within it of the true number in all but one case in some ten thousand.
  double StandardError() const;
  double ErrorBound() const { return 4 * StandardError(); }

  friend bool operator==(const HyperLogLog&, const HyperLogLog&) = default;

 private:
  int index_bits_;
  std::vector<std::uint8_t> registers_;
};

}  // namespace strider
