// The dataset of a run, ready for its agent.
#pragma once

#include "agents/agent.h"
#include "datasets/dataset.h"
#include "experiments/experiment.h"

namespace strider {

// The numbers that actions are given in: those of [-1, 1], or the environment's own, as files hold them.
enum class ActionFrame { kUnit, kEnvironment };

// The dataset as the learner sees it, and the task that it poses.
struct OfflineData {
  Transitions transitions;
  RewardTransform rewards;  // what was done to them
  bool next_actions = false;
  Task task;
};

// Reads run.dataset and prepares it as the agent wants it. Throws InputError where it is no sound dataset, or
// none of the experiment's environment.
OfflineData LoadData(const Experiment& experiment, ActionFrame frame);

// The actions that a dataset is about where no environment says it: as its metadata do, else D4RL's [-1, 1].
Space RecordedActionSpace(const std::string& dataset, int action_size);

// Valid as long as the transitions.
TransitionColumns ColumnsOf(const Transitions& transitions);

}  // namespace strider
