#include "offline/cql.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <numbers>

#include "agents/nn/snapshot.h"

namespace strider {
namespace {

// The actor's perceptron and two scalars: log_std = log_std_multiplier * raw + log_std_offset.
std::vector<nn::ParameterShape> ActorShapes(const nn::Mlp& net) {
  std::vector<nn::ParameterShape> shapes = net.Shapes();
  shapes.push_back({"log_std_multiplier", {}});
  shapes.push_back({"log_std_offset", {}});
  return shapes;
}

}  // namespace

Cql::Cql(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      actor_net_(task.observation_size, config_.hidden, 2 * ContinuousActionSize(task),
                 nn::Activation::kRelu),
      actor_(ActorShapes(actor_net_), task.device),
      critics_(task, config_.critic_hidden, /*members=*/2),
      alpha_("alpha", config_.alpha, config_.alpha_auto, config_.target_entropy * task.action_size(),
             config_.alpha_lr, task.device),
      log_alpha_prime_({{"log_alpha_prime", {}}}, task.device),
      actor_adam_(actor_),
      alpha_prime_adam_(log_alpha_prime_) {
  CheckLogStdRange(config_.log_std_min, config_.log_std_max);
  Declare({"critic1_td_loss", "critic2_td_loss", "cql1_diff", "cql2_diff", "cql1_loss", "cql2_loss",
           "critic_loss", "q", "alpha", "alpha_loss", "actor_loss"});
  if (config_.lagrange) Declare({"alpha_prime", "alpha_prime_loss"});
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task.seed, Purpose::kInitialisation));
  // As CORL: small last layers, the actor's by Xavier's rule times 0.01.
  actor_net_.Initialise(actor_, nn::Initialisation::kUniformFanIn, /*output_gain=*/1, random);
  const std::size_t last = 2 * config_.hidden.size();
  nn::InitialiseLinear(actor_[last], actor_[last + 1], nn::Initialisation::kGlorot, /*gain=*/1, random);
  critics_.Initialise(nn::Initialisation::kOrthogonal, /*output_gain=*/0.01, random);
  const at::NoGradGuard no_grad;
  actor_[last].mul_(0.01);
  actor_[last + 2].fill_(1);
  actor_[last + 3].fill_(-1);
  log_alpha_prime_.flat().fill_(std::log(config_.alpha_prime));
}

nn::SquashedSample Cql::Sample(const at::Tensor& observations, const at::Tensor& noise) const {
  std::vector<at::Tensor> heads = actor_net_.Forward(actor_, observations).chunk(2, -1);
  const std::size_t last = 2 * config_.hidden.size();
  heads[1] = (actor_[last + 2] * heads[1] + actor_[last + 3]).clamp(config_.log_std_min, config_.log_std_max);
  if (noise.dim() == 3) {
    for (at::Tensor& head : heads) head = head.unsqueeze(1);
  }
  return nn::SampleSquashed(heads[0], heads[1], noise);
}

at::Tensor Cql::QOfMany(const at::Tensor& observations, const at::Tensor& actions, bool target) const {
  const std::int64_t batch = actions.size(0);
  const std::int64_t n = actions.size(1);
  const at::Tensor states = observations.unsqueeze(1).expand({batch, n, observations.size(1)}).flatten(0, 1);
  const at::Tensor flat = actions.flatten(0, 1);
  const at::Tensor q = target ? critics_.Target(states, flat) : critics_.Online(states, flat);
  return q.view({q.size(0), batch, n});
}

Cql::NextValue Cql::Next(const TransitionBatch& batch, const at::Tensor& noise,
                         const at::Tensor& alpha) const {
  const at::NoGradGuard no_grad;
  const nn::SquashedSample next = Sample(batch.next_observations, noise);
  NextValue result;
  if (config_.max_target_backup) {
    const auto [value, best] =
        QOfMany(batch.next_observations, next.action, /*target=*/true).amin(0).max(-1, /*keepdim=*/true);
    result.value = value.squeeze(-1);
    result.log_prob = next.log_prob.gather(-1, best).squeeze(-1);
  } else {
    result.value = critics_.Target(batch.next_observations, next.action).amin(0);
    result.log_prob = next.log_prob;
  }
  if (config_.backup_entropy) result.value = result.value - alpha * result.log_prob;
  return result;
}

at::Tensor Cql::SoftMaximum(const TransitionBatch& batch, const UpdateNoise& noise) const {
  nn::SquashedSample current;
  nn::SquashedSample next;
  {
    const at::NoGradGuard no_grad;
    current = Sample(batch.observations, noise.current_actions);
    next = Sample(batch.next_observations, noise.next_actions);
  }
  const at::Tensor uniform_log_prob =
      at::full_like(current.log_prob, -std::numbers::ln2 * task().action_size());
  const at::Tensor actions = at::cat({noise.uniform_actions, next.action, current.action}, 1);
  const at::Tensor log_probs = at::cat({uniform_log_prob, next.log_prob, current.log_prob}, 1);
  const at::Tensor z = QOfMany(batch.observations, actions, /*target=*/false) - log_probs;
  return config_.cql_temperature * at::logsumexp(z / config_.cql_temperature, -1);
}

void Cql::Update(const TransitionBatch& batch) {
  const std::int64_t rows = batch.actions.size(0);
  const std::int64_t size = batch.actions.size(1);
  const std::vector<std::int64_t> many = {rows, config_.cql_actions, size};
  UpdateNoise noise;
  noise.action = Noise({rows, size});
  noise.next_action = config_.max_target_backup ? Noise(many) : Noise({rows, size});
  noise.uniform_actions = at::rand(many, random(), batch.actions.options()) * 2 - 1;
  noise.current_actions = Noise(many);
  noise.next_actions = Noise(many);
  Update(batch, noise);
}

void Cql::Update(const TransitionBatch& batch, const UpdateNoise& noise) {
  const nn::SquashedSample sample = Sample(batch.observations, noise.action);
  const at::Tensor alpha = alpha_.Value();
  const at::Tensor actor_loss =
      (alpha * sample.log_prob - critics_.Online(batch.observations, sample.action).amin(0)).mean();

  const at::Tensor target =
      batch.rewards + config_.discount * (1 - batch.terminals) * Next(batch, noise.next_action, alpha).value;
  const at::Tensor q = critics_.Online(batch.observations, batch.actions);
  const at::Tensor td_losses = (q - target).square().mean(1);              // (2)
  const at::Tensor differences = (SoftMaximum(batch, noise) - q).mean(1);  // (2)
  at::Tensor penalties = config_.cql_alpha * differences;
  if (config_.lagrange) {
    const at::Tensor alpha_prime = log_alpha_prime_[0].exp().clamp(0, 1e6);
    penalties = alpha_prime * config_.cql_alpha * (differences - config_.target_action_gap);
    const at::Tensor alpha_prime_loss = -0.5 * penalties.sum();
    log_alpha_prime_.Backward(alpha_prime_loss, /*keep_graph=*/true);
    Report("alpha_prime", alpha_prime);
    Report("alpha_prime_loss", alpha_prime_loss);
  }
  const at::Tensor critic_loss = td_losses.sum() + penalties.sum();
  actor_.Backward(actor_loss);
  critics_.online().Backward(critic_loss);

  if (config_.lagrange) alpha_prime_adam_.Step(log_alpha_prime_, config_.alpha_prime_lr * anneal());
  if (alpha_.learnt()) Report("alpha_loss", alpha_.Step(sample.log_prob.detach(), anneal()));
  actor_adam_.Step(actor_, config_.actor_lr * anneal());
  critics_.Step(config_.critic_lr * anneal());
  critics_.MoveTargets(config_.tau);

  Report("critic1_td_loss", td_losses[0]);
  Report("critic2_td_loss", td_losses[1]);
  Report("cql1_diff", differences[0]);
  Report("cql2_diff", differences[1]);
  Report("cql1_loss", penalties[0]);
  Report("cql2_loss", penalties[1]);
  Report("critic_loss", critic_loss);
  Report("q", q.mean());
  Report("alpha", alpha);
  Report("actor_loss", actor_loss);
  CountUpdate();
}

Policy Cql::MakePolicy() const {
  Policy policy = nn::SnapshotBody(task(), actor_.leaves(), config_.hidden.size());
  policy.distribution = ActionDistribution::kTanhGaussian;
  const std::size_t last = 2 * config_.hidden.size();
  const std::vector<at::Tensor> weights = actor_[last].detach().chunk(2, 0);
  const std::vector<at::Tensor> biases = actor_[last + 1].detach().chunk(2, 0);
  const at::Tensor multiplier = actor_[last + 2].detach();
  policy.mean = nn::SnapshotLayer(weights[0], biases[0]);
  policy.log_std =
      nn::SnapshotLayer(multiplier * weights[1], multiplier * biases[1] + actor_[last + 3].detach());
  policy.log_std_min = config_.log_std_min;
  policy.log_std_max = config_.log_std_max;
  return policy;
}

std::vector<nn::NamedTensor> Cql::State() const {
  auto state = nn::Concatenate(
      {actor_.Named("actor"), critics_.State(), actor_adam_.Named("actor_adam"), alpha_.State()});
  if (config_.lagrange) {
    state = nn::Concatenate(
        {state, log_alpha_prime_.Named("alpha_prime"), alpha_prime_adam_.Named("alpha_prime_adam")});
  }
  return state;
}

}  // namespace strider
