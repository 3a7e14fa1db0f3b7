// What all robots simulated by MuJoCo share.
#pragma once

#include <mujoco/mujoco.h>

#include <limits>
#include <memory>

#include "core/settings.h"
#include "envs/env.h"

namespace strider {

struct ModelDeleter {
  void operator()(mjModel* model) const noexcept { mj_deleteModel(model); }
};
struct DataDeleter {
  void operator()(mjData* data) const noexcept { mj_deleteData(data); }
};
struct SpecDeleter {
  void operator()(mjSpec* spec) const noexcept { mj_deleteSpec(spec); }
};
using OwnedModel = std::unique_ptr<mjModel, ModelDeleter>;
using SharedModel = std::shared_ptr<const mjModel>;
using OwnedData = std::unique_ptr<mjData, DataDeleter>;
using OwnedSpec = std::unique_ptr<mjSpec, SpecDeleter>;

// A model from its MJCF text, in two steps between which it can be edited. Both throw WorkError with MuJoCo's
// message. From then on MuJoCo's warnings go to standard error and never into a file, and its errors become
// WorkErrors.
OwnedSpec ParseModel(std::string_view mjcf);
OwnedModel CompileModel(mjSpec& spec);

// ParseModel and CompileModel.
OwnedModel CompileModel(std::string_view mjcf);

// Scales all masses and inertias so that the masses sum to `total` (kg).
void SetTotalMass(mjModel& model, double total);

// The settings that every robot has.
struct MujocoConfig {
  int frame_skip = 1;
  double reset_noise_scale = 0;
  int max_episode_steps = 1000;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("frame_skip", frame_skip, "simulation steps per control step", AtLeast(1));
    visit("reset_noise_scale", reset_noise_scale, "size of the noise on the start state", AtLeast(0));
    visit("max_episode_steps", max_episode_steps, "control steps until an episode is truncated", AtLeast(1));
  }
};

// A robot under the rules of the environments sheet, section 1. Robots draw a start with StartFrom, advance
// with Simulate, and judge the state that data() then shows. Derived arrays (positions of bodies, contact
// forces) are as the last mj_step left them. The model is shared by all environments that were made from it,
// and never written to.
class MujocoEnv : public Env {
 public:
  // qpos, qvel and qacc_warmstart in a row. SetState leaves derived arrays as they are.
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

  const mjData& data() const { return *data_; }

  // Seconds per control step.
  double control_period() const { return control_period_; }

  // Puts the robot into its initial state plus a draw per position, then a draw per velocity, in index order.
  template <class DrawPosition, class DrawVelocity>
  void StartFrom(DrawPosition&& draw_position, DrawVelocity&& draw_velocity) {
    mj_resetData(model_.get(), data_.get());
    for (int i = 0; i < model_->nq; ++i) data_->qpos[i] += draw_position();
    for (int i = 0; i < model_->nv; ++i) data_->qvel[i] += draw_velocity();
    mj_forward(model_.get(), data_.get());
  }
  // The same with uniform noise of +-reset_noise_scale on both.
  void StartFromUniformNoise();
  double reset_noise_scale() const { return reset_noise_scale_; }

  // Applies the action over one control step. Gymnasium calls mj_rnePostConstraint afterwards; that computes
  // contact forces which none of the robots here observes, and changes nothing else, so it is left out.
  void Simulate(std::span<const float> action);

  // Clips every velocity to +-limit and computes what follows from it, as Gymnasium's set_state does.
  void LimitVelocities(double limit);

  // Writes positions from number `skip` on, then velocities, each clipped to +-velocity_limit.
  void ObservePositionsAndVelocities(std::span<double> observation, int skip,
                                     double velocity_limit = std::numeric_limits<double>::infinity()) const;

 private:
  void DoSave(StateWriter& out) const override;
  void DoLoad(StateReader& in) override;

  SharedModel model_;
  OwnedData data_;
  int frame_skip_;
  double reset_noise_scale_;
  double control_period_;
};

// weight * |action|^2, squares, sum and product in float32 and in numpy's order (rule 9).
float ControlCost(double weight, std::span<const float> action);

}  // namespace strider
