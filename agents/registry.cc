#include "agents/registry.h"

#include <array>

#include "agents/mdpo_off.h"
#include "agents/mdpo_on.h"
#include "agents/td3.h"

namespace strider {

std::span<const AgentEntry> OnlineAgents() {
  static constexpr std::array kAgents = {
      AgentEntry{"mdpo-on", "Mirror Descent Policy Optimization, on-policy, KL", AgentKind::kOnPolicy,
                 &MakeFactory<MdpoOn>},
      AgentEntry{"mdpo-off", "Mirror Descent Policy Optimization, off-policy, KL", AgentKind::kOffPolicy,
                 &MakeFactory<MdpoOff>},
      AgentEntry{"sac", "Soft Actor-Critic: mdpo-off with c = lambda", AgentKind::kOffPolicy,
                 &MakeFactory<Sac>},
      AgentEntry{"td3", "Twin Delayed Deep Deterministic policy gradient", AgentKind::kOffPolicy,
                 &MakeFactory<Td3>},
  };
  return kAgents;
}

}  // namespace strider
