#include "envs/minatar/breakout.h"

namespace strider {
namespace {

constexpr int kLast = kMinAtarSide - 1;

// Rows 1 to 3.
MinAtarMap FullBricks() {
  MinAtarMap bricks;
  for (int row = 1; row <= 3; ++row) {
    for (int column = 0; column <= kLast; ++column) bricks.set(MinAtarCell(row, column));
  }
  return bricks;
}

}  // namespace

void Breakout::Start(RandomState& random) {
  const bool from_right = random.Integers(2) == 1;
  ball_x_ = from_right ? kLast : 0;
  direction_ = from_right ? 3 : 2;
  ball_y_ = 3;
  last_x_ = ball_x_;
  last_y_ = ball_y_;
  paddle_ = 4;
  bricks_ = FullBricks();
  strike_ = false;
  over_ = false;
}

StepResult Breakout::Act(MinAtarAction action) {
  StepResult result;
  result.terminated = over_;
  if (over_) return result;
  MovePaddle(action);

  last_x_ = ball_x_;
  last_y_ = ball_y_;
  int x = ball_x_ + (direction_ == 1 || direction_ == 2 ? 1 : -1);
  int y = ball_y_ + (direction_ >= 2 ? 1 : -1);
  if (x < 0 || x > kLast) {
    x = std::clamp(x, 0, kLast);
    FlipHorizontally();
  }
  bool among_bricks = false;
  if (y < 0) {
    y = 0;
    FlipVertically();
  } else if (bricks_[MinAtarCell(y, x)]) {
    among_bricks = true;
    if (!strike_) {
      result.reward = 1;
      bricks_.reset(MinAtarCell(y, x));
      y = last_y_;
      FlipVertically();
      strike_ = true;
    }
  } else if (y == kLast) {
    if (bricks_.none()) bricks_ = FullBricks();
    if (last_x_ == paddle_) {
      FlipVertically();
      y = last_y_;
    } else if (x == paddle_) {
      FlipHorizontally();
      FlipVertically();
      y = last_y_;
    } else {
      over_ = true;
    }
  }
  if (!among_bricks) strike_ = false;
  ball_x_ = x;
  ball_y_ = y;
  result.terminated = over_;
  return result;
}

void Breakout::MovePaddle(MinAtarAction action) {
  if (action == MinAtarAction::kLeft) paddle_ = std::max(0, paddle_ - 1);
  if (action == MinAtarAction::kRight) paddle_ = std::min(kLast, paddle_ + 1);
}

}  // namespace strider
