// Grid worlds seen through a small window: the rules that MiniGrid's environments share.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/settings.h"
#include "envs/env.h"

namespace strider {

struct MiniGridConfig {
  int size = 8;
  int max_episode_steps = 0;
  std::string encoding = "image";

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("size", size, "cells along each side, walls included", InRange(5, 100));
    visit(
        "max_episode_steps", max_episode_steps,
        "steps until an episode is truncated; the reward at the goal falls with steps over this; 0: 4 size^2",
        AtLeast(0));
    visit("encoding", encoding,
          "image: 7 x 7 x 3 codes as MiniGrid gives them; study: the first two of each three over 10, which "
          "the offline dataset study feeds to its networks",
          OneOf({"image", "study"}));
  }
};

// The agent, a room with walls around and a goal in its lower right corner (environments sheet, section 8).
// Actions: 0 turns left, 1 turns right, 2 goes forward; others do nothing. The observation is MiniGrid's
// `image`, flattened (column, row, code): the window reaches six cells ahead and three to either side, with
// the agent in the middle of its last row. MiniGrid's `direction` and `mission` are left out, as its own
// ImgObsWrapper does; the mission never changes. State: the agent's x, y and direction, the steps taken, then
// x and y of each thing.
class MiniGridEnv : public Env {
 public:
  std::vector<double> State() const override;
  void SetState(std::span<const double> state) override;

 protected:
  enum class Cell : std::uint8_t { kEmpty, kWall, kBall, kGoal, kLava };
  enum Action { kTurnLeft, kTurnRight, kForward };

  struct Position {
    int x = 1;  // from the left
    int y = 1;  // from the top
    bool operator==(const Position&) const = default;
  };

  // What one kind of world adds to the common rules.
  struct Kind {
    int actions = 3;
    int things = 0;
    bool walls_block_sight = true;
    bool random_steps = false;
  };

  MiniGridEnv(std::string_view id, const MiniGridConfig& config, const Kind& kind);

  int size() const { return size_; }
  Cell& At(Position position) { return cells_[Index(position)]; }
  Cell Ahead() const { return cells_[Index(Front())]; }
  std::vector<Position>& things() { return things_; }

  // The agent at (1, 1) looking right, or anywhere free looking anywhere.
  void PlaceAgent(bool at_random);

  // Draws positions of the square of `extent` cells from `corner` until one is empty and not the agent's;
  // gives up after `tries`.
  std::optional<Position> DrawFree(Position corner, int extent, int tries);

  // Moves the agent. The goal and lava end the episode.
  StepResult Act(int action);

 private:
  // Draws the agent's and the things' places and puts the things into the empty room.
  virtual void Furnish() = 0;
  // Puts the things where things() says.
  virtual void PutThings() = 0;
  virtual StepResult Advance(int action) { return Act(action); }

  static constexpr std::size_t kView = 7;
  using View = std::array<std::array<Cell, kView>, kView>;   // [column][row]
  using Sight = std::array<std::array<bool, kView>, kView>;  // the same
  static Sight Visible(const View& view);

  void DoReset(std::span<double> observation) final;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) final;
  void EmptyRoom();
  void Observe(std::span<double> observation) const;
  Position Front() const { return Offset(1, 0); }
  // So many cells ahead of the agent and to its right.
  Position Offset(int ahead, int right) const;
  bool Contains(Position p) const { return p.x >= 0 && p.x < size_ && p.y >= 0 && p.y < size_; }
  std::size_t Index(Position p) const {
    return static_cast<std::size_t>(p.y) * static_cast<std::size_t>(size_) + static_cast<std::size_t>(p.x);
  }

  int size_;
  bool walls_block_sight_;
  bool study_encoding_;
  std::vector<Cell> cells_;  // (size x size), rows from the top
  std::vector<Position> things_;
  Position agent_;
  int steps_ = 0;      // since the reset; the reward depends on them
  int direction_ = 0;  // 0 right, 1 down, 2 left, 3 up
};

}  // namespace strider
