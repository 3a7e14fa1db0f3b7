// What all benchmarks share: measuring in turns with a peer, and what it ran on.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

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

// A folder of this process's own among the temporary ones; gone, with what is in it, when the benchmark is
// over.
class WorkFolder {
 public:
  WorkFolder();
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Processor, cores, load, compiler, versions of MuJoCo and HDF5.
nlohmann::ordered_json DescribeMachine();

}  // namespace strider
