#include "experiments/collect_bench.h"

#include "core/random.h"
#include "envs/registry.h"
#include "experiments/collect.h"

namespace strider {
namespace {

constexpr const char* kEnv = "HalfCheetah-v5";

// Collect without its file.
void Live(const Policy& policy, Env& env, std::int64_t steps) {
  std::vector<double> observation(static_cast<std::size_t>(policy.observation_size));
  std::vector<float> transformed(observation.size());
  std::vector<float> action(static_cast<std::size_t>(env.spec().action_size()));
  Pcg64 random(0);
  env.Reset(0, observation);
  for (std::int64_t i = 0; i < steps; ++i) {
    float log_prob = 0;
    policy.transform.Apply(observation, transformed);
    policy.Sample(transformed, false, random, action, {&log_prob, 1});
    policy.ToEnvironment(action);
    const StepResult step = env.Step(action, observation);
    if (step.terminated || step.truncated) env.Reset(observation);
  }
}

}  // namespace

void BenchCollect(const CollectBenchOptions& options, const std::function<void(const BenchResult&)>& report) {
  const BenchFolder folder;
  const auto rate = [&](const auto& work) { return static_cast<double>(options.rows) / Seconds(work); };
  const auto env = MakeEnv(kEnv);
  const Policy policy = LoadPolicy("random", env->spec());
  CollectOptions collect;
  collect.steps = options.rows;
  report(InTurns(
      fmt::format("collect {}, vs its steps alone", kEnv), "rows/s", options.repetitions,
      [&] { return rate([&] { Collect(policy, *env, collect, folder / "data.hdf5", {}); }); },
      [&] { return std::optional(rate([&] { Live(policy, *env, options.rows); })); }));
}

}  // namespace strider
