// The directions in which rows of numbers vary, for searches among them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace strider {

// A turn of `size` columns about their centre onto the principal axes of some rows (the eigenvectors of their
// covariance), along which they vary most first. Distances stay what they are, but for rounding: the turned
// numbers of a row are off by at most kError times their Euclidean norm, where float32 neither overflows nor
// runs out of small numbers.
class PrincipalAxes {
 public:
  static constexpr double kError = 0x1p-23;  // what float32 rounds, twice

  // `rows` (any number x width) hold the columns from `first` on. Of many, some are looked at.
  // REQUIRES: at least one row and column, finite numbers.
  PrincipalAxes(std::span<const float> rows, std::size_t width, std::size_t first, std::size_t size);

  std::size_t size() const { return centre_.size(); }

  // turned[0 .. size()) from row[0 .. size()), which may be one place.
  void Turn(const float* row, float* turned) const;

 private:
  std::vector<float> centre_;
  std::vector<double> axes_;  // (blocks of eight axes x size x 8), 0 where there are no more axes
};

}  // namespace strider
