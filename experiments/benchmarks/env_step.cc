// How fast environments step, and what Strider adds to MuJoCo's own step.
//
//   Overhead/<id>         for each MuJoCo robot: single-environment Step against the bare mj_step loop with
//                         the same frame skip and actions, restored to the same state before each turn.
//                         `ratio` is the median over the turns of Step's time by the loop's; `bare_ns` and
//                         `step_ns` are medians per control step. `ratio_contacts`: against a loop that also
//                         computes contact forces, for the robots that observe them.
//   Steps/<id>            random actions with resets, one environment
//   VectorSteps/<id>/T    the same, sixteen environments on T threads
#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
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
