#include "envs/minigrid/lava_gap.h"

namespace strider {

void LavaGap::Furnish() {
  PlaceAgent(/*at_random=*/false);
  Position& gap = things()[0];
  gap.x = static_cast<int>(random().Integers(2, size() - 2));
  gap.y = static_cast<int>(random().Integers(1, size() - 1));
  PutThings();
}

void LavaGap::PutThings() {
  const Position gap = things()[0];
  for (int y = 1; y < size() - 1; ++y) {
    if (y != gap.y) At({gap.x, y}) = Cell::kLava;
  }
}

}  // namespace strider
