#include "offline/neighbour_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/error.h"

namespace strider {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// What float32 may get wrong in a squared distance of up to some hundred columns, and more.
constexpr double kRounding = 1 + 1e-4;

// Written out: left to itself the compiler takes the columns together and not the lanes.
using Eight [[gnu::vector_size(32)]] = float;
using EightInPlace [[gnu::vector_size(32), gnu::may_alias]] = float;

// Whether any of 16 sums is within the bound.
inline bool AnyWithin(const std::array<Eight, 2>& sums, float bound) {
  using Bits [[gnu::vector_size(32)]] = std::int64_t;
  const auto bits = reinterpret_cast<Bits>((sums[0] <= bound) | (sums[1] <= bound));
  return (bits[0] | bits[1] | bits[2] | bits[3]) != 0;
}

// Columns after which a look is taken whether the rest can matter: it is memory that costs the time.
constexpr std::size_t kChunk = 6;

// Keeps the k best candidates, ordered by distance and then by row, so that ties go to the lowest row.
class BestCandidates {
 public:
  using Candidate = std::pair<double, std::int64_t>;  // squared distance, row

  explicit BestCandidates(int k) : capacity_(static_cast<std::size_t>(k)) { best_.reserve(capacity_ + 1); }

  // Nothing that is farther matters any more.
  double Bound() const {
    return best_.size() == capacity_ ? best_.back().first : std::numeric_limits<double>::infinity();
  }

  void Offer(const Candidate& candidate) {
    if (candidate.first > Bound()) return;
    const auto place = std::ranges::lower_bound(best_, candidate);
    if (place != best_.end() && *place == candidate) return;  // a known row met again
    best_.insert(place, candidate);
    if (best_.size() > capacity_) best_.pop_back();
  }

  const std::vector<Candidate>& best() const { return best_; }

 private:
  std::size_t capacity_;
  std::vector<Candidate> best_;
};

}  // namespace

// Squared distances of one query to 16 rows, or to the nearest points of 16 boxes, or what they are at least
// where all exceed `bound`; `columns`, `low` and `high` are a Lanes for each of `width` columns. Compiled for
// newer processors as well; without contraction all give the same bits. The lanes are read where they lie: a
// copy by std::memcpy goes through narrower registers, and the search takes twice as long.
__attribute__((target_clones("avx2", "default"))) void NeighbourSearch::ToRows(const Lanes* columns,
                                                                               const float* query,
                                                                               std::size_t width, float bound,
                                                                               Lanes& distances) {
  const auto* const x = reinterpret_cast<const EightInPlace*>(columns);
  std::array<Eight, 2> sums{};
  for (std::size_t column = 0; column < width; ++column) {
    if (column % kChunk == 0 && !AnyWithin(sums, bound)) break;
    for (std::size_t half = 0; half < 2; ++half) {
      const Eight difference = query[column] - x[2 * column + half];
      sums[half] += difference * difference;
    }
  }
  std::memcpy(distances.values.data(), sums.data(), sizeof(sums));
}

__attribute__((target_clones("avx2", "default"))) void NeighbourSearch::ToBoxes(
    const Lanes* low, const Lanes* high, const float* query, std::size_t width, float bound,
    Lanes& distances) {
  const auto* const a = reinterpret_cast<const EightInPlace*>(low);
  const auto* const b = reinterpret_cast<const EightInPlace*>(high);
  std::array<Eight, 2> sums{};
  for (std::size_t column = 0; column < width; ++column) {
    if (column % kChunk == 0 && !AnyWithin(sums, bound)) break;
    for (std::size_t half = 0; half < 2; ++half) {
      const Eight below = a[2 * column + half] - query[column];
      const Eight above = query[column] - b[2 * column + half];
      const Eight outside = below > above ? below : above;
      const Eight distance = outside > 0 ? outside : Eight{};
      sums[half] += distance * distance;
    }
  }
  std::memcpy(distances.values.data(), sums.data(), sizeof(sums));
}

// One search, from known rows down the boxes.
class NeighbourSearch::Query {
 public:
  // Only the first `looked_at` columns count.
  Query(const NeighbourSearch& search, const float* query, int k, int looked_at)
      : search_(search),
        query_(query),
        width_(static_cast<std::size_t>(search.width_)),
        looked_at_(static_cast<std::size_t>(looked_at)),
        best_(k) {}

  void Know(std::int64_t row) {
    if (row >= 0) Measure(search_.slot_of_[static_cast<std::size_t>(row)]);
  }

  // Looks at the rows of a list, by rising distance of their states. False where there may be nearer ones
  // beyond it.
  bool KnowList(std::span<const std::uint32_t> slots, std::size_t states) {
    for (const std::uint32_t slot : slots) {
      // What is equally near must be looked at.
      if (Squares(slot, states) > best_.Bound() * kRounding) return true;
      Measure(slot);
    }
    return false;
  }

  const std::vector<BestCandidates::Candidate>& best() const { return best_.best(); }

  const std::vector<BestCandidates::Candidate>& Find() {
    LookIntoBoxes(search_.levels_.size() - 1, 0);
    return best_.best();
  }

 private:
  // The one arithmetic for every candidate: two that are equally near compare equal. Four partial sums, so
  // that the processor need not wait for each addition.
  double Squares(std::size_t slot, std::size_t columns) const {
    std::array<double, 4> sums{};
    for (std::size_t column = 0; column < columns; ++column) {
      const double difference =
          static_cast<double>(query_[column]) - static_cast<double>(search_.At(slot, column));
      sums[column % 4] += difference * difference;
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

  void Measure(std::size_t slot) {
    best_.Offer({Squares(slot, looked_at_), search_.row_of_[slot]});
    bound_ = static_cast<float>(best_.Bound() * kRounding);
  }

  void LookIntoLeaf(std::size_t leaf) {
    const std::size_t end = std::min((leaf + 1) * kLeafRows, search_.row_of_.size());
    Lanes distances;
    for (std::size_t first = leaf * kLeafRows; first < end; first += kLanes) {
      ToRows(&search_.columns_[first / kLanes * width_], query_, looked_at_, bound_, distances);
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        if (distances.values[lane] <= bound_ && first + lane < end) Measure(first + lane);
      }
    }
  }

  // The nearest boxes of a block first; what is in them may rule out the others.
  void LookIntoBoxes(std::size_t level, std::size_t block) {
    const Level& boxes = search_.levels_[level];
    const std::size_t first = block * kLanes;
    Lanes lanes;
    ToBoxes(&boxes.low[block * width_], &boxes.high[block * width_], query_, looked_at_, bound_, lanes);
    const std::array<float, kLanes>& distances = lanes.values;
    std::array<std::size_t, kLanes> near;
    std::size_t count = 0;
    for (std::size_t lane = 0; lane < std::min(kLanes, boxes.count - first); ++lane) {
      if (distances[lane] <= bound_) near[count++] = lane;
    }
    std::sort(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(count),
              [&](std::size_t a, std::size_t b) { return distances[a] < distances[b]; });
    for (std::size_t i = 0; i < count && distances[near[i]] <= bound_; ++i) {
      if (level == 0) {
        LookIntoLeaf(first + near[i]);
      } else {
        LookIntoBoxes(level - 1, first + near[i]);
      }
    }
  }

  const NeighbourSearch& search_;
  const float* query_;
  std::size_t width_;
  std::size_t looked_at_;
  BestCandidates best_;
  float bound_ = kInfinity;
};

NeighbourSearch::NeighbourSearch(std::span<const float> observations, int observation_size,
                                 std::span<const float> actions, int action_size, double beta)
    : width_(observation_size + action_size), observation_size_(observation_size) {
  static_assert(sizeof(Lanes) == 2 * sizeof(Eight) && kLeafRows % kLanes == 0);
  const auto states = static_cast<std::size_t>(observation_size);
  const auto columns = static_cast<std::size_t>(action_size);
  const std::size_t rows = observations.size() / states;
  if (rows == 0) throw InputError("the neighbour search needs at least one transition");
  if (rows > std::numeric_limits<std::uint32_t>::max()) {
    throw InputError("the neighbour search takes up to 2^32 - 1 transitions, but there are {}", rows);
  }
  std::vector<float> keys;
  keys.reserve(rows * static_cast<std::size_t>(width_));
  for (std::size_t row = 0; row < rows; ++row) {
    for (const float s : observations.subspan(row * states, states)) {
      keys.push_back(static_cast<float>(beta) * s);
    }
    for (const float a : actions.subspan(row * columns, columns)) keys.push_back(a);
  }
  row_of_.resize(rows);
  slot_of_.resize(rows);
  Order(keys);
  MakeBoxes();
  keys = {};
  if (rows <= kListed + 1) return;  // nothing to be saved
  lists_ = std::make_unique<Lists>();
  lists_->states = std::vector<std::atomic<ListState>>(rows);
  lists_->slots = std::make_unique_for_overwrite<std::uint32_t[]>(rows * kListed);
}

// Puts the rows into slots, so that those of a leaf, and of a box, are near one another.
void NeighbourSearch::Order(std::span<const float> keys) {
  const auto width = static_cast<std::size_t>(width_);
  std::iota(row_of_.begin(), row_of_.end(), 0U);
  std::vector<std::pair<std::size_t, std::size_t>> parts = {{0, row_of_.size()}};
  std::vector<float> low(width);
  std::vector<float> high(width);
  while (!parts.empty()) {
    const auto [begin, end] = parts.back();
    parts.pop_back();
    if (end - begin <= kLeafRows) continue;
    std::ranges::fill(low, kInfinity);
    std::ranges::fill(high, -kInfinity);
    for (std::size_t slot = begin; slot < end; ++slot) {
      const float* key = &keys[row_of_[slot] * width];
      for (std::size_t column = 0; column < width; ++column) {
        low[column] = std::min(low[column], key[column]);
        high[column] = std::max(high[column], key[column]);
      }
    }
    std::size_t widest = 0;
    for (std::size_t column = 1; column < width; ++column) {
      if (high[column] - low[column] > high[widest] - low[widest]) widest = column;
    }
    // At a whole number of leaves, so that only the last leaf of all is not full.
    const std::size_t middle = begin + ((end - begin) / 2 + kLeafRows - 1) / kLeafRows * kLeafRows;
    const auto at = [&](std::size_t slot) { return row_of_.begin() + static_cast<std::ptrdiff_t>(slot); };
    std::nth_element(at(begin), at(middle), at(end), [&](std::uint32_t a, std::uint32_t b) {
      return std::pair(keys[a * width + widest], a) < std::pair(keys[b * width + widest], b);
    });
    parts.emplace_back(begin, middle);
    parts.emplace_back(middle, end);
  }
  columns_.assign((row_of_.size() + kLanes - 1) / kLanes * width, Lanes::All(kInfinity));
  for (std::size_t slot = 0; slot < row_of_.size(); ++slot) {
    slot_of_[row_of_[slot]] = static_cast<std::uint32_t>(slot);
    for (std::size_t column = 0; column < width; ++column) {
      columns_[slot / kLanes * width + column].values[slot % kLanes] = keys[row_of_[slot] * width + column];
    }
  }
}

// The list of a row is made at its second visit: what is met only once is not worth it. Threads that meet a
// row while another makes its list do without.
bool NeighbourSearch::ListIsReady(std::size_t row) const {
  std::atomic<ListState>& state = lists_->states[row];
  ListState now = state.load(std::memory_order_acquire);
  if (now == ListState::kNone) {
    state.compare_exchange_strong(now, ListState::kVisited);
    return false;
  }
  if (now == ListState::kVisited && state.compare_exchange_strong(now, ListState::kBeingMade)) {
    MakeList(row);
    state.store(ListState::kReady, std::memory_order_release);
    return true;
  }
  return now == ListState::kReady;
}

void NeighbourSearch::MakeList(std::size_t row) const {
  std::vector<float> key;
  for (int column = 0; column < width_; ++column) {
    key.push_back(At(slot_of_[row], static_cast<std::size_t>(column)));
  }
  Query query(*this, key.data(), static_cast<int>(kListed) + 1, observation_size_);
  query.Know(static_cast<std::int64_t>(row));
  std::size_t count = 0;
  for (const auto& [square, found] : query.Find()) {
    // Of as many equal states the row itself may not be among the first.
    if (found == static_cast<std::int64_t>(row) || count == kListed) continue;
    lists_->slots[row * kListed + count] = slot_of_[static_cast<std::size_t>(found)];
    ++count;
  }
}

// Whether the query, which has the row's state, is answered by the row's list.
bool NeighbourSearch::SearchList(Query& query, std::size_t row, const float* key) const {
  const auto width = static_cast<std::size_t>(observation_size_);
  if (lists_ == nullptr) return false;
  for (std::size_t column = 0; column < width; ++column) {
    if (key[column] != At(slot_of_[row], column)) return false;
  }
  if (!ListIsReady(row)) return false;
  return query.KnowList({&lists_->slots[row * kListed], kListed}, width);
}

void NeighbourSearch::MakeBoxes() {
  const auto width = static_cast<std::size_t>(width_);
  // `count` things, `each` of them in a box; `low` and `high` say where a thing lies.
  const auto surround = [&](std::size_t count, std::size_t each, const auto& low, const auto& high) {
    Level level;
    level.count = (count + each - 1) / each;
    const std::size_t blocks = (level.count + kLanes - 1) / kLanes;
    level.low.assign(blocks * width, Lanes::All(kInfinity));
    level.high.assign(blocks * width, Lanes::All(-kInfinity));
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t box = i / each;
      for (std::size_t column = 0; column < width; ++column) {
        float& lowest = level.low[box / kLanes * width + column].values[box % kLanes];
        float& highest = level.high[box / kLanes * width + column].values[box % kLanes];
        lowest = std::min(lowest, low(i, column));
        highest = std::max(highest, high(i, column));
      }
    }
    return level;
  };
  const auto row = [this](std::size_t slot, std::size_t column) { return At(slot, column); };
  levels_.push_back(surround(row_of_.size(), kLeafRows, row, row));
  while (levels_.back().count > kLanes) {
    const Level& below = levels_.back();
    const auto corner = [&](const std::vector<Lanes>& side) {
      return [&side, width](std::size_t box, std::size_t column) {
        return side[box / kLanes * width + column].values[box % kLanes];
      };
    };
    levels_.push_back(surround(below.count, kLanes, corner(below.low), corner(below.high)));
  }
}

std::vector<NeighbourSearch::Neighbour> NeighbourSearch::Nearest(std::span<const float> query, int k) const {
  std::vector<Neighbour> neighbours;
  Query search(*this, query.data(), k, width_);
  for (const auto& [squared, row] : search.Find()) neighbours.push_back({row, std::sqrt(squared)});
  return neighbours;
}

void NeighbourSearch::KthNearest(std::span<const float> queries, int k,
                                 std::span<const std::int64_t> known_rows,
                                 std::span<std::int64_t> rows) const {
  const std::size_t known = known_rows.size() / std::max<std::size_t>(rows.size(), 1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Query query(*this, queries.data() + i * static_cast<std::size_t>(width_), k, width_);
    const auto known_here = known_rows.subspan(i * known, known);
    for (const std::int64_t row : known_here) query.Know(row);
    const bool has_row = !known_here.empty() && known_here[0] >= 0;
    const bool listed = has_row && SearchList(query, static_cast<std::size_t>(known_here[0]),
                                              queries.data() + i * static_cast<std::size_t>(width_));
    const auto& found = listed ? query.best() : query.Find();
    rows[i] = found.empty() ? 0 : found.back().second;
  }
}

}  // namespace strider
