// What all benchmarks share: measuring in turns with a peer, and what it ran on.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace strider {

// Medians over the repetitions. `ratio` is the median of ours by the peer's in each repetition, so that what
// slows the machine down slows both.
struct BenchResult {
  std::string name;  // "HalfCheetah-v5 x64 vs envpool"
  double ours = 0;
  std::optional<double> peer;
  std::optional<double> ratio;
  std::string unit;
};

// Measures ours and the peer's in turns, `repetitions` times; who comes first alternates as well. The peer
// gives nothing where it is not there.
BenchResult InTurns(const std::string& name, const std::string& unit, int repetitions,
                    const std::function<double()>& ours, const std::function<std::optional<double>()>& peer);

// How long `work` takes.
template <class Work>
double Seconds(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Gone, with what is in it, when the benchmark is over.
class BenchFolder {
 public:
  BenchFolder();
  ~BenchFolder();
  BenchFolder(const BenchFolder&) = delete;
  BenchFolder& operator=(const BenchFolder&) = delete;

  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Processor, cores, load, compiler, versions of MuJoCo and HDF5.
nlohmann::ordered_json DescribeMachine();

}  // namespace strider
