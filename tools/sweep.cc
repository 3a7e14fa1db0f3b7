#include "experiments/sweep.h"

#include <iostream>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "experiments/run_directory.h"
#include "tools/options.h"

namespace strider::tools {
namespace {

// Runs side by side share the cores, where the page does not say how many threads each takes.
std::vector<GivenSetting> ReadPage(const std::filesystem::path& path, int jobs) {
  std::vector<GivenSetting> page = ReadConfigFile(path);
  const auto is_threads = [](const GivenSetting& given) { return given.key == "run.threads"; };
  if (jobs > 1 && std::ranges::none_of(page, is_threads)) {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    page.push_back({"run.threads", std::to_string(std::max(1, cores / jobs)), "--jobs"});
  }
  return page;
}

}  // namespace

int Sweep(const Words& words) {
  CommandLine line;
  line.usage = "strider sweep FILE.cfg --out DIR [--jobs N | --slurm]";
  line.about =
      "Trains every combination of the values that FILE.cfg lists: lines as in a run's config.cfg, with "
      "alternatives between bars (`run.agent = bc | prdc`) and seeds as a range (`run.seed = 0..4`). The "
      "same command goes on with what is not finished; `strider report DIR` compares what is.";
  auto add = line.options.add_options();
  add("page", po::value<std::string>(), "the settings");
  add("out", po::value<std::string>(), "folder for the runs");
  add("jobs", po::value<int>()->default_value(1), "runs side by side; they share the cores");
  add("slurm", po::bool_switch(), "run nothing, write DIR/sweep.sbatch for `sbatch`");
  add("quiet", po::bool_switch(), "show no progress");
  line.positional.add("page", 1);
  const auto values = Parse(line, words);
  if (!values) return 0;
  const std::filesystem::path file = RequiredWord<std::string>(*values, "page", "FILE.cfg");
  const std::filesystem::path out = Required<std::string>(*values, "out");
  if (IsRun(out)) throw InputError("--out {} is a run itself; expected a folder for the runs", out.string());
  const int jobs = (*values)["jobs"].as<int>();
  if (jobs < 1) throw InputError("--jobs {}: expected at least 1", jobs);

  const std::vector<SweepRun> runs = ExpandSweep(ReadPage(file, jobs));
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe");
  if ((*values)["slurm"].as<bool>()) {
    const std::filesystem::path script = out / "sweep.sbatch";
    MakeFolders(out);
    WriteTextWhole(script, SlurmScript(runs, std::filesystem::absolute(out), program));
    std::cerr << fmt::format("wrote {}, {} runs\n", script.string(), runs.size());
    return 0;
  }
  CatchStopSignals();
  SweepOptions options;
  options.jobs = jobs;
  options.program = program;
  options.stop = StopRequested;
  options.progress = StandardError((*values)["quiet"].as<bool>());
  const SweepOutcome outcome = RunSweep(runs, out, options);
  for (const auto& log : outcome.failed) std::cerr << fmt::format("failed: see {}\n", log.string());
  if (outcome.stopped) {
    std::cerr << fmt::format("stopped after {} of {} runs; the same command goes on\n", outcome.finished,
                             runs.size());
    return 128 + StopSignal();
  }
  return outcome.failed.empty() ? 0 : 1;
}

}  // namespace strider::tools
