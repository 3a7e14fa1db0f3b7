// A whole run, file and sampler and all, ends with the weights that published code came to.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "datasets/d4rl.h"
#include "experiments/run_directory.h"
#include "tests/agents/golden_updates.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"

namespace strider {
namespace {

// Rows that a run of that seed draws, update after update.
std::vector<std::int64_t> Draws(std::uint64_t seed, std::size_t rows, std::size_t count) {
  std::vector<std::int64_t> draws(count);
  UniformSampler(Pcg64(StreamSeed(seed, Purpose::kSampling))).Sample(rows, draws);
  return draws;
}

// Whether each row drawn can be given contents and a successor of its own.
bool Apart(const std::vector<std::int64_t>& draws) {
  const std::set<std::int64_t> drawn(draws.begin(), draws.end());
  return drawn.size() == draws.size() &&
         std::ranges::none_of(draws, [&](std::int64_t row) { return drawn.contains(row + 1); });
}

void CopyRow(const at::Tensor& values, std::int64_t from, std::vector<float>& column, std::int64_t to) {
  const at::Tensor row = values[from].contiguous();
  std::copy_n(row.const_data_ptr<float>(), row.numel(), column.begin() + to * row.numel());
}

// A dataset in which the rows that the run draws are those of the golden batches, in their order.
Dataset WithBatches(const GoldenUpdates& golden, const std::vector<std::int64_t>& draws, std::size_t rows) {
  Dataset dataset;
  dataset.rows = rows;
  dataset.observation_size = static_cast<std::size_t>(golden.MakeTask().observation_size);
  dataset.action_size = static_cast<std::size_t>(golden.action_size());
  dataset.observations.resize(rows * dataset.observation_size);
  dataset.actions.resize(rows * dataset.action_size);
  dataset.rewards.resize(rows);
  dataset.terminals.resize(rows);
  dataset.timeouts.resize(rows);
  for (int k = 1; k <= golden.updates(); ++k) {
    const TransitionBatch batch = golden.Batch(k, /*max_action=*/1);
    for (std::int64_t i = 0; i < golden.batch_size(); ++i) {
      const std::int64_t row = draws[static_cast<std::size_t>((k - 1) * golden.batch_size() + i)];
      CopyRow(batch.observations, i, dataset.observations, row);
      CopyRow(batch.next_observations, i, dataset.observations, row + 1);
      CopyRow(batch.actions, i, dataset.actions, row);
      dataset.rewards[static_cast<std::size_t>(row)] = batch.rewards[i].item<float>();
      dataset.terminals[static_cast<std::size_t>(row)] = batch.terminals[i].item<float>() != 0 ? 1 : 0;
    }
  }
  return dataset;
}

// The first checkpoint of a run, but with the golden file's initial weights.
void PutInitialWeights(const RunPaths& paths, const GoldenUpdates& golden) {
  const Experiment experiment(ResumedSettings(paths, {}));
  WorkerPool pool(1);
  const auto trainer = MakeTrainer(experiment, pool);
  const std::string state = ReadCheckpoint(paths.checkpoint(), trainer->agent().State());
  golden.LoadInitialWeights(trainer->agent());
  WriteCheckpoint(paths.checkpoint(), trainer->agent().State(), state);
}

std::string Widths(const std::vector<int>& widths) { return fmt::format("{}", fmt::join(widths, ",")); }

TEST(GoldenRun, Odice) {
  const GoldenUpdates golden("ODICE");
  constexpr std::size_t kRows = 200000;
  const auto count = static_cast<std::size_t>(golden.updates() * golden.batch_size());
  std::uint64_t seed = 0;
  while (!Apart(Draws(seed, kRows - 1, count))) ++seed;  // the last row is never drawn

  const TemporaryFolder folder;
  const auto file = folder.path() / "golden.hdf5";
  WriteD4rl(file, WithBatches(golden, Draws(seed, kRows - 1, count), kRows));
  const RunPaths paths{folder.path() / "run"};
  // strider train odice --dataset FILE --steps 5 --set ...
  const std::vector<GivenSetting> settings = {
      {"run.agent", "odice", ""},
      {"run.dataset", file.string(), ""},
      {"run.steps", std::to_string(golden.updates()), ""},
      {"run.seed", std::to_string(seed), ""},
      {"run.threads", "1", ""},
      {"agent.batch_size", std::to_string(golden.batch_size()), ""},
      {"agent.hidden", Widths(golden.Hidden("v1")), ""},
      {"agent.policy_hidden", Widths(golden.Hidden("policy")), ""},
      {"agent.discount", std::to_string(golden.Hyper("discount")), ""},
      {"agent.tau", std::to_string(golden.Hyper("tau")), ""},
      {"agent.lambda", std::to_string(golden.Hyper("lambda")), ""},
      {"agent.eta", std::to_string(golden.Hyper("eta")), ""},
      {"agent.layer_norm", golden.HyperInt("layer_norm") != 0 ? "true" : "false", ""},
      {"agent.twin", golden.HyperInt("use_twin_v") != 0 ? "true" : "false", ""},
      {"agent.weight_max", std::to_string(golden.Hyper("weight_max")), ""},
      {"agent.value_lr", std::to_string(golden.Hyper("value_lr")), ""},
      {"agent.policy_lr", std::to_string(golden.Hyper("policy_lr")), ""},
      {"agent.policy_weight_decay", std::to_string(golden.Hyper("policy_weight_decay")), ""},
      {"agent.reward_map", "none", ""},
      {"agent.normalize_states", "false", ""}};
  ASSERT_EQ(TrainIn(paths.root, settings, StopAfter(0)), TrainOutcome::kStopped);
  PutInitialWeights(paths, golden);
  ASSERT_EQ(ResumeIn(paths.root), TrainOutcome::kFinished);

  const Experiment experiment(ResumedSettings(paths, {}));
  WorkerPool pool(1);
  const auto trainer = MakeTrainer(experiment, pool);
  LoadCheckpoint(paths, *trainer);
  ASSERT_EQ(trainer->step(), golden.updates());
  golden.CompareWeights(golden.updates(), trainer->agent());
}

}  // namespace
}  // namespace strider
