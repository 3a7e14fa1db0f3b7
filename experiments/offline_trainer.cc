#include "experiments/offline_data.h"
#include "experiments/trainer.h"

namespace strider {
namespace {

// Updates from minibatches of a dataset; over and over.
class OfflineTrainer final : public Trainer {
 public:
  explicit OfflineTrainer(const Experiment& experiment)
      : data_(LoadData(experiment, ActionFrame::kUnit)),
        sampler_(ColumnsOf(data_.transitions), data_.task.device,
                 StreamSeed(data_.task.seed, Purpose::kSampling)) {
    const TransitionColumns columns = ColumnsOf(data_.transitions);
    agent_ = experiment.factory().MakeOffPolicy(data_.task, &columns);
    if (data_.transitions.size < static_cast<std::size_t>(agent_->replay().batch_size)) {
      throw InputError("{}: {} transitions to learn from, fewer than agent.batch_size = {}",
                       experiment.run().dataset, data_.transitions.size, agent_->replay().batch_size);
    }
  }

  void Advance() override {
    agent_->Update(
        sampler_.Sample(agent_->replay().batch_size, static_cast<std::int64_t>(data_.transitions.size)));
    CountSteps(1);
  }

  Agent& agent() override { return *agent_; }
  Policy CurrentPolicy() const override { return agent_->MakePolicy(); }

 private:
  void DoSave(StateWriter& out) const override { sampler_.Save(out); }
  void DoLoad(StateReader& in) override { sampler_.Load(in); }

  OfflineData data_;
  BatchSampler sampler_;
  std::unique_ptr<OffPolicyAgent> agent_;
};

}  // namespace

std::unique_ptr<Trainer> MakeOfflineTrainer(const Experiment& experiment) {
  return std::make_unique<OfflineTrainer>(experiment);
}

}  // namespace strider
