// Small runs for tests, and what is left of a run, for comparison.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "experiments/experiment.h"
#include "experiments/train.h"

namespace strider {

// Settings that make any agent tiny: narrow networks, small batches, an early first update, and logs,
// evaluations and checkpoints at steps that do not fall together. `changes` ("run.num_envs", "3") go on top.
std::vector<GivenSetting> TinySettings(const std::string& agent, const std::string& env,
                                       const std::filesystem::path& dataset, const Assignments& changes = {});

// Whether the agent takes discrete actions only.
bool NeedsDiscreteActions(const std::string& agent);

// Writes `rows` rows of uniformly random actions.
void CollectRandomly(const std::string& env, std::int64_t rows, const std::filesystem::path& out);

// Writes `rows` rows of the environment's own behaviour policy.
void CollectBehavior(const std::string& env, const Assignments& env_options, std::int64_t rows,
                     const std::filesystem::path& out);

// Trains in `directory` without showing anything. `stop` as TrainOptions::stop.
TrainOutcome TrainIn(const std::filesystem::path& directory, const std::vector<GivenSetting>& settings,
                     const std::function<bool()>& stop = {});

// Goes on with what `directory` holds, with `changes` on top of its settings.
TrainOutcome ResumeIn(const std::filesystem::path& directory, const std::function<bool()>& stop = {},
                      const std::vector<GivenSetting>& changes = {});

// A function for TrainOptions::stop that says stop when it is asked for the (count + 1)-th time: after
// `count` pieces of work.
std::function<bool()> StopAfter(int count);

// What a run's results are: apart from the seconds, all of it is the same for equal runs.
struct RunBits {
  std::string progress;     // progress.csv without the column `seconds`
  std::string evaluations;  // evaluations.csv
  std::map<std::string, std::vector<float>> tensors;
  std::string state;  // the checkpoint's bytes without the seconds
  std::map<std::string, std::vector<float>> policy_numbers;
  std::map<std::string, std::string> policy_texts;
};

RunBits ReadBits(const std::filesystem::path& directory);

// Fails the test with the name of each part that differs.
void ExpectSameBits(const RunBits& bits, const RunBits& expected);

// The text of a CSV file without one of its columns.
std::string CsvWithout(const std::filesystem::path& path, const std::string& column);

}  // namespace strider
