#include "envs/space.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace strider {

Box UniformBox(int size, double low, double high) {
  const auto count = static_cast<std::size_t>(size);
  return {std::vector<double>(count, low), std::vector<double>(count, high)};
}

Box ImageBox(std::vector<int> shape, double low, double high) {
  Box box = UniformBox(std::accumulate(shape.begin(), shape.end(), 1, std::multiplies<>()), low, high);
  box.shape = std::move(shape);
  return box;
}

int RowSize(const Space& space) {
  const Box* box = std::get_if<Box>(&space);
  return box == nullptr ? 1 : static_cast<int>(box->low.size());
}

void SampleUniform(const Space& space, Pcg64& random, std::span<float> row) {
  if (const auto* discrete = std::get_if<Discrete>(&space)) {
    row[0] = static_cast<float>(random.Integers(0, discrete->n));
    return;
  }
  const Box& box = std::get<Box>(space);
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i] = static_cast<float>(random.Uniform(box.low[i], box.high[i]));
  }
}

void ClipToSpace(const Space& space, std::span<float> row) {
  const Box* box = std::get_if<Box>(&space);
  if (box == nullptr) return;
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i] = std::clamp(row[i], static_cast<float>(box->low[i]), static_cast<float>(box->high[i]));
  }
}

void ScaleToBox(const Box& box, std::span<float> rows) {
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const double low = box.low[k % box.low.size()];
    const double high = box.high[k % box.low.size()];
    rows[k] = static_cast<float>(low + (static_cast<double>(rows[k]) + 1) * 0.5 * (high - low));
  }
}

void ScaleFromBox(const Box& box, std::span<float> rows) {
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const double low = box.low[k % box.low.size()];
    const double high = box.high[k % box.low.size()];
    rows[k] = static_cast<float>((static_cast<double>(rows[k]) - low) / (high - low) * 2 - 1);
  }
}

}  // namespace strider
