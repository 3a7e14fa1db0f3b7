#include "experiments/offline_bench.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "agents/nn/learner_threads.h"
#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "datasets/d4rl.h"
#include "datasets/dataset_cache.h"
#include "experiments/peer_process.h"
#include "experiments/progress_bar.h"
#include "experiments/trainer.h"
#include "offline/neighbour_search.h"
#include "offline/prdc.h"
#include "offline/td3_bc.h"

namespace strider {
namespace {

constexpr int kObservations = 17;
constexpr int kActions = 6;
constexpr std::size_t kQueries = 256;
constexpr double kBeta = 2;

// Batches of other queries just before a measurement, as in training: what a batch needs of its own does not
// lie in the processor's caches, and what all need does. SciPy, which takes up to a second for one, gets
// fewer.
constexpr int kOtherBatches = 16;
constexpr int kPeersOtherBatches = 4;

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A random walk with steps of normal size, in episodes that end by chance, after 450 steps on average, or at
// 1000; with actions by chance.
Dataset Walk(std::size_t rows) {
  Dataset walk;
  walk.rows = rows;
  walk.observation_size = kObservations;
  walk.action_size = kActions;
  Pcg64 random(0);
  std::vector<float> state(kObservations);
  int step = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    for (float& x : state) {
      x = static_cast<float>(step == 0 ? 0.005 * random.StandardNormal()
                                       : static_cast<double>(x) + 0.01 * random.StandardNormal());
    }
    walk.observations.insert(walk.observations.end(), state.begin(), state.end());
    for (int k = 0; k < kActions; ++k) walk.actions.push_back(static_cast<float>(random.Uniform(-1, 1)));
    walk.rewards.push_back(static_cast<float>(random.StandardNormal()));
    const bool falls = random.Random() < 1.0 / 450;
    const bool ends = falls || ++step == 1000;
    walk.terminals.push_back(falls ? 1 : 0);
    walk.timeouts.push_back(ends && !falls ? 1 : 0);
    if (ends) step = 0;
  }
  return walk;
}

// States with mean 0 and deviation 1, and actions: what PRDC searches in.
struct SearchData {
  Transitions rows;
  int width() const { return static_cast<int>(rows.observation_size + rows.action_size); }

  explicit SearchData(const DatasetView& dataset) : rows(QlearningTransitions(dataset)) {
    const Normalizer normalizer = FitNormalizer(rows);
    for (std::size_t i = 0; i < rows.observations.size(); ++i) {
      const std::size_t k = i % rows.observation_size;
      rows.observations[i] = (rows.observations[i] - normalizer.mean[k]) / normalizer.std[k];
    }
  }

  std::vector<float> Key(std::size_t row) const {
    std::vector<float> key;
    for (std::size_t k = 0; k < rows.observation_size; ++k) {
      key.push_back(static_cast<float>(kBeta) * rows.observations[row * rows.observation_size + k]);
    }
    for (std::size_t k = 0; k < rows.action_size; ++k)
      key.push_back(rows.actions[row * rows.action_size + k]);
    return key;
  }

  double SquaredDistance(std::span<const float> query, std::int64_t row) const {
    double squares = 0;
    const std::vector<float> key = Key(static_cast<std::size_t>(row));
    for (std::size_t k = 0; k < key.size(); ++k) {
      squares += std::pow(static_cast<double>(query[k]) - static_cast<double>(key[k]), 2);
    }
    return squares;
  }
};

// The policy's actions: near the logged ones, or anything.
enum class Acting { kLearnt, kByChance };

struct Queries {
  std::vector<std::int64_t> rows;  // whose states they have
  std::vector<float> keys;         // (kQueries x width)

  Queries(const SearchData& data, Acting acting, Pcg64& random) {
    for (std::size_t i = 0; i < kQueries; ++i) {
      rows.push_back(random.Integers(0, static_cast<std::int64_t>(data.rows.size)));
      std::vector<float> key = data.Key(static_cast<std::size_t>(rows.back()));
      for (std::size_t k = data.rows.observation_size; k < key.size(); ++k) {
        const double near = static_cast<double>(key[k]) + 0.3 * random.StandardNormal();
        key[k] = static_cast<float>(acting == Acting::kLearnt ? std::clamp(near, -1.0, 1.0)
                                                              : random.Uniform(-1, 1));
      }
      keys.insert(keys.end(), key.begin(), key.end());
    }
  }
};

template <class T>
void WriteRaw(const std::filesystem::path& path, const std::vector<T>& values) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(T)));
  if (!out.flush()) throw WorkError("cannot write {}", path.string());
}

// A number that the system tells of this process, in bytes; 0 where it does not.
double Memory(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return 1024 * std::stod(line.substr(key.size() + 1));
  }
  return 0;
}

class Bench {
 public:
  Bench(const OfflineBenchOptions& options, const std::function<void(const BenchResult&)>& report)
      : options_(options), report_(report) {
    at::set_num_threads(options.threads);
    if (options.peer_python.empty()) return;
    peer_ = std::make_unique<PeerProcess>(
        std::vector<std::string>{options.peer_python, "-u", "-c", std::string(OfflinePeersScript())});
  }

  std::vector<BenchResult> Run() {
    MeasureMemory();  // while little else is in memory
    MeasureUpdates();
    MeasureSearch(fmt::format("walk {}", options_.rows), SearchData(Walk(options_.rows)));
    if (!options_.dataset.empty()) {
      const CachedDataset dataset(options_.dataset);
      MeasureSearch(std::filesystem::path(options_.dataset).filename().string(),
                    SearchData(dataset.columns()));
    }
    return std::move(results_);
  }

 private:
  void MeasureMemory() {
    const std::string file = folder_ / "walk.hdf5";
    WriteD4rl(file, Walk(options_.rows));
    const Experiment experiment({{"run.agent", "prdc", ""},
                                 {"run.dataset", file, ""},
                                 {"run.threads", std::to_string(options_.threads), ""}});
    WorkerPool pool(1);
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak counts from here on
    const double before = Memory("VmRSS");
    const auto trainer = MakeTrainer(experiment, pool);
    for (int i = 0; i < 4; ++i) trainer->Advance();
    VisitAll(dynamic_cast<Prdc&>(trainer->agent()));
    // States, next states, actions and rewards in float32, and two flags.
    const double raw = static_cast<double>(options_.rows) * (4.0 * (2 * kObservations + kActions + 1) + 2);
    Keep({"prdc: peak memory", (Memory("VmHWM") - before) / raw, {}, {}, "x raw columns"});
  }

  // Every row as often as in a long run: from then on each has its list.
  static void VisitAll(Prdc& agent) {
    constexpr std::int64_t kBlock = 4096;
    const std::int64_t rows = agent.states().size(0);
    constexpr int kVisits = NeighbourSearch::kListedVisit;
    ProgressBar progress("prdc: making every row's list", kVisits * rows, "visits", StandardError());
    for (int visit = 0; visit < kVisits; ++visit) {
      for (std::int64_t first = 0; first < rows; first += kBlock) {
        const std::int64_t count = std::min(kBlock, rows - first);
        TransitionBatch block;
        block.indices = at::arange(first, first + count, at::kLong);
        block.observations = agent.states().narrow(0, first, count);
        agent.NeighbourRows(block, agent.actions().narrow(0, first, count));
        progress.Update(visit * rows + first + count);
      }
    }
  }

  void MeasureUpdates() {
    Task task;
    task.observation_size = kObservations;
    task.action_space = UniformBox(kActions, -1, 1);
    Td3Bc agent(task, {});
    const Transitions data = QlearningTransitions(Walk(std::min<std::size_t>(options_.rows, 100'000)));
    BatchSampler sampler({static_cast<std::int64_t>(data.size), kObservations, kActions, data.observations,
                          data.actions, data.rewards, data.next_observations, data.terminals},
                         at::kCPU, /*seed=*/1);
    const int batch = agent.replay().batch_size;
    const auto update = [&](int count) {
      for (int i = 0; i < count; ++i)
        agent.Update(sampler.Sample(batch, static_cast<std::int64_t>(data.size)));
    };
    update(20);  // warm-up
    const auto rate = [&] {
      const double start = Now();
      int count = 0;
      for (; count == 0 || Now() - start < options_.seconds; count += 20) update(20);
      return count / (Now() - start);
    };
    for (const char* kind : {"torch", "d3rlpy"}) {
      const std::string peer = kind == std::string("torch") ? "plain PyTorch" : "d3rlpy";
      Keep(InTurns(fmt::format("td3bc update, {} threads, vs {}", options_.threads, peer), "updates/s",
                   options_.repetitions, rate, [&] {
                     return Ask({{"kind", kind},
                                 {"observations", kObservations},
                                 {"actions", kActions},
                                 {"batch", batch},
                                 {"threads", options_.threads}});
                   }));
    }
  }

  void MeasureSearch(const std::string& name, const SearchData& data) {
    const double start = Now();
    const NeighbourSearch search(data.rows.observations, static_cast<int>(data.rows.observation_size),
                                 data.rows.actions, static_cast<int>(data.rows.action_size), kBeta);
    const double seconds = Now() - start;
    std::optional<double> theirs;
    if (peer_ != nullptr) {
      std::vector<float> keys;
      for (std::size_t row = 0; row < data.rows.size; ++row) {
        const std::vector<float> key = data.Key(row);
        keys.insert(keys.end(), key.begin(), key.end());
      }
      WriteRaw(folder_ / "keys", keys);
      theirs = Ask({{"kind", "build"}, {"keys", (folder_ / "keys").string()}, {"width", data.width()}});
    }
    Keep({fmt::format("prdc search, building, {}", name), seconds, theirs,
          theirs ? std::optional(seconds / *theirs) : std::nullopt, "s"});
    for (const auto& [acting, actions] :
         {std::pair{Acting::kLearnt, "learnt"}, {Acting::kByChance, "chance"}}) {
      for (const bool first : {true, false}) {
        MeasureQueries(fmt::format("prdc search, {}, {} actions, {}", name, actions,
                                   first ? "rows' first visit" : "later visits"),
                       data, search, acting, first);
      }
    }
  }

  // Ours and SciPy's answer the same queries, new ones in each turn.
  void MeasureQueries(const std::string& name, const SearchData& data, const NeighbourSearch& search,
                      Acting acting, bool first) {
    Pcg64 random(first ? 7 : 8);
    std::optional<Queries> queries;
    std::vector<std::int64_t> found(kQueries);
    int asked = 0;
    const auto next = [&] {
      if (asked++ % 2 == 0) queries.emplace(data, acting, random);
    };
    const auto answer = [&](const Queries& asked_for) {
      const auto width = static_cast<std::size_t>(data.width());
      ForLearner(kQueries, options_.threads, [&](std::int64_t begin, std::int64_t end) {
        const auto from = static_cast<std::size_t>(begin);
        const auto count = static_cast<std::size_t>(end - begin);
        search.KthNearest(std::span(asked_for.keys).subspan(from * width, count * width), 1,
                          std::span(asked_for.rows).subspan(from, count),
                          std::span(found).subspan(from, count));
      });
    };
    const auto ours = [&] {
      next();
      for (int visit = 0; visit < NeighbourSearch::kListedVisit && !first; ++visit) answer(*queries);
      for (int batch = 0; batch < kOtherBatches; ++batch) answer(Queries(data, acting, random));
      return kQueries / Seconds([&] { answer(*queries); });
    };
    std::vector<std::int64_t> answers;
    const auto theirs = [&]() -> std::optional<double> {
      next();
      if (peer_ == nullptr) return std::nullopt;
      WriteRaw(folder_ / "queries", queries->keys);
      std::vector<float> others;
      for (int batch = 0; batch < kPeersOtherBatches; ++batch) {
        const Queries other(data, acting, random);
        others.insert(others.end(), other.keys.begin(), other.keys.end());
      }
      WriteRaw(folder_ / "others", others);
      const auto rate = Ask({{"kind", "query"},
                             {"keys", (folder_ / "keys").string()},
                             {"queries", (folder_ / "queries").string()},
                             {"others", (folder_ / "others").string()},
                             {"answers", (folder_ / "answers").string()},
                             {"width", data.width()}});
      if (rate) answers = ReadAnswers();
      return rate;
    };
    Keep(InTurns(name + ", vs SciPy", "queries/s", options_.repetitions, ours, theirs));
    if (answers.empty()) return;
    const auto answered = [&](const std::vector<std::int64_t>& rows) {
      std::vector<FoundNeighbour> neighbours;
      const auto width = static_cast<std::size_t>(data.width());
      for (std::size_t i = 0; i < kQueries; ++i) {
        const std::span query = std::span(queries->keys).subspan(i * width, width);
        neighbours.push_back({rows.at(i), data.SquaredDistance(query, rows.at(i))});
      }
      return neighbours;
    };
    // Of the last turn, in which both answered the same queries.
    CheckNeighbours(answered(found), answered(answers));
  }

  std::vector<std::int64_t> ReadAnswers() const {
    const std::string bytes = ReadText(folder_ / "answers");
    std::vector<std::int64_t> rows(bytes.size() / sizeof(std::int64_t));
    std::copy_n(bytes.data(), rows.size() * sizeof(std::int64_t), reinterpret_cast<char*>(rows.data()));
    return rows;
  }

  // Nothing where there is no peer, or it cannot do it.
  std::optional<double> Ask(const nlohmann::json& request) {
    if (peer_ == nullptr) return std::nullopt;
    const auto answer = nlohmann::json::parse(peer_->Ask(request.dump()));
    return answer.is_null() ? std::nullopt : std::optional(answer.get<double>());
  }

  void Keep(const BenchResult& result) {
    results_.push_back(result);
    if (report_) report_(result);
  }

  const OfflineBenchOptions& options_;
  const std::function<void(const BenchResult&)>& report_;
  const BenchFolder folder_;
  std::unique_ptr<PeerProcess> peer_;
  std::vector<BenchResult> results_;
};

}  // namespace

void CheckNeighbours(std::span<const FoundNeighbour> ours, std::span<const FoundNeighbour> theirs) {
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (ours[i].squared_distance <= theirs[i].squared_distance * (1 + 1e-12)) continue;
    throw WorkError("the search found row {} at squared distance {}, but SciPy row {} at {}", ours[i].row,
                    ours[i].squared_distance, theirs[i].row, theirs[i].squared_distance);
  }
}

std::vector<BenchResult> BenchOffline(const OfflineBenchOptions& options,
                                      const std::function<void(const BenchResult&)>& report) {
  return Bench(options, report).Run();
}

}  // namespace strider
