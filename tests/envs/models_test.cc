// The robot models compile to Gymnasium's physics: golden/envs/models.h5.
#include "envs/mujoco/models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mujoco/mjxmacro.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "envs/mujoco/mujoco_env.h"
#include "tests/envs/kit.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr double kTolerance = 1e-15;

// One array of mjModel: its name, its number of rows and its elements as numbers.
class ModelArray {
 public:
  template <class T>
  ModelArray(std::string_view name, mjtSize rows, const T* values)
      : name_(name),
        rows_(static_cast<std::size_t>(rows)),
        values_(values),
        at_([](const void* from, std::size_t i) {
          return static_cast<double>(static_cast<const T*>(from)[i]);
        }) {}

  std::string_view name() const { return name_; }
  std::size_t rows() const { return rows_; }
  double operator[](std::size_t index) const { return at_(values_, index); }

 private:
  std::string_view name_;
  std::size_t rows_;
  const void* values_;
  double (*at_)(const void* values, std::size_t index);
};

// Every array of the model under its own name, its sizes, and every option under "opt_" and its name.
std::vector<ModelArray> ArraysOf(const mjModel& model) {
  return {
// NOLINTBEGIN: MuJoCo lists its arrays as macros.
#define X(type, name, nr, nc) {#name, model.nr, model.name},
      MJMODEL_POINTERS
#undef X
#define X(name) {#name, 1, &model.name},
          MJMODEL_SIZES
#undef X
#define X(type, name, size) {"opt_" #name, 1, &model.opt.name},
#define XVEC(type, name, size) {"opt_" #name, size, model.opt.name},
              MJOPTION_FIELDS
#undef XVEC
#undef X
      // NOLINTEND
  };
}

// The group of models.h5 that holds an environment's model: the name of the MJCF file that the environment
// was recorded with, or of the maze around it ("PointMaze_UMaze-v3": "pointmaze_umaze").
std::string ModelGroup(const std::string& id) {
  const GoldenFile file(GoldenEnvPath(id));
  if (file.HasAttribute("/", "xml")) return std::filesystem::path(file.AttributeText("/", "xml")).stem();
  std::string group = id.substr(0, id.rfind('-'));
  std::ranges::transform(group, group.begin(), [](unsigned char c) { return std::tolower(c); });
  return group;
}

// Those of which there is something recorded.
std::vector<std::string> RobotIds(bool old_physics) {
  std::vector<std::string> ids = AllEnvIds();
  std::erase_if(ids, [=](const std::string& id) {
    return HasOldPhysics(id) != old_physics || !std::filesystem::exists(GoldenEnvPath(id)) ||
           dynamic_cast<MujocoEnv*>(MakeEnv(id).get()) == nullptr;
  });
  return ids;
}

class RobotModel : public ::testing::TestWithParam<std::string> {
 protected:
  RobotModel()
      : file_(GoldenPath("envs/models.h5")),
        group_(ModelGroup(GetParam())),
        env_(MakeEnv(GetParam())),
        model_(dynamic_cast<MujocoEnv&>(*env_).model()) {}

  void ExpectEqual(const std::string& name, const std::vector<double>& expected, std::size_t rows) const {
    const auto arrays = ArraysOf(model_);
    const auto found = std::ranges::find(arrays, name, &ModelArray::name);
    ASSERT_NE(found, arrays.end()) << name << " is no array of mjModel";
    ASSERT_EQ(found->rows(), rows) << name;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR((*found)[i], expected[i], kTolerance) << name << "[" << i << "]";
    }
  }

  GoldenFile file_;
  std::string group_;
  std::unique_ptr<Env> env_;
  const mjModel& model_;
};

TEST_P(RobotModel, PhysicsArraysAreEqual) {
  int compared = 0;
  for (const std::string& name : file_.Members(group_)) {
    if (name == "names") continue;
    const auto golden = file_.Read(group_ + "/" + name);
    ExpectEqual(name, golden.values, golden.rows());
    ++compared;
  }
  EXPECT_GT(compared, 50);
}

TEST_P(RobotModel, SizesAndOptionsAreEqual) {
  for (const auto* name : {"nq",
                           "nv",
                           "nu",
                           "na",
                           "nbody",
                           "njnt",
                           "ngeom",
                           "nsite",
                           "ntendon",
                           "neq",
                           "nexclude",
                           "nsensor",
                           "opt_timestep",
                           "opt_integrator",
                           "opt_solver",
                           "opt_iterations",
                           "opt_ls_iterations",
                           "opt_tolerance",
                           "opt_ls_tolerance",
                           "opt_cone",
                           "opt_jacobian",
                           "opt_impratio",
                           "opt_density",
                           "opt_viscosity",
                           "opt_disableflags",
                           "opt_enableflags",
                           "opt_gravity",
                           "opt_wind",
                           "opt_magnetic",
                           "opt_o_margin",
                           "opt_o_solref",
                           "opt_o_solimp",
                           "opt_o_friction",
                           "opt_noslip_iterations",
                           "opt_noslip_tolerance"}) {
    const auto golden = file_.Attribute(group_, name);
    ExpectEqual(name, golden, golden.size());
  }
}

TEST_P(RobotModel, NamesAreEqual) {
  for (const auto& [dataset, type] :
       {std::pair{"body", mjOBJ_BODY}, {"jnt", mjOBJ_JOINT}, {"geom", mjOBJ_GEOM}}) {
    const auto names = file_.ReadStrings(group_ + "/names/" + dataset);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const char* name = mj_id2name(&model_, type, static_cast<int>(i));
      EXPECT_EQ(name == nullptr ? "" : name, names[i]) << dataset;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, RobotModel, ::testing::ValuesIn(RobotIds(false)), TestName);

// The robots of version 2: golden/envs/<id>compat.h5, made by another program from the same two corrections.
class OldRobotModel : public ::testing::TestWithParam<std::string> {
 protected:
  OldRobotModel()
      : file_(GoldenEnvPath(GetParam())),
        env_(MakeEnv(GetParam())),
        model_(dynamic_cast<MujocoEnv&>(*env_).model()) {}

  GoldenFile file_;
  std::unique_ptr<Env> env_;
  const mjModel& model_;
};

TEST_P(OldRobotModel, InertialsAreThoseOfTheTime) {
  const auto mass = file_.Read("inertials/mass");
  const auto position = file_.Read("inertials/pos");
  const auto inertia = file_.Read("inertials/full_inertia_3x3");
  ASSERT_EQ(mass.rows(), static_cast<std::size_t>(model_.nbody - 1));
  for (std::size_t b = 0; b < mass.rows(); ++b) {
    SCOPED_TRACE(fmt::format("body {}", b + 1));
    EXPECT_NEAR(model_.body_mass[b + 1], mass.values[b], 1e-14);
    std::array<double, 9> rotation;
    mju_quat2Mat(rotation.data(), model_.body_iquat + 4 * (b + 1));
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(model_.body_ipos[3 * (b + 1) + i], position.row(b)[i], 1e-15);
      for (std::size_t j = 0; j < 3; ++j) {
        double turned = 0;
        for (std::size_t k = 0; k < 3; ++k) {
          turned += rotation[3 * i + k] * model_.body_inertia[3 * (b + 1) + k] * rotation[3 * j + k];
        }
        EXPECT_NEAR(turned, inertia.row(b)[3 * i + j], 1e-14);
      }
    }
  }
}

TEST_P(OldRobotModel, CompiledArraysAreEqual) {
  const auto arrays = ArraysOf(model_);
  for (const std::string& name : file_.Members("model")) {
    const auto golden = file_.Read("model/" + name);
    const auto found = std::ranges::find(arrays, name, &ModelArray::name);
    ASSERT_NE(found, arrays.end()) << name;
    ASSERT_EQ(found->rows(), golden.rows()) << name;
    for (std::size_t i = 0; i < golden.values.size(); ++i) {
      EXPECT_NEAR((*found)[i], golden.values[i], 1e-14) << name << "[" << i << "]";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, OldRobotModel, ::testing::ValuesIn(RobotIds(true)), TestName);

TEST(ModelTest, EnvironmentsOfOneIdShareTheirModel) {
  const auto a = MakeEnv("Hopper-v5");
  const auto b = MakeEnv("Hopper-v5", {{"reset_noise_scale", "0"}});
  EXPECT_EQ(&dynamic_cast<MujocoEnv&>(*a).model(), &dynamic_cast<MujocoEnv&>(*b).model());
}

TEST(ModelTest, BadModelsAreErrorsThatSayWhy) {
  EXPECT_THAT([] { CompileModel("<mujoco><worldbody>"); },
              ThrowsMessage<WorkError>(HasSubstr("MuJoCo cannot read a model: XML parse error")));
  EXPECT_THAT(
      [] { CompileModel(R"(<mujoco><worldbody><body><joint type="hinge"/></body></worldbody></mujoco>)"); },
      ThrowsMessage<WorkError>(HasSubstr("mass and inertia of moving bodies must be larger than mjMINVAL")));
}

TEST(ModelTest, MujocosErrorsBecomeExceptions) {
  const auto env = MakeEnv("Hopper-v5");
  EXPECT_THAT([] { mju_error("no such %s", "thing"); }, ThrowsMessage<WorkError>("MuJoCo: no such thing"));
}

// Here one that starts with a joint turning far too fast. MuJoCo would put the robot back into its initial
// state and go on.
TEST(ModelTest, ADivergedSimulationIsAnErrorUntilTheNextReset) {
  const std::filesystem::path log = "MUJOCO_LOG.TXT";
  std::filesystem::remove(log);
  const auto env = MakeEnv("HalfCheetah-v5");
  const std::vector<float> action(6);
  std::vector<double> observation(17);
  env->Reset(0, observation);
  for (int i = 0; i < 3; ++i) env->Step(action, observation);
  std::vector<double> state = env->State();
  state[12] = 1e12;
  env->SetState(state);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(
        [&] { env->Step(action, observation); },
        ThrowsMessage<WorkError>(HasSubstr("HalfCheetah-v5: the simulation went wrong in step 4 of the "
                                           "episode: Nan, Inf or huge value in QVEL at DOF 3.")));
  }
  EXPECT_FALSE(std::filesystem::exists(log));
  env->Reset(0, observation);
  EXPECT_NO_THROW(env->Step(action, observation));
}

// Huge actuator forces and an unstable integration: the numbers grow until they are no numbers.
TEST(ModelTest, NoObservationIsEverSilentlyBad) {
  const std::string file = ::testing::TempDir() + "/unstable.xml";
  std::string text(models::kHopper);
  const std::string gear = R"(gear="200")";
  text.replace(text.find(gear), gear.size(), R"(gear="2e13")");
  std::ofstream(file) << text;
  Driver driver(MakeEnv("Hopper-v5", {{"xml_file", file}}));
  driver.Reset(0);
  EXPECT_THROW(
      for (int i = 0; i < 100; ++i) {
        driver.StepRandomly();
        for (const double x : driver.observation()) ASSERT_TRUE(std::isfinite(x));
      },
      WorkError);
}

// As large as settings may be, and larger than what MuJoCo simulates.
TEST(ModelTest, AStartThatCannotBeSimulatedIsAnError) {
  Driver driver(MakeEnv("Hopper-v5", {{"reset_noise_scale", "1e30"}}));
  EXPECT_THROW(driver.Reset(0), WorkError);
}

TEST(ModelTest, ARestoredStateGoesOnAfterADivergence) {
  Driver driver(MakeEnv("Ant-v5"));
  driver.Reset(0);
  const std::string saved = driver.Save();
  const std::vector<double> sound = driver.env().State();
  std::vector<double> unsound = sound;
  unsound[3] = NAN;
  for (const bool whole : {false, true}) {
    driver.env().SetState(unsound);
    EXPECT_THROW(driver.StepRandomly(), WorkError);
    whole ? LoadFrom(saved, driver.env()) : driver.env().SetState(sound);
    EXPECT_NO_THROW(driver.StepRandomly());
  }
}

// MuJoCo clamps the controls; the cost is that of the action as given, and in version 2 of the clipped one.
TEST(ActionBoundsTest, ControlsAreClampedAndCostsAreNot) {
  for (const std::string& id : AllEnvIds()) {
    const auto env = MakeEnv(id);
    if (dynamic_cast<MujocoEnv*>(env.get()) == nullptr) continue;
    const auto step = [&](double scale) {
      std::vector<float> action;
      for (const double high : std::get<Box>(env->spec().action_space).high) {
        action.push_back(static_cast<float>(scale * high));
      }
      std::vector<double> observation(static_cast<std::size_t>(env->spec().observation_size()));
      env->Reset(0, observation);
      const double reward = env->Step(action, observation).reward;
      return std::pair(observation, reward);
    };
    const auto [at_bound, reward] = step(1);
    const auto [beyond, lower_reward] = step(2);
    EXPECT_EQ(at_bound, beyond) << id;
    // No cost of the action as given.
    if (id.ends_with("-v2") || id.starts_with("Inverted") || id == "AntCoverage-v0" || IsMaze(id)) {
      EXPECT_EQ(reward, lower_reward) << id;
    } else {
      EXPECT_GT(reward, lower_reward) << id;
    }
  }
}

class UsersModelTest : public ::testing::Test {
 protected:
  // Writes the text and gives the file's name.
  static std::string Write(std::string_view text) {
    std::string file = ::testing::TempDir() + "/model.xml";
    std::ofstream(file) << text;
    return file;
  }

  // The text with every `from` replaced.
  static std::string Edited(std::string_view text, const std::string& from, const std::string& to) {
    std::string edited(text);
    for (std::size_t at = 0; (at = edited.find(from, at)) != std::string::npos; at += to.size()) {
      edited.replace(at, from.size(), to);
    }
    EXPECT_NE(edited, text);
    return edited;
  }

  static void ExpectRefused(std::string_view id, const std::string& file, const std::string& message) {
    EXPECT_THAT([&] { MakeEnv(id, {{"xml_file", file}}); }, ThrowsMessage<InputError>(HasSubstr(message)));
  }
};

TEST_F(UsersModelTest, IsSimulated) {
  for (const auto* id : {"Hopper-v5", "Hopper-v4"}) {
    Driver own(MakeEnv(id));
    Driver same(MakeEnv(id, {{"xml_file", Write(models::kHopper)}}));
    Driver heavier(MakeEnv(
        id, {{"xml_file", Write(Edited(models::kHopper, "<geom con", R"(<geom density="2000" con)"))}}));
    for (Driver* driver : {&own, &same, &heavier}) {
      driver->Reset(0);
      driver->StepRandomly();
    }
    EXPECT_EQ(own.observation(), same.observation());
    EXPECT_NE(own.observation(), heavier.observation());
  }
}

// Things around the robot are bodies, too, and their contact forces are observed.
TEST_F(UsersModelTest, MayHaveMoreBodies) {
  const std::string text = Edited(models::kAnt, "<worldbody>", R"(<worldbody><body><geom size="1"/></body>)");
  EXPECT_EQ(MakeEnv("Ant-v5", {{"xml_file", Write(text)}, {"main_body", "torso"}})->spec().observation_size(),
            105 + 6);
}

TEST_F(UsersModelTest, MissingAndBrokenFilesAreErrors) {
  ExpectRefused("Ant-v5", "no/such.xml", "MuJoCo cannot read the model 'no/such.xml': ");
  ExpectRefused("Ant-v5", ::testing::TempDir(), "MuJoCo cannot read the model");
  ExpectRefused("Ant-v5", Write(""), "MuJoCo cannot read the model");
  ExpectRefused("Ant-v5",
                Write("\x7f"
                      "ELF, not a model"),
                "MuJoCo cannot read the model");
  ExpectRefused("Ant-v5", Write(models::kAnt.substr(0, 1000)), "MuJoCo cannot read the model");
  ExpectRefused("Ant-v5", Write(Edited(models::kAnt, R"(type="sphere")", R"(type="mesh")")),
                "MuJoCo cannot compile the model");
}

TEST_F(UsersModelTest, OtherRobotsAreErrors) {
  const std::string hopper = Write(models::kHopper);
  ExpectRefused("Ant-v5", hopper,
                "the model '" + hopper +
                    "' has 6 joint positions, 6 joint velocities and 3 actuators; Ant-v5 "
                    "needs 15, 14 and 8");
  ExpectRefused("Hopper-v5", Write(Edited(models::kHopper, R"(<motor joint="foot_joint"/>)", "")),
                "2 actuators; Hopper-v5 needs 6, 6 and 3");
  ExpectRefused("Reacher-v5", Write(Edited(models::kReacher, R"("fingertip")", R"("thumb")")),
                "the robot's model has no body 'fingertip'");
  ExpectRefused("InvertedDoublePendulum-v5",
                Write(Edited(models::kInvertedDoublePendulum,
                             R"(<site name="tip" pos="0 0 0.6" size="0.01 0.01"/>)", "")),
                "has no site that marks the tip");
  ExpectRefused("Hopper-v5", Write(Edited(models::kHopper, R"(timestep="0.002")", R"(timestep="0")")),
                "expected more than 0");
  ExpectRefused("Hopper-v5", Write(Edited(models::kHopper, R"(ctrllimited="true" ctrlrange="-1 1")", "")),
                "has no control range; Hopper-v5 needs one");
}

TEST_F(UsersModelTest, OtherMainBodiesAreErrors) {
  for (const auto* body : {"arm", "14", "-1", ""}) {
    EXPECT_THAT(
        [&] {
          MakeEnv("Ant-v5", {{"main_body", body}});
        },
        ThrowsMessage<InputError>(fmt::format("the robot's model has no body '{}'; expected a name or a "
                                              "number below 14",
                                              body)));
  }
}

TEST(ControlCostTest, IsComputedInTheTypeGivenAndInNumpysOrder) {
  const auto cost = [](double weight, const auto& row) { return ControlCost(weight, ActionRow(row)); };
  EXPECT_EQ(cost(0.1, std::vector<float>{}), 0.0F);
  const std::vector<float> three{0.1F, 0.7F, -0.3F};
  EXPECT_EQ(cost(0.1, three), 0.1F * ((0.1F * 0.1F + 0.7F * 0.7F) + 0.3F * 0.3F));
  EXPECT_EQ(cost(0.1, std::vector{0.1, 0.7, -0.3}), 0.1 * ((0.1 * 0.1 + 0.7 * 0.7) + 0.3 * 0.3));
  // 2^24 swallows every 1 added to it one by one; in lanes only its own neighbours are lost.
  std::vector<float> many(10, 1.0F);
  many[0] = 4096.0F;
  EXPECT_EQ(cost(1, many), ((16777216.0F + 1.0F) + 2.0F) + 4.0F + 1.0F + 1.0F);
  EXPECT_EQ(cost(1, std::span<const float>(many).first(7)), 16777216.0F);
}

}  // namespace
}  // namespace strider
