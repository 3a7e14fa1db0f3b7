// The exact cases of the MDPO sheet, section 10, that concern the on-policy agent; by their numbers there.
#include "agents/mdpo_on.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "agents/nn/distributions.h"
#include "agents/nn/host_memory.h"
#include "tests/agents/learner_kit.h"

namespace strider {
namespace {

using ::testing::DoubleNear;
using ::testing::Pointwise;

MdpoOn OneStateAgent(const Task& task) {
  MdpoOnConfig config;
  config.hidden = {};  // the outputs are the biases
  return MdpoOn(task, config);
}

// One state, a few actions. The rows of its losses are the actions, once each; their weights in the
// expectation over pi_k go into the advantages: mean(r A) over rows = sum_a pi(a) A(a).
class Bandit {
 public:
  Bandit(std::vector<double> probabilities, std::vector<double> advantages)
      : agent_(OneStateAgent(DiscreteTask(1, static_cast<int>(probabilities.size())))),
        advantages_(std::move(advantages)) {
    SetPolicy(probabilities);
    Freeze();
  }

  void SetPolicy(const std::vector<double>& probabilities) {
    State(agent_, "policy.0.bias").copy_(at::tensor(probabilities, at::kDouble).log());
  }

  // pi_k <- pi.
  void Freeze() {
    const at::NoGradGuard no_grad;
    old_ = agent_.actor().Evaluate(states_);
    old_.mean = old_.mean.clone();
  }

  void SetAdvantages(std::vector<double> advantages) { advantages_ = std::move(advantages); }

  at::Tensor Loss(double t) {
    const at::Tensor pi_k = at::log_softmax(old_.mean, -1)[0];
    const at::Tensor weighted = (rows() * pi_k.exp() * at::tensor(advantages_, at::kDouble)).to(at::kFloat);
    return agent_.PolicyLoss(states_, actions(), weighted, pi_k, old_, t);
  }

  // Gradient steps on the loss, each logit's gradient divided by its probability (the natural gradient).
  void Optimise(double t) {
    for (int step = 0; step < 60; ++step) {
      agent_.actor().parameters().Backward(Loss(t));
      const at::Tensor p = at::softmax(agent_.actor().Evaluate(states_).mean, -1)[0].detach();
      State(agent_, "policy.0.bias").sub_(0.5 * t * agent_.actor().parameters().grad(1) / p);
    }
  }

  std::vector<double> Probabilities() const {
    const at::Tensor p = at::softmax(agent_.actor().Evaluate(states_).mean[0].detach().to(at::kDouble), -1);
    return {p.const_data_ptr<double>(), p.const_data_ptr<double>() + p.numel()};
  }

  double Kl() const { return agent_.actor().Kl(agent_.actor().Evaluate(states_), old_)[0].item<double>(); }

 private:
  std::int64_t rows() const { return static_cast<std::int64_t>(advantages_.size()); }
  at::Tensor actions() const { return at::arange(rows(), at::kFloat).unsqueeze(1); }

  MdpoOn agent_;
  std::vector<double> advantages_;
  at::Tensor states_ = at::zeros({static_cast<std::int64_t>(advantages_.size()), 1});
  Actor::Outputs old_;
};

const std::vector<double> kPiK = {0.5, 0.3, 0.2};
const std::vector<double> kAdvantages = {1, 0, -1};

// The sheet's tolerance is for double; these go through the agent's float32.
constexpr double kTolerance = 2e-6;

TEST(MdpoOn, Case1Bandit) {
  const struct {
    double t;
    std::vector<double> probabilities;
    double objective;
  } cases[] = {{0.5, {.661783, .240835, .097383}, .439342}, {1, {.784399, .173139, .042463}, .549691}};
  for (const auto& expected : cases) {
    Bandit bandit(kPiK, kAdvantages);
    bandit.Optimise(expected.t);
    EXPECT_THAT(bandit.Probabilities(), Pointwise(DoubleNear(kTolerance), expected.probabilities));
    EXPECT_NEAR(-bandit.Loss(expected.t).item<double>(), expected.objective, kTolerance);
  }
}

TEST(MdpoOn, Case15ImprovementPaysForTheDivergence) {
  Pcg64 random(3);
  for (int trial = 0; trial < 10; ++trial) {
    std::vector<double> advantages(3);
    for (double& a : advantages) a = trial == 0 ? 0 : random.StandardNormal();
    if (trial == 1) advantages = kAdvantages;
    for (const double t : {0.1, 0.5, 1.0, 4.0}) {
      // pi_{k+1} proportional to pi_k exp(t A).
      std::vector<double> optimum;
      double total = 0;
      for (std::size_t a = 0; a < 3; ++a) {
        optimum.push_back(kPiK[a] * std::exp(t * advantages[a]));
        total += optimum.back();
      }
      double improvement = 0;
      for (std::size_t a = 0; a < 3; ++a) {
        optimum[a] /= total;
        improvement += (optimum[a] - kPiK[a]) * advantages[a];
      }
      Bandit bandit(kPiK, advantages);
      bandit.SetPolicy(optimum);
      EXPECT_GE(improvement + 1e-6, bandit.Kl() / t);
      EXPECT_GE(bandit.Kl(), -1e-7);
      EXPECT_TRUE(trial != 1 || bandit.Kl() > 1e-4);
    }
  }
}

// Case 6, the soft step. In its tabular form the off-policy loss
//   sum_a pi [c log pi + (lambda - c) log pi_k - Q] = c KL(pi || pi_k) - <pi, Q - lambda log pi_k>
// is the on-policy one with t = 1/c and advantages Q - lambda log pi_k.
TEST(MdpoOn, Case6SoftStep) {
  constexpr double kLambda = 0.2;
  const auto soft_step = [](Bandit& bandit, const std::vector<double>& q) {
    const std::vector<double> pi_k = bandit.Probabilities();
    std::vector<double> soft = q;
    for (std::size_t a = 0; a < soft.size(); ++a) soft[a] -= kLambda * std::log(pi_k[a]);
    bandit.Freeze();
    bandit.SetAdvantages(soft);
    bandit.Optimise(/*t=*/1);  // c = 1
  };
  Bandit bandit(kPiK, kAdvantages);
  soft_step(bandit, kAdvantages);
  EXPECT_THAT(bandit.Probabilities(), Pointwise(DoubleNear(kTolerance), {.763655, .186691, .049654}));

  bandit.SetPolicy({1.0 / 3, 1.0 / 3, 1.0 / 3});
  for (const double expected : {1.0, 1.8, 2.44, 2.952, 3.3616}) {
    soft_step(bandit, kAdvantages);
    const std::vector<double> p = bandit.Probabilities();
    EXPECT_NEAR(std::log(p[0] / p[1]), expected, 1e-5);
  }
  for (int k = 0; k < 80; ++k) soft_step(bandit, kAdvantages);
  EXPECT_THAT(bandit.Probabilities(), Pointwise(DoubleNear(kTolerance), {.993262, .006693, 4.5094e-5}));
}

// Nodes and weights of Gauss-Hermite quadrature for the standard normal (Golub and Welsch).
std::pair<at::Tensor, at::Tensor> NormalQuadrature(std::int64_t count) {
  const at::Tensor beside = at::arange(1, count, at::kDouble).sqrt();
  const at::Tensor jacobi = at::diag_embed(beside, 1) + at::diag_embed(beside, -1);
  const auto [nodes, vectors] = at::linalg_eigh(jacobi);
  return {nodes, vectors[0].square()};
}

// Mean and deviation that maximise E_pi[A] - KL(pi || N(mu_k, sigma_k^2)) / t.
std::pair<double, double> GaussianBandit(double mu_k, double sigma_k, double t,
                                         const std::function<at::Tensor(const at::Tensor&)>& advantage) {
  MdpoOn agent = OneStateAgent(BoxTask(1, 1));
  State(agent, "policy.0.bias").fill_(mu_k);
  State(agent, "policy.log_std").fill_(std::log(sigma_k));
  constexpr std::int64_t kNodes = 40;
  const auto [nodes, weights] = NormalQuadrature(kNodes);
  const at::Tensor a = mu_k + sigma_k * nodes;
  const at::Tensor states = at::zeros({kNodes, 1});
  const at::Tensor actions = a.to(at::kFloat).unsqueeze(1);
  const at::Tensor weighted = (static_cast<double>(kNodes) * weights * advantage(a)).to(at::kFloat);
  Actor::Outputs old = agent.actor().Evaluate(states);
  old = {old.mean.detach().clone(), old.log_std.detach().clone()};
  const at::Tensor old_log_prob = agent.actor().LogProb(actions, old);
  for (int step = 0; step < 200; ++step) {
    agent.actor().parameters().Backward(agent.PolicyLoss(states, actions, weighted, old_log_prob, old, t));
    State(agent, "policy.0.bias").sub_(0.5 * t * sigma_k * sigma_k * agent.actor().parameters().grad(1));
    State(agent, "policy.log_std").sub_(0.25 * t * agent.actor().parameters().grad(2));
  }
  return {State(agent, "policy.0.bias").item<double>(), State(agent, "policy.log_std").exp().item<double>()};
}

TEST(MdpoOn, Case2GaussianBandit) {
  const auto linear = GaussianBandit(.3, .5, .4, [](const at::Tensor& a) { return 2 * a; });
  EXPECT_NEAR(linear.first, .5, 1e-5);
  EXPECT_NEAR(linear.second, .5, 1e-5);
  const auto quadratic =
      GaussianBandit(.3, .5, .4, [](const at::Tensor& a) { return -2 * (a - 1).square(); });
  EXPECT_NEAR(quadratic.first, .5, 1e-5);
  EXPECT_NEAR(quadratic.second, .422577, 1e-5);
}

TEST(MdpoOn, Case3FirstStepIsThePlainPolicyGradient) {
  for (const Task& task : {BoxTask(4, 2), DiscreteTask(4, 3)}) {
    const bool discrete = std::holds_alternative<Discrete>(task.action_space);
    MdpoOnConfig config;
    config.hidden = {8, 8};
    MdpoOn agent(task, config);
    for (const auto& [name, tensor] : agent.State()) tensor.add_(0.3 * Normal(tensor.sizes(), 5));
    constexpr std::int64_t kRows = 64;
    const at::Tensor s = Normal({kRows, 4}, 1);
    const at::Tensor actions = discrete ? (at::arange(kRows) % 3).to(at::kFloat).unsqueeze(1)
                                        : agent.actor().Evaluate(s).mean.detach() + Normal({kRows, 2}, 2);
    at::Tensor advantages = Normal({kRows}, 3);
    advantages = (advantages - advantages.mean()) / advantages.std(false);
    Actor::Outputs old = agent.actor().Evaluate(s);
    old.mean = old.mean.detach().clone();
    if (!discrete) old.log_std = old.log_std.detach().clone();
    const at::Tensor old_log_prob = agent.actor().LogProb(actions, old);
    const nn::ParameterSet& policy = agent.actor().parameters();

    policy.Backward(-(agent.actor().LogProb(actions, agent.actor().Evaluate(s)) * advantages).mean());
    const at::Tensor plain = policy.flat_grad().clone();
    const double largest = LargestEntry(plain);
    for (const double t : {0.05, 1.0, 20.0}) {
      const at::Tensor loss = agent.PolicyLoss(s, actions, advantages, old_log_prob, old, t);
      EXPECT_NEAR(loss.item<double>(), 0, 1e-6);
      EXPECT_EQ(Metric(agent, "kl"), 0);
      policy.Backward(loss);
      // Round-off of the divergence's gradient is divided by t.
      EXPECT_LT(LargestDifference(policy.flat_grad(), plain), 2e-6 * largest + 1e-7 / t);
    }
    policy.Backward(agent.actor().Kl(agent.actor().Evaluate(s), old).mean());
    EXPECT_LT(LargestEntry(policy.flat_grad()), 1e-6) << "more than the round-off of float32";
  }
}

// Central differences of the gradient of `f`, row by row.
template <class Function>
at::Tensor Hessian(const std::vector<at::Tensor>& parameters, const Function& f) {
  constexpr double kStep = 1e-5;
  std::vector<at::Tensor> rows;
  for (const at::Tensor& parameter : parameters) {
    double* entries = parameter.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < parameter.numel(); ++i) {
      const double here = entries[i];
      entries[i] = here + kStep;
      const at::Tensor above = FlatGradient(f(), parameters);
      entries[i] = here - kStep;
      const at::Tensor below = FlatGradient(f(), parameters);
      entries[i] = here;
      rows.push_back((above - below) / (2 * kStep));
    }
  }
  return at::stack(rows);
}

// E[score score^T] over states and weighted actions. `log_prob()` is (states x actions).
at::Tensor Fisher(const std::vector<at::Tensor>& parameters, const at::Tensor& log_prob,
                  const at::Tensor& weights) {
  at::Tensor sum;
  for (std::int64_t state = 0; state < log_prob.size(0); ++state) {
    for (std::int64_t action = 0; action < log_prob.size(1); ++action) {
      const at::Tensor score = FlatGradient(log_prob[state][action], parameters);
      const at::Tensor term = weights[state][action] * at::outer(score, score);
      sum = sum.defined() ? sum + term : term;
    }
  }
  return (sum / log_prob.size(0)).detach();
}

TEST(MdpoOn, Case4HessianOfTheKlIsTheFisherMatrix) {
  const at::Tensor s = Normal({3, 2}, 1).to(at::kDouble);
  const auto net = [](int outputs) {
    std::vector<at::Tensor> parameters;
    std::uint64_t seed = 10;
    for (const std::vector<std::int64_t>& shape :
         {std::vector<std::int64_t>{3, 2}, {3}, {outputs, 3}, {outputs}}) {
      parameters.push_back(Normal(shape, ++seed).to(at::kDouble).requires_grad_(true));
    }
    return parameters;
  };
  {
    const auto parameters = net(3);
    const auto logits = [&] { return ReferenceMlp(parameters, s, &at::tanh); };
    const at::Tensor old = logits().detach().clone();
    const at::Tensor hessian = Hessian(parameters, [&] { return nn::CategoricalKl(logits(), old).mean(); });
    const at::Tensor log_prob = at::log_softmax(logits(), -1);
    const at::Tensor fisher = Fisher(parameters, log_prob, log_prob.exp().detach());
    EXPECT_LT(LargestDifference(hessian, fisher), 1e-4 * LargestEntry(fisher)) << "categorical";
  }
  {
    auto parameters = net(1);
    const std::vector<at::Tensor> layers = parameters;
    parameters.push_back(at::full({1}, -0.4, at::kDouble).requires_grad_(true));  // log_std
    const auto mean = [&] { return ReferenceMlp(layers, s, &at::tanh); };
    const at::Tensor old_mean = mean().detach().clone();
    const at::Tensor old_log_std = parameters.back().detach().clone();
    const at::Tensor hessian = Hessian(
        parameters, [&] { return nn::GaussianKl(mean(), parameters.back(), old_mean, old_log_std).mean(); });
    const auto [nodes, weights] = NormalQuadrature(5);  // exact for the fourth powers of a score's square
    std::vector<at::Tensor> columns;
    for (std::int64_t i = 0; i < nodes.size(0); ++i) {
      columns.push_back(
          nn::GaussianLogProb(old_mean + old_log_std.exp() * nodes[i], mean(), parameters.back()));
    }
    const at::Tensor fisher =
        Fisher(parameters, at::stack(columns, 1), weights.expand({s.size(0), nodes.size(0)}));
    EXPECT_LT(LargestDifference(hessian, fisher), 1e-4 * LargestEntry(fisher)) << "Gaussian";
  }
}

TEST(MdpoOn, StepSizeSchedules) {
  MdpoOnConfig config;
  config.step_size = 2;
  config.step_size_schedule = "linear";
  const MdpoOn linear(BoxTask(1, 1), config);
  EXPECT_EQ(linear.StepSize(0, 10), 2);
  EXPECT_EQ(linear.StepSize(5, 10), 1);
  EXPECT_NEAR(linear.StepSize(9, 10), 0.2, 1e-15);
  EXPECT_EQ(linear.StepSize(0, 1), 2);
  config.step_size_schedule = "constant";
  EXPECT_EQ(MdpoOn(BoxTask(1, 1), config).StepSize(9, 10), 2);
  config.step_size_schedule = "inverse_sqrt";
  EXPECT_EQ(MdpoOn(BoxTask(1, 1), config).StepSize(3, 10), 1);
}

// Adam in double, apart from the kit.
class ReferenceAdam {
 public:
  explicit ReferenceAdam(double epsilon) : epsilon_(epsilon) {}
  void Step(const std::vector<at::Tensor>& parameters, const at::Tensor& gradient, double rate) {
    if (++t_ == 1) m_ = at::zeros_like(gradient), v_ = at::zeros_like(gradient);
    m_ = 0.9 * m_ + 0.1 * gradient;
    v_ = 0.999 * v_ + 0.001 * gradient.square();
    const at::Tensor step =
        rate * (m_ / (1 - std::pow(0.9, t_))) / ((v_ / (1 - std::pow(0.999, t_))).sqrt() + epsilon_);
    const at::NoGradGuard no_grad;
    std::int64_t offset = 0;
    for (const at::Tensor& parameter : parameters) {
      parameter.sub_(step.narrow(0, offset, parameter.numel()).view(parameter.sizes()));
      offset += parameter.numel();
    }
  }

 private:
  double epsilon_;
  int t_ = 0;
  at::Tensor m_;
  at::Tensor v_;
};

at::Tensor Flat(const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& parameter : parameters) parts.push_back(parameter.detach().reshape({-1}));
  return at::cat(parts);
}

// Whole iterations, written again in double from section 4 of the sheet.
TEST(MdpoOn, UpdateDoesWhatTheSheetSays) {
  MdpoOnConfig config;
  config.hidden = {8, 8};
  config.inner_steps = 3;
  config.policy_lr = 1e-2;
  config.value_lr = 0.1;  // far enough for the value clip to act
  config.value_epochs = 3;
  config.value_batch = 1000;  // all rows at once: no order
  config.rollout.timeout_bootstrap = true;
  MdpoOn agent(BoxTask(4, 2), config);
  State(agent, "policy.2.weight").mul_(100);  // means that matter
  std::vector<at::Tensor> policy = Doubles(agent.actor().parameters());
  std::vector<at::Tensor> value;
  for (const auto& [name, tensor] : agent.State()) {
    if (name.starts_with("value.")) value.push_back(tensor.to(at::kDouble).requires_grad_(true));
  }
  ASSERT_EQ(value.size(), 6);
  const std::vector<at::Tensor> layers(policy.begin(), policy.end() - 1);
  const at::Tensor& log_std = policy.back();
  ReferenceAdam policy_adam(1e-5);
  ReferenceAdam value_adam(1e-8);
  bool clip_acted = false;
  bool norm_clipped = false;

  constexpr int kIterations = 4;
  for (int k = 0; k < 2; ++k) {
    const Rollout rollout = RandomRollout(4, 2, 0, 20, 3, 70 + k);
    ASSERT_FALSE(rollout.truncated_rows.empty());
    const auto tensor = [](const std::vector<float>& rows, at::IntArrayRef shape) {
      return nn::OverHostMemory(rows, shape).to(at::kDouble);
    };
    const auto numbers = [](const at::Tensor& x) {
      const at::Tensor floats = x.detach().to(at::kFloat).contiguous();
      return std::vector<float>(floats.const_data_ptr<float>(), floats.const_data_ptr<float>() + x.numel());
    };
    const auto value_of = [&](const at::Tensor& x) { return ReferenceMlp(value, x, &at::tanh).squeeze(-1); };
    const at::Tensor s = tensor(rollout.observations, {60, 4});
    const at::Tensor a = tensor(rollout.actions, {60, 2});
    const at::Tensor old_value = value_of(s).detach();
    const auto cut = static_cast<std::int64_t>(rollout.truncated_rows.size());
    std::vector<float> advantage_rows(60);
    std::vector<float> return_rows(60);
    EstimateAdvantages(rollout, numbers(old_value),
                       numbers(value_of(tensor(rollout.last_observations, {3, 4}))),
                       numbers(0.99 * value_of(tensor(rollout.truncated_observations, {cut, 4}))), 0.99, 0.95,
                       advantage_rows, return_rows);
    at::Tensor advantages = tensor(advantage_rows, {60});
    advantages = (advantages - advantages.mean()) / advantages.std(/*unbiased=*/false);
    const at::Tensor returns = tensor(return_rows, {60});

    const double t = 1 - static_cast<double>(k) / kIterations;
    const at::Tensor old_mean = ReferenceMlp(layers, s, &at::tanh).detach();
    const at::Tensor old_sd = log_std.detach().exp();
    const auto log_density = [&](const at::Tensor& mean, const at::Tensor& sd) {
      return (-0.5 * ((a - mean) / sd).square() - sd.log()).sum(-1);
    };
    for (int step = 0; step < config.inner_steps; ++step) {
      const at::Tensor mean = ReferenceMlp(layers, s, &at::tanh);
      const at::Tensor sd = log_std.exp();
      const at::Tensor ratio = (log_density(mean, sd) - log_density(old_mean, old_sd)).exp();
      const at::Tensor kl =
          ((old_sd / sd).log() + (sd.square() + (mean - old_mean).square()) / (2 * old_sd.square()) - 0.5)
              .sum(-1)
              .mean();
      at::Tensor gradient = FlatGradient(-(ratio * advantages).mean() + kl / t, policy);
      const double norm = gradient.norm().item<double>();
      norm_clipped = norm_clipped || norm > config.max_grad_norm;
      if (norm > config.max_grad_norm) gradient = gradient * (config.max_grad_norm / (norm + 1e-6));
      policy_adam.Step(policy, gradient, config.policy_lr);
    }
    for (int epoch = 0; epoch < config.value_epochs; ++epoch) {
      const at::Tensor v = value_of(s);
      const at::Tensor clipped = old_value + (v - old_value).clamp(-0.2, 0.2);
      clip_acted = clip_acted || (clipped != v).any().item<bool>();
      value_adam.Step(
          value,
          FlatGradient(at::maximum((v - returns).square(), (clipped - returns).square()).mean(), value),
          config.value_lr);
    }
    agent.Update(rollout, k, kIterations);
    EXPECT_EQ(Metric(agent, "step_size"), t);
  }
  EXPECT_TRUE(clip_acted);
  EXPECT_TRUE(norm_clipped);
  EXPECT_LT(LargestDifference(agent.actor().parameters().flat(), Flat(policy)), 1e-5);
  std::vector<at::Tensor> ours;
  for (const auto& [name, tensor] : agent.State()) {
    if (name.starts_with("value.")) ours.push_back(tensor);
  }
  EXPECT_LT(LargestDifference(Flat(ours), Flat(value)), 1e-4);
}

TEST(MdpoOn, ValueStepsDropTheIncompleteBatch) {
  MdpoOnConfig config;
  config.hidden = {4};
  config.value_epochs = 5;
  config.value_batch = 8;
  MdpoOn agent(BoxTask(2, 1), config);
  agent.Update(RandomRollout(2, 1, 0, 10, 3, 1), 0, 1);  // 30 rows
  EXPECT_EQ(State(agent, "value_adam.step").item<double>(), 5 * 3);
  EXPECT_EQ(State(agent, "policy_adam.step").item<double>(), config.inner_steps);
}

// Half-way through the run both step lengths are half as long.
TEST(MdpoOn, StepLengthsFallLinearly) {
  const auto updated = [](bool anneal, double factor) {
    MdpoOnConfig config;
    config.hidden = {8};
    config.step_size_schedule = "constant";
    config.lr_anneal = anneal;
    config.policy_lr *= factor;
    config.value_lr *= factor;
    auto agent = std::make_unique<MdpoOn>(BoxTask(3, 2), config);
    agent->Update(RandomRollout(3, 2, 0, 64, 2, 1), /*iteration=*/2, /*iterations=*/4);
    return agent;
  };
  EXPECT_TRUE(SameBits(updated(true, 1)->State(), updated(false, 0.5)->State()));
  EXPECT_FALSE(SameBits(updated(true, 1)->State(), updated(false, 1)->State()));
}

// Case 14 and resume.
TEST(MdpoOn, SameSeedSameBitsAndResume) {
  for (const int choices : {0, 3}) {
    MdpoOnConfig config;
    config.hidden = {8};
    config.value_batch = 16;
    ExpectSameBitsAndResume(
        [&](std::uint64_t seed) {
          return std::make_unique<MdpoOn>(choices > 0 ? DiscreteTask(3, choices, seed) : BoxTask(3, 2, seed),
                                          config);
        },
        [&](Agent& agent, int first, int last) {
          for (int k = first; k < last; ++k) {
            dynamic_cast<MdpoOn&>(agent).Update(
                RandomRollout(3, choices > 0 ? 1 : 2, choices, 20, 2, 100 + static_cast<std::uint64_t>(k)), k,
                /*iterations=*/100);
          }
        },
        100);
  }
}

}  // namespace
}  // namespace strider
