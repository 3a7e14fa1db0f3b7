#include "agents/hybrid_evaluation.h"

#include <Eigen/SparseCholesky>

namespace strider {
namespace {

constexpr double kRidge = 1e-9;

// x^T v / rows, or zero where there are no rows.
Eigen::VectorXd MeanProduct(const FeatureRows& x, const Eigen::VectorXd& v) {
  if (x.rows() == 0) return Eigen::VectorXd::Zero(x.cols());
  return x.transpose() * v / static_cast<double>(x.rows());
}

Eigen::SparseMatrix<double> MeanSquare(const FeatureRows& x) {
  const Eigen::SparseMatrix<double> square = x.transpose() * x;
  return x.rows() == 0 ? square : Eigen::SparseMatrix<double>(square / static_cast<double>(x.rows()));
}

}  // namespace

Eigen::VectorXd EvaluateHybrid(const OnPolicySamples& online, const OfflineSamples& offline,
                               const EvaluationConfig& config, Eigen::VectorXd w) {
  Eigen::SparseMatrix<double> identity(w.size(), w.size());
  identity.setIdentity();
  const Eigen::SparseMatrix<double> matrix = MeanSquare(offline.features) +
                                             config.on_policy_weight * MeanSquare(online.features) +
                                             kRidge * identity;
  const Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>> solver(matrix);
  const Eigen::VectorXd pull = config.on_policy_weight * MeanProduct(online.features, online.returns);
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(w.size());
  const int rounds = config.forgotten_rounds + config.averaged_rounds;
  for (int k = 1; k <= rounds; ++k) {
    const Eigen::VectorXd targets = offline.rewards + config.discount * (offline.next_features * w);
    w = solver.solve(MeanProduct(offline.features, targets) + pull + kRidge * w);
    if (k > config.forgotten_rounds) sum += w;
  }
  return sum / config.averaged_rounds;
}

}  // namespace strider
