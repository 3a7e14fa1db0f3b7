// A miniature race car (1:43) that is to get round a track.
#pragma once

#include <array>
#include <string>

#include "core/settings.h"
#include "envs/env.h"
#include "envs/submodular/map_view.h"

namespace strider {

struct RaceCarConfig {
  int max_episode_steps = 700;
  double start_offset = 0.1;
  std::string reward = "gain";

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("max_episode_steps", max_episode_steps, "steps of 0.03 s until an episode is truncated",
          AtLeast(1));
    visit("start_offset", start_offset, "distance from the centre line at the start, on either side (m)",
          InRange(0, 0.2));
    visit(
        "reward", reward,
        "gain: the way newly made along the track; modular: the whole way made so far, as the authors' code "
        "rewards its modular agent",
        OneOf({"gain", "modular"}));
  }
};

// The track in curvilinear coordinates: what the SubPO sheet gives of the authors' track, every 0.3285 m of
// its centre line, with straight lines between. That is an approximation: between these points the original
// bends by up to 2.7 / m more.
struct Track {
  static constexpr double kLength = 16.4076;  // m
  struct Section {
    double curvature;  // 1/m, to the left
    double left;       // m from the centre line to the border on the left, above 0
    double right;      // m to the border on the right, below 0
  };
  // At s metres along the centre line, which is closed.
  static Section At(double s);
};

// The car: s (m along the centre line), d (m left of it), mu (rad, heading against it), vx, vy (m/s, in the
// car's frame), r (rad/s).
using CarState = std::array<double, 6>;

// The right-hand side of the dynamic model (tyres with slip), and one step of 0.03 s: the dynamic model's and
// the kinematic one's (wheels that do not slip), each by one Runge-Kutta step of order 4, mixed by
// clip((vx - 0.3) / 0.2, 0, 1) as of the step's start. duty and steering are in [-1, 1] (steering in rad).
CarState DynamicSlope(const CarState& state, double duty, double steering);
CarState StepCar(const CarState& state, double duty, double steering);

// RaceCar-v0 (SubPO sheet, section 3). Observation: s, d, mu, vx, vy. Action: duty cycle and steering angle.
// Reward: the way made in the step (m), less 0.01, less 1 off the track, plus 1 at s = 16.4 m; either ends
// the episode. The way made is the coverage of the centre line, whose gains add up to it. Starts at rest on
// one or the other side of the centre line, drawn for each episode (the authors draw one side for all cars of
// a batch: an environment knows of no batch, and the mean gradient is the same). A step after the end changes
// nothing and pays nothing.
class RaceCar final : public Env, public MapView {
 public:
  using Config = RaceCarConfig;
  RaceCar(std::string_view id, const Config& config);

  std::vector<double> State() const override { return {car_.begin(), car_.end()}; }
  void SetState(std::span<const double> state) override;
  MapPicture Map() const override;
  MapPoint Position() const override;

 private:
  void DoReset(std::span<double> observation) override;
  StepResult DoStep(const ActionRow& action, std::span<double> observation) override;
  bool OffTrack() const;
  bool Finished() const;

  double start_offset_;
  bool modular_;
  CarState car_{};
};

}  // namespace strider
