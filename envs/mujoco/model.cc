#include "envs/mujoco/model.h"

#include <fmt/core.h>

#include <array>
#include <cstdio>
#include <map>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "envs/mujoco/old_physics.h"

namespace strider {
namespace {

// Without a handler MuJoCo appends every message to MUJOCO_LOG.TXT in the working directory, and ends the
// program on an error.
void OnMessage(const mjLogMessage* message) {
  if (message->level >= mjLOG_ERROR) throw WorkError("MuJoCo: {}", message->subject);
  if (message->level == mjLOG_WARNING) fmt::print(stderr, "MuJoCo: {}\n", message->subject);
}

void TakeMessages() { [[maybe_unused]] static const mjfLogHandler previous = mju_setLogHandler(&OnMessage); }

}  // namespace

OwnedSpec ParseModel(std::string_view mjcf) {
  TakeMessages();
  std::array<char, 1000> error{};
  OwnedSpec spec(
      mj_parseXMLString(std::string(mjcf).c_str(), nullptr, error.data(), static_cast<int>(error.size())));
  if (spec == nullptr) throw WorkError("MuJoCo cannot read a model: {}", error.data());
  return spec;
}

OwnedModel CompileModel(mjSpec& spec) {
  OwnedModel model(mj_compile(&spec, nullptr));
  if (model == nullptr) throw WorkError("MuJoCo cannot compile a model: {}", mjs_getError(&spec));
  return model;
}

OwnedModel CompileModel(std::string_view mjcf) { return CompileModel(*ParseModel(mjcf)); }

OwnedModel CompileModel(mjSpec& spec, RobotVersion version) {
  if (version == RobotVersion::kV2) UseOldPhysics(spec);
  return CompileModel(spec);
}

OwnedModel ReadModel(const std::string& file) {
  TakeMessages();
  std::array<char, 1000> error{};
  const OwnedSpec spec(mj_parseXML(file.c_str(), nullptr, error.data(), static_cast<int>(error.size())));
  if (spec == nullptr) throw InputError("MuJoCo cannot read the model '{}': {}", file, error.data());
  OwnedModel model(mj_compile(spec.get(), nullptr));
  if (model == nullptr) {
    throw InputError("MuJoCo cannot compile the model '{}': {}", file, mjs_getError(spec.get()));
  }
  return model;
}

OwnedData MakeData(const mjModel& model) {
  OwnedData data(mj_makeData(&model));
  if (data == nullptr) throw WorkError("MuJoCo could not allocate a simulation");
  return data;
}

void SetTotalMass(mjModel& model, double total) {
  mj_setTotalmass(&model, total);
  const OwnedData scratch = MakeData(model);
  mj_setConst(&model, scratch.get());
}

SharedModel SharedRobot(CompileRobot compile, RobotVersion version) {
  static std::mutex mutex;
  static std::map<std::pair<CompileRobot, RobotVersion>, SharedModel> made;
  const std::lock_guard lock(mutex);
  SharedModel& model = made[{compile, version}];
  if (model == nullptr) model = compile(version);
  return model;
}

}  // namespace strider
