#include "agents/policy.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace strider {
namespace {

using Rows = Eigen::Map<const Eigen::MatrixXf>;  // one column a row of the batch

Eigen::MatrixXf Linear(const Policy::Layer& layer, const Eigen::MatrixXf& x) {
  Eigen::MatrixXf out = layer.weight * x;
  out.colwise() += layer.bias;
  return out;
}

Eigen::MatrixXf Body(const Policy& policy, const Rows& observations) {
  Eigen::MatrixXf h = observations;
  for (const Policy::Layer& layer : policy.hidden) {
    h = Linear(layer, h);
    h = policy.tanh_hidden ? Eigen::MatrixXf(h.array().tanh()) : Eigen::MatrixXf(h.array().max(0.0F));
  }
  return h;
}

// log(1 - tanh(x)^2) without cancellation.
float LogTanhSlope(float x) {
  const float softplus = std::max(-2 * x, 0.0F) + std::log1p(std::exp(-std::abs(2 * x)));
  return 2 * (std::numbers::ln2_v<float> - x - softplus);
}

void SampleUniformRows(const Space& space, Pcg64& random, std::span<float> actions,
                       std::span<float> log_probs) {
  const auto width = static_cast<std::size_t>(RowSize(space));
  const auto* discrete = std::get_if<Discrete>(&space);
  for (std::size_t row = 0; row < actions.size() / width; ++row) {
    const auto action = actions.subspan(row * width, width);
    if (discrete != nullptr) {
      SampleUniform(space, random, action);
    } else {
      for (float& a : action) a = static_cast<float>(random.Uniform(-1, 1));
    }
    if (!log_probs.empty()) {
      const double volume = discrete != nullptr ? discrete->n : std::pow(2.0, static_cast<double>(width));
      log_probs[row] = static_cast<float>(-std::log(volume));
    }
  }
}

void SampleCategorical(const Eigen::MatrixXf& logits, bool deterministic, Pcg64& random,
                       std::span<float> actions, std::span<float> log_probs) {
  for (Eigen::Index row = 0; row < logits.cols(); ++row) {
    Eigen::Index best = 0;
    const float top = logits.col(row).maxCoeff(&best);
    const Eigen::ArrayXf weights = (logits.col(row).array() - top).exp();
    Eigen::Index chosen = best;
    if (!deterministic) {
      float left = static_cast<float>(random.Random()) * weights.sum();
      chosen = 0;
      while (chosen + 1 < weights.size() && left >= weights[chosen]) left -= weights[chosen++];
    }
    const auto i = static_cast<std::size_t>(row);
    actions[i] = static_cast<float>(chosen);
    if (!log_probs.empty()) log_probs[i] = logits(chosen, row) - top - std::log(weights.sum());
  }
}

}  // namespace

void Policy::Sample(std::span<const float> observations, bool deterministic, Pcg64& random,
                    std::span<float> actions, std::span<float> log_probs) const {
  if (distribution == ActionDistribution::kUniform) {
    SampleUniformRows(action_space, random, actions, log_probs);
    return;
  }
  const auto rows =
      static_cast<Eigen::Index>(observations.size() / static_cast<std::size_t>(observation_size));
  const Eigen::MatrixXf body = Body(*this, Rows(observations.data(), observation_size, rows));
  Eigen::MatrixXf out = Linear(mean, body);
  if (distribution == ActionDistribution::kCategorical) {
    SampleCategorical(out, deterministic, random, actions, log_probs);
    return;
  }
  const bool stochastic = distribution != ActionDistribution::kTanh;
  const bool clipped = distribution == ActionDistribution::kClippedGaussian ||
                       distribution == ActionDistribution::kClippedTanhGaussian;
  const bool squashed =
      distribution == ActionDistribution::kTanhGaussian || distribution == ActionDistribution::kTanh;
  if (distribution == ActionDistribution::kClippedTanhGaussian) out = out.array().tanh();
  Eigen::MatrixXf log_sd;
  if (stochastic) {
    log_sd = Linear(log_std, body)
                 .array()
                 .max(static_cast<float>(log_std_min))
                 .min(static_cast<float>(log_std_max));
  }
  constexpr float kHalfLogTwoPi = 0.918938533F;
  for (Eigen::Index row = 0; row < rows; ++row) {
    float log_prob = 0;
    for (Eigen::Index i = 0; i < out.rows(); ++i) {
      float x = out(i, row);
      if (stochastic) {
        const float noise = deterministic ? 0.0F : static_cast<float>(random.StandardNormal());
        x += std::exp(log_sd(i, row)) * noise;
        log_prob += -0.5F * noise * noise - log_sd(i, row) - kHalfLogTwoPi;
      }
      if (squashed) log_prob -= LogTanhSlope(x);
      if (squashed) x = std::tanh(x);
      out(i, row) = clipped ? std::clamp(x, -1.0F, 1.0F) : x;
    }
    if (!log_probs.empty()) log_probs[static_cast<std::size_t>(row)] = log_prob;
  }
  std::copy_n(out.data(), out.size(), actions.data());
}

void Policy::ToEnvironment(std::span<float> actions) const {
  const auto* box = std::get_if<Box>(&action_space);
  if (box == nullptr) return;
  if (distribution != ActionDistribution::kGaussian) {
    ScaleToBox(*box, actions);
    return;
  }
  for (std::size_t row = 0; row < actions.size(); row += box->low.size()) {
    ClipToSpace(action_space, actions.subspan(row, box->low.size()));
  }
}

void Policy::Act(std::span<const double> observations, bool deterministic, Pcg64& random,
                 std::span<float> actions, std::span<float> log_probs) const {
  if (distribution == ActionDistribution::kUniform) {
    Sample({}, deterministic, random, actions, log_probs);
  } else {
    std::vector<float> rows(observations.size());
    transform.Apply(observations, rows);
    Sample(rows, deterministic, random, actions, log_probs);
  }
  ToEnvironment(actions);
}

Policy UniformPolicy(int observation_size, Space action_space) {
  Policy policy;
  policy.observation_size = observation_size;
  policy.action_space = std::move(action_space);
  return policy;
}

}  // namespace strider
