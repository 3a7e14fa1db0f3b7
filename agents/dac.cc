#include "agents/dac.h"

#include <ATen/core/grad_mode.h>

#include <stdexcept>

#include "agents/nn/distributions.h"
#include "agents/nn/mixture.h"
#include "agents/nn/snapshot.h"

namespace strider {
namespace {

Task OwnTask(Task task, int options) {
  const int actions = ContinuousActionSize(task) - 1;
  if (task.augmentation.options != options || task.observation_size < options)
    throw std::logic_error("rows without their options");
  task.observation_size -= options;
  task.action_space = UniformBox(options * actions, -1, 1);
  return task;
}

}  // namespace

at::Tensor OptionLogProbs(const at::Tensor& choice, const at::Tensor& end, const at::Tensor& previous) {
  const at::Tensor logit = (end * previous).sum(1, /*keepdim=*/true);
  const at::Tensor under_way = previous.sum(1, /*keepdim=*/true);
  const at::Tensor goes_on = at::log_sigmoid(-logit) + previous.log();  // minus infinity for the others
  const at::Tensor ends = at::log_sigmoid(logit) * under_way;
  return at::logaddexp(goes_on, ends + at::log_softmax(choice, 1));
}

Dac::Dac(const Task& task, const Config& config)
    : OnPolicyAgent(task),
      config_(config),
      own_(OwnTask(task, config.options)),
      actor_(own_, config.ppo.hidden, Actor::kNoMixture, ActivationOf(config.ppo)),
      q_(own_, config.ppo.hidden, kPpoAdamEpsilon, ActivationOf(config.ppo), config.options),
      chooser_net_(own_.observation_size, config.ppo.hidden, 2 * config.options, ActivationOf(config.ppo)),
      chooser_(chooser_net_.Shapes(), task.device),
      actor_adam_(actor_.parameters(), kPpoAdamEpsilon),
      chooser_adam_(chooser_, kPpoAdamEpsilon) {
  Declare({"policy_loss", "value_loss", "entropy", "kl", "clipped"});
  if (config_.options > 1) {
    Declare({"option_policy_loss", "option_value_loss", "option_entropy", "option_kl", "option_clipped",
             "termination", "switched"});
    for (const std::string& name : nn::ExpertMetricNames(config_.options, /*wins=*/true))
      Declare({name.c_str()});
  }
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  const auto how = InitialisationOf(config_.ppo);
  actor_.Initialise(config_.ppo.log_std_init, random, how);
  q_.Initialise(random, how);
  // Any option, and an end at every other step, to begin with.
  chooser_net_.Initialise(chooser_, how, /*output_gain=*/0.01, random);
}

at::Tensor Dac::Own(const at::Tensor& observations) const {
  return observations.narrow(1, 0, own_.observation_size).contiguous();  // as products want it
}

at::Tensor Dac::Previous(const at::Tensor& observations) const {
  return (observations.narrow(1, own_.observation_size, config_.options) > 0).to(at::kFloat);
}

at::Tensor Dac::Means(const at::Tensor& observations) const {
  const std::int64_t options = config_.options;
  return actor_.Evaluate(Own(observations)).mean.view({-1, options, own_.action_size() / options});
}

at::Tensor Dac::LogStd() const { return actor_.parameters().leaves().back().view({config_.options, -1}); }

at::Tensor Dac::Chosen(const at::Tensor& actions) const {
  return actions.narrow(1, actions.size(1) - 1, 1).to(at::kLong);
}

at::Tensor Dac::OptionLogProbs(const at::Tensor& observations) const {
  const std::int64_t options = config_.options;
  if (options == 1) return at::zeros({observations.size(0), 1}, observations.options());
  const at::Tensor logits = chooser_net_.Forward(chooser_, Own(observations));
  return strider::OptionLogProbs(logits.narrow(1, 0, options), logits.narrow(1, options, options),
                                 Previous(observations));
}

at::Tensor Dac::ActionLogProb(const at::Tensor& observations, const at::Tensor& actions,
                              const at::Tensor& log_std) const {
  const at::Tensor own = actions.narrow(1, 0, actions.size(1) - 1);
  const at::Tensor log_probs = nn::GaussianLogProb(own.unsqueeze(1), Means(observations), log_std);
  return log_probs.gather(1, Chosen(actions)).squeeze(1);
}

at::Tensor Dac::ActionLogProb(const at::Tensor& observations, const at::Tensor& actions) const {
  return ActionLogProb(observations, actions, LogStd());
}

at::Tensor Dac::Q(const at::Tensor& observations) const {
  return q_.Value(Own(observations)).view({-1, config_.options});
}

at::Tensor Dac::OptionValue(const at::Tensor& observations) const {
  return (OptionLogProbs(observations).exp() * Q(observations)).sum(1);
}

Dac::Stance Dac::Look(Level level, const Experience& rows) const {
  const at::Tensor chosen = Chosen(rows.actions);
  if (level == Level::kOptions) {
    const at::Tensor log_probs = OptionLogProbs(rows.observations);
    return {log_probs.gather(1, chosen).squeeze(1), -(log_probs.exp() * log_probs).sum(1).mean()};
  }
  const at::Tensor log_std = LogStd();
  const at::Tensor shares = at::one_hot(chosen.squeeze(1), config_.options).to(at::kFloat).mean(0);
  return {ActionLogProb(rows.observations, rows.actions, log_std),
          (shares * nn::GaussianEntropy(log_std)).sum()};
}

Dac::Experiences Dac::Judge(const Rollout& rollout, Level level) const {
  const at::NoGradGuard no_grad;
  const auto ahead = [&](const at::Tensor& observations) { return OptionValue(observations); };
  const auto values = [&](const Experience& rows) {
    if (level == Level::kOptions) return OptionValue(rows.observations);
    return Q(rows.observations).gather(1, Chosen(rows.actions)).squeeze(1);
  };
  Experiences all;
  all.data = strider::Judge(rollout, config_.ppo.rollout, own_.device, values, ahead);
  all.old_log_prob = Look(level, all.data).log_prob;
  all.old_probability = OptionLogProbs(all.data.observations).exp();
  return all;
}

void Dac::Update(const Rollout& rollout, std::int64_t iteration, std::int64_t iterations) {
  const double left = 1 - static_cast<double>(iteration) / static_cast<double>(iterations);
  const double learning_rate = config_.ppo.lr * (config_.ppo.lr_anneal ? left : 1);
  const double clip = config_.ppo.clip * (config_.ppo.clip_anneal ? left : 1);
  const Experiences low = Judge(rollout, Level::kActions);
  if (config_.options == 1) {
    Improve(Level::kActions, low, clip, learning_rate);
  } else {
    const Experiences high = Judge(rollout, Level::kOptions);
    ReportOptions(high.data);
    const auto coin = at::TensorOptions().dtype(at::kLong).device(own_.device);
    const bool high_first = at::randint(2, {1}, random(), coin).item<std::int64_t>() == 1;
    if (high_first) Improve(Level::kOptions, high, clip, learning_rate);
    Improve(Level::kActions, low, clip, learning_rate);
    if (!high_first) Improve(Level::kOptions, high, clip, learning_rate);
  }
  CountUpdate();
}

void Dac::ReportOptions(const Experience& data) {
  const at::NoGradGuard no_grad;
  const at::Tensor chosen = Chosen(data.actions);
  const at::Tensor previous = Previous(data.observations);
  const at::Tensor under_way = previous.sum().clamp_min(1);  // rows
  const at::Tensor ends = chooser_net_.Forward(chooser_, Own(data.observations))
                              .narrow(1, config_.options, config_.options)
                              .sigmoid();
  Report("termination", (ends * previous).sum() / under_way);
  Report("switched", 1 - previous.gather(1, chosen).sum() / under_way);
  const at::Tensor log_probs = OptionLogProbs(data.observations);
  for (const auto& [name, value] : nn::ExpertMetrics({log_probs, log_probs.exp(), Means(data.observations),
                                                      nn::GaussianEntropy(LogStd()), chosen.squeeze(1)})) {
    Report(name, value);
  }
}

void Dac::Improve(Level level, const Experiences& all, double clip, double learning_rate) {
  const auto step = [&](const at::Tensor& rows) {
    Experiences batch{all.data.Select(rows), all.old_log_prob.index_select(0, rows),
                      all.old_probability.index_select(0, rows)};
    batch.data.advantages = Standardized(batch.data.advantages);
    return Step(level, batch, clip, learning_rate);
  };
  MakePasses(config_.ppo, all.data.values.size(0), own_.device, random(), step, divergences_);
}

bool Dac::Step(Level level, const Experiences& batch, double clip, double learning_rate) {
  const bool high = level == Level::kOptions;
  const PpoConfig& ppo = config_.ppo;
  const Experience& data = batch.data;
  const Stance now = Look(level, data);
  const at::Tensor log_ratio = now.log_prob - batch.old_log_prob;
  const at::Tensor ratio = log_ratio.exp();
  const at::Tensor losses = ClippedLosses(ratio, data.advantages, clip);
  const at::Tensor beyond = (ratio - 1).detach();
  divergences_ = beyond - log_ratio.detach();  // as Ppo's
  const std::string prefix = high ? "option_" : "";
  Report(prefix + "policy_loss", losses);
  Report(prefix + "entropy", now.entropy);
  Report(prefix + "kl", divergences_);
  Report(prefix + "clipped", beyond.abs() > clip);
  if (ForbidsStep(ppo, divergences_)) return false;

  const nn::ParameterSet& policy = high ? chooser_ : actor_.parameters();
  const double coef = high ? config_.option_entropy_coef : ppo.entropy_coef;
  policy.Backward(coef > 0 ? losses.mean() - coef * now.entropy : losses.mean());
  const at::Tensor q = Q(data.observations);
  const at::Tensor value =
      high ? (batch.old_probability * q).sum(1) : q.gather(1, Chosen(data.actions)).squeeze(1);
  const at::Tensor errors = ClippedErrors(value, data.values, data.returns, ppo.value_clip);
  q_.parameters().Backward(ppo.value_coef * (0.5 * errors.mean()));
  Report(prefix + "value_loss", errors, 0.5);
  ClipJointGradientNorm({&policy, &q_.parameters()}, ppo.max_grad_norm);
  (high ? chooser_adam_ : actor_adam_).Step(policy, learning_rate);
  q_.Step(learning_rate);
  return true;
}

Policy Dac::MakePolicy() const {
  Policy policy = actor_.MakePolicy();
  policy.observation_size = task().observation_size;
  policy.action_space = task().action_space;
  policy.chooser = nn::SnapshotLayers(chooser_.leaves(), 0, config_.ppo.hidden.size() + 1);
  return policy;
}

std::vector<nn::NamedTensor> Dac::State() const {
  return nn::Concatenate({actor_.State(), q_.State(), actor_adam_.Named("policy_adam"),
                          chooser_.Named("chooser"), chooser_adam_.Named("chooser_adam")});
}

}  // namespace strider
