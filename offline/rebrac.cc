#include "offline/rebrac.h"

#include <ATen/core/grad_mode.h>

#include "offline/critics.h"

namespace strider {
namespace {

constexpr double kNormEpsilon = 1e-6;  // that of the authors' framework

}  // namespace

Rebrac::Rebrac(const Task& task, const Config& config)
    : Td3(task, config.td3,
          nn::Mlp(task.observation_size, config.td3.hidden, ContinuousActionSize(task),
                  nn::Activation::kRelu),
          nn::Mlp(task.observation_size + task.action_size(), config.td3.hidden, 1, nn::Activation::kRelu,
                  /*members=*/2, config.critic_norm ? nn::LayerNorm::kAfterActivation : nn::LayerNorm::kNone,
                  kNormEpsilon)),
      config_(config) {
  Declare({"lambda", "actor_q_term", "actor_bc_term"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation, 1));
  DrawSmallOutputs(actor(), /*outputs=*/1, /*bound=*/1e-3, random);
  DrawSmallOutputs(critic(), /*outputs=*/1, /*bound=*/3e-3, random);
  actor_target().CopyFrom(actor());
  critic_target().CopyFrom(critic());
}

at::Tensor Rebrac::TdTarget(const TransitionBatch& batch, const at::Tensor& next_action) const {
  const at::NoGradGuard no_grad;
  // Where no next action is known there is nothing to be near to: no penalty.
  const at::Tensor logged =
      at::where(batch.next_actions.isnan(), next_action, config_.td3.max_action * batch.next_actions);
  const at::Tensor penalty = (next_action - logged).square().sum(-1);
  return Td3::TdTarget(batch, next_action) -
         config_.td3.discount * config_.critic_penalty * (1 - batch.terminals) * penalty;
}

at::Tensor Rebrac::ActorLoss(const TransitionBatch& batch, const at::Tensor& action) {
  const at::Tensor cloning = (action - batch.actions).square().sum(-1).mean();
  Report("actor_bc_term", cloning);
  return config_.actor_penalty * cloning +
         NormalizedQTerm(std::get<0>(Q(batch.observations, action).min(0)), /*alpha=*/1);
}

}  // namespace strider
