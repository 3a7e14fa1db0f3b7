#include "datasets/discretizer.h"

#include <algorithm>
#include <limits>

#include "core/error.h"

namespace strider {
namespace {

constexpr int kMinBins = 2;
constexpr int kMaxBins = 255;  // codes go from 0 to bins

constexpr std::uint64_t Mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

ColumnLimits::ColumnLimits(std::size_t columns)
    : low_(columns, std::numeric_limits<float>::infinity()),
      high_(columns, -std::numeric_limits<float>::infinity()) {}

void ColumnLimits::Add(std::span<const float> observations, std::span<const float> actions,
                       std::size_t rows) {
  if (rows == 0) return;
  const auto widen = [&](std::span<const float> values, std::size_t first_column) {
    const std::size_t width = values.size() / rows;
    float* const low = low_.data() + first_column;
    float* const high = high_.data() + first_column;
    for (const float* row = values.data(); row != values.data() + values.size(); row += width) {
      for (std::size_t k = 0; k < width; ++k) {
        low[k] = std::min(low[k], row[k]);
        high[k] = std::max(high[k], row[k]);
      }
    }
  };
  widen(observations, 0);
  widen(actions, observations.size() / rows);
}

void CheckBins(int bins) {
  if (bins >= kMinBins && bins <= kMaxBins) return;
  throw InputError("bins: {} is out of range, expected {} to {}", bins, kMinBins, kMaxBins);
}

Discretizer::Discretizer(const ColumnLimits& limits, int bins) : bins_(bins) {
  CheckBins(bins);
  for (std::size_t column = 0; column < limits.columns(); ++column) {
    const double width = limits.high(column) - limits.low(column);
    low_.push_back(limits.low(column));
    high_.push_back(limits.high(column));
    step_.push_back(width / (bins - 1));
    scale_.push_back(width > 0 ? (bins - 1) / width : 0.0);
  }
}

void Discretizer::EncodeColumns(std::span<const float> values, std::size_t rows, std::size_t first_column,
                                std::uint8_t* codes) const {
  const std::size_t width = values.size() / rows;
  const double* const low = low_.data() + first_column;
  const double* const high = high_.data() + first_column;
  const double* const step = step_.data() + first_column;
  const double* const scale = scale_.data() + first_column;
  const double last_interval = bins_ - 2;
  for (std::size_t row = 0; row < rows; ++row) {
    const float* const from = values.data() + row * width;
    std::uint8_t* const to = codes + row * 8 * code_words() + first_column;
    for (std::size_t k = 0; k < width; ++k) {
      const double value = from[k];
      // The quotient may be off by a rounding: the edges on both sides, as numpy computes them, decide.
      const int interval =
          static_cast<int>(std::min(std::max(0.0, (value - low[k]) * scale[k]), last_interval));
      const double lower = interval * step[k] + low[k];
      const double upper = (interval + 1) * step[k] + low[k];
      const int edges = std::min(interval + 1 + (value >= upper) - (value < lower), bins_ - 1);
      to[k] = static_cast<std::uint8_t>(value >= high[k] ? bins_ : edges);
    }
  }
}

void Discretizer::Encode(std::span<const float> observations, std::span<const float> actions,
                         std::size_t rows, std::vector<std::uint64_t>& codes) const {
  codes.assign(rows * code_words(), 0);
  if (rows == 0) return;
  auto* const bytes = reinterpret_cast<std::uint8_t*>(codes.data());
  EncodeColumns(observations, rows, 0, bytes);
  EncodeColumns(actions, rows, observations.size() / rows, bytes);
}

void HashCodes(std::span<const std::uint64_t> codes, std::size_t words, std::vector<std::uint64_t>& hashes) {
  constexpr std::uint64_t kStart = 0x9e3779b97f4a7c15ULL;  // so that a code of zeros is no fixed point
  hashes.clear();
  for (std::size_t first = 0; first < codes.size(); first += words) {
    std::uint64_t hash = kStart;
    for (std::size_t i = 0; i < words; ++i) hash = Mix(hash ^ codes[first + i]);
    hashes.push_back(hash);
  }
}

}  // namespace strider
