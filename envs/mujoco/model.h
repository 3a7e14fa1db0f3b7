// MuJoCo's models: owned, read from MJCF, and compiled as the version of an environment asks.
#pragma once

#include <mujoco/mujoco.h>

#include <memory>
#include <string>
#include <string_view>

namespace strider {

struct SpecDeleter {
  void operator()(mjSpec* spec) const noexcept { mj_deleteSpec(spec); }
};
struct ModelDeleter {
  void operator()(mjModel* model) const noexcept { mj_deleteModel(model); }
};
struct DataDeleter {
  void operator()(mjData* data) const noexcept { mj_deleteData(data); }
};
using OwnedSpec = std::unique_ptr<mjSpec, SpecDeleter>;
using OwnedModel = std::unique_ptr<mjModel, ModelDeleter>;
using SharedModel = std::shared_ptr<const mjModel>;
using OwnedData = std::unique_ptr<mjData, DataDeleter>;

// An editable model from its MJCF text. Throws WorkError with the parser's message. From then on MuJoCo's
// warnings go to standard error and never into a file, and its errors become WorkErrors.
OwnedSpec ParseModel(std::string_view mjcf);

// Compiles what ParseModel gave. Throws WorkError with the compiler's message.
OwnedModel CompileModel(mjSpec& spec);

// Both at once.
OwnedModel CompileModel(std::string_view mjcf);

// A user's model. Throws InputError naming the file, with MuJoCo's message, where it is missing or wrong.
OwnedModel ReadModel(const std::string& file);

// A simulation of the model. Throws WorkError where there is no memory for it.
OwnedData MakeData(const mjModel& model);

// Scales all masses and inertias so that the masses sum to `total` (kg).
void SetTotalMass(mjModel& model, double total);

// The rules that an environment's id stands for.
enum class RobotVersion {
  kV2,  // gym's, as D4RL recorded its datasets with them, and the physics of their time
  kV4,  // Gymnasium's
  kV5,
};

// Compiles with the physics of the version's time: see old_physics.h for version 2.
OwnedModel CompileModel(mjSpec& spec, RobotVersion version);

// Makes a robot's own model, with what its version changes.
using CompileRobot = OwnedModel (*)(RobotVersion version);

// The model that `compile` makes, made once and shared. Thread-safe.
SharedModel SharedRobot(CompileRobot compile, RobotVersion version);

}  // namespace strider
