// The one list of agents that learn from a dataset alone.
#pragma once

#include "agents/registry.h"

namespace strider {

std::span<const AgentEntry> OfflineAgents();

}  // namespace strider
