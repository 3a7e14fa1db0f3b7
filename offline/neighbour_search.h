// Exact nearest neighbours among the (state, action) pairs of a dataset, for PRDC.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace strider {

// Rows [beta * s, a] in float32, distances in float64: d^2 = beta^2 |s - s'|^2 + |a - a'|^2 (PRDC sheet,
// sections 3 and 4). Every answer equals brute force, ties going to the lowest row number. The rows are
// copied. Const calls are thread-safe.
//
// The rows lie in leaves of 32, cut at medians of the widest column; boxes around 16 leaves, around 16 of
// those boxes, and so on, make a tree. Rows and boxes are looked at 16 at once, in float32 and with room for
// its rounding; what may be near enough is then measured in float64. What makes it fast is a good bound from
// the start: PRDC's queries have a row's own state, so that the row itself is near, and last time's answer is
// as a rule nearer still. From the second visit of a row on a list of its nearest states, by rising distance,
// comes first: where the last of them is farther than the best pair found, as nearly always, that is all.
class NeighbourSearch {
 public:
  // `observations` (rows x observation_size), already normalised; `actions` (rows x action_size).
  NeighbourSearch(std::span<const float> observations, int observation_size, std::span<const float> actions,
                  int action_size, double beta);

  int width() const { return width_; }
  std::int64_t rows() const { return static_cast<std::int64_t>(row_of_.size()); }

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
  static constexpr std::size_t kLanes = 16;     // rows or boxes that are looked at together
  static constexpr std::size_t kLeafRows = 32;  // a multiple of kLanes

  // One column of rows or boxes that are looked at together.
  struct alignas(64) Lanes {
    std::array<float, kLanes> values{};

    static Lanes All(float x) {
      Lanes lanes;
      lanes.values.fill(x);
      return lanes;
    }
  };

  // The boxes around some leaves, or around blocks of the boxes below.
  struct Level {
    std::size_t count = 0;
    std::vector<Lanes> low;  // (blocks x width), as `columns_`; the last block's rest is never near
    std::vector<Lanes> high;
  };

  // The nearest states of a row, by rising distance: whatever is not among them is at least as far as the
  // last.
  static constexpr std::size_t kListed = 22;
  enum class ListState : std::uint8_t { kNone, kVisited, kBeingMade, kReady };
  struct Lists {
    std::vector<std::atomic<ListState>> states;  // by row
    // (rows x kListed); the row itself is left out. Memory that the system gives as lists are written to it.
    std::unique_ptr<std::uint32_t[]> slots;
  };

  class Query;

  static void ToRows(const Lanes* columns, const float* query, std::size_t width, float bound,
                     Lanes& distances);
  static void ToBoxes(const Lanes* low, const Lanes* high, const float* query, std::size_t width, float bound,
                      Lanes& distances);
  bool SearchList(Query& query, std::size_t row, const float* key) const;
  bool ListIsReady(std::size_t row) const;
  void MakeList(std::size_t row) const;
  void Order(std::span<const float> keys);
  void MakeBoxes();
  float At(std::size_t slot, std::size_t column) const {
    return columns_[slot / kLanes * static_cast<std::size_t>(width_) + column].values[slot % kLanes];
  }

  int width_;
  std::vector<std::uint32_t> row_of_;   // by slot, the place in the leaves
  std::vector<std::uint32_t> slot_of_;  // by row
  std::vector<Lanes> columns_;          // (blocks x width); infinite where the last block has no row
  std::vector<Level> levels_;           // the leaves' first; the last one is a single block
  int observation_size_;
  std::unique_ptr<Lists> lists_;  // made as rows are met; they change no answer
};

}  // namespace strider
