#include "experiments/metric_bench.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/random.h"
#include "datasets/d4rl.h"
#include "datasets/metrics.h"
#include "experiments/peer_process.h"

namespace strider {
namespace {

constexpr std::size_t kObservationSize = 17;
constexpr std::size_t kActionSize = 6;

// What `strider metrics` computes of rows that are there already.
void MeasureInMemory(const Dataset& dataset, Counting counting) {
  Summarizer summarizer({.rows = dataset.rows,
                         .observation_size = dataset.observation_size,
                         .action_size = dataset.action_size});
  summarizer.Add(dataset);
  const DatasetSummary summary = summarizer.Finish();
  PairCounter counter(summary.limits, kDefaultBins, counting);
  counter.Add(dataset.observations, dataset.actions, dataset.rows);
  counter.Entropy();
  if (counter.unique() == 0 || !summary.mean_return) throw WorkError("the benchmark's data hold nothing");
}

struct PeerTimes {
  double seconds;
  double with_reading;
};

PeerTimes AskPeer(PeerProcess& peer, const std::filesystem::path& file, std::size_t rows) {
  const nlohmann::json question = {{"file", file.string()}, {"rows", rows}};
  const std::string line = peer.Ask(question.dump());
  const auto answer = nlohmann::json::parse(line, nullptr, false);
  if (!answer.is_object()) throw WorkError("the peer's script answered '{}', expected a JSON object", line);
  const double seconds = answer.at("seconds").get<double>();
  return {seconds, seconds + answer.at("read_seconds").get<double>()};
}

}  // namespace

Dataset MakeWalk(std::size_t rows, std::size_t observation_size, std::size_t action_size) {
  constexpr std::size_t kEpisode = 1000;
  Pcg64 random(1);
  Dataset dataset;
  dataset.rows = rows;
  dataset.observation_size = observation_size;
  dataset.action_size = action_size;
  std::vector<double> state(observation_size, 0.0);
  for (std::size_t row = 0; row < rows; ++row) {
    for (double& value : state) {
      value = .95 * value + .3 * random.StandardNormal();
      dataset.observations.push_back(static_cast<float>(value));
    }
    for (std::size_t k = 0; k < action_size; ++k) {
      dataset.actions.push_back(static_cast<float>(std::tanh(2 * random.StandardNormal())));
    }
    dataset.rewards.push_back(static_cast<float>(state[0]));
    dataset.terminals.push_back(0);
    dataset.timeouts.push_back(row % kEpisode == kEpisode - 1 || row + 1 == rows ? 1 : 0);
  }
  return dataset;
}

std::vector<BenchResult> BenchMetrics(const MetricBenchOptions& options,
                                      const std::function<void(const BenchResult&)>& report) {
  const Dataset dataset = MakeWalk(options.rows, kObservationSize, kActionSize);
  const BenchFolder folder;
  const std::filesystem::path file = folder / "source.hdf5";
  WriteD4rl(file, dataset);
  std::optional<PeerProcess> peer;
  if (!options.peer_python.empty()) {
    peer.emplace(std::vector<std::string>{options.peer_python, "-u", "-c", std::string(MetricPeersScript())});
  }
  std::vector<BenchResult> results;
  const auto measure = [&](std::string_view what, double PeerTimes::*seconds,
                           const std::function<void()>& work) {
    const std::size_t peer_rows = std::min(options.peer_rows, options.rows);
    const std::string name =
        fmt::format("SACo, TQ {} x ({}+{}) {}", options.rows, kObservationSize, kActionSize, what);
    results.push_back(InTurns(
        name, "rows/s", options.repetitions,
        [&] { return static_cast<double>(options.rows) / Seconds(work); },
        [&]() -> std::optional<double> {
          if (!peer) return std::nullopt;
          return static_cast<double>(peer_rows) / (AskPeer(*peer, file, peer_rows).*seconds);
        }));
    report(results.back());
  };
  measure("exact", &PeerTimes::seconds, [&] { MeasureInMemory(dataset, Counting::kExact); });
  measure("hll", &PeerTimes::seconds, [&] { MeasureInMemory(dataset, Counting::kHyperLogLog); });
  measure("exact, with reading", &PeerTimes::with_reading, [&] { MeasureDataset(*OpenDataset(file)); });
  return results;
}

}  // namespace strider
