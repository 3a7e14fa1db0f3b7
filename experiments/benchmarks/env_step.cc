// How fast environments step, and what Strider adds to MuJoCo's own step.
//
//   Overhead/<id>         for each MuJoCo robot: single-environment Step against the bare mj_step loop with
//                         the same frame skip and actions, restored to the same state before each turn.
//                         `ratio` is the median over the turns of Step's time by the loop's; `bare_ns` and
//                         `step_ns` are medians per control step. `ratio_contacts`: against a loop that also
//                         computes contact forces, for the robots that observe them.
//   Steps/<id>            random actions with resets, one environment
//   VectorSteps/<id>/T    the same, sixteen environments on T threads
//   MjBatch/<id>/T        64 robots that never fall, from the same states with the same actions: Step under
//                         our WorkerPool of T threads, as VectorEnv does it, against the bare physics under
//                         MuJoCo's own mjBatch, in turns. `ratio` is mjBatch's time by ours, the median
#include <benchmark/benchmark.h>
#include <mujoco/mjbatch.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envs/mujoco/mujoco_env.h"
#include "envs/registry.h"
#include "envs/vector_env.h"

namespace strider {
namespace {

constexpr std::size_t kBatch = 200;  // control steps
constexpr std::size_t kTurn = 50;    // control steps of a turn in Overhead

// `rows` random actions, one after the other.
std::vector<float> RandomActions(const EnvSpec& spec, std::size_t rows) {
  Pcg64 random(7);
  const auto width = static_cast<std::size_t>(spec.action_size());
  std::vector<float> actions(rows * width);
  for (std::size_t i = 0; i < rows; ++i) {
    SampleUniform(spec.action_space, random, std::span(actions).subspan(i * width, width));
  }
  return actions;
}

// Of the processor, on which other programs do not count.
double ThreadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class Work>
double Seconds(const Work& work) {
  const double start = ThreadSeconds();
  work();
  return ThreadSeconds() - start;
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

int FrameSkip(const EnvEntry& entry) {
  const std::vector<Setting> options = entry.options();
  return std::stoi(std::ranges::find(options, "env.frame_skip", &Setting::key)->get());
}

// The robots whose Step ends with mj_rnePostConstraint, as Gymnasium's does.
bool ComputesContactForces(std::string_view id) {
  return id == "Ant-v5" || id == "Humanoid-v5" || id == "HumanoidStandup-v5";
}

// MuJoCo alone: the same steps of the same robot with nothing around them.
class BareLoop {
 public:
  BareLoop(const mjModel& model, int frame_skip, bool contact_forces, std::span<const float> actions)
      : model_(model),
        data_(mj_makeData(&model)),
        frame_skip_(frame_skip),
        contact_forces_(contact_forces),
        actions_(actions) {}

  // Starts from qpos, qvel and qacc_warmstart in a row.
  void Restore(std::span<const double> state) {
    std::copy_n(state.data(), model_.nq, data_->qpos);
    std::copy_n(state.data() + model_.nq, model_.nv, data_->qvel);
    std::copy_n(state.data() + model_.nq + model_.nv, model_.nv, data_->qacc_warmstart);
  }

  void Run() {
    const auto width = static_cast<std::size_t>(model_.nu);
    for (std::size_t i = 0; i < kTurn; ++i) {
      std::copy_n(actions_.data() + i * width, width, data_->ctrl);
      for (int k = 0; k < frame_skip_; ++k) mj_step(&model_, data_.get());
      if (contact_forces_) mj_rnePostConstraint(&model_, data_.get());
    }
  }

  std::span<const double> qpos() const { return {data_->qpos, static_cast<std::size_t>(model_.nq)}; }

 private:
  const mjModel& model_;
  OwnedData data_;
  int frame_skip_;
  bool contact_forces_;
  std::span<const float> actions_;
};

void Overhead(benchmark::State& state, const EnvEntry& entry) {
  const auto env = MakeEnv(entry.id);
  const mjModel& model = dynamic_cast<MujocoEnv&>(*env).model();
  const std::vector<float> actions = RandomActions(env->spec(), kTurn);
  const auto width = static_cast<std::size_t>(env->spec().action_size());
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation_size()));

  const auto step_turn = [&] {
    for (std::size_t i = 0; i < kTurn; ++i) {
      benchmark::DoNotOptimize(env->Step(std::span(actions).subspan(i * width, width), observation));
    }
  };
  env->Reset(0, observation);
  step_turn();  // the robot is on the ground and moving
  StateWriter saved;
  env->Save(saved);
  const std::vector<double> physics = env->State();

  // Without and with Gymnasium's call for contact forces, where the robot makes it.
  std::vector<BareLoop> loops;
  loops.emplace_back(model, FrameSkip(entry), false, actions);
  if (ComputesContactForces(entry.id)) loops.emplace_back(model, FrameSkip(entry), true, actions);

  std::vector<double> step_seconds;
  std::vector<std::vector<double>> bare_seconds(loops.size());
  std::vector<std::vector<double>> ratios(loops.size());
  const auto run_bare = [&] {
    for (std::size_t k = 0; k < loops.size(); ++k) {
      bare_seconds[k].push_back(Seconds([&] { loops[k].Run(); }));
    }
  };
  for (auto _ : state) {
    StateReader in(saved.bytes());
    env->Load(in);
    for (BareLoop& loop : loops) loop.Restore(physics);
    // Who comes first alternates, so that neither always finds the warmer processor.
    const bool bare_first = step_seconds.size() % 2 == 0;
    if (bare_first) run_bare();
    step_seconds.push_back(Seconds(step_turn));
    if (!bare_first) run_bare();
    for (std::size_t k = 0; k < loops.size(); ++k) {
      ratios[k].push_back(step_seconds.back() / bare_seconds[k].back());
      if (!std::ranges::equal(env->qpos(), loops[k].qpos())) {
        state.SkipWithError("Step and the bare loop do not compute the same");
      }
    }
    state.SetIterationTime(step_seconds.back());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kTurn));
  state.counters["turns"] = static_cast<double>(step_seconds.size());
  state.counters["step_ns"] = Median(step_seconds) / kTurn * 1e9;
  state.counters["bare_ns"] = Median(bare_seconds.front()) / kTurn * 1e9;
  state.counters["ratio"] = Median(ratios.front());
  if (loops.size() > 1) state.counters["ratio_contacts"] = Median(ratios.back());
}

void Steps(benchmark::State& state, const std::string& id) {
  const auto env = MakeEnv(id);
  const std::vector<float> actions = RandomActions(env->spec(), kBatch);
  const auto width = static_cast<std::size_t>(env->spec().action_size());
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation_size()));
  env->Reset(0, observation);
  for (auto _ : state) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      const StepResult result = env->Step(std::span(actions).subspan(i * width, width), observation);
      if (result.terminated || result.truncated) env->Reset(observation);
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kBatch));
}

void VectorSteps(benchmark::State& state, const std::string& id) {
  constexpr int kSize = 16;
  WorkerPool pool(static_cast<int>(state.range(0)));
  VectorEnv envs([&] { return MakeEnv(id); }, kSize, pool);
  const std::vector<float> actions = RandomActions(envs.spec(), kBatch * kSize);
  const std::size_t width = actions.size() / kBatch;
  envs.Reset(0);
  for (auto _ : state) {
    for (std::size_t i = 0; i < kBatch; ++i) envs.Step(std::span(actions).subspan(i * width, width));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kBatch * kSize));
}

// The bare physics of many robots on MuJoCo's own thread pool.
class BatchLoop {
 public:
  BatchLoop(const mjModel& model, int frame_skip, std::size_t size, int threads) : frame_skip_(frame_skip) {
    mjBatchConfig config;
    mjb_defaultConfig(&config);
    config.nthread = threads;
    config.persistent = 1;
    batch_.reset(mjb_makeBatch(&model, static_cast<int>(size), &config, nullptr, 0));
  }

  // Starts simulation i from qpos, qvel and qacc_warmstart in row i.
  void Restore(const std::vector<std::vector<double>>& states) {
    states_ = &states;
    mjb_apply(
        batch_.get(), nullptr, mjb_nsim(batch_.get()),
        [](const mjModel* model, mjData* data, int sim, void* self) {
          const auto& rows = *static_cast<const BatchLoop*>(self)->states_;
          const double* state = rows[static_cast<std::size_t>(sim)].data();
          std::copy_n(state, model->nq, data->qpos);
          std::copy_n(state + model->nq, model->nv, data->qvel);
          std::copy_n(state + model->nq + model->nv, model->nv, data->qacc_warmstart);
        },
        this, /*save=*/1);
  }

  // One control step of all, with a row of actions each.
  void Step(std::span<const float> actions) {
    actions_ = actions;
    mjb_apply(
        batch_.get(), nullptr, mjb_nsim(batch_.get()),
        [](const mjModel* model, mjData* data, int sim, void* self) {
          const auto& loop = *static_cast<const BatchLoop*>(self);
          std::copy_n(loop.actions_.data() + sim * model->nu, model->nu, data->ctrl);
          for (int k = 0; k < loop.frame_skip_; ++k) mj_step(model, data);
        },
        this, /*save=*/0);
  }

 private:
  struct Delete {
    void operator()(mjBatch* batch) const { mjb_deleteBatch(batch); }
  };
  std::unique_ptr<mjBatch, Delete> batch_;
  int frame_skip_;
  std::span<const float> actions_;
  const std::vector<std::vector<double>>* states_ = nullptr;
};

void MjBatch(benchmark::State& state, const EnvEntry& entry) {
  constexpr std::size_t kSize = 64;
  constexpr std::size_t kSteps = 20;
  const auto threads = static_cast<int>(state.range(0));
  WorkerPool pool(threads);
  std::vector<std::unique_ptr<Env>> robots;
  for (std::size_t i = 0; i < kSize; ++i) robots.push_back(MakeEnv(entry.id));
  const EnvSpec& spec = robots.front()->spec();
  BatchLoop batch(dynamic_cast<MujocoEnv&>(*robots.front()).model(), FrameSkip(entry), kSize, threads);
  const std::vector<float> actions = RandomActions(spec, kSteps * kSize);
  const auto width = static_cast<std::size_t>(spec.action_size());
  std::vector<std::vector<double>> observations(
      kSize, std::vector<double>(static_cast<std::size_t>(spec.observation_size())));
  for (std::size_t i = 0; i < kSize; ++i) robots[i]->Reset(i, observations[i]);

  const auto step = [&](std::span<const float> rows) {
    pool.ParallelFor(kSize, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
        robots[i]->Step(rows.subspan(i * width, width), observations[i]);
      }
    });
  };
  const auto step_batch = [&](std::span<const float> rows) { batch.Step(rows); };
  using Clock = std::chrono::steady_clock;
  const auto turn = [&](const auto& step_all) {
    const auto start = Clock::now();
    for (std::size_t i = 0; i < kSteps; ++i) {
      step_all(std::span(actions).subspan(i * kSize * width, kSize * width));
    }
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  std::vector<std::vector<double>> states(kSize);
  std::vector<double> ratios;
  for (auto _ : state) {
    std::ranges::transform(robots, states.begin(), [](const auto& robot) { return robot->State(); });
    batch.Restore(states);
    double batch_seconds = 0;
    const bool batch_first = ratios.size() % 2 == 0;
    if (batch_first) batch_seconds = turn(step_batch);
    const double seconds = turn(step);
    if (!batch_first) batch_seconds = turn(step_batch);
    ratios.push_back(batch_seconds / seconds);
    state.SetIterationTime(seconds);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kSteps * kSize));
  state.counters["ratio"] = Median(ratios);
}

void RegisterAll() {
  for (const EnvEntry& entry : EnvRegistry()) {
    const std::string id(entry.id);
    if (dynamic_cast<MujocoEnv*>(MakeEnv(id).get()) != nullptr) {
      benchmark::RegisterBenchmark(("Overhead/" + id).c_str(),
                                   [&entry](benchmark::State& state) { Overhead(state, entry); })
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond)
          ->MinTime(2);
    }
    if (id == "HalfCheetah-v5" || id == "HumanoidStandup-v5") {
      benchmark::RegisterBenchmark(("MjBatch/" + id).c_str(),
                                   [&entry](benchmark::State& state) { MjBatch(state, entry); })
          ->Arg(1)
          ->Arg(2)
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond)
          ->MinTime(2);
    }
    benchmark::RegisterBenchmark(("Steps/" + id).c_str(), Steps, id)->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(("VectorSteps/" + id).c_str(), VectorSteps, id)
        ->Arg(1)
        ->Arg(2)
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace
}  // namespace strider

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  strider::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
