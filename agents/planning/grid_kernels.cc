#include "agents/planning/grid_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace strider::planning {
namespace {

// Eight floats and two doubles that are worked on together: the compiler left to itself interleaves the wrong
// loops.
using Floats [[gnu::vector_size(sizeof(float) * kLawBlock)]] = float;
using Pair [[gnu::vector_size(sizeof(Worth))]] = double;  // utility, mean

template <class Vector>
[[gnu::always_inline]] inline void Load(const void* from, Vector& vector) {
  std::memcpy(&vector, from, sizeof(Vector));
}

[[gnu::target_clones("avx2", "default")]] void PlaceAll(double first, double stride, double last,
                                                        std::size_t begin, std::size_t end,
                                                        std::int32_t* below, double* share, double* beyond) {
  const auto last_below = static_cast<std::int32_t>(last) - 1;
  for (std::size_t i = begin; i < end; ++i) {
    const double place = first + static_cast<double>(static_cast<std::int32_t>(i)) * stride;
    const double inside = std::min(std::max(place, 0.0), last);
    const std::int32_t point = std::min(static_cast<std::int32_t>(inside), last_below);
    below[i] = point;
    share[i] = inside - static_cast<double>(point);
    beyond[i] = place - inside;
  }
}

[[gnu::target_clones("avx2", "default")]] void AddAll(const Worth* after, const std::int32_t* below,
                                                      const double* share, const double* beyond,
                                                      Slopes slopes, double weight, double gain,
                                                      std::size_t begin, std::size_t end, Worth* sums) {
  const Pair gains{0, gain};
  for (std::size_t i = begin; i < end; ++i) {
    Pair low;
    Pair high;
    Pair sum;
    Load(after + below[i], low);
    Load(after + below[i] + 1, high);
    Load(sums + i, sum);
    const Pair on{beyond[i] * (beyond[i] < 0 ? slopes.below : slopes.above), 0};
    sum += weight * (low + share[i] * (high - low) + on) + gains;
    std::memcpy(static_cast<void*>(sums + i), &sum, sizeof(sum));
  }
}

[[gnu::target_clones("avx2", "default")]] void MixAll(const float* below, const float* above, float rest,
                                                      float share, std::size_t size, float* to) {
  for (std::size_t j = 0; j < size; ++j) to[j] = rest * below[j] + share * above[j];
}

[[gnu::target_clones("avx2", "default")]] void AddMixed(const float* below, const float* above, float rest,
                                                        float share, std::size_t size, float* to) {
  for (std::size_t j = 0; j < size; ++j) to[j] += rest * below[j] + share * above[j];
}

[[gnu::target_clones("avx2", "default")]] void ShiftAll(const float* from, const std::ptrdiff_t* first,
                                                        const float* weights, std::size_t blocks,
                                                        std::size_t width, float* to) {
  for (std::size_t block = 0; block < blocks; ++block, to += kLawBlock) {
    const float* source = from + static_cast<std::ptrdiff_t>(block * kLawBlock) + first[block];
    Floats sum;
    Load(to, sum);
    for (std::size_t m = 0; m < width; ++m, weights += kLawBlock, ++source) {
      Floats weight;
      Floats moved;
      Load(weights, weight);
      Load(source, moved);
      sum += weight * moved;
    }
    std::memcpy(to, &sum, sizeof(sum));
  }
}

}  // namespace

void StockMove::Place(double first, double stride, std::size_t begin, std::size_t end) {
  PlaceAll(first, stride, static_cast<double>(below.size() - 1), begin, end, below.data(), share.data(),
           beyond.data());
}

void AddWorths(const Worth* after, const StockMove& move, Slopes slopes, double weight, double gain,
               std::size_t begin, std::size_t end, Worth* sums) {
  AddAll(after, move.below.data(), move.share.data(), move.beyond.data(), slopes, weight, gain, begin, end,
         sums);
}

void MixLaws(const float* below, const float* above, float rest, float share, bool add, std::size_t size,
             float* to) {
  (add ? AddMixed : MixAll)(below, above, rest, share, size, to);
}

LawShift::LawShift(double first_atom, double step, std::size_t atoms, double discount)
    : first_atom_(first_atom),
      step_(step),
      discount_(discount),
      count_(atoms),
      width_(static_cast<std::size_t>(2 / discount + (kLawBlock - 1) * (1 / discount - 1)) + 2),
      first_(WholeBlocks(count_) / kLawBlock),
      weights_(first_.size() * width_ * kLawBlock) {}

void LawShift::SetReward(double reward) {
  // Atom j comes to lie at `base` + discount j, counted in atoms.
  const double base = (reward + discount_ * first_atom_ - first_atom_) / step_;
  const auto place = [&](double j) { return base + discount_ * j; };
  const auto count = static_cast<double>(count_);
  const double last = count - 1;
  inside_begin_ = static_cast<std::size_t>(std::clamp(std::ceil(-base / discount_), 0.0, count));
  inside_end_ = static_cast<std::size_t>(std::clamp(std::floor((last - base) / discount_) + 1, 0.0, count));
  inside_end_ = std::max(inside_end_, inside_begin_);
  for (std::size_t block = 0; block < first_.size(); ++block) {
    const auto k0 = static_cast<double>(block * kLawBlock);
    const double lowest = std::ceil((k0 - 1 - base) / discount_) - k0;
    first_[block] =
        static_cast<std::ptrdiff_t>(std::clamp(lowest, -k0 - static_cast<double>(width_), count - k0));
    for (std::size_t m = 0; m < width_; ++m) {
      for (std::size_t i = 0; i < kLawBlock; ++i) {
        const double k = k0 + static_cast<double>(i);
        const double j = k + static_cast<double>(first_[block]) + static_cast<double>(m);
        const bool inside = j >= static_cast<double>(inside_begin_) && j < static_cast<double>(inside_end_);
        const double hat = inside && k <= last ? 1 - std::abs(place(j) - k) : 0;
        weights_[(block * width_ + m) * kLawBlock + i] = static_cast<float>(std::max(hat, 0.0));
      }
    }
  }
  SetPoint(reward);
}

void LawShift::Add(const float* from, float* to) const {
  ShiftAll(from, first_.data(), weights_.data(), first_.size(), width_, to);
  // What would lie beyond the ends.
  for (std::size_t j = 0; j < inside_begin_; ++j) to[0] += from[j];
  for (std::size_t j = inside_end_; j < count_; ++j) to[count_ - 1] += from[j];
}

void LawShift::SetPoint(double value) {
  const double point = std::clamp((value - first_atom_) / step_, 0.0, static_cast<double>(count_ - 1));
  point_ = std::min(static_cast<std::size_t>(point), count_ - 2);
  point_share_ = static_cast<float>(point - static_cast<double>(point_));
}

}  // namespace strider::planning
