#include "offline/registry.h"

#include <array>

#include "offline/a2pr.h"
#include "offline/awac.h"
#include "offline/bc.h"
#include "offline/bcq.h"
#include "offline/cql.h"
#include "offline/discrete_bcq.h"
#include "offline/discrete_cql.h"
#include "offline/iql.h"
#include "offline/odice.h"
#include "offline/prdc.h"
#include "offline/rebrac.h"
#include "offline/sac_n.h"
#include "offline/td3_bc.h"

namespace strider {

std::span<const AgentEntry> OfflineAgents() {
  static constexpr std::array kAgents = {
      AgentEntry{"bc", "Behaviour Cloning, of all data or of the best episodes", AgentKind::kOffline,
                 ActionKind::kEither, &MakeFactory<Bc>},
      AgentEntry{"td3bc", "TD3 with a behaviour-cloning term", AgentKind::kOffline, ActionKind::kContinuous,
                 &MakeFactory<Td3Bc>},
      AgentEntry{"prdc", "Policy Regularization with Dataset Constraint", AgentKind::kOffline,
                 ActionKind::kContinuous, &MakeFactory<Prdc>},
      AgentEntry{"a2pr", "Adaptive Advantage-guided Policy Regularization", AgentKind::kOffline,
                 ActionKind::kContinuous, &MakeFactory<A2pr>},
      AgentEntry{"odice", "Orthogonal-gradient DICE, without actions in its values", AgentKind::kOffline,
                 ActionKind::kContinuous, &MakeFactory<Odice>},
      AgentEntry{"iql", "Implicit Q-Learning", AgentKind::kOffline, ActionKind::kContinuous,
                 &MakeFactory<Iql>},
      AgentEntry{"cql",
                 "Conservative Q-Learning, CQL(H) on SAC, or on double Q-learning for discrete actions",
                 AgentKind::kOffline, ActionKind::kEither, &MakeEitherFactory<Cql, DiscreteCql>},
      AgentEntry{"bcq", "Batch-Constrained Q-learning", AgentKind::kOffline, ActionKind::kEither,
                 &MakeEitherFactory<Bcq, DiscreteBcq>},
      AgentEntry{"awac", "Advantage-Weighted Actor-Critic", AgentKind::kOffline, ActionKind::kContinuous,
                 &MakeFactory<Awac>},
      AgentEntry{"rebrac", "TD3 with penalties in actor and critics", AgentKind::kOffline,
                 ActionKind::kContinuous, &MakeFactory<Rebrac>},
      AgentEntry{"sac-n", "SAC by the least of N critics", AgentKind::kOffline, ActionKind::kContinuous,
                 &MakeFactory<SacN>},
      AgentEntry{"edac", "SAC-N with diverse critics", AgentKind::kOffline, ActionKind::kContinuous,
                 &MakeFactory<Edac>},
  };
  return kAgents;
}

}  // namespace strider
