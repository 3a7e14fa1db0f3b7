#include "agents/nn/tsallis.h"

#include "agents/nn/distributions.h"

namespace strider::nn {
namespace {

// (rows x dimensions) log density of each dimension.
at::Tensor EachLogProb(const at::Tensor& pre_tanh, const at::Tensor& mean, const at::Tensor& log_std,
                       double squash_epsilon) {
  return SquashedLogProb(pre_tanh.unsqueeze(-1), mean.unsqueeze(-1), log_std.unsqueeze(-1), squash_epsilon);
}

}  // namespace

at::Tensor TsallisLog(const at::Tensor& log_p, double q) {
  return q == 1 ? log_p : at::expm1((q - 1) * log_p) / (q - 1);
}

at::Tensor SquashedTsallisLog(const at::Tensor& pre_tanh, const at::Tensor& mean, const at::Tensor& log_std,
                              const TsallisOptions& options, double squash_epsilon) {
  const at::Tensor each =
      EachLogProb(pre_tanh, mean, log_std, squash_epsilon).clamp(options.log_floor, options.log_cap);
  return options.joint ? TsallisLog(each.sum(-1), options.q) : TsallisLog(each, options.q).sum(-1);
}

at::Tensor TsallisClamped(const at::Tensor& pre_tanh, const at::Tensor& mean, const at::Tensor& log_std,
                          const TsallisOptions& options, double squash_epsilon) {
  const at::Tensor each = EachLogProb(pre_tanh.detach(), mean.detach(), log_std.detach(), squash_epsilon);
  return ((each < options.log_floor) | (each > options.log_cap)).to(at::kFloat).mean();
}

}  // namespace strider::nn
