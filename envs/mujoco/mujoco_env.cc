#include "envs/mujoco/mujoco_env.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "core/error.h"

namespace strider {
namespace {

// Without a handler MuJoCo appends every message to MUJOCO_LOG.TXT in the working directory, and ends the
// program on an error.
void OnMessage(const mjLogMessage* message) {
  if (message->level >= mjLOG_ERROR) throw WorkError("MuJoCo: {}", message->subject);
  if (message->level == mjLOG_WARNING) fmt::print(stderr, "MuJoCo: {}\n", message->subject);
}

void TakeMessages() { [[maybe_unused]] static const mjfLogHandler previous = mju_setLogHandler(&OnMessage); }

OwnedData MakeData(const mjModel& model) {
  OwnedData data(mj_makeData(&model));
  if (data == nullptr) throw WorkError("MuJoCo could not allocate a simulation");
  return data;
}

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

}  // namespace

OwnedSpec ParseModel(std::string_view mjcf) {
  TakeMessages();
  std::array<char, 1000> error{};
  const std::string text(mjcf);
  OwnedSpec spec(mj_parseXMLString(text.c_str(), nullptr, error.data(), static_cast<int>(error.size())));
  if (spec == nullptr) throw WorkError("MuJoCo cannot read a model: {}", error.data());
  return spec;
}

OwnedModel CompileModel(mjSpec& spec) {
  OwnedModel model(mj_compile(&spec, nullptr));
  if (model == nullptr) throw WorkError("MuJoCo cannot compile a model: {}", mjs_getError(&spec));
  return model;
}

OwnedModel CompileModel(std::string_view mjcf) { return CompileModel(*ParseModel(mjcf)); }

void SetTotalMass(mjModel& model, double total) {
  mj_setTotalmass(&model, total);
  const OwnedData scratch = MakeData(model);
  mj_setConst(&model, scratch.get());
}

MujocoEnv::MujocoEnv(std::string_view id, SharedModel model, const MujocoConfig& config, int observation_size,
                     std::optional<double> reward_threshold)
    : Env(MakeSpec(id, *model, observation_size, config.max_episode_steps, reward_threshold)),
      model_(std::move(model)),
      data_(MakeData(*model_)),
      frame_skip_(config.frame_skip),
      reset_noise_scale_(config.reset_noise_scale),
      control_period_(model_->opt.timestep * config.frame_skip) {}

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
  std::ranges::copy(state.first(nq), data_->qpos);
  std::ranges::copy(state.subspan(nq, nv), data_->qvel);
  std::ranges::copy(state.last(nv), data_->qacc_warmstart);
}

void MujocoEnv::StartFromUniformNoise() {
  const auto draw = [this] { return random().Uniform(-reset_noise_scale_, reset_noise_scale_); };
  StartFrom(draw, draw);
}

void MujocoEnv::Simulate(std::span<const float> action) {
  std::ranges::copy(action, data_->ctrl);
  for (int i = 0; i < frame_skip_; ++i) mj_step(model_.get(), data_.get());
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

void MujocoEnv::DoSave(StateWriter& out) const {
  std::vector<double> state(static_cast<std::size_t>(mj_stateSize(model_.get(), mjSTATE_INTEGRATION)));
  mj_getState(model_.get(), data_.get(), state.data(), mjSTATE_INTEGRATION);
  out.PutSpan(std::span<const double>(state));
}

void MujocoEnv::DoLoad(StateReader& in) {
  std::vector<double> state(static_cast<std::size_t>(mj_stateSize(model_.get(), mjSTATE_INTEGRATION)));
  in.GetSpan(std::span(state));
  mj_setState(model_.get(), data_.get(), state.data(), mjSTATE_INTEGRATION);
}

float ControlCost(double weight, std::span<const float> action) {
  constexpr std::size_t kLanes = 8;
  std::array<float, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= action.size(); i += kLanes) {
    for (std::size_t k = 0; k < kLanes; ++k) lanes[k] += action[i + k] * action[i + k];
  }
  float sum =
      ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  for (; i < action.size(); ++i) sum += action[i] * action[i];
  return static_cast<float>(weight) * sum;
}

}  // namespace strider
