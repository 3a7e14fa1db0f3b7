// What the environments' tests share.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "envs/registry.h"
#include "tests/support/golden.h"

namespace strider {

inline std::vector<std::string> AllEnvIds() {
  std::vector<std::string> ids;
  for (const EnvEntry& entry : EnvRegistry()) ids.emplace_back(entry.id);
  return ids;
}

inline bool IsMaze(const std::string& id) {
  return std::ranges::any_of(std::array{"PointMaze_", "AntMaze_", "maze2d-", "antmaze-"},
                             [&](std::string_view family) { return id.starts_with(family); });
}

// For tests that take long: all but the ids that differ from another in a maze's map or in its reward only.
inline std::vector<std::string> DistinctEnvIds() {
  std::vector<std::string> ids = AllEnvIds();
  std::erase_if(ids, [](const std::string& id) {
    return IsMaze(id) && id.find("UMaze-") == id.npos && id.find("umaze-v") == id.npos;
  });
  return ids;
}

inline bool HasOldPhysics(const std::string& id) { return id.ends_with("-v2"); }

// The recorded runs of an environment. The files of the old versions, which no Gymnasium has, are named
// "<id>compat".
inline std::filesystem::path GoldenEnvPath(const std::string& id) {
  return GoldenPath("envs/" + id + (HasOldPhysics(id) ? "compat.h5" : ".h5"));
}

// For INSTANTIATE_TEST_SUITE_P: "Hopper-v5" names its tests "Hopper_v5".
inline std::string TestName(const ::testing::TestParamInfo<std::string>& info) {
  std::string id = info.param;
  std::ranges::replace_if(
      id, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return id;
}

// An environment with a row for its observation and random actions from a stream of their own.
class Driver {
 public:
  explicit Driver(std::unique_ptr<Env> env, std::uint64_t action_seed = 7)
      : env_(std::move(env)),
        random_(action_seed),
        action_(static_cast<std::size_t>(env_->spec().action_size())),
        observation_(static_cast<std::size_t>(env_->spec().observation_size())) {}

  void Reset(std::uint64_t seed) { env_->Reset(seed, observation_); }
  void Reset() { env_->Reset(observation_); }

  StepResult StepRandomly() {
    SampleUniform(env_->spec().action_space, random_, action_);
    return env_->Step(action_, observation_);
  }

  // The same, with a reset where the episode ends.
  StepResult StepOn() {
    const StepResult result = StepRandomly();
    if (result.terminated || result.truncated) Reset();
    return result;
  }

  std::string Save() const {
    StateWriter out;
    env_->Save(out);
    return out.bytes();
  }

  Env& env() const { return *env_; }
  std::vector<float>& action() { return action_; }
  std::vector<double>& observation() { return observation_; }

 private:
  std::unique_ptr<Env> env_;
  Pcg64 random_;
  std::vector<float> action_;
  std::vector<double> observation_;
};

inline void LoadFrom(const std::string& bytes, Env& env) {
  StateReader in(bytes);
  env.Load(in);
}

}  // namespace strider
