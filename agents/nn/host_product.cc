#include "agents/nn/host_product.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

namespace strider::nn {
namespace {

// Compiled with contraction: `sum += left * right` is one instruction where the processor has it.
template <int kLanes>
struct Lanes {
  using Type [[gnu::vector_size(kLanes * sizeof(float))]] = float;
};

// Columns of a product, and the same columns of its b, which can be read in whole vectors, row by row.
struct Panel {
  std::int64_t column;
  const float* b;
  std::ptrdiff_t b_row;
};

// kRows x (kVectors * kLanes) entries of the result, held in registers while the sums run.
template <int kLanes, int kRows, int kVectors>
[[gnu::always_inline]] inline void Tile(const Product& p, const Panel& panel, std::int64_t row) {
  using Vector = typename Lanes<kLanes>::Type;
  const std::int64_t column = panel.column;
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
  const float* b = panel.b;
  for (std::int64_t k = 0; k < p.inner; ++k, a += p.a.column, b += panel.b_row) {
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
[[gnu::always_inline]] inline void TileRows(const Product& p, const Panel& panel, std::int64_t row) {
  for (; row + kRows <= p.rows; row += kRows) Tile<kLanes, kRows, kVectors>(p, panel, row);
  if constexpr (kRows > 1) TileRows<kLanes, kRows / 2, kVectors>(p, panel, row);
}

// Where an exchange of entries between two rows takes an entry of the first row from, or of the second: both
// rows' columns are counted one after the other. The first row's entries whose column has the bit `half`
// change places with the second's entries that have not.
template <int kLanes>
constexpr int Source(int half, bool second, int column) {
  if (((column & half) != 0) == second) return (second ? kLanes : 0) + column;
  return second ? column | half : kLanes + (column ^ half);
}

template <int kHalf, class Vector, int... kColumn>
[[gnu::always_inline]] inline void Exchange(Vector& first, Vector& second,
                                            std::integer_sequence<int, kColumn...> /*columns*/) {
  constexpr int kLanes = sizeof...(kColumn);
  const Vector old = first;
  first = __builtin_shufflevector(old, second, Source<kLanes>(kHalf, false, kColumn)...);
  second = __builtin_shufflevector(old, second, Source<kLanes>(kHalf, true, kColumn)...);
}

// lanes[i][j] <-> lanes[j][i], by exchanging single entries of neighbours, then pairs of entries, and so on.
template <int kLanes, int kHalf = 1>
[[gnu::always_inline]] inline void Transpose(std::array<typename Lanes<kLanes>::Type, kLanes>& lanes) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if ((i & kHalf) == 0)
      Exchange<kHalf>(lanes[i], lanes[i | kHalf], std::make_integer_sequence<int, kLanes>());
  }
  if constexpr (2 * kHalf < kLanes) Transpose<kLanes, 2 * kHalf>(lanes);
}

// copy (inner x kWidth) <- b's columns from `column` on, zeros where there are none. Columns that lie without
// gaps are turned in squares, and the rest one by one.
template <int kLanes, int kWidth>
[[gnu::always_inline]] inline void Pack(const Product& p, std::int64_t column, float* copy) {
  using Vector = typename Lanes<kLanes>::Type;
  const std::int64_t columns = std::min<std::int64_t>(kWidth, p.columns - column);
  const float* const b = p.b.data + column * p.b.column;
  std::int64_t done = 0;  // columns
  if (p.b.row == 1) {
    const std::int64_t whole_inner = p.inner / kLanes * kLanes;
    for (; done + kLanes <= columns; done += kLanes) {
      const float* from = b + done * p.b.column;
      for (std::int64_t k = 0; k < whole_inner; k += kLanes) {
        std::array<Vector, kLanes> lanes;
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) std::memcpy(&lanes[i], from + i * p.b.column + k, sizeof(Vector));
        Transpose<kLanes>(lanes);
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          std::memcpy(copy + (k + i) * kWidth + done, &lanes[i], sizeof(Vector));
        }
      }
      for (std::int64_t k = whole_inner; k < p.inner; ++k) {
        for (int i = 0; i < kLanes; ++i) copy[k * kWidth + done + i] = from[i * p.b.column + k];
      }
    }
  } else if (p.b.column == 1) {
    for (; done + kLanes <= columns; done += kLanes) {
      for (std::int64_t k = 0; k < p.inner; ++k) {
        std::memcpy(copy + k * kWidth + done, b + k * p.b.row + done, sizeof(Vector));
      }
    }
  }
  for (std::int64_t k = 0; k < p.inner; ++k) {
    float* const row = copy + k * kWidth;
    for (std::int64_t j = done; j < columns; ++j) row[j] = b[k * p.b.row + j * p.b.column];
    std::fill(row + columns, row + kWidth, 0.0F);
  }
}

// So many rows pay for a copy of b that lies without gaps: rows a power of two apart share few places in the
// processor's caches.
constexpr std::int64_t kWorthPacking = 64;

template <int kLanes, int kRows, int kVectors>
[[gnu::always_inline]] inline void TileColumns(const Product& p, std::int64_t column, float* copy) {
  constexpr int kWidth = kVectors * kLanes;
  for (; column + (kVectors - 1) * kLanes < p.columns; column += kWidth) {
    if (copy == nullptr) {
      TileRows<kLanes, kRows, kVectors>(p, {column, p.b.data + column, p.b.row}, 0);
    } else {
      Pack<kLanes, kWidth>(p, column, copy);
      TileRows<kLanes, kRows, kVectors>(p, {column, copy, kWidth}, 0);
    }
  }
  if constexpr (kVectors > 1) TileColumns<kLanes, kRows, kVectors / 2>(p, column, copy);
}

template <int kLanes, int kRows, int kVectors>
[[gnu::always_inline]] inline void MultiplyBy(const Product& p) {
  if (p.b.column == 1 && p.columns % kLanes == 0 && p.rows < kWorthPacking) {
    TileColumns<kLanes, kRows, kVectors>(p, 0, nullptr);
    return;
  }
  const auto copy =
      std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(p.inner * kVectors * kLanes));
  TileColumns<kLanes, kRows, kVectors>(p, 0, copy.get());
}

// Fewer columns than this leave most of a vector idle.
constexpr std::int64_t kNarrow = 5;

// The same the other way round: out' = start' + b' a', so that vectors run along the rows. `multiply` is for
// wide results.
template <class MultiplyWide>
void MultiplyNarrow(const Product& p, const MultiplyWide& multiply) {
  const auto turned = std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(p.rows * p.columns));
  if (p.start != nullptr) {
    for (std::int64_t i = 0; i < p.rows; ++i) {
      for (std::int64_t j = 0; j < p.columns; ++j) turned[j * p.rows + i] = p.start[i * p.start_row + j];
    }
  }
  multiply({.rows = p.columns,
            .inner = p.inner,
            .columns = p.rows,
            .a = {p.b.data, p.b.column, p.b.row},
            .b = {p.a.data, p.a.column, p.a.row},
            .start = p.start != nullptr ? turned.get() : nullptr,
            .start_row = p.rows,
            .out = turned.get()});
  for (std::int64_t i = 0; i < p.rows; ++i) {
    for (std::int64_t j = 0; j < p.columns; ++j) p.out[i * p.columns + j] = turned[j * p.rows + i];
  }
}

#if defined(__x86_64__)
[[gnu::target("avx512f,fma")]] void Multiply512(const Product& product) { MultiplyBy<16, 8, 3>(product); }
[[gnu::target("avx2,fma")]] void Multiply256(const Product& product) { MultiplyBy<8, 4, 3>(product); }
#endif

void MultiplyWide(const Product& product) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0) return Multiply512(product);
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) return Multiply256(product);
#endif
  MultiplyBy<4, 4, 2>(product);
}

}  // namespace

void Multiply(const Product& product) {
  if (product.columns < kNarrow && product.rows > product.columns) {
    MultiplyNarrow(product, MultiplyWide);
  } else {
    MultiplyWide(product);
  }
}

}  // namespace strider::nn
