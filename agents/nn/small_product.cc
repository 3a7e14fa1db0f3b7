#include "agents/nn/small_product.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

namespace strider::nn {
namespace {

// Compiled with contraction: `sum += left * right` is one instruction where the processor has it.
template <int kLanes>
struct Lanes {
  using Type [[gnu::vector_size(kLanes * sizeof(float))]] = float;
};

// A product whose b can be read in whole vectors, row by row.
struct Packed {
  const SmallProduct& product;
  const float* b;
  std::ptrdiff_t b_row;
};

// kRows x (kVectors * kLanes) entries of the result, held in registers while the sums run.
template <int kLanes, int kRows, int kVectors>
[[gnu::always_inline]] inline void Tile(const Packed& packed, std::int64_t row, std::int64_t column) {
  using Vector = typename Lanes<kLanes>::Type;
  const SmallProduct& p = packed.product;
  // Whole vectors move by one instruction; of the last one only the entries that there are.
  const bool whole = column + kVectors * kLanes <= p.columns;
  const auto move = [&](void* to, const void* from, int v) __attribute__((always_inline)) {
    if (whole) {
      std::memcpy(to, from, sizeof(Vector));
    } else {
      const std::int64_t entries = std::min<std::int64_t>(kLanes, p.columns - column - v * kLanes);
      std::memcpy(to, from, sizeof(float) * static_cast<std::size_t>(entries));
    }
  };
  std::array<std::array<Vector, kVectors>, kRows> sum{};
  if (p.start != nullptr) {
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) {
        Vector there{};  // the sums themselves have no address, and so stay in registers
        move(&there, p.start + (row + r) * p.start_row + column + v * kLanes, v);
        sum[r][v] = there;
      }
    }
  }
  const float* a = p.a.data + row * p.a.row;
  const float* b = packed.b + column;
  for (std::int64_t k = 0; k < p.inner; ++k, a += p.a.column, b += packed.b_row) {
    std::array<Vector, kVectors> right;
    for (int v = 0; v < kVectors; ++v) std::memcpy(&right[v], b + v * kLanes, sizeof(Vector));
    for (int r = 0; r < kRows; ++r) {
      const float left = a[r * p.a.row];
      for (int v = 0; v < kVectors; ++v) sum[r][v] += left * right[v];
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      const Vector here = sum[r][v];
      move(p.out + (row + r) * p.columns + column + v * kLanes, &here, v);
    }
  }
}

// All rows from `row` on, as many at a time as fit.
template <int kLanes, int kRows, int kVectors>
[[gnu::always_inline]] inline void TileRows(const Packed& packed, std::int64_t row, std::int64_t column) {
  for (; row + kRows <= packed.product.rows; row += kRows) Tile<kLanes, kRows, kVectors>(packed, row, column);
  if constexpr (kRows > 1) TileRows<kLanes, kRows / 2, kVectors>(packed, row, column);
}

template <int kLanes, int kVectors>
[[gnu::always_inline]] inline void TileColumns(const Packed& packed, std::int64_t column) {
  constexpr int kRows = 6;
  for (; column + (kVectors - 1) * kLanes < packed.product.columns; column += kVectors * kLanes) {
    TileRows<kLanes, kRows, kVectors>(packed, 0, column);
  }
  if constexpr (kVectors > 1) TileColumns<kLanes, kVectors / 2>(packed, column);
}

// Rows of b in whole vectors: as they are, or copied with zeros behind.
template <int kLanes, int kVectors>
[[gnu::always_inline]] inline void MultiplyBy(const SmallProduct& p) {
  if (p.b.column == 1 && p.columns % kLanes == 0) {
    TileColumns<kLanes, kVectors>({p, p.b.data, p.b.row}, 0);
    return;
  }
  const std::int64_t width = (p.columns + kLanes - 1) / kLanes * kLanes;
  const auto copy = std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(p.inner * width));
  for (std::int64_t k = 0; k < p.inner; ++k) {
    float* row = copy.get() + k * width;
    const float* from = p.b.data + k * p.b.row;
    for (std::int64_t j = 0; j < p.columns; ++j) row[j] = from[j * p.b.column];
    std::fill(row + p.columns, row + width, 0.0F);
  }
  TileColumns<kLanes, kVectors>({p, copy.get(), width}, 0);
}

#if defined(__x86_64__)
[[gnu::target("avx512f,fma")]] void Multiply512(const SmallProduct& product) { MultiplyBy<16, 4>(product); }
[[gnu::target("avx2,fma")]] void Multiply256(const SmallProduct& product) { MultiplyBy<8, 2>(product); }
#endif

}  // namespace

void Multiply(const SmallProduct& product) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0) return Multiply512(product);
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) return Multiply256(product);
#endif
  MultiplyBy<4, 2>(product);
}

}  // namespace strider::nn
