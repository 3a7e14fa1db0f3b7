// What all robots simulated by MuJoCo share.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "core/settings.h"
#include "envs/env.h"
#include "envs/mujoco/model.h"

namespace strider {

// The settings that every robot has.
struct MujocoConfig {
  RobotVersion version = RobotVersion::kV5;  // no setting: the environment's id decides
  std::string xml_file{};
  int frame_skip = 1;
  int max_episode_steps = 1000;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    // The old physics are those of the robots that D4RL used.
    if (version != RobotVersion::kV2) {
      visit("xml_file", xml_file, "MJCF file of another model with the same joints; empty: the robot's own");
    }
    visit("frame_skip", frame_skip, "simulation steps per control step", InRange(1, 10000));
    visit("max_episode_steps", max_episode_steps, "control steps until an episode is truncated", AtLeast(1));
  }
};

// For the robots whose start is noisy.
template <class Visitor>
void VisitResetNoise(Visitor&& visit, double& reset_noise_scale) {
  visit("reset_noise_scale", reset_noise_scale, "size of the noise on the start state", AtLeast(0));
}

// The numbers from `low` to `high`.
struct Interval {
  double low;
  double high;
  bool Contains(double x) const { return low <= x && x <= high; }
  bool ContainsInside(double x) const { return low < x && x < high; }  // the ends left out
  double Clip(double x) const { return x < low ? low : (x > high ? high : x); }
};

// Two numbers of a setting, the lower first; InputError naming `key` where they are not.
Interval ReadInterval(std::string_view key, const std::vector<double>& range);

// A robot under the rules of the environments sheet, section 1. Robots start with a draw, advance with
// Simulate, and judge the state that data() then shows. Derived arrays (positions of bodies, contact forces)
// are as the last mj_step left them. The model may be shared with other environments and is never written to.
class MujocoEnv : public Env {
 public:
  // qpos, qvel and qacc_warmstart in a row. SetState computes the bodies' positions anew, by which Ant and
  // Humanoid measure their way; after a step these differ a little from the ones that mj_step left.
  std::vector<double> State() const override;
  void SetState(std::span<const double> state) override;

  std::span<const double> qpos() const final { return {data_->qpos, static_cast<std::size_t>(model_->nq)}; }
  std::span<const double> qvel() const final { return {data_->qvel, static_cast<std::size_t>(model_->nv)}; }

  const mjModel& model() const { return *model_; }

 protected:
  // Observations have `observation_size` unbounded components; actions are bounded by the actuators' control
  // ranges.
  MujocoEnv(std::string_view id, SharedModel model, const MujocoConfig& config, int observation_size,
            std::optional<double> reward_threshold);

  // The robot's own model for the version, or that of the user's xml_file. Throws InputError where the file
  // cannot be read, has other numbers of joints and actuators, or an actuator without a control range.
  static SharedModel ModelFor(std::string_view id, const MujocoConfig& config, CompileRobot compile);

  // The number of a body of the model, which is given by its name or number. Throws InputError where there is
  // none.
  static int BodyNumber(const mjModel& model, const std::string& body);

  const mjData& data() const { return *data_; }
  RobotVersion version() const { return version_; }

  // Where mj_step left a body: x, y, z (m).
  std::span<const double, 3> BodyPosition(int body) const {
    return std::span<const double, 3>(data_->xpos + 3 * static_cast<std::ptrdiff_t>(body), 3);
  }

  // Between two bodies (m).
  double Distance(int a, int b) const;

  // Seconds per control step.
  double control_period() const { return control_period_; }

  // Puts the robot into its initial state as changed by `place(qpos, qvel)`. Throws WorkError where that is
  // no state to simulate.
  template <class Place>
  void StartAt(Place&& place) {
    mj_resetData(model_.get(), data_.get());
    place(std::span(data_->qpos, qpos().size()), std::span(data_->qvel, qvel().size()));
    mj_forward(model_.get(), data_.get());
    CheckSimulation(0);
  }

  // The same with a draw added to every position, then to every velocity, in index order: uniform on +-scale,
  // or for velocities `scale` times a standard normal.
  void StartWithUniformNoise(double scale);
  void StartWithNormalVelocities(double scale);

  // Applies the action over one control step. Throws WorkError naming environment, step and reason where the
  // simulation diverges; the next reset makes it sound again.
  void Simulate(const ActionRow& action);

  // The same, and computes data().cfrc_ext, the contact forces on each body, as Gymnasium does after every
  // step. It changes nothing else, so that robots which neither observe nor judge these forces spare the
  // time.
  void SimulateWithContactForces(const ActionRow& action);

  // weight * |action|^2: in the action's own type (rule 9); in version 2 in double and of the action clipped
  // to its bounds.
  double ControlCost(double weight, const ActionRow& action) const;

  // What a step is paid for the robot's health. Before version 5 an unhealthy robot is paid as well where its
  // episode ends by that.
  double SurvivalReward(double healthy_reward, bool healthy, bool terminates) const {
    return healthy || (terminates && version_ != RobotVersion::kV5) ? healthy_reward : 0;
  }

  // Clips every velocity to +-limit and computes what follows from it, as Gymnasium's set_state does.
  void LimitVelocities(double limit);

  // Writes positions from number `skip` on, then velocities, each clipped to +-velocity_limit.
  void ObservePositionsAndVelocities(std::span<double> observation, int skip,
                                     double velocity_limit = std::numeric_limits<double>::infinity()) const;

  // Writes data().cfrc_ext, six numbers per body from body `first` on, each clipped to `range`.
  void ObserveContactForces(std::span<double> observation, int first, const Interval& range) const;

  void DoSave(StateWriter& out) const override;
  void DoLoad(StateReader& in) override;

 private:
  // Throws WorkError where the simulation has diverged since the last reset. `step` of the episode is under
  // way; 0 is its start.
  void CheckSimulation(int step) const;

  SharedModel model_;
  OwnedData data_;
  RobotVersion version_;
  int frame_skip_;
  double control_period_;
};

// weight * |action|^2, squares, sum and product in the action's own type and in numpy's order (rule 9).
double ControlCost(double weight, const ActionRow& action);

// The sum of term(0) to term(size - 1) in numpy's order of adding, which decides the last bit: eight running
// sums, and halves above 128 terms.
template <class T, class Term>
T SumAsNumpy(std::size_t size, const Term& term, std::size_t first = 0) {
  constexpr std::size_t kLanes = 8;
  constexpr std::size_t kBlock = 128;
  if (size > kBlock) {
    const std::size_t half = size / 2 / kLanes * kLanes;
    return SumAsNumpy<T>(half, term, first) + SumAsNumpy<T>(size - half, term, first + half);
  }
  T lanes[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::size_t k = 0; k < kLanes; ++k) lanes[k] += term(first + i + k);
  }
  T sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  for (; i < size; ++i) sum += term(first + i);
  return sum;
}

}  // namespace strider
