// What all benchmarks share: measuring in turns with a peer, and what it ran on.
#pragma once

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

// Processor, cores, load, compiler, versions of MuJoCo and HDF5.
nlohmann::ordered_json DescribeMachine();

}  // namespace strider
