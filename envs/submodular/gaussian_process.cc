#include "envs/submodular/gaussian_process.h"

#include <Eigen/Cholesky>
#include <cmath>
#include <numbers>

namespace strider {
namespace {

constexpr double kVariance = std::numbers::ln2;
constexpr double kLength = 1;
constexpr double kSpacing = 0.1;
constexpr double kOrigin = 1;
constexpr double kObservationNoise = 1e-3;
constexpr double kFarthest = 10;  // observations lie between 0 and this
// Neighbouring cells are so alike that rounding makes the covariance indefinite without this.
constexpr double kJitter = 1e-8;

}  // namespace

Eigen::MatrixXd Matern52(const PlanePoints& a, const PlanePoints& b, double variance, double length) {
  Eigen::MatrixXd kernel(a.rows(), b.rows());
  for (Eigen::Index j = 0; j < b.rows(); ++j) {
    const Eigen::ArrayXd z = (a.rowwise() - b.row(j)).rowwise().norm().array() * (std::sqrt(5.0) / length);
    kernel.col(j).array() = variance * (1 + z + z.square() / 3) * (-z).exp();
  }
  return kernel;
}

Eigen::MatrixXd GridPosterior(int rows, int columns, int observations, Pcg64& random) {
  PlanePoints cells(static_cast<Eigen::Index>(rows) * columns, 2);
  for (int x = 0; x < rows; ++x) {
    for (int y = 0; y < columns; ++y) {
      cells.row(static_cast<Eigen::Index>(x) * columns + y) << kOrigin + kSpacing * x, kOrigin + kSpacing * y;
    }
  }
  PlanePoints observed(observations, 2);
  for (Eigen::Index i = 0; i < observations; ++i) {
    observed(i, 0) = random.Uniform(0, kFarthest);
    observed(i, 1) = random.Uniform(0, kFarthest);
  }
  Eigen::MatrixXd noisy = Matern52(observed, observed, kVariance, kLength);
  noisy.diagonal().array() += kObservationNoise;
  const Eigen::MatrixXd known = noisy.llt().matrixL().solve(Matern52(observed, cells, kVariance, kLength));
  return Matern52(cells, cells, kVariance, kLength) - known.transpose() * known;
}

Eigen::VectorXd DrawField(const Eigen::MatrixXd& covariance, Pcg64& random) {
  Eigen::VectorXd noise(covariance.rows());
  for (double& x : noise) x = random.StandardNormal();
  Eigen::MatrixXd padded = covariance;
  padded.diagonal().array() += kJitter;
  return padded.llt().matrixL() * noise;
}

}  // namespace strider
