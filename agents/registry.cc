#include "agents/registry.h"

#include <array>

#include "agents/dac.h"
#include "agents/deta_n.h"
#include "agents/deta_td3.h"
#include "agents/discrete_mdpo_off.h"
#include "agents/dqn.h"
#include "agents/hac.h"
#include "agents/hnpg.h"
#include "agents/mdpo_off.h"
#include "agents/mdpo_on.h"
#include "agents/pmoe_ppo.h"
#include "agents/pmoe_sac.h"
#include "agents/ppo.h"
#include "agents/qr_dqn.h"
#include "agents/rlpd.h"
#include "agents/subpo.h"
#include "agents/td3.h"
#include "agents/trpo.h"

namespace strider {

std::span<const AgentEntry> OnlineAgents() {
  static constexpr std::array kAgents = {
      AgentEntry{"mdpo-on", "Mirror Descent Policy Optimization, on-policy, KL", AgentKind::kOnPolicy,
                 ActionKind::kEither, &MakeFactory<MdpoOn>},
      AgentEntry{"mdpo-off", "Mirror Descent Policy Optimization, off-policy, KL or Tsallis",
                 AgentKind::kOffPolicy, ActionKind::kEither, &MakeEitherFactory<MdpoOff, DiscreteMdpoOff>},
      AgentEntry{"sac", "Soft Actor-Critic: mdpo-off with c = lambda", AgentKind::kOffPolicy,
                 ActionKind::kEither, &MakeEitherFactory<Sac, DiscreteSac>},
      AgentEntry{"pmoe-sac", "Probabilistic Mixture-of-Experts policy, on SAC", AgentKind::kOffPolicy,
                 ActionKind::kContinuous, &MakeFactory<PmoeSac>},
      AgentEntry{"pmoe-ppo", "Probabilistic Mixture-of-Experts policy, on PPO", AgentKind::kOnPolicy,
                 ActionKind::kContinuous, &MakeFactory<PmoePpo>},
      AgentEntry{"dac", "Double Actor-Critic: options, learnt by PPO on two levels", AgentKind::kOnPolicy,
                 ActionKind::kContinuous, &MakeFactory<Dac>},
      AgentEntry{"ppo", "Proximal Policy Optimization, clipped ratio", AgentKind::kOnPolicy,
                 ActionKind::kEither, &MakeFactory<Ppo>},
      AgentEntry{"subpo", "Submodular Policy Optimization: rewards are marginal gains", AgentKind::kOnPolicy,
                 ActionKind::kEither, &MakeFactory<Subpo>},
      AgentEntry{"trpo", "Trust Region Policy Optimization", AgentKind::kOnPolicy, ActionKind::kEither,
                 &MakeFactory<Trpo>},
      AgentEntry{"hnpg", "Hybrid Natural Policy Gradient: rollouts and a dataset at once", AgentKind::kHybrid,
                 ActionKind::kContinuous, &MakeFactory<Hnpg>},
      AgentEntry{"hac", "Hybrid Actor-Critic: the same with tables", AgentKind::kHybrid,
                 ActionKind::kDiscrete, &MakeFactory<Hac>},
      AgentEntry{"rlpd", "SAC whose batches are half the dataset's, half replay", AgentKind::kMixed,
                 ActionKind::kContinuous, &MakeFactory<Rlpd>},
      AgentEntry{"dqn", "Deep Q-Network; double, dueling, n-step and prioritised as options",
                 AgentKind::kOffPolicy, ActionKind::kDiscrete, &MakeFactory<Dqn>},
      AgentEntry{"qr-dqn", "DQN on quantiles of the return", AgentKind::kOffPolicy, ActionKind::kDiscrete,
                 &MakeFactory<QrDqn>},
      AgentEntry{"deta-n", "D-eta-N: QR-DQN with a stock, for CVaR and other objectives of the whole return",
                 AgentKind::kOffPolicy, ActionKind::kDiscrete, &MakeFactory<DetaN>},
      AgentEntry{"deta-td3", "the same for continuous actions, on TD3 (our extension)", AgentKind::kOffPolicy,
                 ActionKind::kContinuous, &MakeFactory<DetaTd3>},
      AgentEntry{"td3", "Twin Delayed Deep Deterministic policy gradient", AgentKind::kOffPolicy,
                 ActionKind::kContinuous, &MakeFactory<Td3>},
  };
  return kAgents;
}

}  // namespace strider
