#include "agents/hac.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace strider {
namespace {

RolloutConfig MakeRolloutConfig(const HacConfig& config, const Task& task) {
  RolloutConfig rollout;
  rollout.steps = WholeEpisodes(config.rollout_steps, task.fixed_length);
  rollout.discount = config.evaluation.discount;
  rollout.normalize_observations = false;
  rollout.normalize_rewards = false;
  rollout.timeout_bootstrap = true;
  return rollout;
}

int ActionCount(const Task& task) {
  const auto* actions = std::get_if<Discrete>(&task.action_space);
  if (actions != nullptr && task.augmentation.one_hot) return actions->n;
  throw InputError("this agent learns tables; expected an environment of discrete states and actions");
}

// The whole numbers that a host tensor or a list of floats holds.
template <class Floats>
std::vector<std::int64_t> Numbers(const Floats& floats) {
  std::vector<std::int64_t> numbers;
  for (const float x : floats) numbers.push_back(static_cast<std::int64_t>(x));
  return numbers;
}

// Throws InputError where a row's number is none of 0 ... count - 1; rows that `skipped` marks are not looked
// at.
void CheckNumbers(std::string_view name, std::span<const float> numbers, int count,
                  std::span<const float> skipped = {}) {
  for (std::size_t row = 0; row < numbers.size(); ++row) {
    const float number = numbers[row];
    if (!skipped.empty() && skipped[row] != 0) continue;
    if (number >= 0 && number < static_cast<float>(count) && std::floor(number) == number) continue;
    throw InputError("{}: transition {} holds {}; expected whole numbers from 0 to {}", name, row, number,
                     count - 1);
  }
}

std::span<const float> Values(const at::Tensor& host) {
  return {host.const_data_ptr<float>(), static_cast<std::size_t>(host.numel())};
}

Eigen::VectorXd AsVector(std::span<const float> values) {
  return Eigen::Map<const Eigen::VectorXf>(values.data(), static_cast<Eigen::Index>(values.size()))
      .cast<double>();
}

// All columns of several batches, one batch after the other.
TransitionBatch Joined(const std::vector<TransitionBatch>& batches) {
  const auto join = [&](at::Tensor TransitionBatch::*column) {
    std::vector<at::Tensor> parts;
    for (const TransitionBatch& batch : batches) parts.push_back(batch.*column);
    return at::cat(parts).cpu().contiguous();
  };
  return {join(&TransitionBatch::indices),           join(&TransitionBatch::observations),
          join(&TransitionBatch::actions),           join(&TransitionBatch::rewards),
          join(&TransitionBatch::next_observations), join(&TransitionBatch::terminals)};
}

}  // namespace

Hac::Hac(const Task& task, Config config, const TransitionColumns* data)
    : OnPolicyAgent(task),
      config_(config),
      rollout_(MakeRolloutConfig(config, task)),
      states_(task.observation_size),
      actions_(ActionCount(task)),
      logits_(at::zeros({states_, actions_})),
      critic_(at::zeros({states_, actions_})) {
  Declare({"critic_loss", "entropy"});
  if (data == nullptr) {
    if (config_.evaluation.on_policy_weight > 0) return;
    throw InputError(
        "agent.on_policy_weight = 0 leaves nothing to learn from; expected --dataset FILE as well");
  }
  if (data->observation_size != 1 || data->action_size != 1) {
    throw InputError("observations are {} wide and actions {}; expected numbers of states and of actions",
                     data->observation_size, data->action_size);
  }
  CheckNumbers("observations", data->observations, states_);
  CheckNumbers("actions", data->actions, actions_);
  CheckNumbers("next_observations", data->next_observations, states_, data->terminals);
  offline_.emplace(*data, task, std::max(task.fixed_length, 1));
}

FeatureRows Hac::Pairs(const std::vector<std::int64_t>& states,
                       const std::vector<std::int64_t>& actions) const {
  FeatureRows pairs(static_cast<Eigen::Index>(states.size()), static_cast<Eigen::Index>(states_) * actions_);
  pairs.reserve(Eigen::VectorXi::Ones(pairs.rows()));
  for (std::size_t i = 0; i < states.size(); ++i) {
    pairs.insert(static_cast<Eigen::Index>(i), states[i] * actions_ + actions[i]) = 1;
  }
  return pairs;
}

std::vector<std::int64_t> Hac::StatesOf(const std::vector<float>& observations) const {
  std::vector<std::int64_t> states;
  for (auto row = observations.begin(); row != observations.end(); row += states_) {
    states.push_back(std::max_element(row, row + states_) - row);
  }
  return states;
}

OnPolicySamples Hac::OnPolicy(const Rollout& rollout) const {
  const at::Tensor probabilities = Probabilities();
  // What the last evaluation says of states in which the rollout or the time limit cuts an episode.
  const auto judge = [&](const std::vector<float>& observations, double scale) {
    std::vector<float> values;
    for (const std::int64_t state : StatesOf(observations)) {
      values.push_back(static_cast<float>(scale * probabilities[state].dot(critic_[state]).item<double>()));
    }
    return values;
  };
  const auto rows = static_cast<std::size_t>(rollout.rows());
  const std::vector<float> no_values(rows, 0.0F);
  std::vector<float> advantages(rows);
  std::vector<float> returns(rows);
  // Without values and with lambda = 1 the advantage is the return.
  EstimateAdvantages(rollout, no_values, judge(rollout.last_observations, 1),
                     judge(rollout.truncated_observations, rollout_.discount), rollout_.discount,
                     /*lambda=*/1, advantages, returns);
  return {Pairs(StatesOf(rollout.observations), Numbers(rollout.actions)), AsVector(returns)};
}

OfflineSamples Hac::Offline() {
  if (!offline_) {
    const FeatureRows none(0, static_cast<Eigen::Index>(states_) * actions_);
    return {none, {}, none};
  }
  const TransitionBatch batch = Joined(offline_->Draw(config_.offline_rows));
  const at::Tensor probabilities = Probabilities();
  const std::span<const float> policy = Values(probabilities);
  const std::vector<std::int64_t> next = Numbers(Values(batch.next_observations));
  const std::span<const float> terminals = Values(batch.terminals);
  FeatureRows expected(static_cast<Eigen::Index>(next.size()), static_cast<Eigen::Index>(states_) * actions_);
  expected.reserve(Eigen::VectorXi::Constant(expected.rows(), actions_));
  for (std::size_t i = 0; i < next.size(); ++i) {
    if (terminals[i] != 0) continue;
    for (int a = 0; a < actions_; ++a) {
      const std::int64_t pair = next[i] * actions_ + a;
      expected.insert(static_cast<Eigen::Index>(i), pair) = policy[static_cast<std::size_t>(pair)];
    }
  }
  return {Pairs(Numbers(Values(batch.observations)), Numbers(Values(batch.actions))),
          AsVector(Values(batch.rewards)), expected};
}

void Hac::Multiply(const at::Tensor& f) {
  logits_.add_(f, config_.eta);
  logits_.sub_(at::logsumexp(logits_, {-1}, /*keepdim=*/true));
}

void Hac::Update(const Rollout& rollout, std::int64_t /*iteration*/, std::int64_t /*iterations*/) {
  const OnPolicySamples online = OnPolicy(rollout);
  const Eigen::VectorXd f = EvaluateHybrid(online, Offline(), config_.evaluation, AsVector(Values(critic_)));
  Eigen::Map<Eigen::VectorXf>(critic_.mutable_data_ptr<float>(), critic_.numel()) = f.cast<float>();
  Multiply(critic_);
  const double loss =
      (online.features * f - online.returns).squaredNorm() / static_cast<double>(rollout.rows());
  Report("critic_loss", at::scalar_tensor(loss));
  Report("entropy", -(Probabilities() * logits_).sum(-1).mean());
  CountUpdate();
}

Policy Hac::MakePolicy() const {
  Policy policy = UniformPolicy(task().observation_size, task().action_space);
  policy.distribution = ActionDistribution::kCategorical;
  policy.augmentation = task().augmentation;
  using Table = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  policy.mean.weight =
      Eigen::Map<const Table>(logits_.const_data_ptr<float>(), states_, actions_).transpose();
  policy.mean.bias = Eigen::VectorXf::Zero(actions_);
  return policy;
}

}  // namespace strider
