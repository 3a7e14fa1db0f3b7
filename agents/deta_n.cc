#include "agents/deta_n.h"

namespace strider {

DetaNConfig::DetaNConfig() {
  replay = {.batch_size = 64,
            .buffer_size = 50000,
            .learning_starts = 1000,
            .updates_per_step = 1,
            .update_interval = 1};
  draws.discount = 1;
  hidden = {128, 128};
  lr = 1e-3;
}

DetaN::DetaN(const Task& task, const Config& config)
    : QrDqn(task, config, config.quantile), stocks_(task, config.stock, config.draws.discount) {
  Declare({"initial_stock"});
}

at::Tensor DetaN::Greedy(const at::Tensor& outputs, const at::Tensor& observations) const {
  const at::Tensor stock = stocks_.Of(observations).unsqueeze(1);
  return nn::BestAction(nn::MeanUtility(outputs, stock, stocks_.weights()), outputs.mean(2));
}

void DetaN::Update(const TransitionBatch& batch) {
  stocks_.RememberStarts(batch);
  QrDqn::Update(stocks_.Edited(batch, random()));
}

void DetaN::AfterTargetMove() {
  stocks_.Choose([this](const at::Tensor& observations) {
    const at::Tensor theta = Outputs(online(), observations);
    return theta.take_along_dim(Greedy(theta, observations).view({-1, 1, 1}), 1).squeeze(1);
  });
  Report("initial_stock", stocks_.initial().clone());
}

Policy DetaN::MakePolicy() const {
  Policy policy = SnapshotNetwork();
  policy.distribution = ActionDistribution::kGreedyUtility;
  stocks_.Describe(policy);
  return policy;
}

std::vector<nn::NamedTensor> DetaN::State() const {
  return nn::Concatenate({QrDqn::State(), stocks_.State()});
}

}  // namespace strider
