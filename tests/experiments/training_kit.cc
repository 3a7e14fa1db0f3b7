#include "tests/experiments/training_kit.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "datasets/hdf5.h"
#include "experiments/collect.h"
#include "experiments/run_directory.h"

namespace strider {
namespace {

// Settings that an agent may have, and their tiny values.
const Assignments& TinyAgent() {
  static const Assignments settings = {{"agent.hidden", "16,16"},        {"agent.batch_size", "16"},
                                       {"agent.buffer_size", "101"},     {"agent.actor_hidden", "16,16"},
                                       {"agent.critic_hidden", "16,16"}, {"agent.vae_hidden", "16,16"},
                                       {"agent.policy_hidden", "16,16"}, {"agent.reward_map", "none"},
                                       {"agent.critics", "3"},           {"agent.cql_actions", "2"},
                                       {"agent.learning_starts", "21"},  {"agent.rollout_steps", "30"},
                                       {"agent.inner_steps", "2"},       {"agent.value_epochs", "2"},
                                       {"agent.value_batch", "16"},      {"agent.old_policy_interval", "7"},
                                       {"agent.policy_lr", "0.01"},      {"agent.timeout_bootstrap", "true"},
                                       {"agent.minibatch", "16"},        {"agent.quantiles", "5"},
                                       {"agent.edited_stocks", "1"},     {"agent.target_interval", "10"},
                                       {"agent.stock_interval", "10"},   {"agent.batch", "1"},
                                       {"agent.baseline", "value"},      {"agent.epochs", "2"}};
  return settings;
}

TrainOutcome TrainExperiment(Experiment experiment, const std::filesystem::path& directory, bool resume,
                             const std::function<bool()>& stop) {
  TrainOptions options;
  options.resume = resume;
  options.stop = stop;
  options.progress = StandardError(/*quiet=*/true);
  return Train(experiment, directory, options);
}

// Every array and text below a group of a file.
void ReadGroup(const Hdf5File& file, const std::string& group, RunBits& bits) {
  for (const std::string& name : file.Names(group)) {
    const std::string key = group.empty() ? name : group + "/" + name;
    const Hdf5Info info = file.Info(key);
    if (info.kind == Hdf5Kind::kGroup) {
      ReadGroup(file, key, bits);
    } else if (info.kind == Hdf5Kind::kString) {
      bits.policy_texts[key] = file.ReadString(key);
    } else {
      bits.policy_numbers[key] = file.Read<float>(key).values;
    }
  }
}

// Equal bit for bit: NaN equals itself, and 0 is not -0.
bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

void ExpectSameNumbers(const std::map<std::string, std::vector<float>>& numbers,
                       const std::map<std::string, std::vector<float>>& expected) {
  ASSERT_EQ(numbers.size(), expected.size());
  for (const auto& [name, values] : expected) {
    const auto found = numbers.find(name);
    ASSERT_NE(found, numbers.end()) << name;
    EXPECT_TRUE(SameBits(found->second, values)) << name << " differs";
  }
}

}  // namespace

std::vector<GivenSetting> TinySettings(const std::string& agent, const std::string& env,
                                       const std::filesystem::path& dataset, const Assignments& changes) {
  std::vector<GivenSetting> given = {{"run.agent", agent, "test"},
                                     {"run.env", env, "test"},
                                     {"run.steps", "130", "test"},
                                     {"run.seed", "5", "test"},
                                     {"run.threads", "1", "test"},
                                     {"run.log_interval", "10", "test"},
                                     {"run.eval_interval", "45", "test"},
                                     {"run.eval_episodes", "2", "test"},
                                     {"run.checkpoint_interval", "35", "test"}};
  if (!dataset.empty()) given.push_back({"run.dataset", dataset.string(), "test"});
  const auto factory = FindAgent(agent).factory();
  const SettingList known = factory->Settings();
  for (const auto& [key, value] : TinyAgent()) {
    if (known.Find(key) != nullptr) given.push_back({key, value, "test"});
  }
  // Whose batches are whole episodes.
  if (known.Find("agent.batch") != nullptr) given.push_back({"env.max_episode_steps", "25", "test"});
  for (const auto& [key, value] : changes) given.push_back({key, value, "test"});
  return given;
}

bool NeedsDiscreteActions(const std::string& agent) {
  return agent == "dqn" || agent == "qr-dqn" || agent == "deta-n";
}

void CollectRandomly(const std::string& env, std::int64_t rows, const std::filesystem::path& out) {
  const auto made = MakeEnv(env);
  CollectOptions options;
  options.steps = rows;
  options.seed = 11;
  options.source = "random";
  ASSERT_TRUE(Collect(LoadPolicy("random", made->spec()), *made, options, out, {}));
}

void CollectBehavior(const std::string& env, const Assignments& env_options, std::int64_t rows,
                     const std::filesystem::path& out) {
  const auto made = MakeEnv(env, env_options);
  CollectOptions options;
  options.steps = rows;
  options.seed = 11;
  options.source = kBehaviorPolicy;
  options.demonstrator = &FindDemonstrator(*made);
  options.env_options = env_options;
  ASSERT_TRUE(Collect(LoadPolicy("random", made->spec()), *made, options, out, {}));
}

TrainOutcome TrainIn(const std::filesystem::path& directory, const std::vector<GivenSetting>& settings,
                     const std::function<bool()>& stop) {
  return TrainExperiment(Experiment(settings), directory, /*resume=*/false, stop);
}

TrainOutcome ResumeIn(const std::filesystem::path& directory, const std::function<bool()>& stop,
                      const std::vector<GivenSetting>& changes) {
  return TrainExperiment(Experiment(ResumedSettings(RunPaths{directory}, changes)), directory,
                         /*resume=*/true, stop);
}

std::function<bool()> StopAfter(int count) {
  return [left = count]() mutable { return left-- == 0; };
}

RunBits ReadBits(const std::filesystem::path& directory) {
  const RunPaths paths{directory};
  RunBits bits;
  bits.progress = CsvWithout(paths.progress(), "seconds");
  // A run without an environment to be evaluated in has no such rows.
  if (std::filesystem::exists(paths.evaluations())) bits.evaluations = CsvWithout(paths.evaluations(), "");
  const Hdf5File checkpoint = Hdf5File::Open(paths.checkpoint());
  for (const std::string& name : checkpoint.Names("tensors")) {
    bits.tensors[name] = checkpoint.Read<float>("tensors/" + name).values;
  }
  bits.state = checkpoint.ReadBytes("state").substr(sizeof(double));
  ReadGroup(Hdf5File::Open(paths.policy()), "", bits);
  return bits;
}

void ExpectSameBits(const RunBits& bits, const RunBits& expected) {
  EXPECT_EQ(bits.progress, expected.progress);
  EXPECT_EQ(bits.evaluations, expected.evaluations);
  EXPECT_TRUE(bits.state == expected.state) << "the checkpoint's state differs";
  EXPECT_EQ(bits.policy_texts, expected.policy_texts);
  EXPECT_FALSE(expected.tensors.empty());
  EXPECT_FALSE(expected.policy_numbers.empty());
  ExpectSameNumbers(bits.tensors, expected.tensors);
  ExpectSameNumbers(bits.policy_numbers, expected.policy_numbers);
}

std::string CsvWithout(const std::filesystem::path& path, const std::string& column) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::string text;
  std::string line;
  int dropped = -1;
  for (bool header = true; std::getline(in, line); header = false) {
    std::istringstream cells(line);
    std::string cell;
    for (int i = 0; std::getline(cells, cell, ','); ++i) {
      if (header && cell == column) dropped = i;
      if (i != dropped) text += cell + ",";
    }
    text += "\n";
  }
  EXPECT_TRUE(column.empty() || dropped >= 0) << path << " has no column " << column;
  return text;
}

}  // namespace strider
