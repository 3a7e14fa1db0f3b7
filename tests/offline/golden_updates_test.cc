// BC, TD3+BC and PRDC against updates recorded from published code.
#include "tests/agents/golden_updates.h"

#include <gtest/gtest.h>

#include "offline/bc.h"
#include "offline/prdc.h"
#include "offline/td3_bc.h"
#include "tests/agents/td3_probe.h"

namespace strider {
namespace {

TEST(GoldenUpdates, Bc) {
  const GoldenUpdates golden("BC");
  BcConfig config;
  config.replay.batch_size = golden.batch_size();
  config.hidden = golden.Hidden("actor");
  config.actor_lr = golden.Hyper("actor_lr");
  config.max_action = golden.Hyper("max_action");
  Bc agent(golden.MakeTask(), config);
  golden.LoadInitialWeights(agent);
  for (int k = 1; k <= golden.updates(); ++k) {
    const TransitionBatch batch = golden.Batch(k, config.max_action);
    GoldenUpdates::Checks checks;
    if (golden.HasChecks(k)) {
      // What the agent would do, by the policy that it hands out.
      at::Tensor pi = at::empty({golden.batch_size(), golden.action_size()}, at::kFloat);
      const at::Tensor states = batch.observations.contiguous();
      Pcg64 unused(0);
      agent.MakePolicy().Sample({states.const_data_ptr<float>(), static_cast<std::size_t>(states.numel())},
                                /*deterministic=*/true, unused,
                                {pi.mutable_data_ptr<float>(), static_cast<std::size_t>(pi.numel())});
      checks["pi"] = config.max_action * pi;
    }
    agent.Update(batch);
    golden.CompareLosses(k, {{"actor_loss", Metric(agent, "actor_loss")}});
    golden.CompareGradients(k, NamedGradients(agent.actor(), "actor"));
    golden.CompareWeights(k, agent);
    if (golden.HasChecks(k)) golden.CompareChecks(k, checks, {});
  }
}

TEST(GoldenUpdates, Td3Bc) {
  const GoldenUpdates golden("TD3_BC");
  Td3BcConfig config;
  config.td3 = Td3ConfigOf(golden);
  config.alpha = golden.Hyper("alpha");
  Td3Probe<Td3Bc> agent(golden.MakeTask(), config);
  CompareTd3Updates(golden, agent, [](const TransitionBatch&, GoldenUpdates::Checks&) {});
}

TEST(GoldenUpdates, Prdc) {
  const GoldenUpdates golden("PRDC");
  PrdcConfig config;
  config.td3 = Td3ConfigOf(golden);
  config.alpha = golden.Hyper("alpha");
  config.beta = golden.Hyper("beta");
  config.k = golden.HyperInt("k");

  const at::Tensor observations = golden.Floats("dataset/observations");
  const at::Tensor raw_actions = golden.Floats("dataset/actions");
  const at::Tensor actions = raw_actions / config.td3.max_action;
  const auto span = [](const at::Tensor& tensor) {
    return std::span<const float>(tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel()));
  };
  TransitionColumns data;
  data.capacity = observations.size(0);
  data.observation_size = static_cast<int>(observations.size(1));
  data.action_size = static_cast<int>(actions.size(1));
  data.observations = span(observations);
  data.actions = span(actions);
  Td3Probe<Prdc> agent(golden.MakeTask(), config, data);
  const NeighbourSearch search(span(observations), data.observation_size, span(raw_actions), data.action_size,
                               config.beta);

  CompareTd3Updates(golden, agent, [&](const TransitionBatch& batch, GoldenUpdates::Checks& checks) {
    if (!checks.contains("pi")) return;
    const at::Tensor rows = agent.NeighbourRows(batch, agent.pi());
    const at::Tensor query = at::cat({config.beta * batch.observations, agent.pi()}, -1);
    const std::int64_t count = query.size(0);
    constexpr int kListed = 4;
    at::Tensor nearest = at::empty({count, kListed}, at::kLong);
    at::Tensor distances = at::empty({count, kListed}, at::kDouble);
    at::Tensor chosen = at::empty({count}, at::kDouble);
    for (std::int64_t i = 0; i < count; ++i) {
      const at::Tensor one = query[i].contiguous();
      const auto found = search.Nearest(span(one), std::max(config.k, kListed));
      for (std::int64_t j = 0; j < kListed; ++j) {
        nearest[i][j] = found[static_cast<std::size_t>(j)].row;
        distances[i][j] = found[static_cast<std::size_t>(j)].distance;
      }
      chosen[i] = found[static_cast<std::size_t>(config.k - 1)].distance;
    }
    checks["query"] = query;
    checks["neighbour_index"] = rows;
    checks["neighbour_distance"] = chosen;
    checks["neighbour_action"] = raw_actions.index_select(0, rows);
    checks["nearest4_index"] = nearest;
    checks["nearest4_distance"] = distances;
  });
}

}  // namespace
}  // namespace strider
