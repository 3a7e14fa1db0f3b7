#include "offline/principal_axes.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <cstring>

#include "core/widest.h"

namespace strider {
namespace {

constexpr std::size_t kTogether = 8;  // axes that are computed together

// Rows that tell the axes well enough.
constexpr std::size_t kLookedAt = 50000;

using Eight [[gnu::vector_size(kTogether * sizeof(double))]] = double;
using EightInPlace [[gnu::vector_size(kTogether * sizeof(double)), gnu::aligned(8)]] = double;

STRIDER_WIDEST void TurnOnto(const double* axes, const float* centre, const float* row, std::size_t size,
                             double* turned) {
  for (std::size_t axis = 0; axis < size; axis += kTogether) {
    Eight sum{};
    for (std::size_t column = 0; column < size; ++column, axes += kTogether) {
      const double from_centre = static_cast<double>(row[column]) - static_cast<double>(centre[column]);
      sum += from_centre * *reinterpret_cast<const EightInPlace*>(axes);
    }
    std::memcpy(turned + axis, &sum, std::min(kTogether, size - axis) * sizeof(double));
  }
}

}  // namespace

PrincipalAxes::PrincipalAxes(std::span<const float> rows, std::size_t width, std::size_t first,
                             std::size_t size)
    : centre_(size), axes_((size + kTogether - 1) / kTogether * kTogether * size) {
  const std::size_t count = rows.size() / width;
  const std::size_t stride = (count + kLookedAt - 1) / kLookedAt;
  const auto columns = static_cast<Eigen::Index>(size);
  const auto looked_at = static_cast<Eigen::Index>((count + stride - 1) / stride);
  Eigen::MatrixXd numbers(columns, looked_at);
  for (Eigen::Index i = 0; i < looked_at; ++i) {
    const float* const row = &rows[static_cast<std::size_t>(i) * stride * width + first];
    for (Eigen::Index j = 0; j < columns; ++j) numbers(j, i) = static_cast<double>(row[j]);
  }
  const Eigen::VectorXd mean = numbers.rowwise().mean();
  numbers.colwise() -= mean;
  const Eigen::MatrixXd covariance = numbers * numbers.transpose() / static_cast<double>(looked_at);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance);
  // By rising eigenvalue. Where they are not found, the columns themselves: any axes will do.
  const Eigen::MatrixXd vectors =
      solver.info() == Eigen::Success ? solver.eigenvectors() : Eigen::MatrixXd::Identity(columns, columns);
  for (std::size_t column = 0; column < size; ++column) {
    const auto j = static_cast<Eigen::Index>(column);
    centre_[column] = static_cast<float>(mean(j));
    for (std::size_t axis = 0; axis < size; ++axis) {
      const std::size_t block = axis / kTogether;
      axes_[(block * size + column) * kTogether + axis % kTogether] =
          vectors(j, columns - 1 - static_cast<Eigen::Index>(axis));
    }
  }
}

void PrincipalAxes::Turn(const float* row, float* turned) const {
  constexpr std::size_t kAtOnce = 32;
  if (size() <= kAtOnce) {
    std::array<double, kAtOnce> sums;
    TurnOnto(axes_.data(), centre_.data(), row, size(), sums.data());
    std::copy_n(sums.begin(), size(), turned);
    return;
  }
  std::vector<double> sums(size());
  TurnOnto(axes_.data(), centre_.data(), row, size(), sums.data());
  std::ranges::copy(sums, turned);
}

}  // namespace strider
