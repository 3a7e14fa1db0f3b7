// How fast environments step, and what Strider adds to MuJoCo's own step.
//
//   HalfCheetahStep       single-environment Step of HalfCheetah-v5 against the bare mj_step loop with the
//   same frame skip:
//                         the same actions from the same state, in turns, restored before each batch. `ratio`
//                         is the median over the batches of Step's time by the loop's; `bare_ns` and
//                         `step_ns` are the medians per control step.
//   Steps/<id>            random actions with resets, one environment
//   VectorSteps/<id>/T    the same, sixteen environments on T threads
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "envs/mujoco/mujoco_env.h"
#include "envs/registry.h"
#include "envs/vector_env.h"

namespace strider {
namespace {

constexpr std::size_t kBatch = 200;  // control steps
constexpr int kFrameSkip = 5;        // HalfCheetah-v5's

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

template <class Work>
double Seconds(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

void HalfCheetahStep(benchmark::State& state) {
  const auto env = MakeEnv("HalfCheetah-v5", {{"frame_skip", std::to_string(kFrameSkip)}});
  const mjModel& model = dynamic_cast<MujocoEnv&>(*env).model();
  const std::vector<float> actions = RandomActions(env->spec(), kBatch);
  const auto width = static_cast<std::size_t>(env->spec().action_size());
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation_size()));

  const auto step_batch = [&] {
    for (std::size_t i = 0; i < kBatch; ++i) {
      benchmark::DoNotOptimize(env->Step(std::span(actions).subspan(i * width, width), observation));
    }
  };
  env->Reset(0, observation);
  step_batch();  // the robot is on the ground and moving
  StateWriter saved;
  env->Save(saved);
  const std::vector<double> physics = env->State();

  const OwnedData data(mj_makeData(&model));
  const auto restore = [&] {
    StateReader in(saved.bytes());
    env->Load(in);
    std::copy_n(physics.data(), model.nq, data->qpos);
    std::copy_n(physics.data() + model.nq, model.nv, data->qvel);
    std::copy_n(physics.data() + model.nq + model.nv, model.nv, data->qacc_warmstart);
  };
  const auto bare_batch = [&] {
    for (std::size_t i = 0; i < kBatch; ++i) {
      std::copy_n(actions.data() + i * width, width, data->ctrl);
      for (int k = 0; k < kFrameSkip; ++k) mj_step(&model, data.get());
    }
  };

  std::vector<double> step_seconds;
  std::vector<double> bare_seconds;
  std::vector<double> ratios;
  for (auto _ : state) {
    restore();
    // Who comes first alternates, so that neither always finds the warmer processor.
    const bool bare_first = ratios.size() % 2 == 0;
    if (bare_first) bare_seconds.push_back(Seconds(bare_batch));
    step_seconds.push_back(Seconds(step_batch));
    if (!bare_first) bare_seconds.push_back(Seconds(bare_batch));
    ratios.push_back(step_seconds.back() / bare_seconds.back());
    state.SetIterationTime(step_seconds.back());
    if (!std::ranges::equal(env->qpos(), std::span(data->qpos, env->qpos().size()))) {
      state.SkipWithError("Step and the bare loop do not compute the same");
      break;
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kBatch));
  state.counters["step_ns"] = Median(step_seconds) / kBatch * 1e9;
  state.counters["bare_ns"] = Median(bare_seconds) / kBatch * 1e9;
  state.counters["ratio"] = Median(ratios);
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
  benchmark::RegisterBenchmark("HalfCheetahStep", HalfCheetahStep)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond)
      ->MinTime(3);
  for (const EnvEntry& entry : EnvRegistry()) {
    const std::string id(entry.id);
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
