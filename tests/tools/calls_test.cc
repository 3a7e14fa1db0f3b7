// Calls of the program, right and wrong: exit codes and what is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "experiments/experiment.h"
#include "experiments/presets.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"
#include "tests/tools/program.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using Words = std::vector<std::string>;

// A wrong call: exit code 2, one complaint on standard error that holds all the parts, and nothing else.
void ExpectRefused(const Words& arguments, const std::vector<std::string>& parts) {
  const Finished finished = Strider(arguments);
  EXPECT_EQ(finished.code, 2) << finished.message;
  EXPECT_THAT(finished.out, IsEmpty());
  EXPECT_THAT(finished.message, StartsWith("strider: "));
  for (const std::string& part : parts) EXPECT_THAT(finished.message, HasSubstr(part));
  EXPECT_EQ(std::ranges::count(finished.message, '\n'), 1) << finished.message;
}

TEST(Calls, WithoutACommandTheUsageIsPrinted) {
  const Finished finished = Strider({});
  EXPECT_EQ(finished.code, 2);
  EXPECT_THAT(finished.out, IsEmpty());
  for (const char* command :
       {"list", "train", "collect", "evaluate", "rollout", "dataset", "metrics", "report", "--version"}) {
    EXPECT_THAT(finished.message, HasSubstr(command));
  }
  const Finished help = Strider({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_EQ(help.out, finished.message);
}

TEST(Calls, VersionNamesEveryLibrary) {
  const Finished finished = Strider({"--version"});
  EXPECT_EQ(finished.code, 0);
  for (const char* name :
       {"strider 0.1.0\n", "compiler ", "libtorch 2.15.", "mujoco 3.17.0\n", "hdf5 1.1", "eigen 3.4"}) {
    EXPECT_THAT(finished.out, HasSubstr(name));
  }
}

TEST(Calls, UnknownWordsSuggestTheNearest) {
  ExpectRefused({"trian"}, {"unknown command 'trian'; did you mean 'train'?"});
  ExpectRefused({"list", "agnts"}, {"unknown list 'agnts'; did you mean 'agents'?"});
  ExpectRefused({"dataset", "inf", "x.hdf5"}, {"unknown dataset command 'inf'; did you mean 'info'?"});
  ExpectRefused({"train", "td3", "--env", "Pendulum-v1", "--outt", "x"}, {"'--outt'; did you mean '--out'?"});
  ExpectRefused({"train", "tdd3", "--env", "Pendulum-v1", "--out", "x"},
                {"unknown agent 'tdd3'; did you mean 'td3'?"});
  ExpectRefused({"train", "td3", "--env", "Pendulm-v1", "--out", "x"},
                {"unknown environment 'Pendulm-v1'; did you mean 'Pendulum-v1'?"});
  ExpectRefused({"train", "mdpo-on", "--env", "Hopper-v5", "--preset", "papper", "--out", "x"},
                {"unknown preset of mdpo-on 'papper'; did you mean 'paper'?"});
  ExpectRefused({"train", "td3", "--env", "Pendulum-v1", "--set", "agent.discont=0.9", "--out", "x"},
                {"--set: unknown setting 'agent.discont'; did you mean 'agent.discount'?"});
  ExpectRefused({"collect", "--policy", "random", "--env", "Hoper-v5", "--steps", "1", "--out", "x"},
                {"unknown environment 'Hoper-v5'; did you mean 'Hopper-v5'?"});
  ExpectRefused({"evaluate", "random", "--env", "Hoper-v5"}, {"did you mean 'Hopper-v5'?"});
}

TEST(Calls, MissingOptionsAreNamed) {
  ExpectRefused({"train", "td3", "--env", "Pendulum-v1"}, {"--out is missing"});
  ExpectRefused({"train", "td3", "--out", "x"},
                {"nothing to learn from; expected --env ID or --dataset FILE"});
  ExpectRefused({"train", "td3bc", "--env", "Hopper-v5", "--out", "x"}, {"expected --dataset FILE"});
  ExpectRefused({"collect", "--policy", "random", "--steps", "1", "--out", "x"}, {"--env is missing"});
  ExpectRefused({"collect", "--env", "Hopper-v5", "--steps", "1", "--out", "x"}, {"--policy is missing"});
  ExpectRefused({"evaluate", "random"}, {"names no environment; expected --env ID"});
  ExpectRefused({"metrics"}, {"FILE is missing"});
  const std::string toy = GoldenPath("datasets/metrics/toy.hdf5");
  ExpectRefused({"metrics", toy, "--exact", "--hll"}, {"--exact and --hll contradict each other"});
  ExpectRefused({"metrics", toy, "--bins", "1"}, {"bins: 1 is out of range, expected 2 to 255"});
  ExpectRefused({"metrics", toy, "--reference", toy, "--reference-unique", "3"},
                {"--reference and --reference-unique say the same thing"});
  ExpectRefused({"metrics", toy, "--random", toy, "--min-return", "3"}, {"--random and --min-return"});
  ExpectRefused({"metrics", toy, "--run", "x", "--max-return", "3"}, {"--run and --max-return"});
  ExpectRefused({"metrics", toy, "--reference-unique", "0"}, {"--reference-unique 0: expected at least 1"});
  ExpectRefused({"metrics", toy, "--min-return", "nan"}, {"--min-return nan: expected a finite number"});
  ExpectRefused({"metrics", toy, "--min-return", "4", "--max-return", "4"},
                {"toy.hdf5: reference returns 4 (given) and 4 (given): expected the first below the second"});
  ExpectRefused({"metrics", toy, "--env", "CartPole-v1"},
                {"--env CartPole-v1: there are no reference returns for it"});
  ExpectRefused({"metrics", toy, "--run", "not/there"}, {"not/there"});
  ExpectRefused({"metrics", toy, "--random", GoldenPath("datasets/malformed/nan_rewards.hdf5")},
                {"nan_rewards.hdf5", "row "});
  ExpectRefused({"metrics", toy, "--picture", "p.pdf"},
                {"'p.pdf': expected a name that ends in .png or .svg"});
  ExpectRefused({"metrics", toy, "--picture", "p.svg"}, {"--picture", "has no SACo", "--reference FILE"});
  ExpectRefused({"metrics", toy, "--reference", toy, "--picture", "p.svg"}, {"has no TQ", "--max-return"});
  ExpectRefused({"report"}, {"DIR is missing"});
  ExpectRefused({"dataset"}, {"info, validate, convert, merge or split is missing"});
  ExpectRefused({"dataset", "info"}, {"FILE is missing"});
  ExpectRefused({"dataset", "info", "x.hdf5", "--out", "y"},
                {"dataset info takes no --out; expected --json"});
  ExpectRefused({"dataset", "convert", "x.hdf5"}, {"--out is missing"});
  ExpectRefused({"dataset", "convert", "x.hdf5", "y.hdf5", "--out", "z"},
                {"2 FILEs were given, expected one"});
  ExpectRefused({"dataset", "merge", "x.hdf5", "--out", "y", "--out", "z"},
                {"2 --outs were given, expected one"});
  ExpectRefused({"dataset", "convert", "none.hdf5", "--out", "y-v0", "--max-episode-steps", "0"},
                {"--max-episode-steps 0: expected at least 1"});
  ExpectRefused({"dataset", "validate", "x.hdf5", "--actions", "1"},
                {"--actions 1: expected two numbers LOW,HIGH"});
  ExpectRefused({"evaluate"}, {"DIR or FILE.hdf5 is missing"});
  ExpectRefused({"train", "td3", "--env"}, {"'--env'", "usage: strider train"});
}

TEST(Calls, EmptyAndContradictingOptionsAreRefused) {
  ExpectRefused({"train", "td3", "--env", "Pendulum-v1", "--out", ""}, {"--out is empty"});
  ExpectRefused({"collect", "--policy", "random", "--env", "Hopper-v5", "--steps", "1", "--out", ""},
                {"--out is empty"});
  ExpectRefused({"train", "td3", "--env", "Pendulum-v1", "--out", "x", "--set", "run.agent=sac"},
                {"--set run.agent=sac and --agent td3 contradict each other"});
  ExpectRefused({"train", "--env", "Pendulum-v1", "--out", "x"}, {"no agent is named"});
}

TEST(Calls, RandomActionsTakeNoFurtherNoise) {
  for (const char* option : {"--deterministic", "--noise=0.1", "--epsilon=0.1"}) {
    const Finished finished = Strider({"collect", "--policy", "random", "--env", "Pendulum-v1", "--steps",
                                       "5", "--out", "not_written.hdf5", option});
    EXPECT_EQ(finished.code, 2);
    EXPECT_THAT(finished.message, HasSubstr("does not go with --policy random"));
  }
}

TEST(Calls, OutputThatCannotBeWrittenIsAFailure) {
  RunOptions full;
  full.output = "/dev/full";
  const Finished finished = Strider({"list", "envs", "--json"}, full);
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.message, HasSubstr("cannot write to standard output"));
}

TEST(Calls, ValuesOutOfRangeNameWhatIsAccepted) {
  const Words train = {"train", "td3", "--env", "Pendulum-v1", "--out", "x"};
  const auto with = [](Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  ExpectRefused(with(train, {"--steps", "0"}), {"--steps: run.steps = '0'", "a whole number at least 1"});
  ExpectRefused(with(train, {"--steps", "many"}),
                {"--steps: run.steps = 'many'", "a whole number at least 1"});
  ExpectRefused(with(train, {"--seed=-4"}), {"--seed: run.seed = '-4'", "at least 0"});
  ExpectRefused(with(train, {"--num-envs", "0"}),
                {"--num-envs: run.num_envs = '0'", "a whole number in [1, 65536]"});
  ExpectRefused(with(train, {"--dataset", "a#b.hdf5"}),
                {"--dataset: run.dataset = 'a#b.hdf5'", "without '#'"});
  ExpectRefused(with(train, {"--device", "tpu"}), {"tpu", "cpu, cuda or cuda:N"});
  ExpectRefused(with(train, {"--set", "agent.tau=1.5"}), {"--set: agent.tau = '1.5'", "a number in [0, 1]"});
  ExpectRefused(with(train, {"--set", "agent.tau"}), {"--set 'agent.tau'", "expected key=value"});
  ExpectRefused(with(train, {"--threads", "1025"}), {"--threads: run.threads = '1025'", "[0, 1024]"});
  ExpectRefused(with(train, {"--seeds", "0"}), {"--seeds 0", "at least 1"});
  ExpectRefused(with(train, {"--seed", "9223372036854775807", "--seeds", "2"}), {"--seeds 2", "too large"});
  const Words collect = {"collect", "--policy", "random", "--env", "Hopper-v5", "--out", "x"};
  ExpectRefused(with(collect, {"--steps", "0"}), {"--steps 0", "at least 1"});
  ExpectRefused(with(collect, {"--steps", "9", "--epsilon", "1.5"}), {"--epsilon 1.5", "[0, 1]"});
  ExpectRefused(with(collect, {"--steps", "9", "--noise=-1"}), {"--noise -1", "at least 0"});
  ExpectRefused(with(collect, {"--steps", "9", "--seed=-1"}), {"--seed -1", "at least 0"});
  ExpectRefused(with(collect, {"--steps", "9", "--format", "rlds"}),
                {"--format rlds: expected d4rl or minari"});
  ExpectRefused({"evaluate", "random", "--env", "Hopper-v5", "--episodes", "0"},
                {"--episodes 0", "at least 1"});
  ExpectRefused({"evaluate", "random", "--env", "Hopper-v5", "--seed=-1"}, {"--seed -1", "at least 0"});
  ExpectRefused({"evaluate", "random", "--env", "Hopper-v5", "--threads=-1"}, {"--threads -1", "at least 0"});
}

TEST(Calls, ConfigFilesNameTheirLine) {
  const TemporaryFolder folder;
  const auto config = folder.Write("my.cfg", "# mine\nagent.tau = 0.1\nagent.policy_dely = 3\n");
  ExpectRefused(
      {"train", "td3", "--env", "Pendulum-v1", "--config", config, "--out", folder.path() / "run"},
      {config.string() + ":3: unknown setting 'agent.policy_dely'; did you mean 'agent.policy_delay'?"});
  ExpectRefused(
      {"train", "td3", "--env", "Pendulum-v1", "--config", folder.path() / "none.cfg", "--out", "x"},
      {"none.cfg", "No such file"});
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "run"));
}

TEST(Calls, AgentsThatDoNotFitAreRefusedBeforeAnythingIsWritten) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "run";
  ExpectRefused({"train", "td3", "--env", "CartPole-v1", "--out", out}, {"needs continuous actions"});
  ExpectRefused({"train", "mdpo-off", "--env", "Pendulum-v1", "--set", "agent.kl_coef=0.1", "--out", out},
                {"kl_coef", "lambda"});
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(Calls, HelpOfTrainListsEverySetting) {
  for (const AgentEntry& agent : AllAgents()) {
    const std::string id(agent.id);
    const Finished finished = Strider({"train", "--env", "Hopper-v5", id, "--help"});
    EXPECT_EQ(finished.code, 0) << finished.message;
    std::vector<GivenSetting> given = {{"run.agent", id, ""}, {"run.env", "Hopper-v5", ""}};
    if (agent.kind == AgentKind::kOffline) given.push_back({"run.dataset", "FILE", ""});
    Experiment experiment(given);
    const SettingList settings = experiment.Settings();
    for (const Setting& setting : settings.settings()) {
      EXPECT_THAT(finished.out, HasSubstr(fmt::format("  {} = ", setting.key)));
      EXPECT_THAT(finished.out, HasSubstr(setting.help));
    }
    EXPECT_THAT(finished.out, HasSubstr("--resume"));
  }
}

TEST(Calls, HelpOfTrainShowsWhatTheCallWouldTake) {
  const auto help = [](Words words) {
    words.insert(words.begin(), "train");
    words.push_back("--help");
    return Strider(words);
  };
  EXPECT_THAT(help({"td3"}).out,
              AllOf(HasSubstr("Settings of td3 (key = default:"), HasSubstr("  run.env = : "),
                    HasSubstr("  run.log_interval = 0: "), Not(HasSubstr("  env.reset"))));
  EXPECT_THAT(help({"edac", "--preset", "paper"}).out,
              AllOf(HasSubstr("Settings of edac (key = value:"), HasSubstr("  agent.critics = 10: ")));
  EXPECT_THAT(help({"edac", "--preset", "paper", "--env", "Hopper-v5", "--set", "agent.tau=0.5"}).out,
              AllOf(HasSubstr("  agent.critics = 50: "), HasSubstr("  agent.tau = 0.5: ")));
  const std::string whole = GoldenPath("datasets/malformed/whole.hdf5").string();
  EXPECT_THAT(help({"rlpd", "--dataset", whole}).out,
              AllOf(HasSubstr("  run.env = : "), HasSubstr("env.*: with --env ID")));
  for (const Words& more : {Words{}, Words{"--dataset", whole}}) {
    Words words = {"hnpg", "--preset", "paper"};
    words.insert(words.end(), more.begin(), more.end());
    const Finished task = help(words);
    EXPECT_EQ(task.code, 2);
    EXPECT_THAT(task.message, HasSubstr("expected --env ID too"));
  }
  EXPECT_EQ(help({"td3", "--preset", "nope", "--env", "Hopper-v5"}).code, 2);
}

TEST(Calls, EveryCommandHasHelp) {
  for (const char* command :
       {"list", "train", "collect", "evaluate", "rollout", "dataset", "metrics", "render", "report"}) {
    const Finished finished = Strider({command, "--help"});
    EXPECT_EQ(finished.code, 0);
    EXPECT_THAT(finished.out, HasSubstr(fmt::format("usage: strider {}", command)));
    EXPECT_THAT(finished.message, IsEmpty());
  }
}

TEST(Calls, ListNamesWhatThereIs) {
  const Finished finished = Strider({"list", "--json"});
  ASSERT_EQ(finished.code, 0);
  const auto json = finished.Json();
  const auto ids = [&](const char* what) {
    std::vector<std::string> found;
    for (const auto& row : json.at(what)) {
      EXPECT_NE(row.at("summary"), "");
      found.push_back(row.at("id"));
    }
    return found;
  };
  std::vector<std::string> envs;
  for (const EnvEntry& entry : EnvRegistry()) envs.emplace_back(entry.id);
  EXPECT_EQ(ids("envs"), envs);
  std::vector<std::string> agents;
  for (const AgentEntry& entry : AllAgents()) agents.emplace_back(entry.id);
  EXPECT_EQ(ids("agents"), agents);
  for (const auto& agent : json.at("agents")) {
    if (agent.at("id") != "td3bc") continue;
    EXPECT_EQ(agent.at("kind"), "offline");
    EXPECT_EQ(agent.at("actions"), "continuous");
  }
  EXPECT_THAT(ids("presets"), AllOf(Contains("mdpo-on --preset paper"), Contains("hnpg --preset paper")));
  for (const auto& preset : json.at("presets")) {
    if (preset.at("id") != "hnpg --preset paper") continue;
    EXPECT_EQ(preset.at("tasks").dump(), R"(["combinationlock","embeddinglock"])");
  }

  const Finished text = Strider({"list", "agents"});
  EXPECT_THAT(text.out, AllOf(HasSubstr("agents:\n"), HasSubstr("  td3bc "), Not(HasSubstr("envs"))));
}

}  // namespace
}  // namespace strider
