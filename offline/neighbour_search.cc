#include "offline/neighbour_search.h"

#include <algorithm>
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
  using Index = nanoflann::KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<double, KeyRows>, KeyRows,
                                                    -1, std::uint32_t>;
  explicit Tree(const KeyRows& key_rows)
      : rows(key_rows),
        index(static_cast<int>(rows.width), rows, nanoflann::KDTreeSingleIndexAdaptorParams(kLeafSize)) {}

  template <class Results>
  void Find(const float* query, Results& results) const {
    const std::vector<double> wide(query, query + rows.width);
    index.findNeighbors(results, wide.data(), nanoflann::SearchParams());
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
  BestCandidates results(k);
  tree_->Find(query.data(), results);
  std::vector<Neighbour> neighbours;
  for (const auto& [squared, row] : results.best()) neighbours.push_back({row, std::sqrt(squared)});
  return neighbours;
}

double NeighbourSearch::SquaredDistance(const float* query, std::int64_t row) const {
  const float* key = keys_.data() + row * width_;
  double squared = 0;
  for (int i = 0; i < width_; ++i) {
    const double difference = static_cast<double>(query[i]) - static_cast<double>(key[i]);
    squared += difference * difference;
  }
  return squared;
}

void NeighbourSearch::KthNearest(std::span<const float> queries, int k,
                                 std::span<const std::int64_t> known_rows, WorkerPool& pool,
                                 std::span<std::int64_t> rows) const {
  const auto count = static_cast<std::int64_t>(rows.size());
  pool.ParallelFor(count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float* query = queries.data() + i * width_;
      BestCandidates results(k);
      if (!known_rows.empty()) {
        const std::int64_t known = known_rows[static_cast<std::size_t>(i)];
        results.addPoint(SquaredDistance(query, known), static_cast<std::size_t>(known));
      }
      tree_->Find(query, results);
      rows[static_cast<std::size_t>(i)] = results.best().back().second;
    }
  });
}

}  // namespace strider
