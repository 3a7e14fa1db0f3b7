// Gaussian processes over the cells of a grid, for maps and for experiments (SubPO sheet, section 3).
#pragma once

#include <Eigen/Core>

#include "core/random.h"

namespace strider {

// Points in the plane, one a row: (points x 2).
using PlanePoints = Eigen::MatrixX2d;

// Matern kernel of smoothness 5/2 between all pairs: variance (1 + z + z^2/3) exp(-z), z = sqrt(5) r /
// length.
Eigen::MatrixXd Matern52(const PlanePoints& a, const PlanePoints& b, double variance, double length);

// The process of the grid tasks: variance ln 2, length 1, at cells (x, y) placed at 1 + 0.1 times their
// indices, node x * columns + y a row. It has been observed at `observations` places drawn uniformly from
// [0, 10]^2 with noise of variance 1e-3, where it was 0: the mean stays 0, the covariance (cells x cells) is
// what is left.
Eigen::MatrixXd GridPosterior(int rows, int columns, int observations, Pcg64& random);

// One joint draw of all cells with that covariance and mean 0.
Eigen::VectorXd DrawField(const Eigen::MatrixXd& covariance, Pcg64& random);

}  // namespace strider
