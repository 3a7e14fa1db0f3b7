// What an offline learner is shown of a file, and what its policy has to do alike.
#include "experiments/offline_data.h"

#include <gtest/gtest.h>

#include "datasets/d4rl.h"
#include "datasets/hdf5.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

constexpr std::size_t kRows = 512;
constexpr std::size_t kStates = 5;

std::vector<float> Golden(const char* method, const char* column) {
  const Hdf5File file = Hdf5File::Open(GoldenPath(std::string("updates/") + method + ".hdf5"));
  return file.Read<float>(std::string("dataset/") + column).values;
}

// A file of one unfinished episode through the states that the authors' code normalised; nothing is learnt
// from its last row, whose successor is not there.
std::filesystem::path WriteRaw(const TemporaryFolder& folder, const std::vector<float>& raw) {
  Dataset dataset;
  dataset.rows = kRows + 1;
  dataset.observation_size = kStates;
  dataset.action_size = 2;
  dataset.observations = raw;
  dataset.observations.insert(dataset.observations.end(), kStates, 100);
  dataset.actions.assign(2 * dataset.rows, 0.25F);
  dataset.rewards.assign(dataset.rows, 1);
  dataset.terminals.assign(dataset.rows, 0);
  dataset.timeouts.assign(dataset.rows, 0);
  auto path = folder.path() / "raw.hdf5";
  WriteD4rl(path, dataset);
  return path;
}

OfflineData Load(const std::filesystem::path& file, const std::string& agent,
                 const Assignments& changes = {}) {
  std::vector<GivenSetting> settings = {{"run.agent", agent, ""}, {"run.dataset", file.string(), ""}};
  for (const auto& [key, value] : changes) settings.push_back({key, value, ""});
  return LoadData(Experiment(settings), ActionFrame::kUnit);
}

// (s - mean) / (std + 1e-3) with the statistics of s, for s' too; the policy does the same to what it sees.
TEST(LoadData, StatesAreNormalisedAsThePublishedCodeDoes) {
  const TemporaryFolder folder;
  for (const auto& [agent, method] : {std::pair{"prdc", "PRDC"},
                                      {"a2pr", "A2PR"},
                                      {"td3bc", "TD3_BC"},
                                      {"iql", "IQL"},
                                      {"cql", "CQL"},
                                      {"bc", "BC"},
                                      {"awac", "AWAC"}}) {
    SCOPED_TRACE(agent);
    const std::vector<float> raw = Golden(method, "raw_observations");
    const std::vector<float> normal = Golden(method, "observations");
    const std::vector<float> mean = Golden(method, "state_mean");
    const std::vector<float> std = Golden(method, "state_std");
    const OfflineData data = Load(WriteRaw(folder, raw), agent);
    const Transitions& shown = data.transitions;
    ASSERT_EQ(shown.size, kRows);
    const auto at_end = [&](std::size_t k) { return (100 - mean[k]) / std[k]; };
    for (std::size_t i = 0; i < kRows * kStates; ++i) {
      EXPECT_NEAR(shown.observations[i], normal[i], 2e-5);
      const std::size_t next = i + kStates;
      const float expected = next < normal.size() ? normal[next] : at_end(i % kStates);
      EXPECT_NEAR(shown.next_observations[i], expected, 2e-5 * std::max(1.0F, std::abs(expected)));
    }
    const ObservationTransform& transform = data.task.transform;
    std::vector<double> observation(raw.begin(), raw.begin() + kStates);
    std::vector<float> seen(kStates);
    transform.Apply(observation, seen);
    for (std::size_t k = 0; k < kStates; ++k) EXPECT_NEAR(seen[k], normal[k], 2e-5);
  }
}

// Off by default for O-DICE, ReBRAC, SAC-N, EDAC and BCQ, and where it is said.
TEST(LoadData, StatesStayAsTheyAreWhereNotAskedFor) {
  const TemporaryFolder folder;
  const std::vector<float> raw = Golden("PRDC", "raw_observations");
  const auto file = WriteRaw(folder, raw);
  // O-DICE's map of rewards needs episodes.
  for (const auto& [agent, changes] :
       {std::pair<std::string, Assignments>{"odice", {{"agent.reward_map", "none"}}},
        {"rebrac", {}},
        {"sac-n", {}},
        {"edac", {}},
        {"bcq", {}},
        {"prdc", {{"agent.normalize_states", "false"}}}}) {
    const OfflineData data = Load(file, agent, changes);
    EXPECT_EQ(data.transitions.observations, raw) << agent;
    EXPECT_TRUE(data.task.transform.identity()) << agent;
  }
}

}  // namespace
}  // namespace strider
