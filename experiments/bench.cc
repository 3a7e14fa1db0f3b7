#include "experiments/bench.h"

#include <fmt/format.h>
#include <hdf5.h>
#include <mujoco/mujoco.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

namespace strider {
namespace {

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

std::string ProcessorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "";
}

}  // namespace

BenchFolder::BenchFolder()
    : path_(std::filesystem::temp_directory_path() / fmt::format("strider-bench-{}", ::getpid())) {
  std::filesystem::create_directory(path_);
}

BenchFolder::~BenchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

BenchResult InTurns(const std::string& name, const std::string& unit, int repetitions,
                    const std::function<double()>& ours, const std::function<std::optional<double>()>& peer) {
  std::vector<double> our_rates;
  std::vector<double> peer_rates;
  std::vector<double> ratios;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    std::optional<double> theirs;
    if (repetition % 2 == 0) theirs = peer();
    our_rates.push_back(ours());
    if (repetition % 2 != 0) theirs = peer();
    if (!theirs) continue;
    peer_rates.push_back(*theirs);
    ratios.push_back(our_rates.back() / *theirs);
  }
  BenchResult result{name, Median(our_rates), {}, {}, unit};
  if (!ratios.empty()) {
    result.peer = Median(peer_rates);
    result.ratio = Median(ratios);
  }
  return result;
}

nlohmann::ordered_json DescribeMachine() {
  double load = 0;
  const bool known = getloadavg(&load, 1) == 1;
  return {{"processor", ProcessorName()},
          {"cores", std::thread::hardware_concurrency()},
          {"load", known ? nlohmann::json(load) : nlohmann::json()},
          {"compiler", __VERSION__},
          {"mujoco", mj_versionString()},
          {"hdf5", H5_VERS_INFO}};
}

}  // namespace strider
