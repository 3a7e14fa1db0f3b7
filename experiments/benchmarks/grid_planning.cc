// How long planning on a grid of stocks takes: 10,000 states, 4 actions of 3 outcomes each with rewards
// between -1 and 1, discount 0.9, CVaR; 201 stocks and laws of 64 atoms.
//
//   Plan/T                on T threads; `memory_mb` as stated, `sweeps` over the values
#include <benchmark/benchmark.h>

#include "agents/planning/grid_planner.h"
#include "core/random.h"

namespace strider::planning {
namespace {

constexpr int kStates = 10'000;
constexpr int kActions = 4;
constexpr int kOutcomes = 3;

Mdp RandomMdp() {
  Pcg64 random(1);
  TabularMdp table(kStates, kActions);
  table.start[0] = 1;
  for (int state = 0; state < kStates; ++state) {
    for (int action = 0; action < kActions; ++action) {
      for (int outcome = 0; outcome < kOutcomes; ++outcome) {
        table.Outcomes(state, action)
            .push_back({1.0 / kOutcomes, static_cast<int>(random.Integers(0, kStates)), random.Uniform(-1, 1),
                        false});
      }
    }
  }
  return {"random", table, 0.9, 0};
}

void Plan(benchmark::State& state) {
  const Mdp mdp = RandomMdp();
  const GridOptions options{.stocks = 201, .atoms = 64};
  WorkerPool pool(static_cast<int>(state.range(0)));
  for ([[maybe_unused]] auto repetition : state) {
    const GridPlan plan(mdp, {2, 0}, options, pool);
    state.counters["memory_mb"] = plan.bytes() / 1e6;
    state.counters["sweeps"] = plan.sweeps();
    benchmark::DoNotOptimize(plan.Utility(0));
  }
}
BENCHMARK(Plan)->Arg(1)->Arg(2)->Iterations(1)->MeasureProcessCPUTime()->UseRealTime()->Unit(
    benchmark::kSecond);

}  // namespace
}  // namespace strider::planning

BENCHMARK_MAIN();
