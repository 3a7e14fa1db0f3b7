#include "envs/minatar/space_invaders.h"

namespace strider {
namespace {

constexpr int kLast = kMinAtarSide - 1;
constexpr auto kRow = static_cast<std::size_t>(kMinAtarSide);

MinAtarMap Rectangle(int first_row, int last_row, int first_column, int last_column) {
  MinAtarMap map;
  for (int row = first_row; row <= last_row; ++row) {
    for (int column = first_column; column <= last_column; ++column) map.set(MinAtarCell(row, column));
  }
  return map;
}

MinAtarMap Wave() { return Rectangle(0, 3, 2, 7); }
MinAtarMap Column(int column) { return Rectangle(0, kLast, column, column); }

}  // namespace

void SpaceInvaders::Start(RandomState&) {
  cannon_ = 5;
  moving_left_ = true;
  move_interval_ = kMoveInterval;
  move_timer_ = kMoveInterval;
  alien_shot_timer_ = kAlienShotInterval;
  shot_timer_ = 0;
  over_ = false;
  aliens_ = Wave();
  friendly_bullets_.reset();
  enemy_bullets_.reset();
}

StepResult SpaceInvaders::Act(MinAtarAction action) {
  StepResult result;
  result.terminated = over_;
  if (over_) return result;
  MoveCannon(action);
  const std::size_t cannon = MinAtarCell(kLast, cannon_);
  friendly_bullets_ >>= kRow;  // up
  enemy_bullets_ <<= kRow;     // down
  over_ = enemy_bullets_[cannon] || aliens_[cannon];
  if (move_timer_ == 0) {
    MoveAliens();
    over_ = over_ || aliens_[cannon];
  }
  if (alien_shot_timer_ == 0) ShootBack();

  const MinAtarMap hit = aliens_ & friendly_bullets_;
  result.reward = static_cast<double>(hit.count());
  aliens_ &= ~hit;
  friendly_bullets_ &= ~hit;

  if (shot_timer_ > 0) --shot_timer_;
  --move_timer_;
  --alien_shot_timer_;
  if (aliens_.none()) {
    if (ramping_ && move_interval_ > kShortestMoveInterval) --move_interval_;
    aliens_ = Wave();
  }
  result.terminated = over_;
  return result;
}

void SpaceInvaders::MoveCannon(MinAtarAction action) {
  if (action == MinAtarAction::kLeft) cannon_ = std::max(0, cannon_ - 1);
  if (action == MinAtarAction::kRight) cannon_ = std::min(kLast, cannon_ + 1);
  if (action == MinAtarAction::kFire && shot_timer_ == 0) {
    friendly_bullets_.set(MinAtarCell(kLast, cannon_));
    shot_timer_ = kShotCoolDown;
  }
}

// One column on, or at the edge one row down, there from the last row to the first.
void SpaceInvaders::MoveAliens() {
  move_timer_ = std::min(static_cast<int>(aliens_.count()), move_interval_);
  if ((aliens_ & Column(moving_left_ ? 0 : kLast)).any()) {
    moving_left_ = !moving_left_;
    over_ = over_ || (aliens_ & Rectangle(kLast, kLast, 0, kLast)).any();
    aliens_ = aliens_ << kRow | aliens_ >> (aliens_.size() - kRow);
  } else {
    aliens_ = moving_left_ ? aliens_ >> 1 : aliens_ << 1;
  }
}

// The lowest alien of the column nearest to the cannon shoots; of two such columns the left one.
void SpaceInvaders::ShootBack() {
  alien_shot_timer_ = kAlienShotInterval;
  for (int distance = 0; distance <= kLast; ++distance) {
    for (const int column : {cannon_ - distance, cannon_ + distance}) {
      if (column < 0 || column > kLast) continue;
      for (int row = kLast; row >= 0; --row) {
        if (!aliens_[MinAtarCell(row, column)]) continue;
        enemy_bullets_.set(MinAtarCell(row, column));
        return;
      }
    }
  }
}

}  // namespace strider
