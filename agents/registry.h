// The one list of agents that learn by acting, and what a line of any such list is.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "agents/agent.h"
#include "datasets/preparation.h"

namespace strider {

// How an agent comes by what it learns from.
enum class AgentKind {
  kOnPolicy,   // rollouts of its own policy
  kHybrid,     // the same, and a dataset's transitions beside them
  kOffPolicy,  // transitions: its own, replayed, or a dataset's
  kMixed,      // transitions of both kinds in every batch
  kOffline,    // a dataset's transitions only
};

// Which actions an agent can take.
enum class ActionKind { kContinuous, kDiscrete, kEither };

inline bool Takes(ActionKind kind, const Space& action_space) {
  if (kind == ActionKind::kEither) return true;
  return std::holds_alternative<Discrete>(action_space) == (kind == ActionKind::kDiscrete);
}

// An agent yet to be made: its Config, to be set by name, and then its constructor.
class AgentFactory {
 public:
  virtual ~AgentFactory() = default;

  // The Config's fields as "agent.NAME", bound to this factory.
  virtual SettingList Settings() = 0;

  // What is to be done to a dataset before this agent sees it.
  virtual Preparation DatasetPreparation() const = 0;

  // What is to be added to an environment's observations before this agent sees them.
  virtual Augmentation ObservationAugmentation() const = 0;

  // Throws InputError where the Config, the task or the data do not suit the agent. `data` is null while
  // learning online.
  virtual std::unique_ptr<OnPolicyAgent> MakeOnPolicy(const Task& task,
                                                      const TransitionColumns* data = nullptr) const = 0;
  virtual std::unique_ptr<OffPolicyAgent> MakeOffPolicy(const Task& task,
                                                        const TransitionColumns* data) const = 0;
};

// The factory of agent class A.
template <class A>
class FactoryOf : public AgentFactory {
 public:
  using Config = typename A::Config;

  SettingList Settings() override {
    SettingList list;
    list.Add("agent", config_);
    return list;
  }

  Preparation DatasetPreparation() const override {
    Preparation preparation;
    preparation.next_actions = requires { A::kNeedsNextActions; };
    if constexpr (requires { config_.normalize_states; }) {
      preparation.normalize_states = config_.normalize_states;
    }
    if constexpr (requires { config_.rewards; }) preparation.rewards = config_.rewards;
    if constexpr (requires { config_.UsesRewards(); }) preparation.uses_rewards = config_.UsesRewards();
    if constexpr (requires { config_.best_fraction; }) {
      preparation.best_fraction = config_.best_fraction;
      preparation.return_discount = config_.return_discount;
    }
    if constexpr (requires { config_.episode; }) {
      preparation.episode = config_.episode;
      // What is imitated has no rewards (O-DICE sheet, section 7).
      if (config_.episode >= 0) preparation.rewards = {.reward_scale = 0};
    }
    return preparation;
  }

  Augmentation ObservationAugmentation() const override {
    if constexpr (requires { config_.ObservationAugmentation(); }) return config_.ObservationAugmentation();
    return {};
  }

  std::unique_ptr<OnPolicyAgent> MakeOnPolicy(const Task& task,
                                              const TransitionColumns* data) const override {
    if constexpr (std::is_constructible_v<A, Task, Config, const TransitionColumns*>) {
      return std::make_unique<A>(task, config_, data);
    } else if constexpr (std::is_base_of_v<OnPolicyAgent, A>) {
      return std::make_unique<A>(task, config_);
    }
    throw InputError("this agent learns from transitions, not from rollouts");
  }

  std::unique_ptr<OffPolicyAgent> MakeOffPolicy(const Task& task,
                                                const TransitionColumns* data) const override {
    if constexpr (std::is_constructible_v<A, Task, Config, TransitionColumns>) {
      if (data == nullptr) throw InputError("this agent needs a dataset");
      return std::make_unique<A>(task, config_, *data);
    } else if constexpr (std::is_base_of_v<OffPolicyAgent, A>) {
      return std::make_unique<A>(task, config_);
    }
    throw InputError("this agent learns from its own rollouts, not from transitions");
  }

 protected:
  const Config& config() const { return config_; }

 private:
  Config config_;
};

template <class A>
std::unique_ptr<AgentFactory> MakeFactory() {
  return std::make_unique<FactoryOf<A>>();
}

// One id for two agents with one Config: A for continuous actions, D for discrete ones.
template <class A, class D>
class FactoryOfEither final : public FactoryOf<A> {
 public:
  std::unique_ptr<OffPolicyAgent> MakeOffPolicy(const Task& task,
                                                const TransitionColumns* data) const override {
    if (std::holds_alternative<Discrete>(task.action_space)) return std::make_unique<D>(task, this->config());
    return FactoryOf<A>::MakeOffPolicy(task, data);
  }
};

template <class A, class D>
std::unique_ptr<AgentFactory> MakeEitherFactory() {
  return std::make_unique<FactoryOfEither<A, D>>();
}

// One line of a list.
struct AgentEntry {
  std::string_view id;
  std::string_view summary;  // for `strider list agents`
  AgentKind kind;
  ActionKind actions;
  std::unique_ptr<AgentFactory> (*factory)();
};

std::span<const AgentEntry> OnlineAgents();

}  // namespace strider
