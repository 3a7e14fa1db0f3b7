// A four-legged robot that is to see as much of a square as it can.
#pragma once

#include <string>

#include "envs/mujoco/ant.h"
#include "envs/submodular/map_view.h"
#include "envs/submodular/trail.h"

namespace strider {

struct AntCoverageConfig {
  int max_episode_steps = 400;
  std::string reward = "gain";
  AntConfig ant;  // of which only the step and the start can be changed

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps until an episode is truncated", AtLeast(1));
    visit(
        "reward", reward,
        "gain: a tenth of the squares newly seen; modular: a tenth of all seen so far, as the authors' code "
        "rewards its modular agent",
        OneOf({"gain", "modular"}));
    visit("frame_skip", ant.simulation.frame_skip, "simulation steps per control step", AtLeast(1));
    VisitResetNoise(visit, ant.reset_noise_scale);
  }
};

// AntCoverage-v0 (SubPO sheet, section 3): the Ant of version 4 with x and y in front of its observation, on
// 100 x 100 squares of 0.4 m around the origin. In square (i, j) it sees the squares [i, i + 5) x [j, j + 5).
// What is seen at the start pays nothing. Ends, beside the Ant's own reasons, where |x| or |y| exceeds 20 m.
// A step after max_episode_steps sees nothing. State(): the robot's, then the squares entered, then -1.
class AntCoverage final : public Ant, public MapView {
 public:
  using Config = AntCoverageConfig;
  AntCoverage(std::string_view id, const Config& config);

  std::vector<double> State() const override;
  void SetState(std::span<const double> state) override;
  MapPicture Map() const override;
  MapPoint Position() const override { return {qpos()[0], qpos()[1]}; }

  // The number of the square at (x, y) in metres; -1 outside.
  static int Square(double x, double y);

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;

  bool modular_;
  Trail trail_;
};

}  // namespace strider
