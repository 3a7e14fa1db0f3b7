// Exact nearest neighbours among the (state, action) pairs of a dataset, for PRDC.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "offline/principal_axes.h"

namespace strider {

// Rows [beta * s, a] in float32, distances in float64: d^2 = beta^2 |s - s'|^2 + |a - a'|^2 (PRDC sheet,
// sections 3 and 4). Every answer equals brute force, ties going to the lowest row number. Const calls are
// thread-safe.
//
// A well-kept KD-tree falls far short of the twenty times SciPy's tree that PRDC is to have: nanoflann was
// measured at 1.3 times (actions near the data) to 2.2 times (anywhere), one thread each, a million rows of
// HalfCheetah.
//
// The rows, turned onto the principal axes of the states and of the actions, along which boxes are narrower,
// lie in leaves of 32, cut at medians of the column that varies most; boxes around 16 leaves, around 16 of
// those boxes, and so on, make a tree. What costs the time is fetching them from memory. So both are kept as
// bytes that count steps between the ends of their leaf or block: a leaf knows how far its rows can be from
// what the bytes say, and boxes are rounded outwards. What may be near enough by them is then measured in
// float64. What makes it fast besides is a good bound from the start: PRDC's queries have a row's own state,
// so that the row itself is near, and last time's answer is as a rule nearer still. A row that is visited
// often gets a list of its nearest states, by rising distance, which comes first: where the last of them is
// farther than the best pair found, as nearly always, that is all.
class NeighbourSearch {
 public:
  // `observations` (rows x observation_size), already normalised; `actions` (rows x action_size). Both must
  // outlive the search, which measures in them. Throws InputError where there is no row, or a number (times
  // beta where it is a state's) that is not finite or beyond 1e36.
  NeighbourSearch(std::span<const float> observations, int observation_size, std::span<const float> actions,
                  int action_size, double beta);

  int width() const { return static_cast<int>(width_); }
  std::int64_t rows() const { return static_cast<std::int64_t>(row_of_.size()); }

  // A row's list is made at this visit of the row. Making one takes as long as many searches near the data
  // do, so that a run of few visits does better without.
  static constexpr int kListedVisit = 8;

  struct Neighbour {
    std::int64_t row = -1;
    double distance = 0;  // Euclidean, not squared
  };

  // The k nearest rows to one query (width() numbers, states already times beta), nearest first; k <= rows().
  std::vector<Neighbour> Nearest(std::span<const float> query, int k) const;

  // The k-th nearest row of each query (queries x width()), k = 1 being the nearest. `known_rows` (queries x
  // any number) names rows that are likely near, -1 for none; they bound the search from the start and change
  // no answer. The first of a query's is a row whose state it has. A query that is not finite has no nearest
  // row and gets any.
  void KthNearest(std::span<const float> queries, int k, std::span<const std::int64_t> known_rows,
                  std::span<std::int64_t> rows) const;

 private:
  static constexpr std::size_t kLeafRows = 32;
  static constexpr std::size_t kBoxes = 16;  // of a block

  // 32 numbers of a column: of a leaf's rows, or of a block's boxes, their lower ends before their upper
  // ones. Number i is low + step * (byte i / 8 of word i % 8), so that eight at a time are a shift away.
  struct Column {
    float low = 0;
    float step = 0;
    std::array<std::uint32_t, 8> words{};

    void Set(std::size_t i, double byte) { words[i % 8] |= static_cast<std::uint32_t>(byte) << (i / 8 * 8); }
  };

  struct Leaves {
    std::vector<Column> columns;  // (leaves x width)
    std::vector<float> errors;    // (leaves): the largest distance of a row from what its bytes mean
  };

  // The boxes around some leaves, or around blocks of the boxes below.
  struct Level {
    std::size_t count = 0;
    std::vector<Column> columns;  // (blocks x width)
  };

  // Corners of boxes before they are rounded.
  struct Corners {
    std::vector<float> low;  // (boxes x width)
    std::vector<float> high;
  };

  // The nearest states of a row, by rising distance: whatever is not among them is at least as far as the
  // last.
  static constexpr std::size_t kListed = 22;
  static constexpr std::uint8_t kReady = 255;
  struct Lists {
    std::vector<std::atomic<std::uint8_t>> visits;  // by row: up to the one that makes the list; or kReady
    // (rows x kListed); the row itself is left out. Memory that the system gives as lists are written to it.
    std::unique_ptr<std::uint32_t[]> rows;
  };

  class Query;

  static float ToRows(const Column* columns, const float* query, std::size_t width, float bound,
                      std::array<float, kLeafRows>& distances);
  static std::uint32_t ToBoxes(const Column* columns, const float* query, std::size_t width, float bound,
                               std::array<float, kBoxes>& distances);
  bool SearchList(Query& query, std::size_t row, const float* key) const;
  bool ListIsReady(std::size_t row) const;
  void MakeList(std::size_t row) const;
  void Turn(const float* key, float* turned, std::size_t columns) const;
  void Order(std::span<const float> keys);
  Corners MakeLeaves(std::span<const float> keys);
  Corners MakeLevel(const Corners& boxes);

  std::span<const float> observations_;
  std::span<const float> actions_;
  std::size_t observation_size_;
  std::size_t action_size_;
  std::size_t width_;  // of both
  float beta_;
  std::optional<PrincipalAxes> state_axes_;
  std::optional<PrincipalAxes> action_axes_;
  double farthest_ = 0;                // norm of a turned row
  std::vector<std::uint32_t> row_of_;  // by place in the leaves
  Leaves leaves_;
  std::vector<Level> levels_;     // around the leaves first; the last one is a single block
  std::unique_ptr<Lists> lists_;  // made as rows are met; they change no answer
};

}  // namespace strider
