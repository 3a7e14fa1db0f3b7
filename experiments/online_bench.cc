#include "experiments/online_bench.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "experiments/peer_process.h"
#include "experiments/trainer.h"

namespace strider {
namespace {

constexpr int kRows = 256;  // in a batch of the wide networks
constexpr std::int64_t kObservations = 17;
constexpr std::int64_t kActions = 6;

// How often a second `work` gets done what it returns the number of, over at least `seconds`.
template <class Work>
double Rate(double seconds, const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  for (std::int64_t done = 0;;) {
    done += work();
    const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (elapsed >= seconds) return static_cast<double>(done) / elapsed;
  }
}

// What is measured: our settings, and the request that makes the peer do as much work.
struct Case {
  std::string name;
  std::string agent;
  std::string env;
  Assignments settings;
  int warm_up;  // steps
  nlohmann::json peer;
};

std::vector<Case> Cases() {
  const Assignments small_sac = {{"agent.hidden", "64,64"},
                                 {"agent.batch_size", "100"},
                                 {"agent.learning_starts", "100"},
                                 {"agent.buffer_size", "100000"}};
  const Assignments wide = {{"agent.learning_starts", "500"}};
  // Stable-Baselines3's own settings, but for the rollouts of eight environments, which are 2048 in all too.
  const Assignments ppo = {{"agent.normalize_observations", "false"},
                           {"agent.normalize_rewards", "false"},
                           {"agent.timeout_bootstrap", "true"},
                           {"agent.lr_anneal", "false"},
                           {"agent.value_clip", "0"},
                           {"agent.value_coef", "1"}};
  const Assignments eight_mdpo = {{"run.num_envs", "8"}, {"agent.rollout_steps", "256"}};
  Assignments eight = ppo;
  eight.insert(eight.end(), eight_mdpo.begin(), eight_mdpo.end());
  const nlohmann::json sb3_small = {
      {"kind", "sb3-sac"}, {"env", "Pendulum-v1"}, {"hidden", {64, 64}}, {"batch", 100}, {"starts", 100}};
  const nlohmann::json sb3_wide = {{"kind", "sb3-sac"},
                                   {"env", "HalfCheetah-v5"},
                                   {"hidden", {256, 256}},
                                   {"batch", kRows},
                                   {"starts", 500}};
  const auto sb3_ppo = [](const char* env, int envs) {
    return nlohmann::json{{"kind", "sb3-ppo"}, {"env", env}, {"envs", envs}, {"rollout", 2048 / envs}};
  };
  return {
      {"SAC Pendulum-v1 64x64 vs SB3", "sac", "Pendulum-v1", small_sac, 1000, sb3_small},
      {"SAC Pendulum-v1 64x64 vs RLtools", "sac", "Pendulum-v1", small_sac, 1000, {{"kind", "rltools-sac"}}},
      {"PPO Pendulum-v1 64x64 vs SB3", "ppo", "Pendulum-v1", ppo, 2048, sb3_ppo("Pendulum-v1", 1)},
      {"PPO HalfCheetah-v5 x8 vs SB3", "ppo", "HalfCheetah-v5", eight, 2048, sb3_ppo("HalfCheetah-v5", 8)},
      {"MDPO-on HalfCheetah-v5 x8 vs SB3 PPO", "mdpo-on", "HalfCheetah-v5", eight_mdpo, 2048,
       sb3_ppo("HalfCheetah-v5", 8)},
      {"SAC HalfCheetah-v5 2x256 vs SB3", "sac", "HalfCheetah-v5", wide, 700, sb3_wide},
      {"MDPO-off HalfCheetah-v5 2x256 vs SB3 SAC", "mdpo-off", "HalfCheetah-v5", wide, 700, sb3_wide},
  };
}

std::vector<GivenSetting> Given(const Case& test, int threads) {
  std::vector<GivenSetting> given = {
      {"run.agent", test.agent, ""}, {"run.env", test.env, ""}, {"run.threads", std::to_string(threads), ""}};
  for (const auto& [key, value] : test.settings) given.push_back({key, value, ""});
  return given;
}

// A run that is not logged, evaluated or saved.
class Learner {
 public:
  Learner(const Case& test, int threads)
      : experiment_(Given(test, threads)), pool_(threads), trainer_(MakeTrainer(experiment_, pool_)) {
    at::set_num_threads(LearnerThreads(trainer_->agent(), threads));
    while (trainer_->step() < test.warm_up) trainer_->Advance();
  }

  double StepRate(double seconds) {
    return Rate(seconds, [&] {
      const std::int64_t before = trainer_->step();
      trainer_->Advance();
      return trainer_->step() - before;
    });
  }

 private:
  Experiment experiment_;
  WorkerPool pool_;
  std::unique_ptr<Trainer> trainer_;
};

// The products that networks cannot do without, on memory of their own.
class Products {
 public:
  // Of `copies` networks with layers of these widths.
  struct Network {
    std::vector<std::int64_t> widths;
    int copies = 1;
  };

  void AddForward(const Network& net) {
    for (std::size_t i = 0; i + 1 < net.widths.size(); ++i) {
      Add(net.copies, {kRows, net.widths[i]}, {net.widths[i], net.widths[i + 1]});
    }
  }

  // Gradients of the weights, and of all layers' inputs, the first one's only where asked for.
  void AddBackward(const Network& net, bool weights, bool first_input) {
    for (std::size_t i = 0; i + 1 < net.widths.size(); ++i) {
      const std::int64_t in = net.widths[i];
      const std::int64_t out = net.widths[i + 1];
      if (weights) Add(net.copies, {out, kRows}, {kRows, in});
      if (i > 0 || first_input) Add(net.copies, {kRows, out}, {out, in});
    }
  }

  void Compute() {
    const at::NoGradGuard no_grad;
    for (Product& p : products_) at::mm_out(p.out, p.a, p.b);
  }

 private:
  struct Product {
    at::Tensor a;
    at::Tensor b;
    at::Tensor out;
  };

  void Add(int copies, at::IntArrayRef a, at::IntArrayRef b) {
    for (int copy = 0; copy < copies; ++copy) {
      products_.push_back({at::rand(a), at::rand(b), at::empty({a[0], b[1]})});
    }
  }

  std::vector<Product> products_;
};

// Those of one update of SAC, or of off-policy MDPO with its value network, as written down in
// agents/mdpo_off.cc, each counted once though the latter makes Q_1 at pi's action twice.
Products ProductsOfUpdate(const std::string& agent) {
  const bool sac = agent == "sac";
  const Products::Network policy = {{kObservations, kRows, kRows, 2 * kActions}};
  const auto critics = [](int copies) {
    return Products::Network{{kObservations + kActions, kRows, kRows, 1}, copies};
  };
  const Products::Network value = {{kObservations, kRows, kRows, 1}};
  Products products;
  for (int k = 0; k < 2; ++k) products.AddForward(policy);  // at s and s', or of the old policy too
  products.AddBackward(policy, /*weights=*/true, /*first_input=*/false);
  for (int k = 0; k < 2; ++k) products.AddForward(critics(2));  // at the batch and at pi's action
  products.AddBackward(critics(2), /*weights=*/true, /*first_input=*/false);
  products.AddBackward(critics(sac ? 2 : 1), /*weights=*/false, /*first_input=*/true);
  if (sac) {
    products.AddForward(critics(2));  // for the targets
  } else {
    for (int k = 0; k < 2; ++k) products.AddForward(value);
    products.AddBackward(value, /*weights=*/true, /*first_input=*/false);
  }
  return products;
}

TransitionBatch RandomBatch() {
  TransitionBatch batch;
  batch.indices = at::arange(kRows);
  batch.observations = at::randn({kRows, kObservations});
  batch.actions = 2 * at::rand({kRows, kActions}) - 1;
  batch.rewards = at::randn({kRows});
  batch.next_observations = at::randn({kRows, kObservations});
  batch.terminals = at::zeros({kRows});
  return batch;
}

class Bench {
 public:
  Bench(const OnlineBenchOptions& options, const std::function<void(const BenchResult&)>& report)
      : options_(options), report_(report) {
    if (options.peer_python.empty()) return;
    peer_ = std::make_unique<PeerProcess>(
        std::vector<std::string>{options.peer_python, "-u", "-c", std::string(OnlinePeersScript())});
  }

  std::vector<BenchResult> Run() {
    for (const Case& test : Cases()) MeasureTraining(test);
    at::set_num_threads(options_.threads);
    for (const char* agent : {"sac", "mdpo-off"}) MeasureUpdate(agent);
    return std::move(results_);
  }

 private:
  void MeasureTraining(const Case& test) {
    Learner learner(test, options_.threads);
    Keep(InTurns(
        test.name, "steps/s", options_.repetitions, [&] { return learner.StepRate(options_.seconds); },
        [&] { return AskPeer(test.peer); }));
  }

  void MeasureUpdate(const std::string& agent) {
    const Experiment experiment(
        {{"run.agent", agent, ""}, {"run.env", "HalfCheetah-v5", ""}, {"run.threads", "1", ""}});
    Task task;
    task.observation_size = kObservations;
    task.action_space = UniformBox(kActions, -1, 1);
    const auto learner = experiment.factory().MakeOffPolicy(task, nullptr);
    const TransitionBatch batch = RandomBatch();
    Products products = ProductsOfUpdate(agent);
    const auto update = [&] { return Rate(options_.seconds, [&] { return learner->Update(batch), 1; }); };
    const auto limit = [&] { return Rate(options_.seconds, [&] { return products.Compute(), 1; }); };
    for (int k = 0; k < 20; ++k) {
      learner->Update(batch);
      products.Compute();
    }
    Keep(InTurns(agent + " update 2x256 vs its matrix products", "updates/s", options_.repetitions, update,
                 [&] { return std::optional(limit()); }));
  }

  std::optional<double> AskPeer(nlohmann::json request) {
    if (peer_ == nullptr) return std::nullopt;
    request["seconds"] = options_.seconds;
    request["threads"] = options_.threads;
    const auto answer = nlohmann::json::parse(peer_->Ask(request.dump()));
    return answer.is_null() ? std::nullopt : std::optional(answer.get<double>());
  }

  void Keep(const BenchResult& result) {
    results_.push_back(result);
    if (report_) report_(result);
  }

  const OnlineBenchOptions& options_;
  const std::function<void(const BenchResult&)>& report_;
  std::unique_ptr<PeerProcess> peer_;
  std::vector<BenchResult> results_;
};

}  // namespace

std::vector<BenchResult> BenchOnline(const OnlineBenchOptions& options,
                                     const std::function<void(const BenchResult&)>& report) {
  return Bench(options, report).Run();
}

}  // namespace strider
