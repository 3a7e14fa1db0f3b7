#include "agents/policy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "agents/nn/host_product.h"
#include "agents/nn/host_vector.h"
#include "agents/score_tie.h"
#include "core/error.h"

namespace strider {
namespace {

// Words for how a mixture acts.
struct ExpertChoice {
  std::string_view word;
  Blend blend;
  ActingExpert expert;
};
constexpr std::array kExpertChoices = {
    ExpertChoice{"sampled", Blend::kNone, ActingExpert::kSampled},
    ExpertChoice{"most_probable", Blend::kNone, ActingExpert::kMostProbable},
    ExpertChoice{"best_q", Blend::kNone, ActingExpert::kBestQ},
    ExpertChoice{"gated", Blend::kGated, ActingExpert::kSampled},
    ExpertChoice{"multiplied", Blend::kMultiplied, ActingExpert::kSampled}};

using Rows = Eigen::Map<const Eigen::MatrixXf>;  // one column a row of the batch
using Columns = Eigen::Ref<const Eigen::MatrixXf, 0, Eigen::OuterStride<>>;
using Numbers = Eigen::Ref<const Eigen::VectorXf>;

// weight x + bias of each column. In memory a column is a row of the batch, and the weight lies transposed.
Eigen::MatrixXf Linear(const Policy::Layer& layer, const Columns& x) {
  Eigen::MatrixXf out(layer.weight.rows(), x.cols());
  nn::Multiply({.rows = x.cols(),
                .inner = x.rows(),
                .columns = out.rows(),
                .a = {x.data(), x.outerStride()},
                .b = {layer.weight.data(), layer.weight.rows()},
                .start = layer.bias.data(),
                .out = out.data()});
  return out;
}

void Activate(bool tanh, Eigen::MatrixXf& h) {
  (tanh ? nn::TanhInPlace : nn::ReluInPlace)(h.data(), h.size());
}

// The part of the rows that the networks see: all but the option.
Columns Seen(const Policy& policy, const Rows& observations) {
  return observations.topRows(observations.rows() - policy.augmentation.options);
}

// Through layers with an activation behind each.
Eigen::MatrixXf Hidden(std::span<const Policy::Layer> layers, bool tanh, const Columns& x) {
  if (layers.empty()) return x;
  Eigen::MatrixXf h = Linear(layers[0], x);
  Activate(tanh, h);
  for (const Policy::Layer& layer : layers.subspan(1)) {
    h = Linear(layer, h);
    Activate(tanh, h);
  }
  return h;
}

Eigen::MatrixXf Body(const Policy& policy, const Rows& observations) {
  return Hidden(policy.hidden, policy.tanh_hidden, Seen(policy, observations));
}

float Softplus(float x) { return std::max(x, 0.0F) + std::log1p(std::exp(-std::abs(x))); }

// log(1 - tanh(x)^2) without cancellation.
float LogTanhSlope(float x) { return 2 * (std::numbers::ln2_v<float> - x - Softplus(-2 * x)); }

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

// An index drawn with probabilities exp(logits) / sum.
Eigen::Index DrawIndex(const Numbers& logits, Pcg64& random) {
  const float top = logits.maxCoeff();
  const auto weight = [&](float logit) { return std::exp(logit - top); };
  float total = 0;
  for (const float logit : logits) total += weight(logit);
  float left = static_cast<float>(random.Random()) * total;
  for (Eigen::Index i = 0; i + 1 < logits.size(); ++i) {
    left -= weight(logits[i]);
    if (left < 0) return i;
  }
  return logits.size() - 1;
}

Eigen::Index Best(const Numbers& logits) {
  Eigen::Index best = 0;
  logits.maxCoeff(&best);
  return best;
}

float LogSumExp(const Numbers& x) {
  const float top = x.maxCoeff();
  return top + std::log((x.array() - top).exp().sum());
}

// The best among the actions that are at least `likely` times as probable as the likeliest.
void TakeLikelyBest(const Eigen::MatrixXf& values, const Eigen::MatrixXf& logits, double likely,
                    std::span<float> actions) {
  const auto margin = static_cast<float>(std::log(likely));
  for (Eigen::Index row = 0; row < values.cols(); ++row) {
    const float least = logits.col(row).maxCoeff() + margin;
    Eigen::Index best = -1;
    for (Eigen::Index i = 0; i < values.rows(); ++i) {
      if (logits(i, row) >= least && (best < 0 || values(i, row) > values(best, row))) best = i;
    }
    actions[static_cast<std::size_t>(row)] = static_cast<float>(std::max<Eigen::Index>(best, 0));
  }
}

void SampleCategorical(const Eigen::MatrixXf& logits, bool deterministic, Pcg64& random,
                       std::span<float> actions, std::span<float> log_probs) {
  for (Eigen::Index row = 0; row < logits.cols(); ++row) {
    const Eigen::Index chosen = deterministic ? Best(logits.col(row)) : DrawIndex(logits.col(row), random);
    const auto i = static_cast<std::size_t>(row);
    actions[i] = static_cast<float>(chosen);
    if (!log_probs.empty()) log_probs[i] = logits(chosen, row) - LogSumExp(logits.col(row));
  }
}

// Replaces the experts' means and log deviations, one expert after the other in a column, by those of one
// Gaussian.
void BlendExperts(Blend blend, const Eigen::MatrixXf& logits, Eigen::MatrixXf& mean,
                  Eigen::MatrixXf& log_sd) {
  const Eigen::Index size = mean.rows() / logits.rows();
  Eigen::MatrixXf blended_mean = Eigen::MatrixXf::Zero(size, mean.cols());
  Eigen::MatrixXf blended = blended_mean;  // log deviations, or precisions
  for (Eigen::Index row = 0; row < mean.cols(); ++row) {
    const Eigen::ArrayXf z = logits.col(row);
    const Eigen::ArrayXf gate = (z - z.maxCoeff()).exp();
    for (Eigen::Index k = 0; k < z.size(); ++k) {
      const auto expert = mean.col(row).segment(k * size, size).array();
      const auto sd = log_sd.col(row).segment(k * size, size).array();
      if (blend == Blend::kGated) {
        const float w = gate[k] / gate.sum();
        blended_mean.col(row).array() += w * expert;
        blended.col(row).array() += w * sd;
      } else {
        const Eigen::ArrayXf precision = (-2 * sd).exp() / (1 + std::exp(-z[k]));
        blended_mean.col(row).array() += precision * expert;
        blended.col(row).array() += precision;
      }
    }
  }
  if (blend == Blend::kMultiplied) {
    blended_mean.array() /= blended.array();
    blended = -0.5F * blended.array().log();
  }
  mean = blended_mean;
  log_sd = blended;
}

// The action of the largest mean utility of stock + quantile, by the larger mean quantile among equals.
Eigen::Index BestUtility(const Policy& policy, const Eigen::MatrixXf& quantiles, float stock) {
  const auto utility = [&](float x) { return (x < 0 ? policy.weight_below : policy.weight_above) * x; };
  const Eigen::VectorXf scores =
      quantiles.unaryExpr([&](float q) { return utility(stock + q); }).colwise().mean().transpose();
  const Eigen::VectorXf means = quantiles.colwise().mean().transpose();
  const float enough = scores.maxCoeff() - static_cast<float>(kScoreTie) * (1 + std::abs(scores.maxCoeff()));
  Eigen::Index best = Best(scores);
  for (Eigen::Index i = 0; i < scores.size(); ++i) {
    if (scores[i] >= enough && means[i] > means[best]) best = i;
  }
  return best;
}

// A perceptron, all of it: the last layer has no activation.
Eigen::MatrixXf Perceptron(const std::vector<Policy::Layer>& layers, const Columns& x, bool tanh = false) {
  return Linear(layers.back(), Hidden(std::span(layers).first(layers.size() - 1), tanh, x));
}

// One observation below which something else stands in each column.
Eigen::MatrixXf Below(const Numbers& observation, const Eigen::MatrixXf& more) {
  Eigen::MatrixXf columns(observation.size() + more.rows(), more.cols());
  columns.topRows(observation.size()).colwise() = observation;
  columns.bottomRows(more.rows()) = more;
  return columns;
}

// The least of the critics' values of some actions (size x n) at one observation.
Eigen::VectorXf LeastValues(const Policy& policy, const Numbers& observation,
                            const Eigen::MatrixXf& actions) {
  const Eigen::MatrixXf inputs = Below(observation, actions);
  Eigen::VectorXf least;
  for (const std::vector<Policy::Layer>& critic : policy.critics) {
    const Eigen::VectorXf values = Perceptron(critic, inputs).row(0).transpose();
    least = least.size() == 0 ? values : least.cwiseMin(values);
  }
  return least;
}

// log pi_H of each option (K x n), K > 0: (1 - beta of the option in force) for that one, and beta times the
// choice for each.
Eigen::MatrixXf OptionLogProbs(const Policy& policy, const Rows& observations) {
  const Eigen::Index options = policy.augmentation.options;
  const Eigen::MatrixXf out = Perceptron(policy.chooser, Seen(policy, observations), policy.tanh_hidden);
  Eigen::MatrixXf log_probs = out.topRows(options);
  for (Eigen::Index row = 0; row < out.cols(); ++row) {
    auto choice = log_probs.col(row);
    choice.array() -= LogSumExp(choice);
    Eigen::Index in_force = 0;
    if (observations.col(row).tail(options).maxCoeff(&in_force) <= 0) continue;
    const float end = out(options + in_force, row);
    choice.array() -= Softplus(-end);
    const float gap = choice[in_force] + Softplus(end);  // log of (beta mu) / (1 - beta)
    choice[in_force] = -Softplus(end) + Softplus(gap);
  }
  return log_probs;
}

void TakeBestCandidate(const Policy& policy, const Eigen::VectorXf& observation, Pcg64& random,
                       std::span<float> action) {
  const Policy::Layer& first = policy.hidden.empty() ? policy.mean : policy.hidden.front();
  Eigen::MatrixXf codes(first.weight.cols() - observation.size(), policy.candidates);
  for (float& z : codes.reshaped()) {
    z = std::clamp(static_cast<float>(random.StandardNormal()), -policy.code_bound, policy.code_bound);
  }
  const Eigen::MatrixXf decoded = Hidden(policy.hidden, policy.tanh_hidden, Below(observation, codes));
  Eigen::MatrixXf actions = Linear(policy.mean, decoded).array().tanh();
  const Eigen::MatrixXf moves = Perceptron(policy.perturbation, Below(observation, actions)).array().tanh();
  actions = (actions + policy.reach * moves).array().max(-1.0F).min(1.0F);
  const Eigen::Index best = Best(LeastValues(policy, observation, actions));
  for (Eigen::Index i = 0; i < actions.rows(); ++i) action[static_cast<std::size_t>(i)] = actions(i, best);
}

// The expert (or option) that acts: drawn by its probability exp(logit) / sum, or as the policy says where
// the action is to be deterministic. `means` hold the experts' numbers one after the other, before squashing.
Eigen::Index ActingExpertOf(const Policy& policy, const Numbers& observation, const Numbers& logits,
                            const Numbers& means, bool deterministic, Pcg64& random) {
  if (!deterministic || policy.acting_expert == ActingExpert::kSampled) return DrawIndex(logits, random);
  if (policy.acting_expert == ActingExpert::kMostProbable) return Best(logits);
  Eigen::MatrixXf actions =
      Eigen::Map<const Eigen::MatrixXf>(means.data(), means.size() / logits.size(), logits.size());
  if (policy.distribution == ActionDistribution::kTanhGaussian) actions = actions.array().tanh();
  return Best(LeastValues(policy, observation, actions));
}

constexpr float kHalfLogTwoPi = 0.918938533F;

// Log density of x under each expert's Gaussian. `mean` and `log_sd` hold the experts' numbers one after the
// other.
Eigen::VectorXf ExpertLogProbs(const Eigen::VectorXf& x, const Eigen::VectorXf& mean,
                               const Eigen::VectorXf& log_sd) {
  const Eigen::Index size = x.size();
  Eigen::VectorXf log_probs(mean.size() / size);
  for (Eigen::Index k = 0; k < log_probs.size(); ++k) {
    const auto sd = log_sd.segment(k * size, size).array();
    const auto z = (x - mean.segment(k * size, size)).array() / sd.exp();
    log_probs[k] = (-0.5F * z.square() - sd - kHalfLogTwoPi).sum();
  }
  return log_probs;
}

void TakeBestCandidates(const Policy& policy, const Rows& inputs, Pcg64& random, std::span<float> actions) {
  const auto width = static_cast<std::size_t>(RowSize(policy.action_space));
  for (Eigen::Index row = 0; row < inputs.cols(); ++row) {
    TakeBestCandidate(policy, inputs.col(row), random,
                      actions.subspan(static_cast<std::size_t>(row) * width, width));
  }
}

// `out` holds each row's quantiles, those of one action after the other.
void TakeBestUtilities(const Policy& policy, const Rows& inputs, const Eigen::MatrixXf& out,
                       std::span<float> actions) {
  const Eigen::Index choices = std::get<Discrete>(policy.action_space).n;
  for (Eigen::Index row = 0; row < inputs.cols(); ++row) {
    const Eigen::Map<const Eigen::MatrixXf> quantiles(out.col(row).data(), out.rows() / choices, choices);
    const float shown = inputs(inputs.rows() - kStockColumns, row);
    const auto stock = static_cast<float>(policy.augmentation.stock->bound) * shown;
    actions[static_cast<std::size_t>(row)] = static_cast<float>(BestUtility(policy, quantiles, stock));
  }
}

// Gaussians, of experts or options where the policy has such, perhaps squashed or clipped; a deterministic
// action is the mean. `out` holds the means.
void SampleGaussians(const Policy& policy, const Rows& inputs, const Eigen::MatrixXf& body,
                     Eigen::MatrixXf out, bool deterministic, Pcg64& random, std::span<float> actions,
                     std::span<float> log_probs) {
  const Eigen::Index rows = inputs.cols();
  const ActionDistribution distribution = policy.distribution;
  const bool stochastic = distribution != ActionDistribution::kTanh;
  const bool clipped = distribution == ActionDistribution::kClippedGaussian ||
                       distribution == ActionDistribution::kClippedTanhGaussian;
  const bool squashed =
      distribution == ActionDistribution::kTanhGaussian || distribution == ActionDistribution::kTanh;
  if (distribution == ActionDistribution::kClippedTanhGaussian) out = out.array().tanh();
  Eigen::MatrixXf log_sd;
  if (stochastic) {
    log_sd = Linear(policy.log_std, body)
                 .array()
                 .max(static_cast<float>(policy.log_std_min))
                 .min(static_cast<float>(policy.log_std_max));
  }
  const bool mixture = !policy.router.empty();
  const Eigen::Index options = policy.augmentation.options;
  Eigen::MatrixXf logits;
  if (options > 0) logits = OptionLogProbs(policy, inputs);
  if (mixture) {
    logits = policy.router_on_body ? Perceptron(policy.router, body) : Perceptron(policy.router, inputs);
  }
  if (mixture && policy.blend != Blend::kNone) {
    BlendExperts(policy.blend, logits, out, log_sd);
    logits.resize(0, rows);
  }
  const Eigen::Index size = logits.rows() > 0 ? out.rows() / logits.rows() : out.rows();
  const Eigen::Index width = size + policy.augmentation.ActionColumns();
  for (Eigen::Index row = 0; row < rows; ++row) {
    Eigen::Index chosen = 0;
    if (logits.rows() > 1) {
      chosen = ActingExpertOf(policy, inputs.col(row), logits.col(row), out.col(row), deterministic, random);
    }
    const Eigen::Index first = size * chosen;
    Eigen::VectorXf x = out.col(row).segment(first, size);
    float log_prob = 0;
    for (Eigen::Index i = 0; stochastic && i < size; ++i) {
      const float noise = deterministic ? 0.0F : static_cast<float>(random.StandardNormal());
      x[i] += std::exp(log_sd(first + i, row)) * noise;
      log_prob += -0.5F * noise * noise - log_sd(first + i, row) - kHalfLogTwoPi;
    }
    if (logits.rows() > 1 && !log_probs.empty()) {
      log_prob = LogSumExp(logits.col(row) + ExpertLogProbs(x, out.col(row), log_sd.col(row))) -
                 LogSumExp(logits.col(row));
    }
    for (Eigen::Index i = 0; i < size; ++i) {
      if (squashed) log_prob -= LogTanhSlope(x[i]);
      if (squashed) x[i] = std::tanh(x[i]);
      actions[static_cast<std::size_t>(row * width + i)] = clipped ? std::clamp(x[i], -1.0F, 1.0F) : x[i];
    }
    if (options > 0) actions[static_cast<std::size_t>(row * width + size)] = static_cast<float>(chosen);
    if (!log_probs.empty()) log_probs[static_cast<std::size_t>(row)] = log_prob;
  }
}

}  // namespace

void Policy::Sample(std::span<const float> observations, bool deterministic, Pcg64& random,
                    std::span<float> actions, std::span<float> log_probs, int step) const {
  if (!steps.empty()) {
    At(step).Sample(observations, deterministic, random, actions, log_probs);
    return;
  }
  if (distribution == ActionDistribution::kUniform) {
    SampleUniformRows(action_space, random, actions, log_probs);
    return;
  }
  const Rows inputs(
      observations.data(), observation_size,
      static_cast<Eigen::Index>(observations.size() / static_cast<std::size_t>(observation_size)));
  if (distribution == ActionDistribution::kBestCandidate) {
    TakeBestCandidates(*this, inputs, random, actions);
    std::ranges::fill(log_probs, 0.0F);
    return;
  }
  const Eigen::MatrixXf body = Body(*this, inputs);
  Eigen::MatrixXf out = Linear(mean, body);
  switch (distribution) {
    case ActionDistribution::kCategorical:
      SampleCategorical(out, deterministic, random, actions, log_probs);
      return;
    case ActionDistribution::kGreedy:
      SampleCategorical(out, /*deterministic=*/true, random, actions, {});
      break;
    case ActionDistribution::kLikelyGreedy:
      TakeLikelyBest(out, Linear(behaviour, body), likely, actions);
      break;
    case ActionDistribution::kGreedyUtility:
      TakeBestUtilities(*this, inputs, out, actions);
      break;
    case ActionDistribution::kTanhGaussian:
    case ActionDistribution::kGaussian:
    case ActionDistribution::kTanh:
    case ActionDistribution::kClippedGaussian:
    case ActionDistribution::kClippedTanhGaussian:
      SampleGaussians(*this, inputs, body, std::move(out), deterministic, random, actions, log_probs);
      return;
    case ActionDistribution::kUniform:
    case ActionDistribution::kBestCandidate:
      break;  // drawn above
  }
  std::ranges::fill(log_probs, 0.0F);  // nothing was left to chance
}

Policy::Experts Policy::ExpertsAt(std::span<const float> observations) const {
  const auto rows =
      static_cast<Eigen::Index>(observations.size() / static_cast<std::size_t>(observation_size));
  const Rows inputs(observations.data(), observation_size, rows);
  const Eigen::MatrixXf body = Body(*this, inputs);
  Experts experts{router_on_body ? Perceptron(router, body) : Perceptron(router, inputs), Linear(mean, body)};
  if (blend == Blend::kMultiplied) {
    experts.weights = 1 / (1 + (-experts.weights.array()).exp());
  } else {
    for (Eigen::Index row = 0; row < rows; ++row) {
      const auto logits = experts.weights.col(row);
      experts.weights.col(row) = (logits.array() - LogSumExp(logits)).exp();
    }
  }
  if (distribution == ActionDistribution::kTanhGaussian) experts.actions = experts.actions.array().tanh();
  return experts;
}

void Policy::ToEnvironment(std::span<float> actions) const {
  const auto* box = std::get_if<Box>(&action_space);
  if (box == nullptr) return;
  if (At(0).distribution != ActionDistribution::kGaussian) {
    ScaleToBox(*box, actions);
    return;
  }
  for (std::size_t row = 0; row < actions.size(); row += box->low.size()) {
    ClipToSpace(action_space, actions.subspan(row, box->low.size()));
  }
}

void Policy::Act(std::span<const double> observations, bool deterministic, Pcg64& random,
                 std::span<float> actions, std::span<float> log_probs, int step) const {
  if (At(step).distribution == ActionDistribution::kUniform) {
    Sample({}, deterministic, random, actions, log_probs, step);
  } else {
    std::vector<float> rows(observations.size());
    transform.Apply(observations, rows);
    Sample(rows, deterministic, random, actions, log_probs, step);
  }
  ToEnvironment(actions);
}

const Policy& Policy::At(int step) const {
  if (steps.empty()) return *this;
  return steps[std::min(static_cast<std::size_t>(step), steps.size() - 1)];
}

std::string_view ExpertChoiceName(const Policy& policy) {
  for (const ExpertChoice& choice : kExpertChoices) {
    if (choice.blend != policy.blend) continue;
    if (policy.blend != Blend::kNone || choice.expert == policy.acting_expert) return choice.word;
  }
  throw std::logic_error("a mixture that no word is known for");
}

bool SetExpertChoice(Policy& policy, std::string_view word) {
  const auto* const choice = std::ranges::find(kExpertChoices, word, &ExpertChoice::word);
  if (choice == kExpertChoices.end()) return false;
  policy.blend = choice->blend;
  policy.acting_expert = choice->expert;
  return true;
}

void ChooseActingExpert(Policy& policy, std::string_view word) {
  const ActingExpert expert = ActingExpertNamed(word);
  const bool options = policy.augmentation.options > 0;
  if ((policy.router.empty() || policy.blend != Blend::kNone) && !options) {
    throw InputError("expert '{}': this policy has no experts or options to choose from", word);
  }
  if (expert == ActingExpert::kBestQ && options) {
    throw InputError("expert '{}': expected sampled or most_probable of options", word);
  }
  if (expert == ActingExpert::kBestQ && policy.critics.empty()) {
    throw InputError(
        "expert '{}': this policy holds no critics; expected one trained with agent.acting_expert = {}", word,
        word);
  }
  policy.acting_expert = expert;
}

ActingExpert ActingExpertNamed(std::string_view name) {
  for (const ExpertChoice& choice : kExpertChoices) {
    if (choice.blend == Blend::kNone && choice.word == name) return choice.expert;
  }
  throw InputError("expert '{}': expected sampled, most_probable or best_q", name);
}

Blend BlendNamed(std::string_view name) {
  if (name == "none") return Blend::kNone;
  for (const ExpertChoice& choice : kExpertChoices) {
    if (choice.blend != Blend::kNone && choice.word == name) return choice.blend;
  }
  throw InputError("blend '{}': expected none, gated or multiplied", name);
}

std::int64_t ParameterCount(const Policy& policy) {
  std::int64_t count = 0;
  const auto add = [&count](std::span<const Policy::Layer> layers, bool zeros = true) {
    for (const Policy::Layer& layer : layers) {
      count += layer.bias.size() + (zeros ? layer.weight.size() : (layer.weight.array() != 0).count());
    }
  };
  const bool mixture = !policy.router.empty();
  add(policy.hidden, /*zeros=*/!mixture);
  add({&policy.mean, 1}, /*zeros=*/!mixture);
  add({&policy.log_std, 1}, /*zeros=*/false);
  add({&policy.behaviour, 1});
  for (const auto* layers : {&policy.router, &policy.chooser, &policy.perturbation}) add(*layers);
  for (const auto& critic : policy.critics) add(critic);
  for (const Policy& step : policy.steps) count += ParameterCount(step);
  return count;
}

Policy UniformPolicy(int observation_size, Space action_space) {
  Policy policy;
  policy.observation_size = observation_size;
  policy.action_space = std::move(action_space);
  return policy;
}

}  // namespace strider
