// MinAtar's Space Invaders.
#pragma once

#include "envs/minatar/minatar_env.h"

namespace strider {

struct SpaceInvadersConfig : MinAtarConfig {
  bool difficulty_ramping = true;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    MinAtarConfig::Visit(visit);
    visit("difficulty_ramping", difficulty_ramping, "whether each wave of aliens moves faster than the last");
  }
};

// A cannon at the bottom shoots at aliens that march down the screen and shoot back. Reward 1 for each alien;
// the episode ends when an alien or a bullet reaches the cannon. Channels: cannon, alien, alien_left,
// alien_right, friendly_bullet, enemy_bullet.
class SpaceInvaders {
 public:
  using Config = SpaceInvadersConfig;
  static constexpr int kChannels = 6;
  static constexpr std::array kMinimalActions = {MinAtarAction::kNone, MinAtarAction::kLeft,
                                                 MinAtarAction::kRight, MinAtarAction::kFire};

  explicit SpaceInvaders(const Config& config) : ramping_(config.difficulty_ramping) {}

  void Start(RandomState&);
  StepResult Act(MinAtarAction action);

  template <class Mark>
  void Draw(Mark&& mark) const {
    mark(OneMinAtarCell(kMinAtarSide - 1, cannon_), 0);
    mark(aliens_, 1);
    mark(aliens_, moving_left_ ? 2 : 3);
    mark(friendly_bullets_, 4);
    mark(enemy_bullets_, 5);
  }

  template <class Visitor>
  void VisitState(Visitor&& visit) {
    visit(cannon_, 0, kMinAtarSide - 1);
    visit(moving_left_, 0, 1);
    visit(move_interval_, kShortestMoveInterval, kMoveInterval);
    visit(move_timer_, 0, kMoveInterval);
    visit(alien_shot_timer_, 0, kAlienShotInterval);
    visit(shot_timer_, 0, kShotCoolDown);
    visit(over_, 0, 1);
    visit(aliens_);
    visit(friendly_bullets_);
    visit(enemy_bullets_);
  }

 private:
  static constexpr int kShotCoolDown = 5;
  static constexpr int kAlienShotInterval = 10;
  static constexpr int kMoveInterval = 12;
  static constexpr int kShortestMoveInterval = 6;

  void MoveCannon(MinAtarAction action);
  void MoveAliens();
  void ShootBack();

  bool ramping_;
  int cannon_ = 0;  // its column
  bool moving_left_ = true;
  int move_interval_ = kMoveInterval;  // steps between two moves of the aliens, while they are many
  int move_timer_ = 0;
  int alien_shot_timer_ = 0;
  int shot_timer_ = 0;
  bool over_ = false;
  MinAtarMap aliens_;
  MinAtarMap friendly_bullets_;
  MinAtarMap enemy_bullets_;
};

}  // namespace strider
