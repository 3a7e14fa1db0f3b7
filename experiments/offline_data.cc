#include "experiments/offline_data.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <optional>

#include "core/error.h"
#include "datasets/dataset_cache.h"
#include "datasets/minari_metadata.h"
#include "datasets/reader.h"
#include "datasets/validate.h"

namespace strider {
namespace {

using Metadata = std::map<std::string, std::string>;

// Throws InputError where the dataset says that it comes from another environment whose states are mere
// numbers, or from another of an environment's worlds; warns where it does not say from which.
void CheckOrigin(const EnvSpec& spec, const Metadata& metadata, const std::string& dataset) {
  const bool numbers = std::holds_alternative<Discrete>(spec.observation_space);
  if (spec.instance.empty() && !numbers) return;
  const auto id = metadata.find("env_id");
  if (id != metadata.end() && id->second != spec.id) {
    throw InputError("{}: metadata/env_id is {}; expected data of {}", dataset, id->second, spec.id);
  }
  if (spec.instance.empty()) return;
  const auto found = metadata.find(std::string(kInstanceKey));
  if (found == metadata.end()) {
    std::cerr << fmt::format(
        "strider: warning: {}: does not say from which {} it comes (metadata/{}); taken for {}\n", dataset,
        spec.id, kInstanceKey, spec.instance);
    return;
  }
  if (found->second == spec.instance) return;
  throw InputError(
      "{}: was collected in another {}: {}; expected data of the environment that is to be learnt in: {}",
      dataset, spec.id, found->second, spec.instance);
}

// A dataset that says that it comes from an environment with discrete actions holds numbers of them. Of the
// run's own environment the kind is known without making another.
void CheckRecordedKind(const EnvSpec& spec, const Metadata& metadata, const std::string& source) {
  if (std::holds_alternative<Discrete>(spec.action_space)) return;
  const auto id = metadata.find("env_id");
  if (id == metadata.end() || id->second == spec.id) return;
  if (std::ranges::find(EnvRegistry(), id->second, &EnvEntry::id) == EnvRegistry().end()) return;
  if (!std::holds_alternative<Discrete>(MakeEnv(id->second)->spec().action_space)) return;
  throw InputError("{}: was recorded in {}, whose actions are discrete; expected data of continuous actions",
                   source, id->second);
}

// Views take a row's next state from the row behind it. Where a file's own say otherwise and more often than
// by forgotten flags, its rows are no episodes' steps in order: shuffled, or some left out.
void WarnOfLooseRows(const std::string& source) {
  constexpr std::size_t kLookedAt = 10000;
  const auto reader = OpenDataset(source, {.allow_non_finite = true});
  if (!reader->layout().has_next_observations) return;
  const DatasetColumns columns{.actions = false, .infos = false};
  const Dataset rows = reader->Read(0, std::min(reader->layout().rows, kLookedAt), columns);
  const std::size_t unmarked = CountUnmarkedEnds(rows);
  if (10 * unmarked <= rows.rows) return;
  std::cerr << fmt::format(
      "strider: warning: {}: in {} of its first {} rows the next row's observation is not next_observations, "
      "though no flag ends an episode there; expected episodes' steps in order, as a transition's next state "
      "is the next row's (`strider dataset validate` names rows)\n",
      source, unmarked, rows.rows);
}

// Files hold actions in the environment's frame; learners see [-1, 1].
void RescaleActions(const Space& action_space, Transitions& transitions) {
  const auto* box = std::get_if<Box>(&action_space);
  if (box == nullptr || *box == UniformBox(static_cast<int>(box->low.size()), -1, 1)) return;
  ScaleFromBox(*box, transitions.actions);
  ScaleFromBox(*box, transitions.next_actions);
}

// s and s' become (s - mean) / std in place, with the statistics of s; returns what a policy has to do alike.
ObservationTransform NormalizeStates(Transitions& transitions) {
  const Normalizer normalizer = FitNormalizer(transitions);
  const std::size_t width = transitions.observation_size;
  for (std::vector<float>* column : {&transitions.observations, &transitions.next_observations}) {
    for (auto row = column->begin(); row != column->end(); row += static_cast<std::ptrdiff_t>(width)) {
      for (std::size_t k = 0; k < width; ++k) row[k] = (row[k] - normalizer.mean[k]) / normalizer.std[k];
    }
  }
  ObservationTransform transform;
  transform.mean.assign(normalizer.mean.begin(), normalizer.mean.end());
  for (const float std : normalizer.std) transform.scale.push_back(1 / static_cast<double>(std));
  return transform;
}

// Discrete actions are numbers of actions that there are.
void CheckDiscreteActions(const Space& action_space, const Transitions& transitions,
                          const std::string& source) {
  const auto* discrete = std::get_if<Discrete>(&action_space);
  if (discrete == nullptr) return;
  for (const float action : transitions.actions) {
    if (action >= 0 && action < static_cast<float>(discrete->n) && std::floor(action) == action) continue;
    throw InputError(
        "{}: holds the action {}, but the environment's actions are discrete; expected whole numbers from 0 "
        "to {}",
        source, action, discrete->n - 1);
  }
}

// Numbers of actions would pass for continuous ones: integers, or whole numbers alone that are not all in the
// box. Whole ones in it are a bang-bang controller's, but for 0 and 1 alone, which are told of. Others
// outside are told of: no policy can act like them.
void CheckContinuousActions(const Space& action_space, const DatasetView& dataset, bool has_env,
                            const std::string& source) {
  const auto* box = std::get_if<Box>(&action_space);
  if (box == nullptr) return;
  constexpr double kRounding = 1e-4;  // of the box's width
  bool whole = true;
  std::size_t outside = 0;
  float example = 0;
  for (std::size_t i = 0; i < dataset.actions.size(); ++i) {
    const float action = dataset.actions[i];
    whole = whole && std::floor(action) == action;
    const std::size_t k = i % dataset.action_size;
    const double slack = kRounding * (box->high[k] - box->low[k]);
    const auto x = static_cast<double>(action);
    if (x >= box->low[k] - slack && x <= box->high[k] + slack) continue;
    ++outside;
    example = action;
  }
  const bool integers = OpenDataset(source)->layout().integer_actions;
  if (integers || (whole && outside > 0)) {
    throw InputError(
        "{}: holds {} as actions, as of a task with discrete ones; expected numbers in the box of a "
        "continuous one, or --env with discrete actions",
        source,
        integers ? std::string("integers") : fmt::format("nothing but whole numbers, such as {},", example));
  }
  if (whole && dataset.action_size == 1 && std::ranges::min(dataset.actions) >= 0) {
    std::cerr << fmt::format(
        "strider: warning: {}: its actions are 0 and 1 alone, as of a task with discrete ones, and taken for "
        "continuous ones: nothing in the file says which; --env ID does\n",
        source);
  }
  if (outside == 0) return;
  std::cerr << fmt::format(
      "strider: warning: {}: {} of {} components of actions lie outside their bounds, such as {}: no policy "
      "can act like that{}\n",
      source, outside, dataset.actions.size(), example,
      has_env ? "" : "; where they are an environment's, --env ID names it");
}

}  // namespace

Space RecordedActionSpace(const std::string& dataset, int action_size) {
  const auto texts = OpenDataset(dataset)->Metadata();
  const auto text = texts.find("action_space");
  if (text != texts.end()) {
    const GymSpace space = ParseSpace(text->second, dataset + ": action_space");
    if (space.kind == GymSpace::Kind::kDiscrete) return Discrete{static_cast<int>(space.high.at(0)) + 1};
    const auto size = static_cast<std::size_t>(action_size);
    bool bounded = space.low.size() == size && space.high.size() == size;
    // Of no width, or as wide as float32 goes, bounds say nothing of a scale.
    constexpr double kWidest = 1e6;
    for (std::size_t k = 0; k < size && bounded; ++k) {
      bounded = space.low[k] < space.high[k] && space.high[k] - space.low[k] < kWidest;
    }
    if (space.kind == GymSpace::Kind::kBox && bounded) return Box{space.low, space.high};
  }
  return UniformBox(action_size, -1, 1);
}

TransitionColumns ColumnsOf(const Transitions& transitions) {
  return {static_cast<std::int64_t>(transitions.size),
          static_cast<int>(transitions.observation_size),
          static_cast<int>(transitions.action_size),
          transitions.observations,
          transitions.actions,
          transitions.rewards,
          transitions.next_observations,
          transitions.terminals,
          transitions.next_actions};
}

OfflineData LoadData(const Experiment& experiment, ActionFrame frame) {
  const RunConfig& run = experiment.run();
  DatasetReadOptions read;
  ViewOptions view;
  OfflineData data;
  if (experiment.has_env()) {
    const auto env = experiment.MakeEnv();
    const Metadata metadata = OpenDataset(run.dataset)->Metadata();
    CheckOrigin(env->spec(), metadata, run.dataset);
    CheckRecordedKind(env->spec(), metadata, run.dataset);
    read.observation_size = static_cast<std::size_t>(env->spec().observation_size());
    read.action_size = static_cast<std::size_t>(env->spec().action_size());
    view.max_episode_steps = env->spec().max_episode_steps;
    data.task.action_space = env->spec().action_space;
    data.task.fixed_length = env->spec().fixed_length;
  }
  const CachedDataset opened(run.dataset, read, run.dataset_cache ? UseCache::kYes : UseCache::kNo);
  const DatasetView& dataset = opened.columns();
  if (!experiment.has_env()) {
    data.task.action_space = RecordedActionSpace(run.dataset, static_cast<int>(dataset.action_size));
    experiment.CheckActions(data.task.action_space);
  }
  const Preparation preparation = experiment.factory().DatasetPreparation();
  data.transitions = PreparedTransitions(dataset, view, preparation, run.dataset);
  data.rewards = FitRewards(dataset, view, preparation.rewards, run.dataset);
  data.next_actions = preparation.next_actions;
  WarnOfLooseRows(run.dataset);
  CheckDiscreteActions(data.task.action_space, data.transitions, run.dataset);
  CheckContinuousActions(data.task.action_space, dataset, experiment.has_env(), run.dataset);
  if (frame == ActionFrame::kUnit) RescaleActions(data.task.action_space, data.transitions);
  data.task.observation_size = static_cast<int>(dataset.observation_size);
  data.task.device = ParseDevice(run.device);
  data.task.seed = static_cast<std::uint64_t>(run.seed);
  if (preparation.normalize_states) data.task.transform = NormalizeStates(data.transitions);
  return data;
}

}  // namespace strider
