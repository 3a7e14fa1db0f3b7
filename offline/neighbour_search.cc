#include "offline/neighbour_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nanoflann.hpp>

#include "core/error.h"

namespace strider {
namespace {

// What nanoflann reads the rows through.
struct KeyRows {
  const float* keys;
  std::size_t rows;
  std::size_t width;

  std::size_t kdtree_get_point_count() const { return rows; }
  double kdtree_get_pt(std::size_t row, std::size_t column) const { return keys[row * width + column]; }
  template <class Bounds>
  bool kdtree_get_bbox(Bounds&) const {
    return false;
  }
};

// Squared Euclidean distance in double, the one arithmetic for every candidate: two that are equally near
// compare equal. Four partial sums, so that the processor need not wait for each addition.
class SquaredDistance {
 public:
  using ElementType = double;
  using DistanceType = double;

  explicit SquaredDistance(const KeyRows& rows) : rows_(rows) {}

  // nanoflann's name; the last argument would allow giving up early.
  double evalMetric(const double* query, std::size_t row, std::size_t width, double = -1) const {
    const float* key = rows_.keys + row * width;
    std::array<double, 4> sums{};
    std::size_t i = 0;
    for (; i + sums.size() <= width; i += sums.size()) {
      for (std::size_t lane = 0; lane < sums.size(); ++lane) {
        const double difference = query[i + lane] - static_cast<double>(key[i + lane]);
        sums[lane] += difference * difference;
      }
    }
    for (; i < width; ++i) sums[0] += accum_dist(query[i], static_cast<double>(key[i]), 0);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

  double accum_dist(double a, double b, std::size_t) const { return (a - b) * (a - b); }

 private:
  KeyRows rows_;
};

// Keeps the k best candidates, ordered by distance and then by row, so that ties go to the lowest row.
class BestCandidates {
 public:
  using DistanceType = double;
  using Candidate = std::pair<double, std::int64_t>;  // squared distance, row

  explicit BestCandidates(int k) : capacity_(static_cast<std::size_t>(k)) { best_.reserve(capacity_ + 1); }

  std::size_t size() const { return best_.size(); }
  bool full() const { return best_.size() == capacity_; }

  // nanoflann looks only at what is nearer than this; the next larger number lets ties in.
  double worstDist() const {
    const double infinity = std::numeric_limits<double>::infinity();
    return full() ? std::nextafter(best_.back().first, infinity) : infinity;
  }

  bool addPoint(double squared_distance, std::size_t row) {
    const Candidate candidate{squared_distance, static_cast<std::int64_t>(row)};
    const auto place = std::ranges::lower_bound(best_, candidate);
    if (place != best_.end() && *place == candidate) return true;  // the known row met again
    best_.insert(place, candidate);
    if (best_.size() > capacity_) best_.pop_back();
    return true;
  }

  const std::vector<Candidate>& best() const { return best_; }

 private:
  std::size_t capacity_;
  std::vector<Candidate> best_;
};

constexpr std::size_t kLeafSize = 10;  // scipy's default, as the authors' code

}  // namespace

struct NeighbourSearch::Tree {
  using Index = nanoflann::KDTreeSingleIndexAdaptor<SquaredDistance, KeyRows, -1, std::uint32_t>;
  explicit Tree(const KeyRows& key_rows)
      : rows(key_rows),
        index(static_cast<int>(rows.width), rows, nanoflann::KDTreeSingleIndexAdaptorParams(kLeafSize)) {}

  // The nearest rows to `query`, in float as the rows are. `known_row` is offered first, where it is one.
  BestCandidates Find(const float* query, int k, std::int64_t known_row) const {
    const std::vector<double> wide(query, query + rows.width);
    BestCandidates results(k);
    if (known_row >= 0) {
      const auto row = static_cast<std::size_t>(known_row);
      results.addPoint(SquaredDistance(rows).evalMetric(wide.data(), row, rows.width), row);
    }
    index.findNeighbors(results, wide.data(), nanoflann::SearchParams());
    return results;
  }

  KeyRows rows;
  Index index;
};

NeighbourSearch::NeighbourSearch(std::span<const float> observations, int observation_size,
                                 std::span<const float> actions, int action_size, double beta)
    : width_(observation_size + action_size) {
  const auto states = static_cast<std::size_t>(observation_size);
  const std::size_t rows = observations.size() / states;
  if (rows == 0) throw InputError("the neighbour search needs at least one transition");
  const std::size_t columns = actions.size() / rows;
  keys_.reserve(rows * static_cast<std::size_t>(width_));
  for (std::size_t row = 0; row < rows; ++row) {
    for (const float s : observations.subspan(row * states, states))
      keys_.push_back(static_cast<float>(beta) * s);
    for (const float a : actions.subspan(row * columns, columns)) keys_.push_back(a);
  }
  tree_ = std::make_unique<Tree>(KeyRows{keys_.data(), rows, static_cast<std::size_t>(width_)});
}

NeighbourSearch::~NeighbourSearch() = default;
NeighbourSearch::NeighbourSearch(NeighbourSearch&&) noexcept = default;

std::vector<NeighbourSearch::Neighbour> NeighbourSearch::Nearest(std::span<const float> query, int k) const {
  const BestCandidates results = tree_->Find(query.data(), k, /*known_row=*/-1);
  std::vector<Neighbour> neighbours;
  for (const auto& [squared, row] : results.best()) neighbours.push_back({row, std::sqrt(squared)});
  return neighbours;
}

void NeighbourSearch::KthNearest(std::span<const float> queries, int k,
                                 std::span<const std::int64_t> known_rows,
                                 std::span<std::int64_t> rows) const {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float* query = queries.data() + i * static_cast<std::size_t>(width_);
    rows[i] = tree_->Find(query, k, known_rows.empty() ? -1 : known_rows[i]).best().back().second;
  }
}

}  // namespace strider
