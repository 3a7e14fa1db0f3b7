#include "experiments/env_bench.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "envs/mujoco/mujoco_env.h"
#include "envs/registry.h"
#include "envs/vector_env.h"
#include "experiments/peer_process.h"

namespace strider {
namespace {

constexpr int kRobots = 64;    // in a vector
constexpr int kSmall = 1024;   // the other environments
constexpr int kBlock = 20;     // steps between looks at the clock
constexpr int kActions = 512;  // rows drawn beforehand, for single environments
constexpr std::string_view kUnit = "steps/s";

using Rate = std::function<double()>;

std::vector<float> RandomActions(const EnvSpec& spec, int rows) {
  Pcg64 random(7);
  const auto width = static_cast<std::size_t>(spec.action_size());
  std::vector<float> actions(static_cast<std::size_t>(rows) * width);
  for (std::size_t i = 0; i < actions.size(); i += width) {
    SampleUniform(spec.action_space, random, std::span(actions).subspan(i, width));
  }
  return actions;
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// How often a second `block` gets done what it does `steps` of, over at least `seconds`.
template <class Block>
double Measure(const Block& block, int steps, double seconds) {
  const auto start = std::chrono::steady_clock::now();
  for (int blocks = 1;; ++blocks) {
    block();
    const double elapsed = SecondsSince(start);
    if (elapsed >= seconds) return static_cast<double>(blocks) * steps / elapsed;
  }
}

// One environment, random actions, reset where an episode ends.
class SingleRunner {
 public:
  explicit SingleRunner(const std::string& id)
      : env_(MakeEnv(id)),
        actions_(RandomActions(env_->spec(), kActions)),
        observation_(static_cast<std::size_t>(env_->spec().observation_size())) {
    env_->Reset(0, observation_);
  }

  void Steps(int count) {
    const auto width = static_cast<std::size_t>(env_->spec().action_size());
    for (int i = 0; i < count; ++i) {
      const StepResult result = env_->Step(std::span(actions_).subspan(next_, width), observation_);
      next_ = (next_ + width) % actions_.size();
      if (result.terminated || result.truncated) env_->Reset(observation_);
    }
  }

 private:
  std::unique_ptr<Env> env_;
  std::vector<float> actions_;
  std::vector<double> observation_;
  std::size_t next_ = 0;
};

class VectorRunner {
 public:
  VectorRunner(const std::string& id, int size, int threads)
      : pool_(threads), envs_([&] { return MakeEnv(id); }, size, pool_) {
    actions_ = RandomActions(envs_.spec(), size * kRows);
    envs_.Reset(0);
  }

  void Steps(int count) {
    const std::size_t width = actions_.size() / kRows;
    for (int i = 0; i < count; ++i) {
      envs_.Step(std::span(actions_).subspan(static_cast<std::size_t>(i % kRows) * width, width));
    }
  }

 private:
  static constexpr int kRows = 16;

  WorkerPool pool_;
  VectorEnv envs_;
  std::vector<float> actions_;
};

// A robot's step and the bare mj_step loop, from one state with the same actions, so that both simulate the
// same. Episodes are not ended.
class BareComparison {
 public:
  BareComparison(const std::string& id, const MujocoEnv& robot)
      : env_(MakeEnv(id)),
        model_(robot.model()),
        data_(mj_makeData(&model_)),
        observation_(static_cast<std::size_t>(env_->spec().observation_size())) {
    for (const Setting& setting : FindEnv(id).options()) {
      if (setting.key == "env.frame_skip") frame_skip_ = std::stoi(setting.get());
    }
    env_->Reset(0, observation_);
    const std::vector<float> actions = RandomActions(env_->spec(), kSettling);
    const auto width = static_cast<std::size_t>(env_->spec().action_size());
    // On the ground and moving.
    for (std::size_t i = 0; i < actions.size(); i += width) {
      env_->Step(std::span(actions).subspan(i, width), observation_);
    }
    env_->Save(saved_);
    physics_ = env_->State();
    actions_ = RandomActions(env_->spec(), kSteps);
  }

  double OurRate(double seconds) {
    return Paused(
        seconds,
        [&] {
          StateReader in(saved_.bytes());
          env_->Load(in);
        },
        [&](std::span<const float> action) { env_->Step(action, observation_); });
  }

  double BareRate(double seconds) {
    return Paused(
        seconds,
        [&] {
          std::copy_n(physics_.data(), model_.nq, data_->qpos);
          std::copy_n(physics_.data() + model_.nq, model_.nv, data_->qvel);
          std::copy_n(physics_.data() + model_.nq + model_.nv, model_.nv, data_->qacc_warmstart);
        },
        [&](std::span<const float> action) {
          std::ranges::copy(action, data_->ctrl);
          for (int k = 0; k < frame_skip_; ++k) mj_step(&model_, data_.get());
        });
  }

 private:
  static constexpr int kSettling = 50;
  static constexpr int kSteps = 100;

  // Rate of `step` over all actions, `restore` before each round not counted.
  template <class Restore, class Step>
  double Paused(double seconds, const Restore& restore, const Step& step) {
    const auto width = static_cast<std::size_t>(env_->spec().action_size());
    double elapsed = 0;
    int steps = 0;
    while (elapsed < seconds) {
      restore();
      const auto start = std::chrono::steady_clock::now();
      for (std::size_t i = 0; i < actions_.size(); i += width) {
        step(std::span<const float>(actions_).subspan(i, width));
      }
      elapsed += SecondsSince(start);
      steps += kSteps;
    }
    return steps / elapsed;
  }

  std::unique_ptr<Env> env_;
  const mjModel& model_;
  OwnedData data_;
  std::vector<double> observation_;
  int frame_skip_ = 1;
  StateWriter saved_;
  std::vector<double> physics_;
  std::vector<float> actions_;
};

class Bench {
 public:
  Bench(const EnvBenchOptions& options, const std::function<void(const BenchResult&)>& report)
      : options_(options), report_(report) {
    if (options.peer_python.empty()) return;
    peer_ = std::make_unique<PeerProcess>(
        std::vector<std::string>{options.peer_python, "-u", "-c", std::string(EnvPeersScript())});
  }

  void Measure(const std::string& id) {
    const auto env = MakeEnv(id);
    const auto* robot = dynamic_cast<const MujocoEnv*>(env.get());
    if (robot != nullptr) {
      BareComparison comparison(id, *robot);
      Pair(
          id + " vs mj_step", [&] { return comparison.OurRate(options_.seconds); },
          [&] { return std::optional(comparison.BareRate(options_.seconds)); });
    }
    {
      SingleRunner single(id);
      AgainstPeer(id, "gymnasium", 1, [&] { single.Steps(kBlock); });
    }
    const int size = robot != nullptr ? kRobots : kSmall;
    VectorRunner vector(id, size, options_.threads);
    AgainstPeer(id, "envpool", size, [&] { vector.Steps(kBlock); });
    if (robot != nullptr) AgainstPeer(id, "rollout", size, [&] { vector.Steps(kBlock); });
  }

  std::vector<BenchResult> TakeResults() { return std::move(results_); }

 private:
  template <class Block>
  void AgainstPeer(const std::string& id, const std::string& kind, int size, const Block& block) {
    const nlohmann::json request = {{"kind", kind},
                                    {"id", id},
                                    {"size", size},
                                    {"threads", options_.threads},
                                    {"seconds", options_.seconds}};
    const std::string count = size == 1 ? "" : fmt::format(" x{}", size);
    block();  // warm-up
    Pair(
        id + count + " vs " + (kind == "rollout" ? "mujoco.rollout" : kind),
        [&] { return strider::Measure(block, kBlock * size, options_.seconds); },
        [&]() -> std::optional<double> {
          if (peer_ == nullptr) return std::nullopt;
          const auto answer = nlohmann::json::parse(peer_->Ask(request.dump()));
          return answer.is_null() ? std::nullopt : std::optional(answer.get<double>());
        });
  }

  void Pair(const std::string& name, const std::function<double()>& ours,
            const std::function<std::optional<double>()>& peer) {
    results_.push_back(InTurns(name, std::string(kUnit), options_.repetitions, ours, peer));
    if (report_) report_(results_.back());
  }

  const EnvBenchOptions& options_;
  const std::function<void(const BenchResult&)>& report_;
  std::unique_ptr<PeerProcess> peer_;
  std::vector<BenchResult> results_;
};

}  // namespace

std::vector<std::string> BenchedEnvIds() {
  std::vector<std::string> ids;
  for (const EnvEntry& entry : EnvRegistry()) {
    const bool classic = FindEnv(entry.id).make(entry.id, {})->MakeBatch(1) != nullptr;
    if (entry.id.ends_with("-v5") || (classic && entry.id != "CartPole-v0")) ids.emplace_back(entry.id);
  }
  return ids;
}

std::vector<BenchResult> BenchEnvs(std::span<const std::string> ids, const EnvBenchOptions& options,
                                   const std::function<void(const BenchResult&)>& report) {
  for (const std::string& id : ids) FindEnv(id);
  Bench bench(options, report);
  for (const std::string& id : ids) bench.Measure(id);
  return bench.TakeResults();
}

}  // namespace strider
