#include "offline/blocked_neighbours.h"

#include <algorithm>
#include <limits>

namespace strider {

at::Tensor BlockedKthNearest(const at::Tensor& queries, const at::Tensor& keys, std::int64_t k,
                             std::int64_t block_rows) {
  // Differences, not |x|^2 - 2 x.y + |y|^2, which loses the small distances that matter here.
  constexpr std::int64_t kNoProducts = 2;
  constexpr double kFar = std::numeric_limits<double>::infinity();
  const at::Tensor wide = queries.to(at::kDouble);
  const at::TensorOptions numbers = queries.options().dtype(at::kLong);
  at::Tensor nearest;
  at::Tensor distance;
  for (std::int64_t pass = 1; pass <= k; ++pass) {
    const at::Tensor last = nearest;
    const at::Tensor last_distance = distance;
    nearest = at::zeros({queries.size(0)}, numbers);
    distance = at::full({queries.size(0)}, kFar, wide.options());
    for (std::int64_t first = 0; first < keys.size(0); first += block_rows) {
      const std::int64_t count = std::min(block_rows, keys.size(0) - first);
      at::Tensor all = at::cdist(wide, keys.narrow(0, first, count).to(at::kDouble), /*p=*/2, kNoProducts);
      if (pass > 1) {
        const at::Tensor bound = last_distance.unsqueeze(1);
        const at::Tensor taken = at::arange(first, first + count, numbers) <= last.unsqueeze(1);
        all.masked_fill_(at::logical_or(all < bound, at::logical_and(all == bound, taken)), kFar);
      }
      const auto [found, row] = all.min(1);        // the first one of equals
      const at::Tensor nearer = found < distance;  // not where equal: earlier blocks have lower numbers
      nearest = at::where(nearer, row + first, nearest);
      distance = at::where(nearer, found, distance);
    }
  }
  return nearest;
}

}  // namespace strider
