#include <iostream>

#include "core/files.h"
#include "datasets/hdf5.h"
#include "envs/registry.h"
#include "experiments/experiment.h"
#include "tools/options.h"

namespace strider::tools {
namespace {

// Recorded actions, one row a step, in the environment's frame.
std::vector<double> ReadActions(const std::string& where, const EnvSpec& spec) {
  const std::size_t colon = where.rfind(":/");
  if (colon == std::string::npos) {
    throw InputError("--actions {}: expected FILE.hdf5:/PATH, such as data.hdf5:/actions", where);
  }
  const Hdf5File file = Hdf5File::Open(where.substr(0, colon));
  const std::string key = where.substr(colon + 2);
  Array<double> actions = file.Read<double>(key);
  const auto width = static_cast<std::size_t>(spec.action_size());
  const bool row_of_one = width == 1 && actions.shape.size() == 1;
  if (!row_of_one && (actions.shape.size() != 2 || actions.shape[1] != width)) {
    throw InputError("{}: {} has shape {}; expected (steps, {}) to fit {}", file.path().string(), key,
                     ShapeText(actions.shape), width, spec.id);
  }
  for (std::size_t row = 0; row < actions.values.size() / width; ++row) {
    try {
      CheckActions(spec, ActionRow(std::span<const double>(actions.values).subspan(row * width, width)));
    } catch (const InputError& error) {
      throw InputError("{}: row {} of {}: {}", file.path().string(), row, key, error.what());
    }
  }
  return actions.values;
}

// Whether the actions are of the action spaces' own type, float32, whatever the file stores them as.
bool AreFloats(std::span<const double> actions) {
  return std::ranges::all_of(actions,
                             [](double a) { return static_cast<double>(static_cast<float>(a)) == a; });
}

struct Record {
  std::vector<double> observations, actions, rewards, qpos, qvel, achieved_goals, desired_goals;
  std::vector<std::uint8_t> terminals, timeouts;

  void AddState(const Env& env, const std::vector<double>& observation) {
    observations.insert(observations.end(), observation.begin(), observation.end());
    qpos.insert(qpos.end(), env.qpos().begin(), env.qpos().end());
    qvel.insert(qvel.end(), env.qvel().begin(), env.qvel().end());
    if (const auto& goal = env.spec().goal) {
      const auto achieved = goal->Achieved(std::span(observation));
      const auto desired = goal->Desired(std::span(observation));
      achieved_goals.insert(achieved_goals.end(), achieved.begin(), achieved.end());
      desired_goals.insert(desired_goals.end(), desired.begin(), desired.end());
    }
  }
};

void WriteRecord(const std::filesystem::path& path, const Record& record, const Env& env) {
  const auto observation_size = static_cast<std::size_t>(env.spec().observation_size());
  const auto action_size = static_cast<std::size_t>(env.spec().action_size());
  const std::size_t steps = record.rewards.size();
  WriteWhole(path, [&](const std::filesystem::path& temporary) {
    Hdf5File file = Hdf5File::Create(temporary);
    file.Write<double>("observations", record.observations, {steps + 1, observation_size});
    file.Write<double>("actions", record.actions, {steps, action_size});
    file.Write<double>("rewards", record.rewards, {steps});
    file.Write<std::uint8_t>("terminals", record.terminals, {steps}, {.flags = true});
    file.Write<std::uint8_t>("timeouts", record.timeouts, {steps}, {.flags = true});
    if (!record.qpos.empty()) {
      file.Write<double>("infos/qpos", record.qpos, {steps + 1, env.qpos().size()});
      file.Write<double>("infos/qvel", record.qvel, {steps + 1, env.qvel().size()});
    }
    if (const auto& goal = env.spec().goal) {
      const auto goal_size = static_cast<std::size_t>(goal->goal_size);
      file.Write<double>("infos/achieved_goal", record.achieved_goals, {steps + 1, goal_size});
      file.Write<double>("infos/desired_goal", record.desired_goals, {steps + 1, goal_size});
    }
    file.Close();
  });
}

}  // namespace

int Rollout(const Words& words) {
  CommandLine line;
  line.usage = "strider rollout --env ID --seed N --actions FILE.hdf5:/PATH --out FILE.hdf5";
  line.about =
      "Resets an environment with a seed and replays recorded actions up to the first end of an episode. "
      "Writes observations (steps + 1 rows, the reset first), actions, rewards, terminals, timeouts, "
      "infos/qpos and infos/qvel (steps + 1 rows), float64. Where the environment has goals, a row is the "
      "observation, the goal achieved and the goal desired; infos/achieved_goal and infos/desired_goal hold "
      "the two once more. Actions are given to the environment as float32, its own type, where all of them "
      "are float32 numbers, and as float64 otherwise: costs are computed in the type given, as in Gymnasium.";
  auto add = line.options.add_options();
  add("env", po::value<std::string>(), "environment");
  add("seed", po::value<std::int64_t>()->default_value(0), "as reset(seed) takes it");
  add("actions", po::value<std::string>(), "file, colon, and the array's path in it");
  add("out", po::value<std::string>(), "file to write");
  add("set", po::value<std::vector<std::string>>()->composing(), "env.KEY=VALUE; may be repeated");
  const auto values = Parse(line, words);
  if (!values) return 0;
  Assignments env_options;
  if (const auto sets = Given<std::vector<std::string>>(*values, "set")) {
    for (const std::string& text : *sets) {
      const GivenSetting setting = ParseAssignment(text);
      env_options.emplace_back(setting.key, setting.value);
    }
  }
  const auto env = MakeEnv(Required<std::string>(*values, "env"), env_options);
  const std::vector<double> actions = ReadActions(Required<std::string>(*values, "actions"), env->spec());
  const std::string out = Required<std::string>(*values, "out");
  const std::string source = (*values)["actions"].as<std::string>();
  RefuseOverwriting("out", out, {source.substr(0, source.rfind(":/"))});

  const auto width = static_cast<std::size_t>(env->spec().action_size());
  const bool floats = AreFloats(actions);
  std::vector<float> float_action(width);
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation_size()));
  Record record;
  env->Reset(Seed(*values), observation);
  record.AddState(*env, observation);
  for (std::size_t t = 0; t < actions.size() / width; ++t) {
    const auto action = std::span(actions).subspan(t * width, width);
    std::ranges::transform(action, float_action.begin(), [](double a) { return static_cast<float>(a); });
    const StepResult step = floats ? env->Step(std::span<const float>(float_action), observation)
                                   : env->Step(action, observation);
    record.AddState(*env, observation);
    record.actions.insert(record.actions.end(), action.begin(), action.end());
    record.rewards.push_back(step.reward);
    record.terminals.push_back(step.terminated ? 1 : 0);
    record.timeouts.push_back(step.truncated ? 1 : 0);
    if (step.terminated || step.truncated) break;
  }
  WriteRecord(out, record, *env);
  std::cerr << fmt::format("{}: {} steps\n", out, record.rewards.size());
  return 0;
}

}  // namespace strider::tools
