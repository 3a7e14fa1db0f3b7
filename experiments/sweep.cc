#include "experiments/sweep.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <set>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/files.h"

namespace strider {
namespace {

constexpr std::chrono::milliseconds kPatience{50};  // between looks at the runs
constexpr std::size_t kMaxRuns = 100'000;

std::string Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

std::int64_t Integer(const std::string& text, const GivenSetting& given) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw InputError("{}: {} = {}: '{}' is no whole number; expected a range such as 0..4", given.where,
                     given.key, given.value, text);
  }
  return value;
}

// The values that a setting takes in turn.
std::vector<std::string> Alternatives(const GivenSetting& given) {
  std::vector<std::string> values;
  for (std::size_t begin = 0; begin <= given.value.size();) {
    const std::size_t end = std::min(given.value.find('|', begin), given.value.size());
    const std::string value = Trimmed(std::string_view(given.value).substr(begin, end - begin));
    const std::size_t dots = given.key == "run.seed" ? value.find("..") : std::string::npos;
    if (dots == std::string::npos) {
      values.push_back(value);
    } else {
      const std::int64_t first = Integer(value.substr(0, dots), given);
      const std::int64_t last = Integer(value.substr(dots + 2), given);
      if (last < first || static_cast<std::size_t>(last - first) >= kMaxRuns) {
        throw InputError("{}: run.seed = {}: expected a range from a smaller to a larger seed, at most {}",
                         given.where, given.value, kMaxRuns);
      }
      for (std::int64_t seed = first; seed <= last; ++seed) values.push_back(std::to_string(seed));
    }
    begin = end + 1;
  }
  return values;
}

// What a value adds to the name of its run's folder.
std::string NamePart(const GivenSetting& setting) {
  std::string part = setting.value;
  if (setting.key == "run.dataset") part = std::filesystem::path(part).stem().string();
  if (!setting.key.starts_with("run.")) {
    part = setting.key.substr(setting.key.find('.') + 1) + "=" + part;
  } else if (setting.key != "run.agent" && setting.key != "run.env" && setting.key != "run.dataset" &&
             setting.key != "run.preset") {
    part = setting.key.substr(4) + "=" + part;
  }
  std::ranges::replace(part, '/', '-');
  return part.empty() ? "none" : part;
}

// A `train` that runs beside this process.
class Child {
 public:
  Child(const std::vector<std::string>& words, const std::filesystem::path& log) : log_(log) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0666);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    // A group of its own: a terminal's Ctrl-C reaches this process alone, which passes it on once.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    const int error = posix_spawn(&process_, arguments[0], &actions, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      throw WorkError("cannot start {} with its messages in {}: {}", words[0], log.string(),
                      std::strerror(error));
    }
  }
  Child(Child&& other) noexcept : process_(std::exchange(other.process_, -1)), log_(std::move(other.log_)) {}
  Child& operator=(Child&& other) noexcept {
    std::swap(process_, other.process_);
    std::swap(log_, other.log_);
    return *this;
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (process_ < 0) return;
    Stop();
    waitpid(process_, nullptr, 0);
  }

  // Lets it write its checkpoint and end.
  void Stop() const { kill(process_, SIGTERM); }

  // True once it has ended.
  bool HasEnded() {
    int status = 0;
    if (waitpid(process_, &status, WNOHANG) != process_) return false;
    process_ = -1;
    succeeded_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return true;
  }

  bool succeeded() const { return succeeded_; }
  const std::filesystem::path& log() const { return log_; }

 private:
  pid_t process_ = -1;
  bool succeeded_ = false;
  std::filesystem::path log_;
};

// For a shell.
std::string Quoted(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

std::vector<SweepRun> ExpandSweep(const std::vector<GivenSetting>& page) {
  std::vector<SweepRun> runs(1);
  for (const GivenSetting& given : page) {
    const std::vector<std::string> values = Alternatives(given);
    std::vector<SweepRun> longer;
    if (runs.size() * values.size() > kMaxRuns) throw InputError("more than {} runs", kMaxRuns);
    for (const SweepRun& run : runs) {
      for (const std::string& value : values) {
        SweepRun next = run;
        next.settings.push_back({given.key, value, given.where});
        if (values.size() > 1 && given.key != "run.seed") {
          next.folder =
              next.folder.string() + (run.folder.empty() ? "" : "_") + NamePart(next.settings.back());
        }
        longer.push_back(std::move(next));
      }
    }
    runs = std::move(longer);
  }
  std::set<std::filesystem::path> folders;
  for (SweepRun& run : runs) {
    const Experiment experiment(run.settings);
    CheckThatItActs(experiment.run());
    run.folder /= fmt::format("seed_{}", experiment.run().seed);
    if (!folders.insert(run.folder).second) {
      throw InputError("two runs would share the folder {}: expected values that differ in name",
                       run.folder.string());
    }
  }
  return runs;
}

std::vector<std::string> TrainWords(const std::filesystem::path& program, const SweepRun& run,
                                    const std::filesystem::path& out) {
  std::vector<std::string> words{program, "train", "--out", out / run.folder, "--resume", "--quiet"};
  for (const GivenSetting& setting : run.settings) {
    words.insert(words.end(), {"--set", fmt::format("{}={}", setting.key, setting.value)});
  }
  return words;
}

SweepOutcome RunSweep(const std::vector<SweepRun>& runs, const std::filesystem::path& out,
                      const SweepOptions& options) {
  SweepOutcome outcome;
  std::vector<Child> children;
  ProgressBar bar("sweep", static_cast<std::int64_t>(runs.size()), "runs", options.progress);
  auto next = runs.begin();
  while (!children.empty() || (next != runs.end() && !outcome.stopped)) {
    while (next != runs.end() && !outcome.stopped && std::ssize(children) < options.jobs) {
      const std::filesystem::path log = out / (next->folder.string() + ".log");
      MakeFolders(log.parent_path());
      children.emplace_back(TrainWords(options.program, *next++, out), log);
    }
    std::this_thread::sleep_for(kPatience);
    if (!outcome.stopped && options.stop()) {
      outcome.stopped = true;
      for (const Child& child : children) child.Stop();
    }
    std::erase_if(children, [&](Child& child) {
      if (!child.HasEnded()) return false;
      if (child.succeeded()) ++outcome.finished;
      if (!child.succeeded() && !outcome.stopped) outcome.failed.push_back(child.log());
      return true;
    });
    bar.Update(outcome.finished + std::ssize(outcome.failed),
               fmt::format("{} failed", outcome.failed.size()));
  }
  bar.Finish();
  return outcome;
}

std::string SlurmScript(const std::vector<SweepRun>& runs, const std::filesystem::path& out,
                        const std::filesystem::path& program) {
  std::string script = fmt::format(
      "#!/bin/bash\n"
      "#SBATCH --job-name=strider\n"
      "#SBATCH --array=0-{}\n"
      "#SBATCH --output={}/slurm-%a.log\n"
      "# One task a run; a task that is submitted again goes on from its checkpoint.\n"
      "case $SLURM_ARRAY_TASK_ID in\n",
      runs.size() - 1, out.string());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    std::vector<std::string> words = TrainWords(program, runs[i], out);
    std::ranges::transform(words, words.begin(), Quoted);
    script += fmt::format("  {}) exec {} ;;\n", i, fmt::join(words, " "));
  }
  return script + "esac\n";
}

}  // namespace strider
