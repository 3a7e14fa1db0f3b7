#include "offline/blocked_neighbours.h"

#include <algorithm>
#include <limits>

namespace strider {

at::Tensor BlockedNearest(const at::Tensor& queries, const at::Tensor& keys, std::int64_t block_rows) {
  // Differences, not |x|^2 - 2 x.y + |y|^2, which loses the small distances that matter here.
  constexpr std::int64_t kNoProducts = 2;
  const at::Tensor wide = queries.to(at::kDouble);
  at::Tensor nearest = at::zeros({queries.size(0)}, queries.options().dtype(at::kLong));
  at::Tensor distance = at::full({queries.size(0)}, std::numeric_limits<double>::infinity(), wide.options());
  for (std::int64_t first = 0; first < keys.size(0); first += block_rows) {
    const at::Tensor block =
        keys.narrow(0, first, std::min(block_rows, keys.size(0) - first)).to(at::kDouble);
    const auto [found, row] = at::cdist(wide, block, /*p=*/2, kNoProducts).min(1);  // the first one of equals
    const at::Tensor nearer = found < distance;  // not where equal: earlier blocks have lower numbers
    nearest = at::where(nearer, row + first, nearest);
    distance = at::where(nearer, found, distance);
  }
  return nearest;
}

}  // namespace strider
