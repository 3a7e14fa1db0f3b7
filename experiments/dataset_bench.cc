#include "experiments/dataset_bench.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/random.h"
#include "datasets/d4rl.h"
#include "datasets/dataset_cache.h"
#include "experiments/peer_process.h"

namespace strider {
namespace {

constexpr std::size_t kObservations = 11;
constexpr std::size_t kActions = 3;
constexpr std::size_t kStates = 6;  // of qpos, and of qvel
constexpr std::size_t kBlockRows = 10000;
constexpr std::size_t kMaxWrittenRows = 200'000;  // writing takes the longest

// A random walk in episodes, as experiments/benchmarks/dataset_peers.py makes it: as hard to compress as
// robots' observations, and with as many borders. Real steps would take minutes.
class Walk {
 public:
  Dataset Next(std::size_t rows) {
    Dataset block;
    block.rows = rows;
    block.observation_size = kObservations;
    block.action_size = kActions;
    block.qpos_size = block.qvel_size = kStates;
    for (std::size_t row = 0; row < rows; ++row) {
      Append(block.observations);
      for (std::size_t k = 0; k < kStates; ++k) {
        block.qpos.push_back(observation_[k]);
        block.qvel.push_back(observation_[kObservations - kStates + k]);
      }
      for (float& value : observation_) value += static_cast<float>(0.01 * random_.StandardNormal());
      Append(block.next_observations);
      for (std::size_t k = 0; k < kActions; ++k) {
        block.actions.push_back(static_cast<float>(random_.Uniform(-1, 1)));
      }
      block.rewards.push_back(static_cast<float>(random_.StandardNormal()));
      block.action_log_probs.push_back(static_cast<float>(random_.StandardNormal()));
      ++step_;
      const bool falls = random_.Random() < 1.0 / 450;
      const bool ends = falls || step_ == 1000;
      block.terminals.push_back(falls ? 1 : 0);
      block.timeouts.push_back(ends && !falls ? 1 : 0);
      if (!ends) continue;
      step_ = 0;
      for (float& value : observation_) value = static_cast<float>(0.005 * random_.StandardNormal());
    }
    return block;
  }

 private:
  void Append(std::vector<float>& column) const {
    column.insert(column.end(), observation_.begin(), observation_.end());
  }

  Pcg64 random_{0};
  std::array<float, kObservations> observation_{};
  int step_ = 0;
};

D4rlWriter MakeWriter(const std::filesystem::path& path) {
  return {
      path, kObservations, kActions, {.action_log_probs = true, .qpos_size = kStates, .qvel_size = kStates}};
}

class Bench {
 public:
  Bench(const DatasetBenchOptions& options, const std::function<void(const BenchResult&)>& report)
      : options_(options), report_(report) {
    if (options.peer_python.empty()) return;
    peer_ = std::make_unique<PeerProcess>(
        std::vector<std::string>{options.peer_python, "-u", "-c", std::string(DatasetPeersScript())});
  }

  std::vector<BenchResult> Run() {
    MakeSource();
    MeasureLoading();
    MeasureOpening();
    MeasureWriting();
    return std::move(results_);
  }

 private:
  void MakeSource() {
    if (AskPeer("write", source_, options_.rows)) return;
    Walk walk;
    D4rlWriter writer = MakeWriter(source_);
    for (std::size_t first = 0; first < options_.rows; first += kBlockRows) {
      writer.Append(walk.Next(std::min(kBlockRows, options_.rows - first)));
    }
    writer.Finish();
  }

  void MeasureLoading() {
    const auto load = [&] {
      const double seconds = Seconds([&] {
        const CachedDataset dataset(source_, {}, UseCache::kNo);
        const Transitions transitions = QlearningTransitions(dataset.columns());
      });
      return static_cast<double>(options_.rows) / seconds;
    };
    load();  // warm-up: the file is in memory from now on
    InTurnsWith("h5py", "load, gzip to columns, vs h5py reads", load);
    InTurnsWith("d4rl", "load, gzip to columns, vs D4RL's rule", load);
  }

  void MeasureOpening() {
    const auto open = [&] { return 1e3 * Seconds([&] { const CachedDataset dataset(source_); }); };
    Add("first opening, cache is built", "ms", [&] {
      std::filesystem::remove_all(folder_ / "source.hdf5.strider-cache");
      return open();
    });
    Add("second opening", "ms", open);
  }

  void MeasureWriting() {
    const std::size_t rows = std::min(options_.rows, kMaxWrittenRows);
    std::vector<Dataset> blocks;
    Walk walk;
    for (std::size_t first = 0; first < rows; first += kBlockRows) {
      blocks.push_back(walk.Next(std::min(kBlockRows, rows - first)));
    }
    const auto write = [&] {
      const double seconds = Seconds([&] {
        D4rlWriter writer = MakeWriter(folder_ / "ours.hdf5");
        for (const Dataset& block : blocks) writer.Append(block);
        writer.Finish();
      });
      return static_cast<double>(rows) / seconds;
    };
    Keep(InTurns("write, all keys, vs h5py", "rows/s", options_.repetitions, write,
                 [&] { return AskPeer("write", folder_ / "theirs.hdf5", rows); }));
  }

  void InTurnsWith(const std::string& kind, const std::string& name, const std::function<double()>& ours) {
    Keep(InTurns(name, "rows/s", options_.repetitions, ours,
                 [&] { return AskPeer(kind, source_, options_.rows); }));
  }

  void Add(const std::string& name, const std::string& unit, const std::function<double()>& ours) {
    Keep(InTurns(name, unit, options_.repetitions, ours, [] { return std::nullopt; }));
  }

  // Rows a second; nothing where there is no peer, or it cannot do it.
  std::optional<double> AskPeer(const std::string& kind, const std::filesystem::path& path,
                                std::size_t rows) {
    if (peer_ == nullptr) return std::nullopt;
    const nlohmann::json request = {{"kind", kind},
                                    {"path", path.string()},
                                    {"rows", rows},
                                    {"observations", kObservations},
                                    {"actions", kActions}};
    const auto answer = nlohmann::json::parse(peer_->Ask(request.dump()));
    return answer.is_null() ? std::nullopt : std::optional(answer.get<double>());
  }

  void Keep(const BenchResult& result) {
    results_.push_back(result);
    if (report_) report_(result);
  }

  const DatasetBenchOptions& options_;
  const std::function<void(const BenchResult&)>& report_;
  const BenchFolder folder_;
  const std::filesystem::path source_ = folder_ / "source.hdf5";
  std::unique_ptr<PeerProcess> peer_;
  std::vector<BenchResult> results_;
};

}  // namespace

std::vector<BenchResult> BenchDatasets(const DatasetBenchOptions& options,
                                       const std::function<void(const BenchResult&)>& report) {
  return Bench(options, report).Run();
}

}  // namespace strider
