// The inner loops of planning on a grid: stocks that a step moves, and laws that it moves.
//
// They are compiled twice, for any processor and for one with AVX2; both give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace strider::planning {

// The best that a pair of state and stock can have.
struct Worth {
  double utility = 0;  // E f(c + G)
  double mean = 0;     // E G
};

// Where all stocks of a grid are moved by a step: stock i comes to lie `share[i]` of the way from grid point
// below[i] to the next, or beyond the ends of the grid.
struct StockMove {
  explicit StockMove(std::size_t stocks) : below(stocks), share(stocks), beyond(stocks) {}

  std::vector<std::int32_t> below;  // (stocks), at most the last but one
  std::vector<double> share;        // (stocks), in [0, 1]
  std::vector<double> beyond;       // (stocks), points beyond the ends: below 0, or above

  // Stocks [begin, end) come to lie at first + i * stride, counted in points.
  void Place(double first, double stride, std::size_t begin, std::size_t end);
};

// sums[i] += weight * (the next state's worth where stock i comes to lie, slopes on from the ends of the
// grid) for stocks [begin, end), and `gain` to the means. `after` is the next state's row.
struct Slopes {
  double below;  // utility a point, below the grid
  double above;
};
void AddWorths(const Worth* after, const StockMove& move, Slopes slopes, double weight, double gain,
               std::size_t begin, std::size_t end, Worth* sums);

// Numbers that a law's row is a multiple of.
inline constexpr std::size_t kLawBlock = 8;
inline std::size_t WholeBlocks(std::size_t count) { return (count + kLawBlock - 1) / kLawBlock * kLawBlock; }

// to <- rest * below + share * above, or added to it, in rows of `size` numbers.
void MixLaws(const float* below, const float* above, float rest, float share, bool add, std::size_t size,
             float* to);

// Moves a law on the atoms z to reward + discount z, projected onto the atoms again: each atom k takes, with
// the weights of a hat, from those that come to lie beside it. In a block of atoms these are the ones from
// k + first of the block on, so that blocks are added up in whole.
class LawShift {
 public:
  // `step` apart from each other, from `first_atom` on.
  LawShift(double first_atom, double step, std::size_t atoms, double discount);

  // Zeros that a law must have before and after it to be moved.
  std::size_t padding() const { return width_ + kLawBlock; }

  void SetReward(double reward);

  // Adds the moved law.
  void Add(const float* from, float* to) const;

  // Where AddPoint adds.
  void SetPoint(double value);
  void AddPoint(float probability, float* to) const {
    to[point_] += (1 - point_share_) * probability;
    to[point_ + 1] += point_share_ * probability;
  }

 private:
  double first_atom_;
  double step_;
  double discount_;
  std::size_t count_;
  std::size_t width_;
  std::vector<std::ptrdiff_t> first_;  // (blocks) the first source of a block, less its own place
  std::vector<float> weights_;         // (blocks x width x kLawBlock)
  std::size_t inside_begin_ = 0;       // sources before and after these lie beyond the ends
  std::size_t inside_end_ = 0;
  std::size_t point_ = 0;
  float point_share_ = 0;
};

}  // namespace strider::planning
