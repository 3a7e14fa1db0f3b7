#include "experiments/collect.h"

#include <sys/resource.h>

#include <algorithm>
#include <future>

#include "core/checksum.h"
#include "core/error.h"
#include "datasets/hdf5.h"
#include "datasets/minari_metadata.h"
#include "datasets/reader.h"
#include "experiments/run_directory.h"
#include "experiments/train.h"
#include "experiments/version.h"

namespace strider {
namespace {

constexpr std::size_t kBlockRows = 10000;

bool DrawsHaveDensity(const Policy& policy, const CollectOptions& options) {
  const bool own_draws =
      options.demonstrator == nullptr && !options.deterministic && options.noise == 0 && options.epsilon == 0;
  const ActionDistribution distribution = policy.At(0).distribution;
  return own_draws && distribution != ActionDistribution::kTanh &&
         distribution != ActionDistribution::kGreedy && distribution != ActionDistribution::kLikelyGreedy &&
         distribution != ActionDistribution::kGreedyUtility &&
         distribution != ActionDistribution::kBestCandidate;
}

bool HasNetworks(const Policy& policy) { return policy.At(0).distribution != ActionDistribution::kUniform; }

// Acts as the options say; one row at a time.
class Behaviour {
 public:
  Behaviour(const Policy& policy, const CollectOptions& options)
      : policy_(policy),
        uniform_(UniformPolicy(policy.observation_size, policy.action_space)),
        options_(options),
        random_(StreamSeed(options.seed, Purpose::kCollection)),
        transformed_(static_cast<std::size_t>(policy.observation_size)) {}

  // Writes an action in the environment's frame and its log density, at a step of the episode.
  void Act(std::span<const double> seen, int step, std::span<float> action, float& log_prob) {
    if (options_.demonstrator != nullptr) {
      options_.demonstrator->Demonstrate(random_, action);
      return;
    }
    const bool explore = options_.epsilon > 0 && random_.Random() < options_.epsilon;
    const Policy& policy = explore ? uniform_ : policy_;
    policy_.transform.Apply(seen, transformed_);
    policy.Sample(transformed_, options_.deterministic && !explore, random_, action, {&log_prob, 1}, step);
    policy.ToEnvironment(action);
    if (options_.noise > 0 && !explore) AddNoise(action);
  }

 private:
  void AddNoise(std::span<float> action) {
    const auto& box = std::get<Box>(policy_.action_space);
    const auto own = action.size() - static_cast<std::size_t>(policy_.augmentation.ActionColumns());
    for (std::size_t i = 0; i < own; ++i) {
      const double deviation = options_.noise * 0.5 * (box.high[i] - box.low[i]);
      action[i] += static_cast<float>(deviation * random_.StandardNormal());
    }
    ClipToSpace(policy_.action_space, action);
  }

  const Policy& policy_;
  Policy uniform_;
  const CollectOptions& options_;
  Pcg64 random_;
  std::vector<float> transformed_;
};

template <class From, class To>
void AppendAs(std::span<const From> values, std::vector<To>& column) {
  for (const From value : values) column.push_back(static_cast<To>(value));
}

void ClearRows(Dataset& block) {
  block.rows = 0;
  for (auto* column : {&block.observations, &block.actions, &block.rewards, &block.next_observations,
                       &block.action_log_probs}) {
    column->clear();
  }
  for (auto* column : {&block.terminals, &block.timeouts}) column->clear();
  for (auto* column : {&block.qpos, &block.qvel}) column->clear();
}

// Packs and writes a block while the next one is being lived through. An error surfaces at the next call.
class BackgroundWriter {
 public:
  explicit BackgroundWriter(DatasetWriter& writer) : writer_(writer) {}

  // Takes the block's rows and leaves it empty.
  void Append(Dataset& block) {
    Wait();
    ClearRows(written_);
    std::swap(block, written_);
    block.observation_size = written_.observation_size;
    block.action_size = written_.action_size;
    block.qpos_size = written_.qpos_size;
    block.qvel_size = written_.qvel_size;
    pending_ = std::async(std::launch::async, [this] {
      // It and the threads that it starts give way to the environment; on Linux, priorities are threads'.
      constexpr int kLowest = 19;
      ::setpriority(PRIO_PROCESS, 0, kLowest);
      writer_.Append(written_);
    });
  }

  // Until all is written.
  void Wait() {
    if (pending_.valid()) pending_.get();
  }

 private:
  DatasetWriter& writer_;
  Dataset written_;
  std::future<void> pending_;  // joins where an error ends it all, before the block goes
};

// A space as Gymnasium's JSON. Rows are flat, and so is the box.
std::string SpaceText(const Space& space) {
  if (const auto* discrete = std::get_if<Discrete>(&space)) return DiscreteText(discrete->n);
  const auto& box = std::get<Box>(space);
  return BoxText("float32", box.low, box.high);
}

// What every dataset tells of where it comes from.
std::map<std::string, std::string> Provenance(const EnvSpec& spec, const Assignments& env_options,
                                              std::uint64_t seed) {
  std::map<std::string, std::string> metadata = {{"env_id", spec.id},
                                                 {"observation_space", SpaceText(spec.observation_space)},
                                                 {"action_space", SpaceText(spec.action_space)},
                                                 {"seed", std::to_string(seed)},
                                                 {"strider_version", std::string(kVersion)}};
  if (!spec.instance.empty()) metadata[std::string(kInstanceKey)] = spec.instance;
  SettingList known;
  for (const Setting& setting : FindEnv(spec.id).options()) known.Append(setting);
  for (const auto& [name, value] : ChangedOptions(spec.id, env_options)) {
    const std::string key = "env." + name;
    known.Set(key, value);
    // As it was understood: a file's path holds elsewhere too.
    metadata[std::string(kEnvOptionPrefix) + name] = known.Find(key)->get();
  }
  return metadata;
}

std::map<std::string, std::string> Provenance(const Policy& policy, const Env& env,
                                              const CollectOptions& options) {
  auto metadata = Provenance(env.spec(), options.env_options, options.seed);
  metadata["policy_source"] = options.source;
  metadata["deterministic"] = options.deterministic ? "true" : "false";
  metadata["noise"] = fmt::format("{}", options.noise);
  metadata["epsilon"] = fmt::format("{}", options.epsilon);
  metadata["algorithm"] = options.demonstrator != nullptr ? kBehaviorPolicy : "random";
  if (!HasNetworks(policy)) return metadata;
  if (options.source.empty()) {
    metadata["algorithm"] = "unknown";
    return metadata;
  }
  const std::filesystem::path file = PolicyFile(options.source);
  const PolicyOrigin origin = ReadPolicyOrigin(file);
  metadata["algorithm"] = origin.algorithm.empty() ? "unknown" : origin.algorithm;
  if (!origin.env_instance.empty()) metadata["policy/env_instance"] = origin.env_instance;
  metadata["policy_sha256"] = FileChecksum(file);
  return metadata;
}

}  // namespace

std::filesystem::path PolicyFile(const std::string& source) {
  if (!std::filesystem::exists(source)) {
    throw InputError("policy '{}' does not exist; expected a run's directory, an HDF5 file, or random",
                     source);
  }
  if (!std::filesystem::is_directory(source)) return source;
  const RunPaths paths{source};
  if (!IsRun(source)) {
    throw InputError("{} is no run's directory (it has no config.cfg); of several runs name one", source);
  }
  if (!std::filesystem::exists(paths.policy())) {
    throw InputError("{} has no policy yet: it was stopped before its first checkpoint", source);
  }
  return paths.policy();
}

Policy LoadPolicy(const std::string& source, const EnvSpec& spec) {
  if (source == "random") return UniformPolicy(spec.observation_size(), spec.action_space);
  return ReadPolicy(PolicyFile(source), spec);
}

PolicyOrigin LoadPolicyOrigin(const std::string& source) {
  return source == "random" ? PolicyOrigin{} : ReadPolicyOrigin(PolicyFile(source));
}

bool Collect(const Policy& policy, Env& env, const CollectOptions& options, const std::filesystem::path& out,
             const std::function<bool(std::int64_t rows)>& progress) {
  const auto observation_size = static_cast<std::size_t>(env.spec().observation_size());
  const auto action_size = static_cast<std::size_t>(env.spec().action_size());
  if (options.noise > 0 && std::holds_alternative<Discrete>(env.spec().action_space)) {
    throw InputError("noise on actions needs continuous ones; {}'s are discrete (use epsilon)",
                     env.spec().id);
  }
  std::vector<double> observation(observation_size);
  // What the policy sees and says; the dataset holds the environment's own rows.
  std::vector<float> action(static_cast<std::size_t>(RowSize(policy.action_space)));
  Augmenter augmenter(env.spec(), policy.augmentation);
  augmenter.Seed(options.seed);
  std::vector<double> seen(static_cast<std::size_t>(policy.observation_size));
  env.Reset(options.seed, observation);
  augmenter.Start(observation, seen);
  DatasetWriteOptions write;
  write.action_log_probs = DrawsHaveDensity(policy, options);
  write.qpos_size = env.qpos().size();
  write.qvel_size = env.qvel().size();
  const auto writer = CreateDataset(options.format, out, observation_size, action_size, write);
  for (const auto& [key, text] : Provenance(policy, env, options)) writer->WriteMetadata(key, text);
  if (HasNetworks(policy)) WritePolicy(*writer, policy);

  BackgroundWriter background(*writer);
  Behaviour behaviour(policy, options);
  Dataset block;
  block.observation_size = observation_size;
  block.action_size = action_size;
  block.qpos_size = write.qpos_size;
  block.qvel_size = write.qvel_size;
  for (std::int64_t row = 0; row < options.steps; ++row) {
    float log_prob = 0;
    behaviour.Act(seen, env.elapsed_steps(), action, log_prob);
    AppendAs(std::span<const double>(observation), block.observations);
    const auto own_action = augmenter.Take(std::span<const float>(action));
    AppendAs(own_action, block.actions);
    AppendAs(env.qpos(), block.qpos);
    AppendAs(env.qvel(), block.qvel);
    const StepResult step = env.Step(own_action, observation);
    augmenter.Step(observation, step.reward, seen);
    AppendAs(std::span<const double>(observation), block.next_observations);
    block.rewards.push_back(static_cast<float>(step.reward));
    // A step that reaches the limit is a time-out and never a terminal (section 1.2).
    block.terminals.push_back(step.terminated && !step.truncated ? 1 : 0);
    block.timeouts.push_back(step.truncated ? 1 : 0);
    if (write.action_log_probs) block.action_log_probs.push_back(log_prob);
    if (step.terminated || step.truncated) {
      env.Reset(observation);
      augmenter.Start(observation, seen);
    }
    if (++block.rows == kBlockRows || row + 1 == options.steps) background.Append(block);
    if (progress && !progress(row + 1)) return false;
  }
  background.Wait();
  writer->Finish();
  return true;
}

void CollectReplay(const std::filesystem::path& run, const std::filesystem::path& out, DatasetFormat format) {
  const RunPaths paths{run};
  if (!IsRun(run)) throw InputError("{} is no run: it holds no config.cfg", run.string());
  if (!std::filesystem::exists(paths.checkpoint())) {
    throw InputError("{} has no checkpoint yet: it was stopped before its first one", run.string());
  }
  std::vector<GivenSetting> settings = ReadConfigFile(paths.config());
  settings.push_back({"run.device", "cpu", "this command"});
  Experiment experiment(settings);
  WorkerPool pool(1);
  const auto trainer = MakeTrainer(experiment, pool);
  LoadCheckpoint(paths, *trainer);
  if (trainer->replay() == nullptr) {
    throw InputError("{} is a run of {}, which keeps no replay buffer; expected one of an off-policy agent",
                     run.string(), experiment.run().agent);
  }

  const Policy policy = trainer->CurrentPolicy();
  Dataset dataset = trainer->replay()->ToDataset();
  policy.ToEnvironment(dataset.actions);
  const EnvSpec spec = experiment.MakeEnv()->spec();
  if (policy.augmentation.Changes(spec)) {
    dataset.observations = OwnRows(dataset.observations, spec, policy.augmentation);
    dataset.next_observations = OwnRows(dataset.next_observations, spec, policy.augmentation);
    dataset.observation_size = static_cast<std::size_t>(spec.observation_size());
  }
  for (std::size_t row = 0; row < dataset.rows; ++row) {
    if (dataset.timeouts[row] != 0) dataset.terminals[row] = 0;
  }
  dataset.metadata =
      Provenance(spec, experiment.EnvOptions(), static_cast<std::uint64_t>(experiment.run().seed));
  dataset.metadata["algorithm"] = experiment.run().agent;
  dataset.metadata["policy_source"] = "replay of " + run.string();
  dataset.metadata["policy_sha256"] = FileChecksum(paths.policy());
  dataset.metadata["iteration"] = std::to_string(trainer->step());
  WriteDataset(format, out, dataset);
}

}  // namespace strider
