#include "offline/neighbour_search.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/widest.h"

namespace strider {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// What float32 may get wrong in a squared distance of up to some hundred columns, and more.
constexpr double kRounding = 1 + 1e-4;

// Squared distances below this float32 tells from 0 badly, or not at all.
constexpr double kVanishing = 1e-30;

// Written out: left to itself the compiler takes the columns together and not the lanes.
using Eight [[gnu::vector_size(32)]] = float;
using EightWhole [[gnu::vector_size(32)]] = std::int32_t;
using EightInPlace [[gnu::vector_size(32), gnu::may_alias, gnu::aligned(4)]] = std::int32_t;

// All that is set in any two neighbouring lanes.
[[gnu::always_inline]] inline std::uint64_t Together(const EightWhole& lanes) {
  using Pairs [[gnu::vector_size(32)]] = std::int64_t;
  const auto pairs = reinterpret_cast<Pairs>(lanes);
  return static_cast<std::uint64_t>(pairs[0] | pairs[1] | pairs[2] | pairs[3]);
}

// Whether any of the sums is within the bound.
template <std::size_t kVectors>
[[gnu::always_inline]] inline bool AnyWithin(const std::array<Eight, kVectors>& sums, float bound) {
  EightWhole within{};
  for (const Eight& sum : sums) within |= sum <= bound;
  return Together(within) != 0;
}

// Which of eight are within it, the first in the lowest bit.
[[gnu::always_inline]] inline std::uint32_t Within(const Eight& sums, float bound) {
  const std::uint64_t bits = Together((sums <= bound) & EightWhole{1, 2, 4, 8, 16, 32, 64, 128});
  return static_cast<std::uint32_t>(bits | bits >> 32);
}

// Steps between the ends of a leaf's column; and of a block's, which leaves some over at either end.
constexpr double kSteps = 255;
constexpr double kInnerSteps = 252;

// Of a step: more than rounding in float32 can take from a value among them, or add to it.
constexpr double kSlack = 1e-3;

// So many of it reach from low to high, and hardly beyond; 0 where these are one.
float StepBetween(float low, float high, double steps) {
  if (low == high) return 0;
  const auto step = static_cast<float>((static_cast<double>(high) - static_cast<double>(low)) / steps);
  return std::nextafter(step, kInfinity);
}

// Larger numbers are refused: what is turned, and differences, must be finite in float32.
constexpr float kLargest = 1e36F;

// Columns after which a look is taken whether the rest can matter.
constexpr std::size_t kChunk = 8;

double Norm(std::span<const float> numbers) {
  double squares = 0;
  for (const float x : numbers) squares += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(squares);
}

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

// Squared distances of one query to what the bytes of a leaf's rows mean, and the least of them; or infinity
// and no distances where all exceed `bound`.
STRIDER_WIDEST float NeighbourSearch::ToRows(const Column* columns, const float* query, std::size_t width,
                                             float bound, std::array<float, kLeafRows>& distances) {
  std::array<Eight, kLeafRows / 8> sums{};
  for (std::size_t column = 0; column < width; ++column) {
    if (column % kChunk == 0 && !AnyWithin(sums, bound)) return kInfinity;
    const float above_low = query[column] - columns[column].low;
    const EightWhole words = *reinterpret_cast<const EightInPlace*>(&columns[column].words);
    for (int part = 0; part < 4; ++part) {
      const Eight steps = __builtin_convertvector((words >> 8 * part) & 255, Eight);
      const Eight difference = above_low - columns[column].step * steps;
      sums[part] += difference * difference;
    }
  }
  std::memcpy(distances.data(), sums.data(), sizeof(sums));
  const Eight first = sums[0] < sums[1] ? sums[0] : sums[1];
  const Eight second = sums[2] < sums[3] ? sums[2] : sums[3];
  const Eight least = first < second ? first : second;
  return std::min({least[0], least[1], least[2], least[3], least[4], least[5], least[6], least[7]});
}

// And to the nearest points of a block's boxes; which of them are within `bound`, the first in the lowest
// bit.
STRIDER_WIDEST std::uint32_t NeighbourSearch::ToBoxes(const Column* columns, const float* query,
                                                      std::size_t width, float bound,
                                                      std::array<float, kBoxes>& distances) {
  std::array<Eight, kBoxes / 8> sums{};
  for (std::size_t column = 0; column < width; ++column) {
    if (column % kChunk == 0 && !AnyWithin(sums, bound)) return 0;
    const float above_low = query[column] - columns[column].low;
    const EightWhole words = *reinterpret_cast<const EightInPlace*>(&columns[column].words);
    for (int part = 0; part < 2; ++part) {
      const Eight low = __builtin_convertvector((words >> 8 * part) & 255, Eight);
      const Eight high = __builtin_convertvector((words >> 8 * (part + 2)) & 255, Eight);
      const Eight below = columns[column].step * low - above_low;
      const Eight above = above_low - columns[column].step * high;
      const Eight outside = below > above ? below : above;
      const Eight distance = outside > 0 ? outside : Eight{};
      sums[part] += distance * distance;
    }
  }
  std::memcpy(distances.data(), sums.data(), sizeof(sums));
  return Within(sums[0], bound) | Within(sums[1], bound) << 8;
}

// One search, from known rows down the boxes.
class NeighbourSearch::Query {
 public:
  // Only the first `looked_at` columns count: the states', or all.
  Query(const NeighbourSearch& search, const float* query, int k, std::size_t looked_at)
      : search_(search), query_(query), width_(search.width_), looked_at_(looked_at), best_(k) {}

  void Know(std::int64_t row) {
    if (row >= 0) Measure(static_cast<std::size_t>(row));
  }

  // Looks at the rows of a list, by rising distance of their states. False where there may be nearer ones
  // beyond it.
  bool KnowList(std::span<const std::uint32_t> rows) {
    for (const std::uint32_t row : rows) {
      // What is equally near must be looked at.
      if (Squares(row, search_.observation_size_) > best_.Bound() * kRounding) return true;
      Measure(row);
    }
    return false;
  }

  const std::vector<BestCandidates::Candidate>& best() const { return best_.best(); }

  const std::vector<BestCandidates::Candidate>& Find() {
    turned_.resize(looked_at_);
    search_.Turn(query_, turned_.data(), looked_at_);
    turning_ = PrincipalAxes::kError * (Norm(turned_) + search_.farthest_);
    Narrow();
    LookIntoBoxes(search_.levels_.size() - 1, 0);
    for (std::size_t i = 0; i < kWaiting; ++i) LookInto(waiting_[turn_++ % kWaiting]);
    return best_.best();
  }

 private:
  // The one arithmetic for every candidate: two that are equally near compare equal. Four partial sums, so
  // that the processor need not wait for each addition.
  double Squares(std::size_t row, std::size_t columns) const {
    std::array<double, 4> sums{};
    const std::size_t states = search_.observation_size_;
    const float* const state = &search_.observations_[row * states];
    for (std::size_t column = 0; column < states; ++column) {
      const double difference =
          static_cast<double>(query_[column]) - static_cast<double>(search_.beta_ * state[column]);
      sums[column % 4] += difference * difference;
    }
    const float* const action = search_.actions_.data() + row * search_.action_size_;
    for (std::size_t column = states; column < columns; ++column) {
      const double difference =
          static_cast<double>(query_[column]) - static_cast<double>(action[column - states]);
      sums[column % 4] += difference * difference;
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

  void Measure(std::size_t row) {
    best_.Offer({Squares(row, looked_at_), static_cast<std::int64_t>(row)});
    Narrow();
  }

  void Narrow() {
    const double radius = std::sqrt(best_.Bound()) + turning_;
    bound_ = static_cast<float>(radius * radius * kRounding + kVanishing);
    radius_ = std::sqrt(bound_);
  }

  // How far from the query, squared, the bytes of a row may say that it is.
  float BoundInLeaf(std::size_t leaf) const {
    const float reach = radius_ + search_.leaves_.errors[leaf];
    return reach * reach;
  }

  void LookIntoLeaf(std::size_t leaf) {
    const std::size_t first = leaf * kLeafRows;
    const std::size_t count = std::min(kLeafRows, search_.row_of_.size() - first);
    std::array<float, kLeafRows> distances;
    const float least = ToRows(&search_.leaves_.columns[leaf * width_], turned_.data(), looked_at_,
                               BoundInLeaf(leaf), distances);
    if (!(least <= BoundInLeaf(leaf))) return;
    // The nearest first: it rules out most of the others.
    std::size_t nearest = 0;
    while (nearest + 1 < count && distances[nearest] != least) ++nearest;
    Measure(search_.row_of_[first + nearest]);
    for (std::size_t i = 0; i < count; ++i) {
      if (distances[i] <= BoundInLeaf(leaf) && i != nearest) Measure(search_.row_of_[first + i]);
    }
  }

  // Starts the way of a leaf or block from memory.
  void Fetch(const std::vector<Column>& columns, std::size_t index) const {
    const auto* const start = reinterpret_cast<const char*>(&columns[index * width_]);
    for (std::size_t byte = 0; byte < width_ * sizeof(Column); byte += 64) __builtin_prefetch(start + byte);
  }

  struct Waiting {
    std::size_t leaf = 0;
    float distance = std::numeric_limits<float>::quiet_NaN();  // not within any bound: nobody waits
  };

  // A leaf is looked into when as many others have been found: by then it is in the caches.
  void Await(const Waiting& found) {
    Fetch(search_.leaves_.columns, found.leaf);
    LookInto(std::exchange(waiting_[turn_++ % kWaiting], found));
  }

  void LookInto(const Waiting& waiting) {
    if (waiting.distance <= bound_) LookIntoLeaf(waiting.leaf);
  }

  // The nearest boxes of a block first; what is in them may rule out the others.
  void LookIntoBoxes(std::size_t level, std::size_t block) {
    const Level& boxes = search_.levels_[level];
    const std::size_t first = block * kBoxes;
    std::array<float, kBoxes> distances;
    std::uint32_t near =
        ToBoxes(&boxes.columns[block * width_], turned_.data(), looked_at_, bound_, distances);
    if (boxes.count - first < kBoxes) near &= (1U << (boxes.count - first)) - 1;
    // Of those that are left the nearest, on its way from memory while another is looked into.
    const auto take = [&] {
      auto taken = static_cast<std::size_t>(std::countr_zero(near));
      for (std::uint32_t rest = near & (near - 1); rest != 0; rest &= rest - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(rest));
        if (distances[i] < distances[taken]) taken = i;
      }
      near &= ~(1U << taken);
      if (level > 0) Fetch(search_.levels_[level - 1].columns, first + taken);
      return taken;
    };
    if (near == 0) return;
    for (std::size_t next = take();;) {
      const std::size_t here = next;
      const bool last = near == 0;
      if (!last) next = take();
      if (distances[here] > bound_) return;
      if (level == 0) {
        Await({first + here, distances[here]});
      } else {
        LookIntoBoxes(level - 1, first + here);
      }
      if (last) return;
    }
  }

  const NeighbourSearch& search_;
  const float* query_;
  std::size_t width_;
  std::size_t looked_at_;
  BestCandidates best_;
  std::vector<float> turned_;  // the query as the leaves and boxes have it
  double turning_ = 0;         // what turning may have taken from a distance
  float bound_ = kInfinity;    // of a squared distance, with room for that and for float32's rounding
  float radius_ = kInfinity;   // its root
  static constexpr std::size_t kWaiting = 4;
  std::array<Waiting, kWaiting> waiting_{};
  std::size_t turn_ = 0;
};

NeighbourSearch::NeighbourSearch(std::span<const float> observations, int observation_size,
                                 std::span<const float> actions, int action_size, double beta)
    : observations_(observations),
      actions_(actions),
      observation_size_(static_cast<std::size_t>(observation_size)),
      action_size_(static_cast<std::size_t>(action_size)),
      width_(observation_size_ + action_size_),
      beta_(static_cast<float>(beta)) {
  const std::size_t rows = observations.size() / observation_size_;
  if (rows == 0) throw InputError("the neighbour search needs at least one transition");
  if (rows > std::numeric_limits<std::uint32_t>::max()) {
    throw InputError("the neighbour search takes up to 2^32 - 1 transitions, but there are {}", rows);
  }
  std::vector<float> keys;
  keys.reserve(rows * width_);
  for (std::size_t row = 0; row < rows; ++row) {
    for (const float s : observations.subspan(row * observation_size_, observation_size_)) {
      keys.push_back(beta_ * s);
    }
    for (const float a : actions.subspan(row * action_size_, action_size_)) keys.push_back(a);
    const auto key = std::span(keys).last(width_);
    if (!std::ranges::all_of(key, [](float x) { return std::abs(x) <= kLargest; })) {
      throw InputError("row {}: the neighbour search needs actions, and states times {}, from {:g} to {:g}",
                       row, beta, -kLargest, kLargest);
    }
  }
  state_axes_.emplace(keys, width_, 0, observation_size_);
  action_axes_.emplace(keys, width_, observation_size_, action_size_);
  for (std::size_t row = 0; row < rows; ++row) {
    float* const key = &keys[row * width_];
    Turn(key, key, width_);
    farthest_ = std::max(farthest_, Norm({key, width_}));
  }
  row_of_.resize(rows);
  Order(keys);
  Corners boxes = MakeLeaves(keys);
  keys = {};
  do {
    boxes = MakeLevel(boxes);
  } while (levels_.back().count > kBoxes);
  if (rows <= kListed + 1) return;  // nothing to be saved
  lists_ = std::make_unique<Lists>();
  lists_->visits = std::vector<std::atomic<std::uint8_t>>(rows);
  lists_->rows = std::make_unique_for_overwrite<std::uint32_t[]>(rows * kListed);
}

// The first `columns` of a key, all or the states', on their axes.
void NeighbourSearch::Turn(const float* key, float* turned, std::size_t columns) const {
  state_axes_->Turn(key, turned);
  if (columns > observation_size_) action_axes_->Turn(key + observation_size_, turned + observation_size_);
}

// Orders the rows so that those of a leaf, and of a box, are near one another.
void NeighbourSearch::Order(std::span<const float> keys) {
  std::iota(row_of_.begin(), row_of_.end(), 0U);
  std::vector<std::pair<std::size_t, std::size_t>> parts = {{0, row_of_.size()}};
  std::vector<double> sums(width_);
  std::vector<double> squares(width_);
  while (!parts.empty()) {
    const auto [begin, end] = parts.back();
    parts.pop_back();
    if (end - begin <= kLeafRows) continue;
    std::ranges::fill(sums, 0);
    std::ranges::fill(squares, 0);
    for (std::size_t place = begin; place < end; ++place) {
      const float* key = &keys[row_of_[place] * width_];
      for (std::size_t column = 0; column < width_; ++column) {
        const auto x = static_cast<double>(key[column]);
        sums[column] += x;
        squares[column] += x * x;
      }
    }
    const auto count = static_cast<double>(end - begin);
    const auto variance = [&](std::size_t column) {  // times the number of rows
      return squares[column] - sums[column] * sums[column] / count;
    };
    std::size_t widest = 0;
    for (std::size_t column = 1; column < width_; ++column) {
      if (variance(column) > variance(widest)) widest = column;
    }
    // At a whole number of leaves, so that only the last leaf of all is not full.
    const std::size_t middle = begin + ((end - begin) / 2 + kLeafRows - 1) / kLeafRows * kLeafRows;
    const auto at = [&](std::size_t place) { return row_of_.begin() + static_cast<std::ptrdiff_t>(place); };
    std::nth_element(at(begin), at(middle), at(end), [&](std::uint32_t a, std::uint32_t b) {
      return std::pair(keys[a * width_ + widest], a) < std::pair(keys[b * width_ + widest], b);
    });
    parts.emplace_back(begin, middle);
    parts.emplace_back(middle, end);
  }
}

// The leaves' bytes, and the boxes around them.
NeighbourSearch::Corners NeighbourSearch::MakeLeaves(std::span<const float> keys) {
  const std::size_t leaves = (row_of_.size() + kLeafRows - 1) / kLeafRows;
  Corners boxes{std::vector<float>(leaves * width_, kInfinity),
                std::vector<float>(leaves * width_, -kInfinity)};
  leaves_.columns.resize(leaves * width_);
  leaves_.errors.resize(leaves);
  for (std::size_t leaf = 0; leaf < leaves; ++leaf) {
    const std::size_t count = std::min(kLeafRows, row_of_.size() - leaf * kLeafRows);
    std::array<double, kLeafRows> errors{};  // squared
    for (std::size_t column = leaf * width_; column < (leaf + 1) * width_; ++column) {
      const auto key = [&](std::size_t i) {
        return keys[row_of_[leaf * kLeafRows + i] * width_ + column % width_];
      };
      float& low = boxes.low[column];
      float& high = boxes.high[column];
      for (std::size_t i = 0; i < count; ++i) {
        low = std::min(low, key(i));
        high = std::max(high, key(i));
      }
      Column& of_leaf = leaves_.columns[column];
      of_leaf.low = low;
      of_leaf.step = StepBetween(low, high, kSteps);
      for (std::size_t i = 0; i < count; ++i) {
        const double above_low = static_cast<double>(key(i)) - static_cast<double>(low);
        const double step = of_leaf.step;
        const double byte = step > 0 ? std::clamp(std::round(above_low / step), 0.0, 255.0) : 0.0;
        of_leaf.Set(i, byte);
        // With room for the rounding of what is computed from the bytes.
        const double error = std::abs(above_low - step * byte) + kSlack * step;
        errors[i] += error * error;
      }
      // What is left over of the last leaf are copies.
      for (std::size_t i = count; i < kLeafRows; ++i) of_leaf.Set(i, of_leaf.words[0] & 255);
    }
    leaves_.errors[leaf] = static_cast<float>(std::sqrt(*std::ranges::max_element(errors)) * kRounding);
  }
  return boxes;
}

// The next level: blocks of these boxes, rounded outwards. Returns the boxes around the blocks.
NeighbourSearch::Corners NeighbourSearch::MakeLevel(const Corners& boxes) {
  Level& level = levels_.emplace_back();
  level.count = boxes.low.size() / width_;
  const std::size_t blocks = (level.count + kBoxes - 1) / kBoxes;
  Corners around{std::vector<float>(blocks * width_, kInfinity),
                 std::vector<float>(blocks * width_, -kInfinity)};
  level.columns.resize(blocks * width_);
  for (std::size_t block = 0; block < blocks; ++block) {
    const std::size_t count = std::min(kBoxes, level.count - block * kBoxes);
    for (std::size_t column = block * width_; column < (block + 1) * width_; ++column) {
      const auto corner = [&](std::size_t i) { return (block * kBoxes + i) * width_ + column % width_; };
      float& low = around.low[column];
      float& high = around.high[column];
      for (std::size_t i = 0; i < count; ++i) {
        low = std::min(low, boxes.low[corner(i)]);
        high = std::max(high, boxes.high[corner(i)]);
      }
      // A step is left over at either end, for the rounding of what is computed from the bytes.
      Column& of_block = level.columns[column];
      of_block.step = StepBetween(low, high, kInnerSteps);
      of_block.low = low - of_block.step;
      if (of_block.step == 0) continue;
      for (std::size_t i = 0; i < count; ++i) {
        const auto steps = [&](float x) {
          return (static_cast<double>(x) - static_cast<double>(of_block.low)) /
                 static_cast<double>(of_block.step);
        };
        const double below = std::floor(steps(boxes.low[corner(i)]) - kSlack);
        const double above = std::ceil(steps(boxes.high[corner(i)]) + kSlack);
        of_block.Set(i, std::clamp(below, 0.0, 255.0));
        of_block.Set(kBoxes + i, std::clamp(above, 0.0, 255.0));
      }
    }
  }
  return around;
}

// Counts a visit of the row, and makes its list if it is time. Threads that meet a row while another makes
// its list do without.
bool NeighbourSearch::ListIsReady(std::size_t row) const {
  std::atomic<std::uint8_t>& visits = lists_->visits[row];
  std::uint8_t before = visits.load(std::memory_order_acquire);
  if (before >= kListedVisit) return before == kReady;
  if (!visits.compare_exchange_strong(before, before + 1) || before + 1 < kListedVisit) return false;
  MakeList(row);
  visits.store(kReady, std::memory_order_release);
  return true;
}

void NeighbourSearch::MakeList(std::size_t row) const {
  std::vector<float> key;
  for (const float s : observations_.subspan(row * observation_size_, observation_size_)) {
    key.push_back(beta_ * s);
  }
  Query query(*this, key.data(), static_cast<int>(kListed) + 1, observation_size_);
  query.Know(static_cast<std::int64_t>(row));
  std::size_t count = 0;
  for (const auto& [square, found] : query.Find()) {
    // Of as many equal states the row itself may not be among the first.
    if (found == static_cast<std::int64_t>(row) || count == kListed) continue;
    lists_->rows[row * kListed + count] = static_cast<std::uint32_t>(found);
    ++count;
  }
}

// Whether the query, which has the row's state, is answered by the row's list.
bool NeighbourSearch::SearchList(Query& query, std::size_t row, const float* key) const {
  if (lists_ == nullptr) return false;
  for (std::size_t column = 0; column < observation_size_; ++column) {
    if (key[column] != beta_ * observations_[row * observation_size_ + column]) return false;
  }
  if (!ListIsReady(row)) return false;
  return query.KnowList({&lists_->rows[row * kListed], kListed});
}

std::vector<NeighbourSearch::Neighbour> NeighbourSearch::Nearest(std::span<const float> query, int k) const {
  std::vector<Neighbour> neighbours;
  Query search(*this, query.data(), k, query.size());
  for (const auto& [squared, row] : search.Find()) neighbours.push_back({row, std::sqrt(squared)});
  return neighbours;
}

void NeighbourSearch::KthNearest(std::span<const float> queries, int k,
                                 std::span<const std::int64_t> known_rows,
                                 std::span<std::int64_t> rows) const {
  const std::size_t known = known_rows.size() / std::max<std::size_t>(rows.size(), 1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Query query(*this, queries.data() + i * width_, k, width_);
    const auto known_here = known_rows.subspan(i * known, known);
    for (const std::int64_t row : known_here) query.Know(row);
    const bool has_row = !known_here.empty() && known_here[0] >= 0;
    const bool listed =
        has_row && SearchList(query, static_cast<std::size_t>(known_here[0]), queries.data() + i * width_);
    const auto& found = listed ? query.best() : query.Find();
    rows[i] = found.empty() ? 0 : found.back().second;
  }
}

}  // namespace strider
