// Exact nearest neighbours among the (state, action) pairs of a dataset, for PRDC.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace strider {

// Rows [beta * s, a] in float32, distances in float64: d^2 = beta^2 |s - s'|^2 + |a - a'|^2 (PRDC sheet,
// sections 3 and 4). A KD-tree built once; every answer equals brute force, ties going to the lowest row
// number. The rows are copied. Const calls are thread-safe.
class NeighbourSearch {
 public:
  // `observations` (rows x observation_size), already normalised; `actions` (rows x action_size).
  NeighbourSearch(std::span<const float> observations, int observation_size, std::span<const float> actions,
                  int action_size, double beta);
  ~NeighbourSearch();
  NeighbourSearch(NeighbourSearch&&) noexcept;

  int width() const { return width_; }
  std::int64_t rows() const { return static_cast<std::int64_t>(keys_.size()) / width_; }

  struct Neighbour {
    std::int64_t row = -1;
    double distance = 0;  // Euclidean, not squared
  };

  // The k nearest rows to one query (width() numbers, states already times beta), nearest first; k <= rows().
  std::vector<Neighbour> Nearest(std::span<const float> query, int k) const;

  // The k-th nearest row of each query (queries x width()), k = 1 being the nearest. `known_rows`, where not
  // empty, names a row for each query that is likely near; it bounds the search from the start and changes no
  // answer.
  void KthNearest(std::span<const float> queries, int k, std::span<const std::int64_t> known_rows,
                  std::span<std::int64_t> rows) const;

 private:
  struct Tree;

  int width_;
  std::vector<float> keys_;  // (rows x width)
  std::unique_ptr<Tree> tree_;
};

}  // namespace strider
