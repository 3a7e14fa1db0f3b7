// MinAtar's Breakout.
#pragma once

#include "envs/minatar/minatar_env.h"

namespace strider {

// A paddle at the bottom bounces a ball, which moves along diagonals, at three rows of bricks. Reward 1 for
// each brick; the episode ends when the ball passes the paddle. Channels: paddle, ball, trail, brick.
class Breakout {
 public:
  using Config = MinAtarConfig;
  static constexpr int kChannels = 4;
  static constexpr std::array kMinimalActions = {MinAtarAction::kNone, MinAtarAction::kLeft,
                                                 MinAtarAction::kRight};

  explicit Breakout(const Config&) {}

  void Start(RandomState& random);
  StepResult Act(MinAtarAction action);

  template <class Mark>
  void Draw(Mark&& mark) const {
    mark(OneMinAtarCell(kMinAtarSide - 1, paddle_), 0);
    mark(OneMinAtarCell(ball_y_, ball_x_), 1);
    mark(OneMinAtarCell(last_y_, last_x_), 2);
    mark(bricks_, 3);
  }

  template <class Visitor>
  void VisitState(Visitor&& visit) {
    constexpr int kLast = kMinAtarSide - 1;
    visit(paddle_, 0, kLast);
    visit(ball_x_, 0, kLast);
    visit(ball_y_, 0, kLast);
    visit(last_x_, 0, kLast);
    visit(last_y_, 0, kLast);
    visit(direction_, 0, 3);
    visit(strike_, 0, 1);
    visit(over_, 0, 1);
    visit(bricks_);
  }

 private:
  void MovePaddle(MinAtarAction action);
  void FlipHorizontally() { direction_ ^= 1; }
  void FlipVertically() { direction_ = 3 - direction_; }

  int paddle_ = 0;  // its column
  int ball_x_ = 0;  // column
  int ball_y_ = 0;  // row
  int last_x_ = 0;  // where the ball was
  int last_y_ = 0;
  int direction_ = 0;    // 0 up and left, 1 up and right, 2 down and right, 3 down and left
  bool strike_ = false;  // the ball has been among bricks since it hit one
  bool over_ = false;
  MinAtarMap bricks_;
};

}  // namespace strider
