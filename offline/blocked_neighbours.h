// Exact nearest neighbours where the data lie on an accelerator.
#pragma once

#include <ATen/ATen.h>

namespace strider {

// For each of `queries` (n x width) the number of the k-th nearest row of `keys` (rows x width), (n) int64 on
// their device, among equals counted from the lowest number. Brute force over blocks of `block_rows` rows, k
// times, distances in float64: the largest thing in memory is (n x block_rows). No shape depends on the
// values and nothing is read back. REQUIRES: 1 <= k <= rows.
at::Tensor BlockedKthNearest(const at::Tensor& queries, const at::Tensor& keys, std::int64_t k,
                             std::int64_t block_rows = 16384);

}  // namespace strider
