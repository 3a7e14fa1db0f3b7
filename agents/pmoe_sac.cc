#include "agents/pmoe_sac.h"

#include <ATen/core/grad_mode.h>

#include "agents/nn/mixture.h"
#include "agents/nn/snapshot.h"

namespace strider {

namespace {

int RouterInputs(const Task& task, const PmoeSacConfig& config) {
  if (config.router_input == "state") return task.observation_size;
  if (config.expert_sharing == "separate" || config.sac.hidden.empty()) {
    throw InputError(
        "agent.router_input = trunk, but there is no trunk; expected agent.expert_sharing = trunk and hidden "
        "layers");
  }
  return config.sac.hidden.back();
}

// Throws InputError where a setting would not be looked at.
void CheckAlternatives(const PmoeSacConfig& config) {
  if (config.blend != "none" && (config.router_gradient != "frequency" || config.expert_loss != "best" ||
                                 config.target_expert != "router" || config.entropy_of != "expert" ||
                                 config.acting_expert != "sampled")) {
    throw InputError(
        "agent.blend = {}: one Gaussian of all experts has no best one to learn from or to act; expected "
        "agent.router_gradient, agent.expert_loss, agent.target_expert, agent.entropy_of and "
        "agent.acting_expert left as they are, or agent.blend = none",
        config.blend);
  }
  if (config.router_gradient == "gumbel" && config.expert_loss != "best") {
    throw InputError(
        "agent.router_gradient = gumbel propagates the loss of the expert that it draws; expected "
        "agent.expert_loss left as it is");
  }
  if (config.router_gradient != "gumbel" && config.gumbel_temperature != PmoeSacConfig().gumbel_temperature) {
    throw InputError(
        "agent.gumbel_temperature = {} has no part in agent.router_gradient = {}; expected it left as it "
        "is, or router_gradient = gumbel",
        config.gumbel_temperature, config.router_gradient);
  }
}

// The leaves of a set from one on.
void DrawSmall(const nn::ParameterSet& parameters, std::size_t first, double bound,
               const at::Generator& random) {
  for (std::size_t i = first; i < parameters.leaves().size(); ++i) {
    nn::DrawUniform(parameters[i], bound, random);
  }
}

}  // namespace

PmoeSac::PmoeSac(const Task& task, Config config)
    : OffPolicyAgent(task),
      config_(std::move(config)),
      blend_(BlendNamed(config_.blend)),
      policy_net_(task.observation_size, config_.sac.hidden, config_.experts * ContinuousActionSize(task),
                  nn::Activation::kRelu, config_.sac.log_std_min, config_.sac.log_std_max),
      separate_nets_(task.observation_size, config_.sac.hidden, 2 * task.action_size(), nn::Activation::kRelu,
                     config_.experts),
      router_net_(RouterInputs(task, config_), config_.router_hidden, config_.experts, nn::Activation::kRelu),
      policy_(separate() ? separate_nets_.Shapes() : policy_net_.Shapes(), task.device),
      router_(router_net_.Shapes(), task.device),
      critics_(task, config_.critic_hidden.empty() ? config_.sac.hidden : config_.critic_hidden),
      alpha_("alpha", config_.sac.alpha, config_.sac.alpha_auto,
             config_.sac.target_entropy * task.action_size(), config_.sac.alpha_lr, task.device),
      policy_adam_(policy_),
      router_adam_(router_) {
  CheckLogStdRange(config_.sac.log_std_min, config_.sac.log_std_max);
  CheckAlternatives(config_);
  Declare({"policy_loss", "entropy", "critic1_loss", "critic2_loss", "q"});
  if (alpha_.learnt()) Declare({"alpha", "alpha_loss"});
  Declare({"router_loss"});
  for (const std::string& name : nn::ExpertMetricNames(config_.experts, /*wins=*/!blended()))
    Declare({name.c_str()});
  Initialise();
  critic_target_ = critic().FrozenClone();
}

void PmoeSac::Initialise() {
  constexpr auto kHow = nn::Initialisation::kUniformFanIn;
  const at::Generator random = MakeGenerator(at::kCPU, StreamSeed(task().seed, Purpose::kInitialisation));
  if (separate()) {
    separate_nets_.Initialise(policy_, kHow, /*output_gain=*/1, random);
  } else {
    policy_net_.Initialise(policy_, kHow, random);
  }
  critics_.Initialise(kHow, random);
  // The router comes last, so that the other networks of one expert are SAC's of the same seed.
  router_net_.Initialise(router_, kHow, /*output_gain=*/1, random);
  if (config_.head_bound == 0) return;
  DrawSmall(policy_, 2 * config_.sac.hidden.size(), config_.head_bound, random);
  DrawSmall(critic(), critic().leaves().size() - 2, config_.head_bound, random);
}

nn::GaussianHeads::Output PmoeSac::Heads(const at::Tensor& observations) const {
  const std::int64_t actions = task().action_size();
  if (!separate()) {
    const auto heads = policy_net_.Forward(policy_, observations);
    const at::Tensor mean = heads.mean.view({-1, config_.experts, actions});
    return {mean, heads.log_std.view(mean.sizes())};
  }
  at::Tensor out = separate_nets_.Forward(policy_, observations);
  out = config_.experts == 1 ? out.unsqueeze(1) : out.transpose(0, 1);
  return {out.narrow(-1, 0, actions),
          out.narrow(-1, actions, actions).clamp(config_.sac.log_std_min, config_.sac.log_std_max)};
}

PmoeSac::Draw PmoeSac::DrawActions(const at::Tensor& observations, const at::Tensor& noise) const {
  const auto heads = Heads(observations);
  const double epsilon = config_.sac.squash_epsilon;
  Draw draw;
  const bool on_trunk = config_.router_input == "trunk";
  draw.logits =
      router_net_.Forward(router_, on_trunk ? policy_net_.Body(policy_, observations) : observations);
  draw.mean = heads.mean;
  draw.log_std = heads.log_std;
  if (blended()) {
    const auto whole = nn::BlendedExperts(blend_, draw.logits, draw.mean, draw.log_std);
    const auto sample =
        nn::SampleSquashed(whole.mean.unsqueeze(1), whole.log_std.unsqueeze(1), noise, epsilon);
    draw.actions = sample.action;
    draw.log_probs = sample.log_prob;
    return draw;
  }
  const auto sample = nn::SampleSquashed(draw.mean, draw.log_std, noise, epsilon);
  draw.actions = sample.action;
  draw.own_log_probs = draw.log_probs = sample.log_prob;
  if (config_.entropy_of == "mixture") {
    // (rows x experts x experts): the action of one under each.
    const at::Tensor each =
        nn::GaussianLogProb(sample.pre_tanh.unsqueeze(2), draw.mean.unsqueeze(1), draw.log_std.unsqueeze(1));
    draw.log_probs =
        nn::MixtureLogProb(draw.logits.unsqueeze(1), each) - nn::TanhLogJacobian(sample.pre_tanh, epsilon);
  }
  return draw;
}

at::Tensor PmoeSac::ExpertQ(const nn::ParameterSet& critic, const at::Tensor& observations,
                            const at::Tensor& actions) const {
  const std::int64_t experts = actions.size(1);
  return critics_
      .LeastQ(critic, observations.repeat_interleave(experts, 0), actions.reshape({-1, actions.size(2)}))
      .view({-1, experts});
}

at::Tensor PmoeSac::NextValue(const TransitionBatch& batch, const UpdateNoise& noise,
                              const at::Tensor& alpha) const {
  const at::NoGradGuard no_grad;
  const Draw next = DrawActions(batch.next_observations, noise.next_actions);
  const auto of_chosen = [](const at::Tensor& values, const at::Tensor& chosen) {
    return values.gather(1, chosen.unsqueeze(1)).squeeze(1);
  };
  if (config_.target_expert == "best_q") {
    const at::Tensor q = ExpertQ(critic_target_, batch.next_observations, next.actions);
    const at::Tensor best = q.argmax(1);
    return of_chosen(q, best) - alpha * of_chosen(next.log_probs, best);
  }
  const at::Tensor chosen = blended()
                                ? at::zeros({next.logits.size(0)}, next.logits.options().dtype(at::kLong))
                                : nn::ChooseExpert(next.logits, noise.next_expert);
  const at::Tensor action =
      next.actions.gather(1, chosen.view({-1, 1, 1}).expand({-1, 1, next.actions.size(2)})).squeeze(1);
  return critics_.LeastQ(critic_target_, batch.next_observations, action) -
         alpha * of_chosen(next.log_probs, chosen);
}

at::Tensor PmoeSac::StepPolicy(const at::Tensor& observations, const Draw& draw, const UpdateNoise& noise,
                               const at::Tensor& alpha) {
  const bool gumbel = config_.router_gradient == "gumbel";
  at::Tensor q;       // (rows x experts)
  at::Tensor winner;  // (rows) of highest q
  if (!blended()) {
    // Where one action's loss is propagated back, the others' Q only say that they are not the best.
    const at::AutoGradMode grad(LossOfAllExperts());
    q = ExpertQ(critic(), observations, draw.actions);
    winner = q.detach().argmax(1);
  }
  // (rows x drawn) each action's part in the loss; no gradient in it but the Gumbel-Softmax's.
  const at::Tensor credit =
      blended() ? at::ones_like(draw.log_probs.detach())
      : gumbel  ? nn::StraightThrough(draw.logits, noise.expert, config_.gumbel_temperature)
      : config_.expert_loss == "best"     ? nn::OneHot(winner, q)
      : config_.expert_loss == "sampled"  ? nn::OneHot(nn::ChooseExpert(draw.logits, noise.expert), q)
      : config_.expert_loss == "weighted" ? at::softmax(draw.logits.detach(), 1)
                                          : at::full_like(q.detach(), 1.0 / config_.experts);
  at::Tensor losses = alpha * (credit * draw.log_probs).sum(1);  // (rows)
  if (LossOfAllExperts()) {
    losses = losses - (credit * q).sum(1);
    if (config_.expert_loss == "sum") losses = config_.experts * losses;
  } else {
    const at::Tensor action = (credit.unsqueeze(-1) * draw.actions).sum(1);
    losses = losses - critics_.LeastQ(critic(), observations, action);
  }
  at::Tensor router_loss;
  if (gumbel || blended()) {
    router_loss = losses.mean();
  } else if (config_.router_gradient == "frequency") {
    router_loss = nn::FrequencyLoss(draw.logits, winner);
  } else if (config_.router_gradient == "score_ratio") {
    router_loss = nn::ScoreRatioLoss(draw.logits, q - alpha * draw.log_probs);
  }
  // Each set takes its own loss alone: the router's never reaches the experts, nor theirs the router.
  if (router_loss.defined()) {
    router_.Backward(router_loss, /*keep_graph=*/gumbel || blended());
    nn::ClipGradientNorm(router_, config_.sac.max_grad_norm);
    Report("router_loss", router_loss);
  }
  policy_.Backward(losses.mean());
  nn::ClipGradientNorm(policy_, config_.sac.max_grad_norm);
  if (router_loss.defined()) router_adam_.Step(router_, config_.router_lr * anneal());
  policy_adam_.Step(policy_, config_.sac.actor_lr * anneal());

  at::Tensor log_prob = (credit * draw.log_probs).sum(1).detach();
  Report("policy_loss", losses);
  Report("entropy", log_prob, -1);
  ReportExperts(draw, winner);
  return log_prob;
}

void PmoeSac::ReportExperts(const Draw& draw, const at::Tensor& winner) {
  const at::NoGradGuard no_grad;
  nn::ExpertView view = nn::ViewOfExperts(blend_, draw.logits);
  view.mean_actions = draw.mean.tanh();
  view.winner = winner;
  // Blended experts draw no actions of their own: theirs is the entropy before squashing.
  view.entropies = blended() ? nn::GaussianEntropy(draw.log_std).mean(0) : -draw.own_log_probs.mean(0);
  for (const auto& [name, value] : nn::ExpertMetrics(view)) Report(name, value);
}

bool PmoeSac::LossOfAllExperts() const {
  return config_.expert_loss == "all" || config_.expert_loss == "sum" || config_.expert_loss == "weighted";
}

bool PmoeSac::DrawsExpert() const {
  return !blended() && (config_.router_gradient == "gumbel" || config_.expert_loss == "sampled");
}

void PmoeSac::Update(const TransitionBatch& batch) {
  const std::int64_t rows = batch.actions.size(0);
  UpdateNoise noise;
  noise.actions = Noise({rows, drawn(), task().action_size()});
  noise.next_actions = Noise({rows, drawn(), task().action_size()});
  noise.next_expert = nn::GumbelNoise({rows, drawn()}, random(), batch.rewards);
  if (DrawsExpert()) {
    noise.expert = nn::GumbelNoise({rows, config_.experts}, random(), batch.rewards);
  }
  Update(batch, noise);
}

void PmoeSac::Update(const TransitionBatch& batch, const UpdateNoise& noise) {
  const Draw draw = DrawActions(batch.observations, noise.actions);
  const at::Tensor alpha = alpha_.Value();  // before its own step
  const at::Tensor losses = critics_.Step(batch, NextValue(batch, noise, alpha), config_.sac.discount,
                                          config_.sac.critic_lr * anneal(), config_.sac.max_grad_norm);
  Report("critic1_loss", losses[0]);
  Report("critic2_loss", losses[1]);
  Report("q", critics_.latest_q());
  // By the critics just updated.
  const at::Tensor log_prob = StepPolicy(batch.observations, draw, noise, alpha);
  if (alpha_.learnt()) {
    Report("alpha", alpha);
    Report("alpha_loss", alpha_.Step(log_prob, anneal()));
  }
  CountUpdate();
  if (updates() % config_.sac.target_interval == 0) critic_target_.MoveTowards(critic(), config_.sac.tau);
}

Policy PmoeSac::MakePolicy() const {
  Policy policy = separate() ? SnapshotSeparate()
                             : nn::SnapshotSquashedGaussian(task(), policy_, config_.sac.hidden.size(),
                                                            config_.sac.log_std_min, config_.sac.log_std_max);
  policy.router = nn::SnapshotLayers(router_.leaves(), 0, config_.router_hidden.size() + 1);
  policy.router_on_body = config_.router_input == "trunk";
  policy.blend = blend_;
  policy.acting_expert = ActingExpertNamed(config_.acting_expert);
  if (policy.acting_expert == ActingExpert::kBestQ) {
    for (const std::int64_t twin : {0, 1}) {
      policy.critics.push_back(nn::SnapshotMember(critic().leaves(), twin));
    }
  }
  return policy;
}

// Networks side by side: the first layer's weights one below the other, those of the others blocks on the
// diagonal.
Policy PmoeSac::SnapshotSeparate() const {
  const at::NoGradGuard no_grad;
  Policy policy = nn::SnapshotBody(task(), policy_.leaves(), 0);
  policy.distribution = ActionDistribution::kTanhGaussian;
  policy.log_std_min = config_.sac.log_std_min;
  policy.log_std_max = config_.sac.log_std_max;
  const auto member_axis = [&](const at::Tensor& x) { return config_.experts == 1 ? x.unsqueeze(0) : x; };
  const auto layer = [](const at::Tensor& weight, const at::Tensor& bias, bool first) {
    return nn::SnapshotLayer(first ? weight.flatten(0, 1) : at::block_diag(weight.unbind(0)),
                             bias.flatten(0, 1));
  };
  const std::size_t layers = config_.sac.hidden.size();
  for (std::size_t i = 0; i <= layers; ++i) {
    const at::Tensor weight = member_axis(policy_[2 * i]);  // (experts x out x in)
    const at::Tensor bias = member_axis(policy_[2 * i + 1]);
    if (i < layers) {
      policy.hidden.push_back(layer(weight, bias, i == 0));
      continue;
    }
    const std::int64_t actions = task().action_size();
    policy.mean = layer(weight.narrow(1, 0, actions), bias.narrow(1, 0, actions), i == 0);
    policy.log_std = layer(weight.narrow(1, actions, actions), bias.narrow(1, actions, actions), i == 0);
  }
  return policy;
}

std::vector<nn::NamedTensor> PmoeSac::State() const {
  return nn::Concatenate({policy_.Named("policy"), router_.Named("router"), critics_.State(),
                          critic_target_.Named("critic", "_target"), alpha_.State(),
                          policy_adam_.Named("policy_adam"), router_adam_.Named("router_adam")});
}

}  // namespace strider
