// Presets and defaults against the sheets, value by value. The numbers are typed from the sheets and never
// from experiments/presets/.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/experiment.h"
#include "tests/experiments/settings_kit.h"

namespace strider {
namespace {

Given FromDataset(const std::string& agent, const std::string& dataset, const std::string& preset) {
  return {{"run.agent", agent, ""}, {"run.dataset", dataset, ""}, {"run.preset", preset, ""}};
}

std::vector<std::string> Split(const std::string& text, char separator) {
  std::istringstream in(text);
  std::vector<std::string> parts;
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

std::vector<std::string> Words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

std::optional<double> Number(const std::string& text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return {};
  return number;
}

// "3e-4" of a sheet is "0.0003" of ours.
bool Same(const std::string& value, const std::string& sheet) {
  const auto number = Number(value);
  return value == sheet || (number && number == Number(sheet));
}

// What stands in a sheet: "a|b" where it leaves the choice between them, "-" where it says nothing.
void ExpectValue(const SettingList& settings, const std::string& key, const std::string& sheet) {
  const Setting* const setting = settings.Find(key);
  if (setting == nullptr) {
    ADD_FAILURE() << "no setting " << key;
    return;
  }
  if (sheet == "-") return;
  const std::string value = setting->get();
  EXPECT_TRUE(std::ranges::any_of(Split(sheet, '|'), [&](const auto& one) { return Same(value, one); }))
      << key << " = " << value << ", in the sheet " << sheet;
}

// D4RL's of robots and mazes (offline-baselines.md section 1).
std::vector<std::string> D4rlDatasets() {
  std::vector<std::string> names = {"antmaze-umaze-v2",       "antmaze-umaze-diverse-v2",
                                    "antmaze-medium-play-v2", "antmaze-medium-diverse-v2",
                                    "antmaze-large-play-v2",  "antmaze-large-diverse-v2",
                                    "maze2d-open-v0",         "maze2d-umaze-v1",
                                    "maze2d-medium-v1",       "maze2d-large-v1"};
  for (const char* robot : {"halfcheetah", "hopper", "walker2d", "ant"}) {
    for (const char* kind : {"random", "medium", "medium-replay", "full-replay", "medium-expert", "expert"}) {
      names.push_back(fmt::format("{}-{}-v2", robot, kind));
    }
  }
  return names;
}

// "hopper-medium" is that dataset, "hopper-*" any of the hopper's.
bool Covers(const std::string& row, const std::string& dataset) {
  if (row.ends_with('*')) return dataset.starts_with(row.substr(0, row.size() - 1));
  return TaskName(dataset) == row;
}

// `constants` ("tau=0.005 discount=0.99") hold for every dataset. The table's first line names settings, the
// others have their values for datasets, of which the first one that covers a dataset holds. Settings are the
// agent's; an empty preset stands for the defaults.
void ExpectSheet(const std::string& agent, const std::string& preset, const std::string& constants,
                 const std::string& table = "dataset") {
  std::vector<std::vector<std::string>> rows;
  for (const std::string& line : Split(table, '\n')) {
    if (auto words = Words(line); !words.empty()) rows.push_back(std::move(words));
  }
  const std::vector<std::string> head = rows.front();
  rows.erase(rows.begin());
  for (const auto& row : rows) ASSERT_EQ(row.size(), head.size()) << "row " << row.front();
  std::vector<bool> used(rows.size());
  for (const std::string& dataset : D4rlDatasets()) {
    SCOPED_TRACE(fmt::format("{} {} {}", agent, preset, dataset));
    Experiment experiment(FromDataset(agent, dataset + ".hdf5", preset));
    const SettingList settings = experiment.Settings();
    for (const std::string& constant : Words(constants)) {
      const auto equals = constant.find('=');
      ExpectValue(settings, "agent." + constant.substr(0, equals), constant.substr(equals + 1));
    }
    const auto row = std::ranges::find_if(rows, [&](const auto& one) { return Covers(one[0], dataset); });
    if (row == rows.end()) continue;
    used[static_cast<std::size_t>(row - rows.begin())] = true;
    for (std::size_t i = 1; i < head.size(); ++i) ExpectValue(settings, "agent." + head[i], (*row)[i]);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_TRUE(used[i]) << agent << ": no dataset is of row " << rows[i][0];
  }
}

// Values of the sheets: mdpo.md section 7 (c per task), prdc.md's table.
TEST(PresetValues, AreThePublishedOnes) {
  const auto value = [](const std::string& agent, const std::string& env, const std::string& key) {
    Given given = On(agent, env, {{"run.preset", "paper", ""}});
    if (FindAgent(agent).kind == AgentKind::kOffline) given.push_back({"run.dataset", "x.hdf5", ""});
    Experiment experiment(given);
    return Value(experiment, key);
  };
  EXPECT_EQ(value("mdpo-off", "Hopper-v5", "agent.kl_coef"), "0.8");
  EXPECT_EQ(value("mdpo-off", "Walker2d-v5", "agent.kl_coef"), "0.4");
  EXPECT_EQ(value("mdpo-off", "HalfCheetah-v5", "agent.kl_coef"), "0.3");
  const auto minimal = [](const char* env, const std::string& key) {
    Experiment experiment(On("mdpo-off", env, {{"run.preset", "minimal", ""}}));
    return Value(experiment, key);
  };
  EXPECT_EQ(minimal("Hopper-v5", "agent.hidden"), "64,64");
  EXPECT_EQ(minimal("Hopper-v5", "agent.batch_size"), "64");
  EXPECT_EQ(minimal("Hopper-v5", "agent.tsallis_q"), "1");
  EXPECT_EQ(minimal("Walker2d-v5", "agent.kl_coef"), "0.4");
  EXPECT_EQ(minimal("Ant-v5", "agent.tsallis_q"), "2");
  EXPECT_EQ(value("mdpo-on", "Hopper-v5", "run.steps"), "10000000");
  EXPECT_EQ(value("prdc", "HalfCheetah-v5", "agent.alpha"), "40");
  EXPECT_EQ(value("prdc", "Hopper-v5", "agent.alpha"), "2.5");
  EXPECT_EQ(value("prdc", "Hopper-v5", "agent.beta"), "2");
}

// Rows of the online sheets, value by value: online-baselines.md sections 3 to 7, pmoe.md section 6, mdpo.md
// section 7. Where the sheet weighs a squared error without our one half, value_coef is twice its number.
TEST(PresetValues, AreTheOnlineSheetsRows) {
  const struct {
    const char* agent;
    const char* preset;
    const char* env;
    std::vector<std::pair<std::string, double>> numbers;
    std::vector<std::pair<std::string, std::string>> words;
  } rows[] = {
      {"ppo",
       "paper",
       "Hopper-v5",
       {{"run.num_envs", 1},
        {"agent.rollout_steps", 2048},
        {"agent.epochs", 10},
        {"agent.minibatch", 64},
        {"agent.lr", 3e-4},
        {"agent.discount", 0.99},
        {"agent.gae_lambda", 0.95},
        {"agent.clip", 0.2},
        {"agent.value_clip", 0.2},
        {"agent.value_coef", 0.5},
        {"agent.entropy_coef", 0},
        {"agent.max_grad_norm", 0.5},
        {"agent.log_std_init", 0},
        {"run.steps", 1e6}},
       {{"agent.lr_anneal", "true"},
        {"agent.hidden", "64,64"},
        {"agent.activation", "tanh"},
        {"agent.normalize_observations", "true"},
        {"agent.normalize_rewards", "true"},
        {"agent.timeout_bootstrap", "false"},
        {"agent.reward_reset", "termination"}}},
      {"ppo",
       "paper",
       "CartPole-v1",
       {{"run.num_envs", 4},
        {"agent.rollout_steps", 128},
        {"agent.epochs", 4},
        {"agent.minibatch", 128},
        {"agent.lr", 2.5e-4},
        {"agent.entropy_coef", 0.01},
        {"run.steps", 5e5}},
       {{"agent.lr_anneal", "true"},
        {"agent.normalize_observations", "false"},
        {"agent.normalize_rewards", "false"}}},
      {"ppo",
       "zoo",
       "HalfCheetah-v5",
       {{"run.steps", 1e6},
        {"agent.rollout_steps", 512},
        {"agent.minibatch", 64},
        {"agent.epochs", 20},
        {"agent.lr", 2.0633e-5},
        {"agent.discount", 0.98},
        {"agent.gae_lambda", 0.92},
        {"agent.clip", 0.1},
        {"agent.entropy_coef", 4.01762e-4},
        {"agent.value_coef", 2 * 0.58096},
        {"agent.max_grad_norm", 0.8},
        {"agent.value_clip", 0},
        {"agent.log_std_init", -2}},
       {{"agent.hidden", "256,256"},
        {"agent.activation", "relu"},
        {"agent.orthogonal", "false"},
        {"agent.lr_anneal", "false"},
        {"agent.normalize_observations", "true"},
        {"agent.timeout_bootstrap", "true"},
        {"agent.reward_reset", "episode"}}},
      {"ppo",
       "zoo",
       "Hopper-v5",
       {{"run.steps", 1e6},
        {"agent.rollout_steps", 512},
        {"agent.minibatch", 32},
        {"agent.epochs", 5},
        {"agent.lr", 9.80828e-5},
        {"agent.discount", 0.999},
        {"agent.gae_lambda", 0.99},
        {"agent.clip", 0.2},
        {"agent.entropy_coef", 2.29519e-3},
        {"agent.value_coef", 2 * 0.835671},
        {"agent.max_grad_norm", 0.7},
        {"agent.log_std_init", -2}},
       {{"agent.hidden", "256,256"}}},
      {"ppo",
       "zoo",
       "Walker2d-v5",
       {{"run.steps", 1e6},
        {"agent.rollout_steps", 512},
        {"agent.minibatch", 32},
        {"agent.epochs", 20},
        {"agent.lr", 5.05041e-5},
        {"agent.discount", 0.99},
        {"agent.gae_lambda", 0.95},
        {"agent.clip", 0.1},
        {"agent.entropy_coef", 5.85045e-4},
        {"agent.value_coef", 2 * 0.871923},
        {"agent.max_grad_norm", 1},
        {"agent.log_std_init", 0}},
       {{"agent.hidden", "64,64"}, {"agent.activation", "tanh"}, {"agent.orthogonal", "true"}}},
      {"ppo",
       "zoo",
       "Humanoid-v5",
       {{"run.steps", 1e7},
        {"agent.rollout_steps", 512},
        {"agent.minibatch", 256},
        {"agent.epochs", 5},
        {"agent.lr", 3.56987e-5},
        {"agent.discount", 0.95},
        {"agent.gae_lambda", 0.9},
        {"agent.clip", 0.3},
        {"agent.entropy_coef", 2.38306e-3},
        {"agent.value_coef", 2 * 0.431892},
        {"agent.max_grad_norm", 2}},
       {{"agent.hidden", "256,256"}}},
      {"ppo",
       "zoo",
       "Swimmer-v5",
       {{"run.num_envs", 4},
        {"agent.rollout_steps", 1024},
        {"agent.minibatch", 256},
        {"agent.epochs", 10},
        {"agent.lr", 6e-4},
        {"agent.discount", 0.9999},
        {"agent.gae_lambda", 0.98},
        {"agent.clip", 0.2},
        {"agent.entropy_coef", 0},
        {"agent.value_coef", 2 * 0.5}},
       {}},
      {"ppo",
       "zoo",
       "InvertedPendulum-v5",
       {{"agent.rollout_steps", 32},
        {"agent.minibatch", 64},
        {"agent.epochs", 5},
        {"agent.lr", 2.22425e-4},
        {"agent.discount", 0.999},
        {"agent.gae_lambda", 0.9},
        {"agent.clip", 0.4},
        {"agent.entropy_coef", 1.37976e-7},
        {"agent.value_coef", 2 * 0.19816},
        {"agent.max_grad_norm", 0.3}},
       {}},
      {"ppo",
       "zoo",
       "Reacher-v5",
       {{"agent.rollout_steps", 512},
        {"agent.minibatch", 32},
        {"agent.epochs", 5},
        {"agent.lr", 1.04019e-4},
        {"agent.discount", 0.9},
        {"agent.gae_lambda", 1},
        {"agent.clip", 0.3},
        {"agent.entropy_coef", 7.52585e-8},
        {"agent.value_coef", 2 * 0.950368},
        {"agent.max_grad_norm", 0.9}},
       {}},
      {"ppo",
       "zoo",
       "CartPole-v1",
       {{"run.steps", 1e5},
        {"run.num_envs", 8},
        {"agent.rollout_steps", 32},
        {"agent.minibatch", 256},
        {"agent.epochs", 20},
        {"agent.lr", 1e-3},
        {"agent.discount", 0.98},
        {"agent.gae_lambda", 0.8},
        {"agent.clip", 0.2},
        {"agent.entropy_coef", 0}},
       {{"agent.lr_anneal", "true"},
        {"agent.clip_anneal", "true"},
        {"agent.normalize_observations", "false"}}},
      {"ppo",
       "zoo",
       "Acrobot-v1",
       {{"run.steps", 1e6},
        {"run.num_envs", 16},
        {"agent.rollout_steps", 256},
        {"agent.minibatch", 64},
        {"agent.epochs", 4},
        {"agent.lr", 3e-4},
        {"agent.discount", 0.99},
        {"agent.gae_lambda", 0.94}},
       {{"agent.normalize_observations", "true"}}},
      {"ppo",
       "zoo",
       "MountainCar-v0",
       {{"run.num_envs", 16},
        {"agent.rollout_steps", 16},
        {"agent.minibatch", 64},
        {"agent.epochs", 4},
        {"agent.discount", 0.99},
        {"agent.gae_lambda", 0.98}},
       {}},
      {"ppo",
       "zoo",
       "Pendulum-v1",
       {{"run.steps", 1e5},
        {"run.num_envs", 4},
        {"agent.rollout_steps", 1024},
        {"agent.minibatch", 64},
        {"agent.epochs", 10},
        {"agent.lr", 1e-3},
        {"agent.discount", 0.9},
        {"agent.gae_lambda", 0.95}},
       {{"agent.normalize_observations", "false"}}},
      {"trpo",
       "sb2",
       "Hopper-v5",
       {{"run.num_envs", 1},
        {"agent.rollout_steps", 1024},
        {"agent.max_kl", 0.01},
        {"agent.cg_iterations", 10},
        {"agent.cg_damping", 0.1},
        {"agent.value_epochs", 5},
        {"agent.value_batch", 128},
        {"agent.value_lr", 1e-3},
        {"agent.discount", 0.99},
        {"agent.gae_lambda", 0.98}},
       {{"agent.normalize_observations", "false"}, {"agent.normalize_rewards", "false"}}},
      {"trpo",
       "paper",
       "HalfCheetah-v5",
       {{"agent.max_kl", 0.04},
        {"agent.cg_iterations", 25},
        {"agent.cg_damping", 0.1},
        {"run.num_envs", 2},
        {"agent.rollout_steps", 1024},
        {"agent.value_epochs", 20},
        {"agent.value_batch", 128},
        {"agent.value_lr", 1e-3},
        {"agent.discount", 0.99},
        {"agent.gae_lambda", 0.95},
        {"agent.line_search_steps", 10},
        {"agent.line_search_shrinkage", 0.8}},
       {{"agent.normalize_observations", "true"},
        {"agent.normalize_rewards", "true"},
        {"agent.timeout_bootstrap", "true"}}},
      {"trpo", "paper", "Hopper-v5", {{"agent.max_kl", 0.01}}, {}},
      {"trpo", "paper", "Swimmer-v5", {{"agent.discount", 0.9999}}, {}},
      {"trpo",
       "zoo",
       "Hopper-v5",
       {{"agent.max_kl", 0.01},
        {"agent.cg_iterations", 15},
        {"run.num_envs", 1},
        {"agent.rollout_steps", 2048},
        {"agent.value_epochs", 10},
        {"agent.value_batch", 128}},
       {{"agent.normalize_observations", "false"}, {"agent.timeout_bootstrap", "true"}}},
      {"trpo",
       "zoo",
       "CartPole-v1",
       {{"run.num_envs", 2},
        {"agent.rollout_steps", 512},
        {"agent.value_batch", 512},
        {"agent.cg_damping", 1e-3},
        {"agent.gae_lambda", 0.98},
        {"agent.value_lr", 1e-3},
        {"agent.value_epochs", 20},
        {"run.steps", 1e5}},
       {}},
      {"sac",
       "paper",
       "Hopper-v5",
       {{"run.steps", 1e6},
        {"agent.actor_lr", 3e-4},
        {"agent.critic_lr", 3e-4},
        {"agent.alpha_lr", 3e-4},
        {"agent.batch_size", 256},
        {"agent.buffer_size", 1e6},
        {"agent.tau", 0.005},
        {"agent.discount", 0.99},
        {"agent.learning_starts", 10000},
        {"agent.target_interval", 1},
        {"agent.log_std_min", -20},
        {"agent.log_std_max", 2},
        {"agent.alpha", 1},
        {"agent.target_entropy", -1}},
       {{"agent.hidden", "256,256"}, {"agent.alpha_auto", "true"}}},
      {"sac", "paper", "Humanoid-v5", {{"run.steps", 2e6}}, {}},
      {"sac",
       "sb3",
       "HalfCheetah-v5",
       {{"agent.actor_lr", 3e-4},
        {"agent.critic_lr", 3e-4},
        {"agent.alpha_lr", 3e-4},
        {"agent.batch_size", 256},
        {"agent.learning_starts", 100}},
       {{"agent.hidden", "256,256"}}},
      {"sac", "paper", "Swimmer-v5", {{"agent.discount", 0.999}}, {}},
      {"sac",
       "paper",
       "Pendulum-v1",
       {{"run.steps", 20000},
        {"agent.actor_lr", 1e-3},
        {"agent.critic_lr", 1e-3},
        {"agent.alpha_lr", 1e-3},
        {"agent.learning_starts", 100}},
       {}},
      {"td3",
       "paper",
       "Hopper-v5",
       {{"agent.actor_lr", 3e-4},
        {"agent.critic_lr", 3e-4},
        {"agent.batch_size", 256},
        {"agent.learning_starts", 25000},
        {"agent.discount", 0.99},
        {"agent.tau", 0.005},
        {"agent.policy_delay", 2},
        {"agent.policy_noise", 0.2},
        {"agent.noise_clip", 0.5},
        {"agent.exploration_noise", 0.1}},
       {{"agent.hidden", "256,256"}}},
      {"td3",
       "zoo",
       "Swimmer-v5",
       {{"agent.actor_lr", 1e-3},
        {"agent.critic_lr", 1e-3},
        {"agent.batch_size", 256},
        {"agent.learning_starts", 10000},
        {"agent.discount", 0.9999}},
       {{"agent.hidden", "400,300"}}},
      {"td3",
       "zoo",
       "Pendulum-v1",
       {{"run.steps", 20000},
        {"agent.discount", 0.98},
        {"agent.buffer_size", 200000},
        {"agent.learning_starts", 10000},
        {"agent.exploration_noise", 0.1},
        {"agent.actor_lr", 1e-3}},
       {{"agent.hidden", "400,300"}}},
      {"dqn",
       "paper",
       "CartPole-v1",
       {{"run.steps", 5e5},
        {"agent.lr", 2.5e-4},
        {"agent.batch_size", 128},
        {"agent.buffer_size", 10000},
        {"agent.learning_starts", 10000},
        {"agent.update_interval", 10},
        {"agent.updates_per_step", 1},
        {"agent.target_interval", 500},
        {"agent.tau", 1},
        {"agent.epsilon_start", 1},
        {"agent.epsilon_end", 0.05},
        {"agent.epsilon_fraction", 0.5},
        {"agent.discount", 0.99}},
       {{"agent.hidden", "120,84"},
        {"agent.loss", "squares"},
        {"agent.double_q", "false"},
        {"agent.dueling", "false"}}},
      {"dqn",
       "sb3",
       "Acrobot-v1",
       {{"agent.lr", 1e-4},
        {"agent.batch_size", 32},
        {"agent.buffer_size", 1e6},
        {"agent.learning_starts", 100},
        {"agent.update_interval", 4},
        {"agent.updates_per_step", 1},
        {"agent.target_interval", 10000},
        {"agent.tau", 1},
        {"agent.epsilon_start", 1},
        {"agent.epsilon_end", 0.05},
        {"agent.epsilon_fraction", 0.1},
        {"agent.discount", 0.99},
        {"agent.max_grad_norm", 10}},
       {{"agent.hidden", "64,64"}, {"agent.loss", "huber"}}},
      {"dqn",
       "zoo",
       "CartPole-v1",
       {{"run.steps", 50000},
        {"agent.lr", 2.3e-3},
        {"agent.batch_size", 64},
        {"agent.buffer_size", 100000},
        {"agent.learning_starts", 1000},
        {"agent.update_interval", 256},
        {"agent.updates_per_step", 128},
        {"agent.target_interval", 10},
        {"agent.epsilon_end", 0.04},
        {"agent.epsilon_fraction", 0.16},
        {"agent.discount", 0.99},
        {"agent.max_grad_norm", 10}},
       {{"agent.hidden", "256,256"}, {"agent.loss", "huber"}}},
      {"dqn",
       "zoo",
       "MountainCar-v0",
       {{"run.steps", 120000},
        {"agent.lr", 4e-3},
        {"agent.batch_size", 128},
        {"agent.buffer_size", 10000},
        {"agent.learning_starts", 1000},
        {"agent.update_interval", 16},
        {"agent.updates_per_step", 8},
        {"agent.target_interval", 600},
        {"agent.epsilon_end", 0.07},
        {"agent.epsilon_fraction", 0.2},
        {"agent.discount", 0.98}},
       {}},
      {"dqn",
       "zoo",
       "Acrobot-v1",
       {{"run.steps", 100000},
        {"agent.lr", 6.3e-4},
        {"agent.batch_size", 128},
        {"agent.buffer_size", 50000},
        {"agent.learning_starts", 0},
        {"agent.update_interval", 4},
        {"agent.updates_per_step", 4},
        {"agent.target_interval", 250},
        {"agent.epsilon_end", 0.1},
        {"agent.epsilon_fraction", 0.12},
        {"agent.discount", 0.99}},
       {}},
      {"pmoe-sac",
       "paper",
       "HalfCheetah-v5",
       {{"agent.experts", 4},
        {"agent.tau", 0.005},
        {"agent.batch_size", 256},
        {"agent.learning_starts", 10000}},
       {{"agent.hidden", "256,256"},
        {"agent.critic_hidden", ""},
        {"agent.router_gradient", "frequency"},
        {"agent.expert_loss", "best"},
        {"agent.entropy_of", "expert"},
        {"agent.target_expert", "router"}}},
      {"pmoe-sac",
       "authors",
       "HalfCheetah-v5",
       {{"agent.experts", 2},
        {"agent.tau", 0.01},
        {"agent.batch_size", 300},
        {"agent.buffer_size", 1e6},
        {"agent.learning_starts", 0},
        {"agent.actor_lr", 3e-4},
        {"agent.router_lr", 3e-4},
        {"agent.critic_lr", 3e-4},
        {"agent.alpha_lr", 3e-4},
        {"agent.head_bound", 3e-3},
        {"agent.log_std_min", -20},
        {"agent.log_std_max", 2},
        {"agent.squash_epsilon", 1e-6}},
       {{"agent.hidden", "512,512,512,512"},
        {"agent.critic_hidden", "512,512,512"},
        {"agent.acting_expert", "sampled"}}},
      {"pmoe-ppo",
       "authors",
       "Hopper-v5",
       {{"agent.experts", 5},
        {"agent.rollout_steps", 2048},
        {"agent.minibatch", 64},
        {"agent.epochs", 10},
        {"agent.lr", 3e-4},
        {"agent.discount", 0.99},
        {"agent.gae_lambda", 0.95},
        {"agent.clip", 0.2},
        {"agent.entropy_coef", 0},
        {"agent.value_coef", 0.5},
        {"agent.router_coef", 1},
        {"agent.q_head_bound", 3e-3},
        {"agent.log_std_init", 0}},
       {{"agent.hidden", "64,64"},
        {"agent.q_hidden", "64,64,64"},
        {"agent.lr_anneal", "false"},
        {"agent.joint_clip", "true"},
        {"agent.normalize_observations", "true"}}},
      {"mdpo-on",
       "paper",
       "Walker2d-v5",
       {{"run.steps", 1e7},
        {"run.num_envs", 1},
        {"agent.rollout_steps", 2048},
        {"agent.inner_steps", 10},
        {"agent.step_size", 1},
        {"agent.discount", 0.99},
        {"agent.gae_lambda", 0.95},
        {"agent.policy_lr", 3e-4},
        {"agent.value_lr", 3e-4},
        {"agent.value_epochs", 5},
        {"agent.value_batch", 128},
        {"agent.value_clip", 0.2}},
       {{"agent.step_size_schedule", "linear"}, {"agent.lr_anneal", "false"}, {"agent.hidden", "64,64"}}},
      {"mdpo-off",
       "paper",
       "Walker2d-v5",
       {{"run.steps", 1e6},
        {"run.num_envs", 1},
        {"agent.old_policy_interval", 1000},
        {"agent.inner_steps", 1},
        {"agent.updates_per_step", 1},
        {"agent.lambda", 0.2},
        {"agent.kl_coef", 0.4},
        {"agent.tsallis_q", 1},
        {"agent.discount", 0.99},
        {"agent.tau", 0.005},
        {"agent.batch_size", 256},
        {"agent.buffer_size", 1e6},
        {"agent.learning_starts", 10000},
        {"agent.policy_lr", 3e-4},
        {"agent.critic_lr", 3e-4},
        {"agent.reg_coef", 1e-3}},
       {{"agent.lambda_auto", "false"}, {"agent.value_network", "true"}, {"agent.hidden", "256,256"}}},
      {"dac",
       "authors",
       "HalfCheetah-v5",
       {{"run.steps", 2e6},
        {"agent.options", 4},
        {"agent.rollout_steps", 2048},
        {"agent.minibatch", 64},
        {"agent.epochs", 5},
        {"agent.lr", 3e-4},
        {"agent.discount", 0.99},
        {"agent.gae_lambda", 0.95},
        {"agent.clip", 0.2},
        {"agent.value_clip", 0},
        {"agent.value_coef", 1},
        {"agent.entropy_coef", 0},
        {"agent.option_entropy_coef", 0.01},
        {"agent.max_grad_norm", 0.5}},
       {{"agent.hidden", "64,64"},
        {"agent.lr_anneal", "false"},
        {"agent.normalize_observations", "true"},
        {"agent.normalize_rewards", "false"}}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(fmt::format("{} {} {}", row.agent, row.preset, row.env));
    Experiment experiment(On(row.agent, row.env, {{"run.preset", row.preset, ""}}));
    for (const auto& [key, number] : row.numbers) {
      EXPECT_NEAR(std::stod(Value(experiment, key)), number, 1e-12 * std::abs(number)) << key;
    }
    for (const auto& [key, word] : row.words) EXPECT_EQ(Value(experiment, key), word) << key;
  }
}

// mdpo.md section 7: c of the Tsallis settings per task, and q where it is known (1.4 elsewhere).
TEST(PresetValues, AreTheTsallisRows) {
  const struct {
    const char* env;
    const char* c;
    const char* q;
  } rows[] = {{"Hopper-v5", "0.8", "1.4"},          {"Walker2d-v5", "0.4", "1.4"},
              {"HalfCheetah-v5", "0.3", "1.5"},     {"Humanoid-v5", "0.5", "1.4"},
              {"HumanoidStandup-v5", "0.3", "1.4"}, {"Ant-v5", "0.5", "2"}};
  for (const auto& row : rows) {
    Experiment experiment(On("mdpo-off", row.env, {{"run.preset", "tsallis", ""}}));
    EXPECT_EQ(Value(experiment, "agent.kl_coef"), row.c) << row.env;
    EXPECT_EQ(Value(experiment, "agent.tsallis_q"), row.q) << row.env;
    EXPECT_EQ(Value(experiment, "agent.lambda"), "0.2") << row.env;
  }
}

// The general setting, the robot's, then the dataset's own, however its name is written.
TEST(PresetValues, AreThoseOfTheDataset) {
  const auto value = [](const std::string& agent, const std::string& dataset, const std::string& key,
                        const std::string& env = "", const std::string& preset = "paper") {
    Given given = FromDataset(agent, dataset, preset);
    if (!env.empty()) given.push_back({"run.env", env, ""});
    Experiment experiment(given);
    return Value(experiment, key);
  };
  EXPECT_EQ(value("a2pr", "/data/hopper_medium_replay-v2.hdf5", "agent.mask", "Hopper-v5"), "0.5");
  EXPECT_EQ(value("a2pr", "/data/halfcheetah_medium_expert-v2.hdf5", "agent.mask"), "10");
  EXPECT_EQ(value("a2pr", "mine.hdf5", "agent.mask", "Hopper-v5"), "0.5") << "the authors' default";
  // As D4RL calls the file.
  const char* const file = "Ant_maze_hardest-maze_noisy_multistart_True_multigoal_False_sparse_fixed.hdf5";
  EXPECT_EQ(value("odice", file, "agent.twin"), "false");
  EXPECT_EQ(value("odice", file, "agent.reward_map"), "goal");
  EXPECT_EQ(value("odice", "x.hdf5", "agent.twin", "antmaze-umaze-diverse-v2"), "false");
  EXPECT_EQ(value("bc", "mine.hdf5", "agent.best_fraction", "Hopper-v5", "filtered"), "0.1");
}

// The protocols: offline-baselines.md section 3, prdc.md and a2pr.md section 6, odice.md section 8. Where
// a2pr.md has no run of its own, on the mazes, that of section 3 holds.
TEST(PresetValues, EvaluateAsTheSheetsDo) {
  const struct {
    const char* agent;
    const char* preset;
    int steps;
    int interval, interval_antmaze;
    int episodes, episodes_antmaze, episodes_maze2d;
  } rows[] = {
      {"bc", "paper", 1000000, 5000, 5000, 10, 100, 100},
      {"bc", "filtered", 1000000, 5000, 5000, 10, 100, 100},
      {"td3bc", "paper", 1000000, 5000, 5000, 10, 100, 100},
      {"iql", "paper", 1000000, 5000, 5000, 10, 100, 100},
      {"cql", "paper", 1000000, 5000, 50000, 10, 100, 100},
      {"awac", "paper", 1000000, 1000, 1000, 10, 100, 100},
      {"rebrac", "paper", 1000000, 5000, 50000, 10, 100, 100},
      {"sac-n", "paper", 3000000, 5000, 5000, 10, 10, 10},
      {"edac", "paper", 3000000, 5000, 5000, 10, 10, 10},
      {"prdc", "paper", 1000000, 5000, 5000, 10, 100, 10},
      {"prdc", "authors", 1000000, 1000, 1000, 50, 50, 50},
      {"a2pr", "paper", 1000000, 5000, 5000, 10, 100, 100},
      {"odice", "paper", 1000000, 5000, 20000, 10, 50, 10},
      {"odice", "imitation", 500000, 5000, 5000, 10, 10, 10},
  };
  for (const auto& row : rows) {
    for (const std::string& dataset : D4rlDatasets()) {
      SCOPED_TRACE(fmt::format("{} {} {}", row.agent, row.preset, dataset));
      const Experiment experiment(FromDataset(row.agent, dataset + ".hdf5", row.preset));
      const bool antmaze = Covers("antmaze-*", dataset);
      const bool maze2d = Covers("maze2d-*", dataset);
      EXPECT_EQ(experiment.run().steps, row.steps);
      EXPECT_EQ(experiment.run().eval_interval, antmaze ? row.interval_antmaze : row.interval);
      EXPECT_EQ(experiment.run().eval_episodes, antmaze  ? row.episodes_antmaze
                                                : maze2d ? row.episodes_maze2d
                                                         : row.episodes);
    }
  }
}

// offline-baselines.md section 4. Actions are in [-1, 1] (section 1).
TEST(PresetValues, AreBcsOfTheSheet) {
  const std::string always =
      "hidden=256,256 actor_lr=3e-4 batch_size=256 max_action=1 normalize_states=true return_discount=0.99 ";
  ExpectSheet("bc", "", always + "best_fraction=1");
  ExpectSheet("bc", "paper", always + "best_fraction=1");
  ExpectSheet("bc", "filtered", always + "best_fraction=0.1");
}

// Section 5; antmaze as CORL has it.
TEST(PresetValues, AreTd3BcsOfTheSheet) {
  const std::string always =
      "hidden=256,256 actor_lr=3e-4 critic_lr=3e-4 batch_size=256 discount=0.99 tau=0.005 alpha=2.5 "
      "policy_noise=0.2 noise_clip=0.5 policy_delay=2 max_action=1 normalize_states=true reward_map=none "
      "reward_scale=1 ";
  ExpectSheet("td3bc", "", always + "reward_shift=0");
  ExpectSheet("td3bc", "paper", always, R"(
      dataset    reward_shift
      antmaze-*  -1
      *          0)");
}

// Section 6, CORL's column.
TEST(PresetValues, AreIqlsOfTheSheet) {
  const std::string always =
      "hidden=256,256 actor_lr=3e-4 critic_lr=3e-4 value_lr=3e-4 batch_size=256 discount=0.99 tau=0.005 "
      "schedule_steps=1e6 weight_max=100 log_std_min=-20 log_std_max=2 normalize_states=true reward_scale=1 ";
  ExpectSheet("iql", "", always + "expectile=0.7 beta=3 deterministic=false reward_map=none reward_shift=0");
  ExpectSheet("iql", "paper", always, R"(
      dataset               expectile beta deterministic reward_map reward_shift
      hopper-medium         0.7       3    true          range      0
      hopper-medium-replay  0.7       3    true          range      0
      hopper-medium-expert  0.5       6    false         none       0
      antmaze-*             0.9       10   false         none       -1
      *                     0.7       3    false         none       0)");
}

// Section 7; the depth on antmaze is that of the first critic. Section 13 has the discount. alpha_prime
// starts at exp(1).
TEST(PresetValues, AreCqlsOfTheSheet) {
  const std::string always =
      "hidden=256,256,256 critic_lr=3e-4 discount=0.99 tau=0.005 alpha=1 alpha_auto=true target_entropy=-1 "
      "backup_entropy=false cql_actions=10 cql_temperature=1 alpha_prime=2.718281828459045 "
      "alpha_prime_lr=3e-4 log_std_min=-20 log_std_max=2 ";
  ExpectSheet("cql", "", always);
  ExpectSheet("cql", "paper", always, R"(
      dataset        cql_alpha lagrange target_action_gap actor_lr alpha_lr critic_hidden
      antmaze-*      5         true     0.8               1e-4     1e-4     256,256,256,256,256
      maze2d-*       10        true     5.0               3e-5     3e-5     256,256,256
      *              10        false    -                 3e-5     3e-5     256,256,256)");
  ExpectSheet("cql", "paper", always, R"(
      dataset        max_target_backup normalize_states reward_map reward_scale reward_shift
      antmaze-*      true              false            none       10           -5
      hopper-medium  false             true             range      1            0
      *              false             true             none       1            0)");
}

// Section 8, whose lambda on robots is 0.3333 as in CORL: 1/3 stands in the check of section 13 alone. That
// has the discount.
TEST(PresetValues, AreAwacsOfTheSheet) {
  const std::string always =
      "hidden=256,256,256 actor_lr=3e-4 critic_lr=3e-4 discount=0.99 tau=0.005 weight_max=100 "
      "log_std_min=-20 log_std_max=2 normalize_states=true reward_map=none reward_scale=1 ";
  ExpectSheet("awac", "", always + "reward_shift=0");
  ExpectSheet("awac", "paper", always, R"(
      dataset    lambda reward_shift
      antmaze-*  0.1    -1
      maze2d-*   0.1    0
      *          0.3333 0)");
}

// Section 8, and the discount of section 13. The default batch is that of the form for discrete actions too.
TEST(PresetValues, AreBcqsOfTheSheet) {
  const std::string always =
      "vae_hidden=750,750 vae_lr=1e-3 reach=0.05 actor_hidden=400,300 critic_hidden=400,300 critic_lr=1e-3 "
      "target_candidates=10 candidates=100 least_share=0.75 discount=0.99 tau=0.005 normalize_states=false "
      "reward_map=none reward_scale=1 reward_shift=0 ";
  ExpectSheet("bcq", "", always);
  ExpectSheet("bcq", "paper", always + "batch_size=100");
}

// Section 9; actor_penalty and critic_penalty are its beta_1 and beta_2.
TEST(PresetValues, AreRebracsOfTheSheet) {
  const std::string always =
      "hidden=256,256,256 critic_norm=true tau=0.005 policy_noise=0.2 noise_clip=0.5 policy_delay=2 "
      "max_action=1 normalize_states=false reward_map=none reward_shift=0 ";
  ExpectSheet("rebrac", "", always);
  ExpectSheet("rebrac", "paper", always, R"(
      dataset                    actor_penalty critic_penalty
      halfcheetah-random         .001          .1
      halfcheetah-medium         .001          .01
      halfcheetah-medium-replay  .01           .001
      halfcheetah-medium-expert  .01           .1
      halfcheetah-expert         .01           .01
      halfcheetah-full-replay    .001          .1
      hopper-random              .001          .01
      hopper-medium              .01           .01
      hopper-medium-replay       .05           .5
      hopper-medium-expert       .1            .01
      hopper-expert              .1            .1
      hopper-full-replay         .01           .01
      walker2d-random            .01           0
      walker2d-medium            .05           .1
      walker2d-medium-replay     .05           .01
      walker2d-medium-expert     .01           .01
      walker2d-expert            .01           .5
      walker2d-full-replay       .01           .01
      antmaze-umaze              .003          .002
      antmaze-umaze-diverse      .003          .001
      antmaze-medium-play        .001          .0005
      antmaze-medium-diverse     .001          0
      antmaze-large-play         .002          .001
      antmaze-large-diverse      .002          .002
      maze2d-*                   .003          .001)");
  ExpectSheet("rebrac", "paper", always, R"(
      dataset    actor_lr critic_lr batch_size discount reward_scale
      antmaze-*  3e-4     5e-5      256        0.999    100
      maze2d-*   3e-4     3e-4      256        0.99     1
      *          1e-3     1e-3      1024       0.99     1)");
}

// Section 10, and the discount of section 13.
constexpr const char* kSacNAlways =
    "hidden=256,256,256 actor_lr=3e-4 critic_lr=3e-4 alpha_lr=3e-4 batch_size=256 discount=0.99 "
    "alpha_auto=true target_entropy=-1 log_std_min=-5 log_std_max=2 normalize_states=false reward_map=none "
    "reward_scale=1 reward_shift=0 ";

TEST(PresetValues, AreSacNsOfTheSheet) {
  const std::string always = std::string(kSacNAlways) + "eta=0";
  ExpectSheet("sac-n", "", always);
  ExpectSheet("sac-n", "paper", always, R"(
      dataset                    critics
      halfcheetah-medium         10
      halfcheetah-medium-replay  10
      halfcheetah-medium-expert  10
      hopper-medium              500
      hopper-medium-replay       200
      hopper-medium-expert       200
      walker2d-medium            20
      walker2d-medium-replay     20
      walker2d-medium-expert     20
      maze2d-*                   25
      antmaze-*                  25)");
}

TEST(PresetValues, AreEdacsOfTheSheet) {
  ExpectSheet("edac", "", kSacNAlways);
  ExpectSheet("edac", "paper", kSacNAlways, R"(
      dataset                    critics eta
      halfcheetah-medium         10      1
      halfcheetah-medium-replay  10      1
      halfcheetah-medium-expert  10      5
      hopper-medium              50      1
      hopper-medium-replay       50      1
      hopper-medium-expert       50      1
      walker2d-medium            10      1
      walker2d-medium-replay     10      1
      walker2d-medium-expert     10      5
      maze2d-*                   10      0.1
      antmaze-*                  10      1)");
}

// prdc.md section 5. Of the mazes but one it knows the values among which the authors chose; beta is that of
// their runs, not of their command line (section 7).
TEST(PresetValues, ArePrdcsOfTheSheet) {
  const std::string always =
      "hidden=256,256 actor_lr=3e-4 critic_lr=3e-4 max_grad_norm=0 batch_size=256 discount=0.99 tau=0.005 "
      "policy_noise=0.2 noise_clip=0.5 policy_delay=2 max_action=1 normalize_states=true reward_map=none "
      "k=1 ";
  ExpectSheet("prdc", "", always + "alpha=2.5 beta=2 reward_scale=1 reward_shift=0");
  for (const char* preset : {"paper", "authors"}) {
    ExpectSheet("prdc", preset, always, R"(
        dataset              alpha      beta     reward_scale reward_shift
        halfcheetah-*        40.0       2.0      1            0
        hopper-*             2.5        2.0      1            0
        walker2d-*           2.5        2.0      1            0
        antmaze-medium-play  7.5        7.5      10000        -1
        antmaze-*            2.5|7.5|20 5|7.5|15 10000        -1
        *                    2.5        2        1            0)");
  }
}

// a2pr.md sections 3 to 5 and 7; its code's defaults are for what is published nowhere.
TEST(PresetValues, AreA2prsOfTheSheet) {
  const std::string always =
      "hidden=256,256,256 critic_hidden=256,256,256,256 vae_hidden=750,750 actor_lr=3e-4 critic_lr=3e-4 "
      "value_lr=3e-4 vae_lr=1e-3 max_grad_norm=0 lr_anneal=false batch_size=256 tau=0.005 policy_noise=0.2 "
      "noise_clip=0.5 policy_delay=2 max_action=1 advantage_threshold=0 candidate=policy "
      "detach_candidate=false normalize_states=true reward_map=none reward_scale=1 ";
  ExpectSheet("a2pr", "", always + "alpha=2.5 vae_weight=1.0 mask=0.5 discount=0.99 reward_shift=0");
  ExpectSheet("a2pr", "paper", always, R"(
      dataset                    alpha vae_weight mask discount reward_shift
      halfcheetah-medium         40    1.0        1.0  0.99     0
      hopper-medium              2.5   1.0        0.4  0.995    0
      walker2d-medium            2.5   1.5        1.0  0.99     0
      halfcheetah-medium-replay  40    1.5        0.8  0.995    0
      hopper-medium-replay       2.5   1.5        0.5  0.99     0
      walker2d-medium-replay     2.5   1.5        1.2  0.995    0
      halfcheetah-medium-expert  40    1.0        10.0 0.99     0
      hopper-medium-expert       2.5   1.0        4.0  0.99     0
      walker2d-medium-expert     2.5   1.0        0.8  0.99     0
      hopper-random              2.5   1.5        1.5  0.995    0
      antmaze-*                  7.5   1          1    0.99     -1
      *                          2.5   1.0        0.5  0.99     0)");
}

// odice.md sections 5 to 7. Per-dataset lambda and eta are not in it, only the program's defaults.
TEST(PresetValues, AreOdicesOfTheSheet) {
  const std::string always =
      "hidden=256,256 policy_hidden=1024,1024 batch_size=256 discount=0.99 tau=0.005 weight_max=100 "
      "divergence=pearson gradient=orthogonal weight=residual eta=1.0 lr_anneal=false reward_shift=0 ";
  const std::string rl = always +
                         "lambda=0.6 value_lr=2e-4 policy_lr=2e-4 policy_weight_decay=1e-4 "
                         "squash_mean=false normalize_states=false episode=-1 reward_scale=1 ";
  ExpectSheet("odice", "", rl + "twin=true layer_norm=true reward_map=range");
  ExpectSheet("odice", "paper", rl, R"(
      dataset                twin  layer_norm reward_map
      halfcheetah-*          true  true       range
      hopper-*               true  true       range
      walker2d-*             true  true       range
      antmaze-umaze-diverse  false false      goal
      antmaze-large-*        false false      goal
      antmaze-*              true  false      goal)");
  ExpectSheet("odice", "imitation",
              always +
                  "lambda=0.4 value_lr=1e-4 policy_lr=1e-4 squash_mean=true normalize_states=true "
                  "episode=1|10|20|30 reward_map=none reward_scale=0 twin=true layer_norm=false",
              R"(
      dataset          policy_weight_decay
      hopper-expert    1e-5
      walker2d-expert  1e-3)");
}

}  // namespace
}  // namespace strider
