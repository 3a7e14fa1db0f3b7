#include "envs/mujoco/mujoco_env.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"

namespace strider {
namespace {

EnvSpec MakeSpec(std::string_view id, const mjModel& model, int observation_size, int max_episode_steps,
                 std::optional<double> reward_threshold) {
  Box actions;
  for (int i = 0; i < model.nu; ++i) {
    actions.low.push_back(static_cast<double>(static_cast<float>(model.actuator_ctrlrange[2 * i])));
    actions.high.push_back(static_cast<double>(static_cast<float>(model.actuator_ctrlrange[2 * i + 1])));
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {std::string(id), UniformBox(observation_size, -kInfinity, kInfinity), actions, max_episode_steps,
          reward_threshold};
}

void CheckUsersModel(std::string_view id, const std::string& file, const mjModel& model, const mjModel& own) {
  if (model.nq != own.nq || model.nv != own.nv || model.nu != own.nu) {
    throw InputError(
        "the model '{}' has {} joint positions, {} joint velocities and {} actuators; {} needs {}, {} and {}",
        file, model.nq, model.nv, model.nu, id, own.nq, own.nv, own.nu);
  }
  if (!(model.opt.timestep > 0)) {
    throw InputError("the timestep of the model '{}' is {} s; expected more than 0", file,
                     model.opt.timestep);
  }
  for (int i = 0; i < model.nu; ++i) {
    if (!(model.actuator_ctrlrange[2 * i] < model.actuator_ctrlrange[2 * i + 1])) {
      throw InputError("actuator {} of the model '{}' has no control range; {} needs one", i, file, id);
    }
  }
}

bool AllFinite(std::span<const double> values) {
  return std::ranges::all_of(values, [](double x) { return std::isfinite(x); });
}

}  // namespace

Interval ReadInterval(std::string_view key, const std::vector<double>& range) {
  if (range.size() != 2 || !(range[0] < range[1])) {
    throw InputError("{} = '{}' is not accepted; expected two numbers separated by a comma, the lower first",
                     key, fmt::join(range, ","));
  }
  return {range[0], range[1]};
}

MujocoEnv::MujocoEnv(std::string_view id, SharedModel model, const MujocoConfig& config, int observation_size,
                     std::optional<double> reward_threshold)
    : Env(MakeSpec(id, *model, observation_size, config.max_episode_steps, reward_threshold)),
      model_(std::move(model)),
      data_(MakeData(*model_)),
      version_(config.version),
      frame_skip_(config.frame_skip),
      control_period_(model_->opt.timestep * config.frame_skip) {}

SharedModel MujocoEnv::ModelFor(std::string_view id, const MujocoConfig& config, CompileRobot compile) {
  SharedModel own = SharedRobot(compile, config.version);
  if (config.xml_file.empty()) return own;
  SharedModel users = ReadModel(config.xml_file);
  CheckUsersModel(id, config.xml_file, *users, *own);
  return users;
}

int MujocoEnv::BodyNumber(const mjModel& model, const std::string& body) {
  int number = -1;
  const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), number);
  if (error != std::errc() || end != body.data() + body.size()) {
    number = mj_name2id(&model, mjOBJ_BODY, body.c_str());
  }
  if (number < 0 || number >= model.nbody) {
    throw InputError("the robot's model has no body '{}'; expected a name or a number below {}", body,
                     model.nbody);
  }
  return number;
}

std::vector<double> MujocoEnv::State() const {
  std::vector<double> state(qpos().begin(), qpos().end());
  state.insert(state.end(), qvel().begin(), qvel().end());
  state.insert(state.end(), data_->qacc_warmstart, data_->qacc_warmstart + model_->nv);
  return state;
}

void MujocoEnv::SetState(std::span<const double> state) {
  const std::size_t nq = qpos().size();
  const std::size_t nv = qvel().size();
  if (state.size() != nq + 2 * nv) {
    throw InputError("state of {} numbers given to {}; expected {}", state.size(), spec().id, nq + 2 * nv);
  }
  mj_resetData(model_.get(), data_.get());
  std::ranges::copy(state.first(nq), data_->qpos);
  std::ranges::copy(state.subspan(nq, nv), data_->qvel);
  std::ranges::copy(state.last(nv), data_->qacc_warmstart);
  mj_kinematics(model_.get(), data_.get());
}

double MujocoEnv::Distance(int a, int b) const {
  const auto from = BodyPosition(a);
  const auto to = BodyPosition(b);
  const double x = from[0] - to[0];
  const double y = from[1] - to[1];
  const double z = from[2] - to[2];
  return std::sqrt(x * x + y * y + z * z);
}

void MujocoEnv::StartWithUniformNoise(double scale) {
  StartAt([&](std::span<double> positions, std::span<double> velocities) {
    for (double& x : positions) x += random().Uniform(-scale, scale);
    for (double& v : velocities) v += random().Uniform(-scale, scale);
  });
}

void MujocoEnv::StartWithNormalVelocities(double scale) {
  StartAt([&](std::span<double> positions, std::span<double> velocities) {
    for (double& x : positions) x += random().Uniform(-scale, scale);
    for (double& v : velocities) v += scale * random().StandardNormal();
  });
}

void MujocoEnv::Simulate(const ActionRow& action) {
  action.Visit([&](auto row) { std::ranges::copy(row, data_->ctrl); });
  for (int i = 0; i < frame_skip_; ++i) mj_step(model_.get(), data_.get());
  CheckSimulation(elapsed_steps() + 1);
}

void MujocoEnv::SimulateWithContactForces(const ActionRow& action) {
  Simulate(action);
  mj_rnePostConstraint(model_.get(), data_.get());
}

// MuJoCo counts its warnings since the last reset. Where numbers are bad it also puts the robot back into its
// initial state without a word, but looks for them only at the start of a step and at accelerations.
void MujocoEnv::CheckSimulation(int step) const {
  for (int warning = 0; warning < mjNWARNING; ++warning) {
    const mjWarningStat& seen = data_->warning[warning];
    if (seen.number == 0) continue;
    throw WorkError("{}: the simulation went wrong in step {} of the episode: {}", spec().id, step,
                    mju_warningText(warning, static_cast<std::size_t>(seen.lastinfo)));
  }
  if (!AllFinite(qpos()) || !AllFinite(qvel())) {
    throw WorkError("{}: the simulation went wrong in step {} of the episode: its state is not finite",
                    spec().id, step);
  }
}

double MujocoEnv::ControlCost(double weight, const ActionRow& action) const {
  if (version_ != RobotVersion::kV2) return strider::ControlCost(weight, action);
  const auto square = [&](std::size_t i) {
    const Interval bounds{model_->actuator_ctrlrange[2 * i], model_->actuator_ctrlrange[2 * i + 1]};
    const double clipped = bounds.Clip(action[i]);
    return clipped * clipped;
  };
  return weight * SumAsNumpy<double>(action.size(), square);
}

void MujocoEnv::LimitVelocities(double limit) {
  for (double& v : std::span(data_->qvel, qvel().size())) v = std::clamp(v, -limit, limit);
  mj_forward(model_.get(), data_.get());
}

void MujocoEnv::ObservePositionsAndVelocities(std::span<double> observation, int skip,
                                              double velocity_limit) const {
  const auto velocities =
      std::ranges::copy(qpos().subspan(static_cast<std::size_t>(skip)), observation.begin()).out;
  std::ranges::transform(qvel(), velocities,
                         [=](double v) { return std::clamp(v, -velocity_limit, velocity_limit); });
}

void MujocoEnv::ObserveContactForces(std::span<double> observation, int first, const Interval& range) const {
  const std::span<const double> forces(data_->cfrc_ext + 6 * static_cast<std::ptrdiff_t>(first),
                                       6 * static_cast<std::size_t>(model_->nbody - first));
  std::ranges::transform(forces, observation.begin(), [&](double x) { return range.Clip(x); });
}

// Beside what MuJoCo needs to go on, where the last step left the bodies.
void MujocoEnv::DoSave(StateWriter& out) const {
  std::vector<double> state(static_cast<std::size_t>(mj_stateSize(model_.get(), mjSTATE_INTEGRATION)));
  mj_getState(model_.get(), data_.get(), state.data(), mjSTATE_INTEGRATION);
  out.PutSpan(std::span<const double>(state));
  const auto coordinates = static_cast<std::size_t>(3 * model_->nbody);
  out.PutSpan(std::span<const double>(data_->xpos, coordinates));
  out.PutSpan(std::span<const double>(data_->xipos, coordinates));
}

void MujocoEnv::DoLoad(StateReader& in) {
  std::vector<double> state(static_cast<std::size_t>(mj_stateSize(model_.get(), mjSTATE_INTEGRATION)));
  in.GetSpan(std::span(state));
  mj_resetData(model_.get(), data_.get());
  mj_setState(model_.get(), data_.get(), state.data(), mjSTATE_INTEGRATION);
  const auto coordinates = static_cast<std::size_t>(3 * model_->nbody);
  in.GetSpan(std::span(data_->xpos, coordinates));
  in.GetSpan(std::span(data_->xipos, coordinates));
}

double ControlCost(double weight, const ActionRow& action) {
  return action.Visit([weight]<class Real>(std::span<const Real> row) {
    const Real sum = SumAsNumpy<Real>(row.size(), [&](std::size_t i) { return row[i] * row[i]; });
    return static_cast<double>(static_cast<Real>(weight) * sum);
  });
}

}  // namespace strider
