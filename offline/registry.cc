#include "offline/registry.h"

#include <array>

#include "offline/bc.h"
#include "offline/prdc.h"
#include "offline/td3_bc.h"

namespace strider {

std::span<const AgentEntry> OfflineAgents() {
  static constexpr std::array kAgents = {
      AgentEntry{"bc", "Behaviour Cloning", AgentKind::kOffline, &MakeFactory<Bc>},
      AgentEntry{"td3bc", "TD3 with a behaviour-cloning term", AgentKind::kOffline, &MakeFactory<Td3Bc>},
      AgentEntry{"prdc", "Policy Regularization with Dataset Constraint", AgentKind::kOffline,
                 &MakeFactory<Prdc>},
  };
  return kAgents;
}

}  // namespace strider
