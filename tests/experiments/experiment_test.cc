// Where settings come from, in which order, and what is said where they are wrong.
#include "experiments/experiment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/parallel.h"
#include "datasets/hdf5.h"
#include "datasets/writer.h"
#include "experiments/offline_data.h"
#include "experiments/presets.h"
#include "experiments/trainer.h"
#include "tests/agents/learner_kit.h"
#include "tests/datasets/make_dataset.h"
#include "tests/experiments/settings_kit.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/experiments/training_kit.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Complaint(const Given& given) {
  return MessageOf<InputError>([&] { const Experiment experiment(given); });
}

// What MakeTrainer says where agent, dataset and environment do not fit together.
std::string Misfit(const Given& given) {
  const Experiment experiment(given);
  WorkerPool pool(1);
  return MessageOf<InputError>([&] { MakeTrainer(experiment, pool); });
}

// Every agent with such clamps.
TEST(Misfits, LogDeviationsNeedRoom) {
  int asked = 0;
  for (const AgentEntry& entry : AllAgents()) {
    const auto factory = entry.factory();
    const SettingList settings = factory->Settings();
    if (settings.Find("agent.log_std_min") == nullptr) continue;
    ++asked;
    settings.Set("agent.hidden", "4");
    settings.Set("agent.log_std_min", "0.5");
    settings.Set("agent.log_std_max", "0.25");
    EXPECT_THAT(MessageOf<InputError>([&] { factory->MakeOffPolicy(BoxTask(3, 2), nullptr); }),
                HasSubstr("agent.log_std_min = 0.5 is above agent.log_std_max = 0.25"))
        << entry.id;
    settings.Set("agent.log_std_max", "0.5");
    EXPECT_NO_THROW(factory->MakeOffPolicy(BoxTask(3, 2), nullptr)) << entry.id;
  }
  EXPECT_GE(asked, 9);
}

TEST(ExperimentOrder, PresetOverDefaultsAndGivenOverPreset) {
  const std::string key = "agent.kl_coef";
  Experiment plain(On("mdpo-off", "HalfCheetah-v5"));
  EXPECT_EQ(Value(plain, key), "0.5");
  Experiment preset(On("mdpo-off", "HalfCheetah-v5", {{"run.preset", "paper", "--preset"}}));
  EXPECT_EQ(Value(preset, key), "0.3");
  // Wherever the preset is named, what is given goes on top of it, the last one last.
  Experiment given(On("mdpo-off", "HalfCheetah-v5",
                      {{key, "0.7", "a.cfg:1"}, {key, "0.9", "--set"}, {"run.preset", "paper", "--preset"}}));
  EXPECT_EQ(Value(given, key), "0.9");
}

TEST(ExperimentOrder, IntervalsAndThreadsThatAreLeftOpenAreFilledIn) {
  const Experiment filled(On("td3", "Pendulum-v1", {{"run.steps", "10000", ""}}));
  EXPECT_EQ(filled.run().log_interval, 50);
  EXPECT_EQ(filled.run().eval_interval, 500);
  EXPECT_EQ(filled.run().checkpoint_interval, 500);
  EXPECT_EQ(filled.run().threads, static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  const Experiment tiny(On("td3", "Pendulum-v1", {{"run.steps", "3", ""}}));
  EXPECT_EQ(tiny.run().log_interval, 1);
  const Experiment given(On("td3", "Pendulum-v1", {{"run.log_interval", "7", ""}, {"run.threads", "3", ""}}));
  EXPECT_EQ(given.run().log_interval, 7);
  EXPECT_EQ(given.run().threads, 3);
}

TEST(ExperimentText, FedBackGivesAnEqualExperiment) {
  for (const AgentEntry& agent : AllAgents()) {
    Given given = On(std::string(agent.id), "Hopper-v5",
                     {{"run.steps", "12345", ""},
                      {"env.reset_noise_scale", "0.123456789012345", ""},
                      {"env.max_episode_steps", "77", ""}});
    if (agent.kind == AgentKind::kOffline) given.push_back({"run.dataset", "some folder/data.hdf5", ""});
    Experiment first(given);
    Experiment second(ParseConfig(first.Text(), "config.cfg"));
    EXPECT_EQ(second.Text(), first.Text());
    EXPECT_EQ(second.run().dataset, first.run().dataset);
    EXPECT_EQ(second.EnvOptions(), first.EnvOptions());
    EXPECT_EQ(second.MakeEnv()->spec().max_episode_steps, 77);
  }
}

TEST(ConfigText, SectionsCommentsAndLineNumbers) {
  const Given given =
      ParseConfig("# first\n\nrun.steps = 10  # ten\n[agent]\n  tau=0.5\nhidden = 8,8\n", "x.cfg");
  ASSERT_EQ(given.size(), 3);
  EXPECT_EQ(given[0].key, "run.steps");
  EXPECT_EQ(given[0].value, "10");
  EXPECT_EQ(given[0].where, "x.cfg:3");
  EXPECT_EQ(given[1].key, "agent.tau");
  EXPECT_EQ(given[1].where, "x.cfg:5");
  EXPECT_EQ(given[2].value, "8,8");
  EXPECT_EQ(given[2].where, "x.cfg:6");
}

TEST(ConfigErrors, NameFileAndLine) {
  const TemporaryFolder folder;
  const auto file = folder.Write("my.cfg", "# mine\nrun.agent = td3\nrun.env = Hopper-v5\n\nagent.tau = 7\n");
  EXPECT_EQ(Complaint(ReadConfigFile(file)),
            file.string() + ":5: agent.tau = '7' is not accepted; expected a number in [0, 1]");
  const auto unknown = folder.Write("unknown.cfg", "run.agent = td3\nrun.env = Hopper-v5\nagent.tua = 0.1\n");
  EXPECT_EQ(Complaint(ReadConfigFile(unknown)),
            unknown.string() + ":3: unknown setting 'agent.tua'; did you mean 'agent.tau'?");
  const auto run_key = folder.Write("run.cfg", "run.agent = td3\nrun.stepz = 5\n");
  EXPECT_EQ(Complaint(ReadConfigFile(run_key)),
            run_key.string() + ":2: unknown setting 'run.stepz'; did you mean 'run.steps'?");
  const auto garbage = folder.Write("garbage.cfg", "run.agent = td3\nthis is no assignment\n");
  EXPECT_THAT(MessageOf<InputError>([&] { ReadConfigFile(garbage); }),
              AllOf(HasSubstr(garbage.string() + ":2: "), HasSubstr("this is no assignment"),
                    HasSubstr("expected lines `key = value`")));
  const auto open = folder.Write("open.cfg", "run.agent = td3\n[agent\ntau = 0.5\n");
  EXPECT_THAT(MessageOf<InputError>([&] { ReadConfigFile(open); }),
              AllOf(HasSubstr(open.string() + ":2: "), HasSubstr("[agent")));
  const auto twice = folder.Write("twice.cfg", "run.agent = td3\n\n[agent]\ntau = 0.5\ntau = 0.1\n");
  EXPECT_EQ(MessageOf<InputError>([&] { ReadConfigFile(twice); }),
            twice.string() + ":4: agent.tau is set twice, to '0.5' and '0.1'; expected one of the lines");
  EXPECT_THAT(MessageOf<InputError>([&] { ReadConfigFile(folder.path() / "none.cfg"); }),
              AllOf(HasSubstr("none.cfg"), HasSubstr("No such file")));
}

TEST(ConfigErrors, NamesSuggestTheNearest) {
  EXPECT_EQ(Complaint(On("td33", "Hopper-v5")), "unknown agent 'td33'; did you mean 'td3'?");
  EXPECT_EQ(Complaint(On("td3", "Hoper-v5")), "unknown environment 'Hoper-v5'; did you mean 'Hopper-v5'?");
  EXPECT_EQ(Complaint(On("td3", "Hopper-v5", {{"agent.polcy_delay", "2", "--set"}})),
            "--set: unknown setting 'agent.polcy_delay'; did you mean 'agent.policy_delay'?");
  EXPECT_EQ(Complaint(On("td3", "Hopper-v5", {{"env.frame_skp", "2", "--set"}})),
            "--set: unknown setting 'env.frame_skp'; did you mean 'env.frame_skip'?");
  EXPECT_EQ(Complaint(On("mdpo-on", "Hopper-v5", {{"run.preset", "papr", "--preset"}})),
            "unknown preset of mdpo-on 'papr'; did you mean 'paper'?");
  EXPECT_THAT(Complaint({{"run.env", "Hopper-v5", ""}}), HasSubstr("no agent is named; expected AGENT"));
}

TEST(ConfigErrors, GoingOnlineNeedsADatasetAndAnEnvironment) {
  const std::string expected =
      "run.online_from = 5 mixes a dataset with what is lived through in an environment; expected both "
      "--dataset FILE and --env ID";
  EXPECT_EQ(Complaint(On("td3", "Hopper-v5", {{"run.online_from", "5", "--set"}})), expected);
  EXPECT_EQ(Complaint({{"run.agent", "td3bc", ""}, {"run.dataset", "x", ""}, {"run.online_from", "5", ""}}),
            expected);
}

TEST(ConfigErrors, AnAgentThatActsAnywayGoesOnlineNowhere) {
  const TemporaryFolder folder;
  const auto dataset = folder.path() / "lock.hdf5";
  CollectRandomly("CombinationLock-v0", 20, dataset);
  EXPECT_THAT(Complaint(On("hnpg", "CombinationLock-v0",
                           {{"run.dataset", dataset.string(), ""}, {"run.online_from", "5", "--set"}})),
              HasSubstr("run.online_from = 5 has no part in hnpg"));
}

TEST(ConfigErrors, ValuesNameKeyValueAndExpectation) {
  EXPECT_EQ(Complaint(On("td3", "Hopper-v5", {{"run.steps", "0", "--steps"}})),
            "--steps: run.steps = '0' is not accepted; expected a whole number at least 1");
  EXPECT_EQ(Complaint(On("td3", "Hopper-v5", {{"run.seed", "-1", "--seed"}})),
            "--seed: run.seed = '-1' is not accepted; expected a whole number at least 0");
  EXPECT_EQ(Complaint(On("td3", "Hopper-v5", {{"agent.discount", "nan", "--set"}})),
            "--set: agent.discount = 'nan' is not accepted; expected a number in [0, 1]");
  EXPECT_EQ(Complaint(On("td3", "Hopper-v5", {{"agent.batch_size", "3.5", "--set"}})),
            "--set: agent.batch_size = '3.5' is not accepted; expected a whole number in [1, 1000000]");
  EXPECT_EQ(Complaint(On("mdpo-on", "Hopper-v5", {{"agent.step_size_schedule", "cosine", "--set"}})),
            "--set: agent.step_size_schedule = 'cosine' is not accepted; expected one of linear, constant, "
            "inverse_sqrt");
  EXPECT_EQ(Complaint(On("td3", "Hopper-v5", {{"env.frame_skip", "0", "--set"}})),
            "--set: env.frame_skip = '0' is not accepted; expected a whole number in [1, 10000]");
  EXPECT_EQ(MessageOf<InputError>([] { ParseAssignment("agent.tau"); }),
            "--set 'agent.tau': expected key=value, such as agent.discount=0.99");
  EXPECT_EQ(ParseAssignment("a=b=c").value, "b=c");
}

TEST(ConfigErrors, AgentsThatHaveNothingToLearnFrom) {
  EXPECT_EQ(Complaint(On("td3bc", "Hopper-v5")), "td3bc learns from a dataset; expected --dataset FILE");
  EXPECT_EQ(Complaint(On("mdpo-on", "Hopper-v5", {{"run.dataset", "x.hdf5", ""}})),
            "mdpo-on learns from its own rollouts and cannot take --dataset");
  EXPECT_EQ(Complaint({{"run.agent", "td3", ""}}),
            "nothing to learn from; expected --env ID or --dataset FILE");
}

TEST(Misfits, TrustRegionMustNotBeInverted) {
  EXPECT_THAT(Misfit(On("mdpo-off", "Pendulum-v1",
                        {{"agent.kl_coef", "0.1", "--set"}, {"agent.lambda", "0.2", "--set"}})),
              AllOf(HasSubstr("kl_coef"), HasSubstr("0.1"), HasSubstr("lambda"), HasSubstr("0.2")));
}

TEST(Misfits, DiscreteActionsNeedAnAgentForThem) {
  for (const std::string agent : {"td3", "rlpd", "pmoe-sac"}) {
    EXPECT_THAT(Misfit(On(agent, "CartPole-v1")), HasSubstr("needs continuous actions")) << agent;
  }
  for (const std::string agent : {"sac", "mdpo-off"}) {  // one name, two forms
    const Experiment experiment(On(agent, "CartPole-v1"));
    WorkerPool pool(1);
    EXPECT_EQ(MakeTrainer(experiment, pool)->agent().MakePolicy().distribution,
              ActionDistribution::kCategorical);
  }
}

// As --set gives them; config files list every setting.
TEST(Misfits, SettingsOfTheOtherKindOfAction) {
  const auto refused = [](const char* agent, const char* env, const char* key, const char* value) {
    EXPECT_NO_THROW(Experiment(On(agent, env, {{key, value, "my.cfg:3"}})));
    return Complaint(On(agent, env, {{key, value, "--set"}}));
  };
  for (const char* agent : {"sac", "mdpo-off"}) {
    EXPECT_EQ(
        refused(agent, "CartPole-v1", "agent.log_std_min", "-5"),
        "--set: agent.log_std_min is for continuous actions, but those of CartPole-v1 are discrete; leave it "
        "out");
    for (const char* key : {"agent.squash_epsilon", "agent.target_entropy", "agent.log_std_max"}) {
      EXPECT_THAT(refused(agent, "CartPole-v1", key, "0.125"), HasSubstr("is for continuous actions")) << key;
    }
  }
  for (const char* key :
       {"agent.density_floor", "agent.kl_density_floor", "agent.log_density_cap", "agent.reg_coef"}) {
    EXPECT_THAT(refused("mdpo-off", "CartPole-v1", key, "0.125"), HasSubstr("is for continuous actions"))
        << key;
  }
  EXPECT_THAT(refused("pmoe-sac", "Pendulum-v1", "agent.discrete_target_entropy", "0.5"),
              HasSubstr("is for discrete actions, but those of Pendulum-v1 are continuous"));
  for (const char* agent : {"ppo", "trpo", "mdpo-on"}) {
    EXPECT_THAT(refused(agent, "CartPole-v1", "agent.log_std_init", "-1"), HasSubstr("is for continuous"));
    EXPECT_NO_THROW(Experiment(On(agent, "Pendulum-v1", {{"agent.log_std_init", "-1", "--set"}})));
  }
  const TemporaryFolder folder;
  const auto cart = folder.path() / "cart.hdf5";
  CollectRandomly("CartPole-v1", 20, cart);
  const auto offline = [&](const char* agent, const char* key) {
    return On(agent, "CartPole-v1", {{"run.dataset", cart.string(), ""}, {key, "0.1", "--set"}});
  };
  EXPECT_THAT(Complaint(offline("bcq", "agent.critic_lr")),
              HasSubstr("agent.critic_lr is for continuous actions"));
  EXPECT_NO_THROW(Experiment(offline("bcq", "agent.lr")));
  EXPECT_THAT(Complaint(offline("cql", "agent.actor_lr")),
              HasSubstr("agent.actor_lr is for continuous actions"));
  EXPECT_NO_THROW(Experiment(offline("cql", "agent.critic_lr")));
}

// What the list says of an agent's actions is what its own constructor says, asked without the list.
TEST(Misfits, EveryAgentTakesTheActionsThatItsLineNames) {
  for (const AgentEntry& entry : OnlineAgents()) {
    const char* discrete =
        entry.id == "hac" ? "LockChain-v0" : "CartPole-v1";  // hac's states too are numbers
    for (const char* env : {"Pendulum-v1", discrete}) {
      const Experiment experiment(On(std::string(entry.id), env));
      WorkerPool pool(1);
      const EnvSpec spec = experiment.MakeEnv()->spec();
      if (Takes(entry.actions, spec.action_space)) {
        EXPECT_NO_THROW(MakeTrainer(experiment, pool)) << entry.id << " on " << env;
        continue;
      }
      EXPECT_THROW(MakeTrainer(experiment, pool), InputError) << entry.id << " on " << env;
      Task task;
      task.observation_size = spec.observation_size();
      task.action_space = spec.action_space;
      const bool rolls_out = entry.kind == AgentKind::kOnPolicy || entry.kind == AgentKind::kHybrid;
      const std::string complaint = MessageOf<InputError>([&] {
        rolls_out ? void(experiment.factory().MakeOnPolicy(task))
                  : void(experiment.factory().MakeOffPolicy(task, nullptr));
      });
      EXPECT_THAT(complaint, HasSubstr("actions")) << entry.id << " on " << env;
    }
  }
}

TEST(Misfits, ActionsThatAnAgentCannotTakeNameOthersThatCan) {
  EXPECT_THAT(
      Misfit(On("td3", "CartPole-v1")),
      EndsWith("td3 needs continuous actions, but those of CartPole-v1 are discrete; expected an agent "
               "such as mdpo-on, mdpo-off, sac, ppo, subpo, trpo, dqn, qr-dqn, deta-n"));
  const TemporaryFolder folder;
  const auto discrete = folder.path() / "discrete.hdf5";
  const auto continuous = folder.path() / "continuous.hdf5";
  CollectRandomly("CartPole-v1", 300, discrete);
  CollectRandomly("Pendulum-v1", 300, continuous);
  EXPECT_THAT(Misfit(On("rlpd", "CartPole-v1", {{"run.dataset", discrete.string(), ""}})),
              EndsWith("such as mdpo-off, sac, dqn, qr-dqn, bc, cql, bcq"));
  EXPECT_THAT(
      Misfit({{"run.agent", "dqn", ""}, {"run.dataset", continuous.string(), ""}}),
      EndsWith(
          "such as mdpo-off, sac, pmoe-sac, rlpd, td3, bc, td3bc, prdc, a2pr, odice, iql, cql, bcq, awac, "
          "rebrac, sac-n, edac"));
}

TEST(Misfits, DatasetsOfDiscreteActions) {
  const TemporaryFolder folder;
  const auto dataset = folder.path() / "random.hdf5";
  CollectRandomly("CartPole-v1", 300, dataset);
  for (const AgentEntry& entry : AllAgents()) {
    if (entry.kind != AgentKind::kOffline) continue;
    const std::string id(entry.id);
    const Given with_env = On(id, "CartPole-v1", {{"run.dataset", dataset.string(), ""}});
    // Without an environment the file's metadata say what its actions are.
    const Given alone = {{"run.agent", id, ""}, {"run.dataset", dataset.string(), ""}};
    for (const Given& given : {with_env, alone}) {
      if (entry.actions == ActionKind::kEither) {
        const Experiment experiment(given);
        WorkerPool pool(1);
        EXPECT_NO_THROW(MakeTrainer(experiment, pool)) << id;
      } else {
        EXPECT_THAT(Misfit(given), AllOf(HasSubstr(id + " needs continuous actions"),
                                         EndsWith("such as mdpo-off, sac, dqn, qr-dqn, bc, cql, bcq")))
            << id;
        const TransitionColumns none;
        Task task;
        task.observation_size = 4;
        task.action_space = Discrete{2};
        EXPECT_THAT(MessageOf<InputError>([&] { entry.factory()->MakeOffPolicy(task, &none); }),
                    HasSubstr("actions"))
            << id << " takes them when its line is not asked";
      }
    }
  }
}

// Rows of a dataset are drawn one step at a time, whether or not the run goes online.
TEST(Misfits, DatasetsForSeveralSteps) {
  const TemporaryFolder folder;
  const auto dataset = folder.path() / "random.hdf5";
  CollectRandomly("CartPole-v1", 300, dataset);
  for (const GivenSetting& setting :
       {GivenSetting{"agent.n_step", "3", ""}, GivenSetting{"agent.priority_exponent", "0.6", ""}}) {
    for (const char* online_from : {"-1", "5"}) {
      for (const char* agent : {"dqn", "qr-dqn"}) {
        EXPECT_THAT(
            Misfit(
                On(agent, "CartPole-v1",
                   {{"run.dataset", dataset.string(), ""}, {"run.online_from", online_from, ""}, setting})),
            HasSubstr("expected agent.n_step = 1 and agent.priority_exponent = 0 with --dataset"));
      }
    }
  }
}

TEST(Misfits, DiscreteDataForAContinuousTask) {
  const TemporaryFolder folder;
  const auto dataset = folder.path() / "cart.hdf5";
  CollectRandomly("CartPole-v1", 300, dataset);
  EXPECT_THAT(Misfit(On("td3bc", "InvertedPendulum-v5", {{"run.dataset", dataset.string(), ""}})),
              HasSubstr("cart.hdf5: was recorded in CartPole-v1, whose actions are discrete"));
}

TEST(Misfits, PresetForDiscreteActions) {
  const TemporaryFolder folder;
  const auto dataset = folder.path() / "random.hdf5";
  CollectRandomly("Pendulum-v1", 300, dataset);
  const Experiment experiment(
      On("cql", "Pendulum-v1", {{"run.dataset", dataset.string(), ""}, {"run.preset", "discrete", ""}}));
  EXPECT_THAT(
      MessageOf<InputError>([&] { experiment.CheckActions(experiment.MakeEnv()->spec().action_space); }),
      HasSubstr("preset discrete is for discrete actions, but those of Pendulum-v1 are continuous"));
}

TEST(Misfits, PresetForContinuousActions) {
  for (const char* agent : {"cql", "bcq"}) {
    const Experiment experiment(
        On(agent, "CartPole-v1", {{"run.dataset", "mine.hdf5", ""}, {"run.preset", "paper", ""}}));
    EXPECT_THAT(
        MessageOf<InputError>([&] { experiment.CheckActions(experiment.MakeEnv()->spec().action_space); }),
        HasSubstr("preset paper is for continuous actions, but those of CartPole-v1 are discrete; expected "
                  "another of " +
                  std::string(agent)));
  }
  const Experiment both(
      On("bc", "CartPole-v1", {{"run.dataset", "mine.hdf5", ""}, {"run.preset", "paper", ""}}));
  both.CheckActions(both.MakeEnv()->spec().action_space);
}

// A row's next state is the row behind it.
TEST(Misfits, RowsThatAreNotInOrder) {
  const TemporaryFolder folder;
  Dataset dataset = MakeDataset(600, 3, 1);
  std::ranges::fill(dataset.terminals, 0);
  std::ranges::fill(dataset.timeouts, 0);
  dataset.next_observations.assign(dataset.observations.begin() + 3, dataset.observations.end());
  dataset.next_observations.insert(dataset.next_observations.end(), 3, 0.5F);
  const auto warning = [&](const char* name) {
    const auto path = folder.path() / name;
    WriteDataset(DatasetFormat::kD4rl, path, dataset);
    const Experiment experiment(On("td3bc", "Pendulum-v1", {{"run.dataset", path.string(), ""}}));
    WorkerPool pool(1);
    ::testing::internal::CaptureStderr();
    MakeTrainer(experiment, pool);
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(warning("ordered.hdf5"), Not(HasSubstr("next_observations")));
  // Every other row left out.
  const Dataset whole = dataset;
  for (std::size_t row = 0; row < 300; ++row) {
    for (std::size_t k = 0; k < 3; ++k) {
      dataset.observations[3 * row + k] = whole.observations[6 * row + k];
      dataset.next_observations[3 * row + k] = whole.next_observations[6 * row + k];
    }
  }
  dataset = Slice(dataset, 0, 300);
  EXPECT_THAT(warning("halved.hdf5"), AllOf(HasSubstr("halved.hdf5: in "),
                                            HasSubstr("of its first 300 rows the next row's observation")));
}

TEST(Misfits, DatasetsOfContinuousActions) {
  const TemporaryFolder folder;
  const auto dataset = folder.path() / "random.hdf5";
  CollectRandomly("Pendulum-v1", 300, dataset);
  EXPECT_THAT(Misfit(On("dqn", "Pendulum-v1", {{"run.dataset", dataset.string(), ""}})),
              HasSubstr("needs discrete actions"));
  // Pendulum's actions are no numbers of CartPole's two.
  const auto cart = folder.path() / "cart.hdf5";
  Dataset wrong = MakeDataset(300, 4, 1);
  WriteDataset(DatasetFormat::kD4rl, cart, wrong);
  EXPECT_THAT(Misfit(On("bcq", "CartPole-v1", {{"run.dataset", cart.string(), ""}})),
              AllOf(HasSubstr(cart.string() + ": holds the action "),
                    HasSubstr("expected whole numbers from 0 to 1")));
}

// As those of two discrete actions are, where a file says nothing of them.
TEST(Misfits, ActionsOfZeroAndOneAlone) {
  const TemporaryFolder folder;
  Dataset dataset = MakeDataset(300, 3, 1);
  for (const float low : {0.0F, -1.0F}) {
    for (std::size_t i = 0; i < dataset.rows; ++i) dataset.actions[i] = i % 2 == 0 ? low : 1.0F;
    const auto path = folder.path() / fmt::format("from{}.hdf5", low);
    WriteDataset(DatasetFormat::kD4rl, path, dataset);
    const Experiment experiment(On("td3bc", "Pendulum-v1", {{"run.dataset", path.string(), ""}}));
    WorkerPool pool(1);
    testing::internal::CaptureStderr();
    MakeTrainer(experiment, pool);
    const std::string warning = testing::internal::GetCapturedStderr();
    EXPECT_EQ(warning.find("its actions are 0 and 1 alone") != std::string::npos, low == 0) << warning;
  }
}

// Numbers of actions that would pass for continuous ones.
TEST(Misfits, NumbersOfActionsForAContinuousTask) {
  const TemporaryFolder folder;
  Dataset dataset = MakeDataset(300, 3, 1);
  const auto misfit = [&](const std::string& name, float low, float high) {
    for (std::size_t i = 0; i < dataset.rows; ++i) dataset.actions[i] = i % 2 == 0 ? low : high;
    const auto path = folder.path() / name;
    WriteDataset(DatasetFormat::kD4rl, path, dataset);
    return Misfit(On("td3bc", "Pendulum-v1", {{"run.dataset", path.string(), ""}}));
  };
  EXPECT_THAT(misfit("numbers.hdf5", 0, 3),
              HasSubstr("numbers.hdf5: holds nothing but whole numbers, such as 3, as actions"));
  for (const auto& [low, high] : {std::pair{-2.0F, 2.0F}, {0.5F, 3.0F}}) {
    for (std::size_t i = 0; i < dataset.rows; ++i) dataset.actions[i] = i % 2 == 0 ? low : high;
    const auto path = folder.path() / fmt::format("fine{}.hdf5", high);
    WriteDataset(DatasetFormat::kD4rl, path, dataset);
    const Experiment experiment(On("td3bc", "Pendulum-v1", {{"run.dataset", path.string(), ""}}));
    WorkerPool pool(1);
    EXPECT_NO_THROW(MakeTrainer(experiment, pool)) << "a bang-bang controller's, or out of the box";
  }
  const auto integers = folder.path() / "integers.hdf5";
  {
    Hdf5File file = Hdf5File::Create(integers);
    const std::vector<float> zeros(900, 0);
    file.Write<float>("observations", zeros, {300, 3});
    file.Write<std::int32_t>("actions", std::vector<std::int32_t>(300, 1), {300, 1});
    file.Write<float>("rewards", std::span(zeros).first(300), {300});
    file.Write<float>("terminals", std::span(zeros).first(300), {300});
  }
  for (const std::string env : {"Pendulum-v1", ""}) {
    EXPECT_THAT(Misfit(On("td3bc", env, {{"run.dataset", integers.string(), ""}})),
                HasSubstr("integers.hdf5: holds integers as actions"));
  }
}

// What the metadata say of actions holds where no environment does; actions beyond it are told of.
TEST(Misfits, BoundsOfActionsWithoutAnEnvironment) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "mine.hdf5";
  Dataset dataset = MakeDataset(300, 3, 1);
  std::ranges::fill(dataset.actions, 1.7F);
  const auto load = [&](const char* space) {
    dataset.metadata.clear();
    if (space != nullptr) dataset.metadata["action_space"] = space;
    WriteDataset(DatasetFormat::kD4rl, path, dataset);
    const Experiment experiment({{"run.agent", "bc", ""}, {"run.dataset", path.string(), ""}});
    testing::internal::CaptureStderr();
    const OfflineData data = LoadData(experiment, ActionFrame::kUnit);
    return std::pair(data.transitions.actions.at(0), testing::internal::GetCapturedStderr());
  };
  const auto [known, silence] =
      load(R"({"type": "Box", "dtype": "float32", "shape": [1], "low": [-2], "high": [2]})");
  EXPECT_FLOAT_EQ(known, 0.85F);
  EXPECT_THAT(silence, testing::IsEmpty());
  // Bounds that say nothing of a scale: of no width, or as wide as float32 goes.
  for (const char* wide :
       {R"({"type": "Box", "dtype": "float32", "shape": [1], "low": [1], "high": [1]})",
        R"({"type": "Box", "dtype": "float32", "shape": [1], "low": [-3e38], "high": [3e38]})"}) {
    EXPECT_FLOAT_EQ(load(wide).first, 1.7F) << wide;
  }
  const auto [unknown, warning] = load(nullptr);
  EXPECT_FLOAT_EQ(unknown, 1.7F);
  EXPECT_THAT(warning, HasSubstr("300 of 300 components of actions lie outside their bounds, such as 1.7"));
}

TEST(Misfits, LearningThatStartsAfterTheLastStep) {
  const auto notes = [](const char* steps) {
    return Experiment(
               On("sac", "Pendulum-v1", {{"run.steps", steps, ""}, {"agent.learning_starts", "100", ""}}))
        .notes();
  };
  EXPECT_THAT(notes("99"),
              testing::ElementsAre(HasSubstr("agent.learning_starts = 100 steps, and run.steps = 99")));
  EXPECT_THAT(notes("100"), testing::IsEmpty());
  EXPECT_THAT(Experiment(On("sac", "Pendulum-v1",
                            {{"run.steps", "99", ""},
                             {"agent.learning_starts", "9", ""},
                             {"agent.update_interval", "100", ""}}))
                  .notes(),
              testing::ElementsAre(HasSubstr("no update is made before agent.update_interval = 100 steps")));
}

TEST(Misfits, DatasetsOfNobodyKnowsWhere) {
  const auto notes = [](const Given& more) {
    Given given = {{"run.agent", "bc", ""}, {"run.dataset", "mine.hdf5", ""}};
    given.insert(given.end(), more.begin(), more.end());
    return Experiment(given).notes();
  };
  EXPECT_THAT(notes({}), testing::ElementsAre(
                             AllOf(HasSubstr("mine.hdf5: nothing is evaluated"), HasSubstr("--env ID"))));
  EXPECT_THAT(notes({{"run.env", "", "--set"}}), testing::IsEmpty()) << "asked for";
  EXPECT_THAT(notes({{"run.eval_episodes", "0", "--set"}}), testing::IsEmpty());
}

TEST(Misfits, SettingsThatNothingLooksAt) {
  const auto notes = [](const Given& given) { return Experiment(given).notes(); };
  const auto offline = [](const char* key, const char* value, const char* where) {
    return Given{{"run.agent", "td3bc", ""},
                 {"run.dataset", "mine.hdf5", ""},
                 {"run.env", "", ""},
                 {key, value, where}};
  };
  EXPECT_THAT(
      notes(offline("agent.learning_starts", "7", "--set")),
      testing::ElementsAre(
          "warning: agent.learning_starts = 7 has no part in a run that begins with a dataset's updates"));
  EXPECT_THAT(notes(offline("agent.learning_starts", "7", "my.cfg:1")), testing::IsEmpty());
  // Looked at once it acts, which it may be told later.
  EXPECT_THAT(notes(offline("agent.buffer_size", "5000", "--set")), testing::IsEmpty());
  const GivenSetting floor = {"agent.density_floor", "1e-8", "--set"};
  EXPECT_THAT(
      notes(On("mdpo-off", "Pendulum-v1", {floor})),
      testing::ElementsAre("warning: agent.density_floor = 1e-08 has no part in agent.tsallis_q = 1"));
  EXPECT_THAT(notes(On("mdpo-off", "Pendulum-v1", {floor, {"agent.tsallis_q", "1.5", ""}})),
              testing::IsEmpty());
  // Each with what makes it idle; with the other value it is looked at.
  struct Idle {
    const char* agent;
    const char* key;
    const char* value;
    const char* cause;
    const char* idle;
    const char* busy;
  };
  const auto given = [](const std::string& agent, const GivenSetting& cause, const GivenSetting& setting) {
    if (agent == "odice" || agent == "bc" || agent == "cql") {
      return Given{
          {"run.agent", agent, ""}, {"run.dataset", "mine.hdf5", ""}, {"run.env", "", ""}, cause, setting};
    }
    const bool discrete = agent == "dqn" || setting.key == "agent.discrete_target_entropy";
    return On(agent, discrete ? "CartPole-v1" : "Pendulum-v1", {cause, setting});
  };
  for (const auto& [agent, key, value, cause, idle, busy] :
       {Idle{"mdpo-off", "density_floor", "1e-3", "tsallis_q", "1", "1.5"},
        Idle{"mdpo-off", "log_density_cap", "9", "tsallis_q", "1", "1.5"},
        Idle{"mdpo-off", "tsallis_mode", "joint", "tsallis_q", "1", "1.5"},
        Idle{"sac", "alpha_lr", "0.1", "alpha_auto", "false", "true"},
        Idle{"sac", "target_entropy", "-2", "alpha_auto", "false", "true"},
        Idle{"sac", "discrete_target_entropy", "0.5", "alpha_auto", "false", "true"},
        Idle{"mdpo-off", "lambda_lr", "0.1", "lambda_auto", "false", "true"},
        Idle{"mdpo-off", "target_entropy", "-2", "lambda_auto", "false", "true"},
        Idle{"mdpo-off", "discrete_target_entropy", "0.5", "lambda_auto", "false", "true"},
        Idle{"ppo", "kl_stop", "minibatch", "target_kl", "0", "0.1"},
        Idle{"ppo", "reward_reset", "termination", "normalize_rewards", "false", "true"},
        Idle{"pmoe-sac", "router_lr", "0.1", "router_gradient", "none", "frequency"},
        Idle{"pmoe-sac", "router_hidden", "8", "experts", "1", "2"},
        Idle{"pmoe-ppo", "router_coef", "2", "experts", "1", "2"},
        Idle{"dac", "option_entropy_coef", "2", "options", "1", "2"},
        Idle{"td3", "noise_clip", "2", "policy_noise", "0", "0.1"},
        Idle{"dqn", "priority_correction", "0.9", "priority_exponent", "0", "0.6"},
        Idle{"odice", "eta", "2", "gradient", "semi", "orthogonal"},
        Idle{"bc", "return_discount", "0.9", "best_fraction", "1", "0.1"},
        Idle{"cql", "alpha_prime", "2", "lagrange", "false", "true"},
        Idle{"cql", "alpha_prime_lr", "0.1", "lagrange", "false", "true"},
        Idle{"cql", "target_action_gap", "5", "lagrange", "false", "true"}}) {
    const std::string because = std::string("agent.") + cause;
    const GivenSetting setting = {std::string("agent.") + key, value, "--set"};
    EXPECT_THAT(notes(given(agent, {because, idle, ""}, setting)),
                testing::ElementsAre(AllOf(HasSubstr(setting.key),
                                           HasSubstr(fmt::format("no part in {} = {}", because, idle)))))
        << agent << " " << key;
    EXPECT_THAT(notes(given(agent, {because, busy, ""}, setting)), testing::IsEmpty()) << agent << " " << key;
  }
}

TEST(Misfits, RewardsOfWhatIsImitated) {
  const auto notes = [](const char* episode) {
    return Experiment({{"run.agent", "odice", ""},
                       {"run.dataset", "mine.hdf5", ""},
                       {"run.env", "", ""},
                       {"agent.episode", episode, ""},
                       {"agent.reward_scale", "2", "--set"}})
        .notes();
  };
  EXPECT_THAT(notes("0"),
              testing::ElementsAre("warning: agent.reward_scale = 2 has no part in agent.episode = "
                                   "0: rewards are left out"));
  EXPECT_THAT(notes("-1"), testing::IsEmpty());
}

// Rollouts are made whole.
TEST(Misfits, RolloutsBeyondTheLastStep) {
  const auto warning = [](const char* steps) {
    const Experiment experiment(
        On("ppo", "Pendulum-v1",
           {{"run.steps", steps, ""}, {"run.num_envs", "4", ""}, {"agent.rollout_steps", "50", ""}}));
    WorkerPool pool(1);
    testing::internal::CaptureStderr();
    MakeTrainer(experiment, pool);
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(warning("199"),
              HasSubstr("warning: a rollout of 200 steps is made whole, though run.steps = 199"));
  EXPECT_EQ(warning("200"), "");
}

TEST(Misfits, RolloutsOfOneStep) {
  for (const char* agent : {"ppo", "trpo", "mdpo-on", "pmoe-ppo", "dac"}) {
    EXPECT_THAT(Misfit(On(agent, "Pendulum-v1", {{"agent.rollout_steps", "1", ""}})),
                HasSubstr("a rollout of one step of one environment"))
        << agent;
  }
}

TEST(Misfits, ActingAfterTheLastStep) {
  const TemporaryFolder folder;
  const Given given = {{"run.agent", "td3bc", ""},
                       {"run.dataset", "mine.hdf5", ""},
                       {"run.env", "Pendulum-v1", ""},
                       {"run.steps", "10", ""},
                       {"run.online_from", "100", ""}};
  EXPECT_THAT(MessageOf<InputError>([&] { TrainIn(folder.path() / "run", given); }),
              HasSubstr("run.online_from = 100 is not before run.steps = 10"));
}

TEST(Misfits, DatasetsSmallerThanABatch) {
  const std::string whole = GoldenPath("datasets/malformed/whole.hdf5").string();
  EXPECT_THAT(
      Misfit(On("iql", "Hopper-v5", {{"run.dataset", whole, ""}, {"agent.batch_size", "100000", ""}})),
      AllOf(HasSubstr(whole), HasSubstr("fewer than agent.batch_size = 100000")));
}

TEST(Misfits, ContinuousActionsNeedAnAgentForThem) {
  for (const char* agent : {"dqn", "qr-dqn", "deta-n"}) {
    EXPECT_THAT(Misfit(On(agent, "Pendulum-v1")), HasSubstr("needs discrete actions")) << agent;
  }
  EXPECT_THAT(Misfit(On("deta-td3", "CartPole-v1")), HasSubstr("needs continuous actions"));
  EXPECT_THAT(Misfit(On("pmoe-ppo", "CartPole-v1")), HasSubstr("needs continuous actions"));
  EXPECT_THAT(Misfit(On("dac", "CartPole-v1")), HasSubstr("needs continuous actions"));
}

TEST(Misfits, BatchLargerThanTheBuffer) {
  EXPECT_THAT(Misfit(On("sac", "Pendulum-v1", {{"agent.buffer_size", "100", "--set"}})),
              HasSubstr("agent.batch_size = 256 is larger than agent.buffer_size = 100"));
  // Before the offline updates, not after them.
  const TemporaryFolder folder;
  const auto dataset = folder.path() / "random.hdf5";
  CollectRandomly("Pendulum-v1", 300, dataset);
  const auto online = [&](const char* from) {
    return TinySettings("td3bc", "Pendulum-v1", dataset,
                        {{"run.online_from", from}, {"agent.buffer_size", "3"}});
  };
  EXPECT_THAT(Misfit(online("45")), HasSubstr("is larger than agent.buffer_size = 3"));
  const Experiment never(online("-1"));
  WorkerPool pool(1);
  EXPECT_NO_THROW(MakeTrainer(never, pool));
}

TEST(Misfits, BuffersThatHoldTooLittleOrTooMuch) {
  const auto with_buffer = [](const char* size) {
    return On("dqn", "CartPole-v1",
              {{"agent.batch_size", "4", ""},
               {"agent.buffer_size", size, ""},
               {"agent.n_step", "5", ""},
               {"run.num_envs", "7", ""}});
  };
  const Experiment enough(with_buffer("29"));  // 35 rows, a multiple of the environments
  WorkerPool pool(1);
  EXPECT_NO_THROW(MakeTrainer(enough, pool));
  EXPECT_THAT(
      Misfit(with_buffer("28")),
      AllOf(HasSubstr("agent.buffer_size = 28 keeps 4 steps of each of run.num_envs = 7 environments"),
            HasSubstr("fewer than agent.n_step = 5; expected at least 29")));
  EXPECT_THAT(Misfit(On("sac", "Humanoid-v5", {{"agent.buffer_size", "2000000000", ""}})),
              AllOf(HasSubstr("agent.buffer_size = 2000000000 takes"), HasSubstr("more than the machine's")));
}

TEST(Misfits, DevicesThatAreNotThere) {
  EXPECT_THAT(Misfit(On("td3", "Pendulum-v1", {{"run.device", "tpu", "--device"}})),
              AllOf(HasSubstr("tpu"), HasSubstr("cpu, cuda or cuda:N")));
}

TEST(Misfits, DatasetsOfAnotherEnvironment) {
  const std::string whole = GoldenPath("datasets/malformed/whole.hdf5").string();
  EXPECT_THAT(Misfit(On("td3bc", "HalfCheetah-v5", {{"run.dataset", whole, "--dataset"}})),
              HasSubstr(whole + ": observations: has 11 columns, expected 17 as the environment's"));
  const std::string one_row = GoldenPath("datasets/malformed/one_row.hdf5").string();
  EXPECT_THAT(Misfit(On("td3bc", "Hopper-v5",
                        {{"run.dataset", one_row, "--dataset"}, {"run.dataset_cache", "false", ""}})),
              HasSubstr(one_row + ": holds no transition to learn from"));
}

// Every file of experiments/presets.
class PresetTest : public ::testing::TestWithParam<Preset> {
 protected:
  Given Settings() const {
    Given given = On(std::string(GetParam().agent), Env());
    if (FindAgent(GetParam().agent).kind == AgentKind::kOffline) {
      const std::string task(GetParam().task);
      given.push_back({"run.dataset", task.empty() ? "x.hdf5" : "/data/" + task + "-v2.hdf5", ""});
    }
    return given;
  }

  // The environment of the preset's robot; for a general one, a robot that no preset is for.
  std::string Env() const {
    if (GetParam().task.empty()) return "InvertedDoublePendulum-v5";
    for (const EnvEntry& entry : EnvRegistry()) {
      std::string robot(entry.id.substr(0, entry.id.find('-')));
      std::ranges::transform(robot, robot.begin(), [](unsigned char c) { return std::tolower(c); });
      if (robot == GetParam().task.substr(0, GetParam().task.find('-'))) return std::string(entry.id);
    }
    return "";
  }
};

TEST_P(PresetTest, LoadsForItsTaskAndTakesEffect) {
  ASSERT_NE(Env(), "") << "no environment for the task " << GetParam().task;
  Given with_preset = Settings();
  with_preset.push_back({"run.preset", std::string(GetParam().name), "--preset"});
  Experiment experiment(with_preset);
  const Given lines = ParseConfig(std::string(GetParam().text), "preset");
  EXPECT_FALSE(lines.empty());
  // Each of its own lines, brought into the form in which settings are printed.
  Given by_hand = Settings();
  by_hand.insert(by_hand.end(), lines.begin(), lines.end());
  Experiment expected(by_hand);
  for (const GivenSetting& line : lines) {
    EXPECT_EQ(Value(experiment, line.key), Value(expected, line.key)) << line.key;
  }
}

TEST_P(PresetTest, GeneralOnesSayWhatTheyAre) {
  if (GetParam().task.empty()) {
    EXPECT_NE(GetParam().Summary(), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Every, PresetTest, ::testing::ValuesIn(Presets().begin(), Presets().end()),
                         [](const auto& test) {
                           std::string name =
                               fmt::format("{}_{}_{}", test.param.agent, test.param.name, test.param.task);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// A dataset alone names its robot too.
TEST(PresetTasks, TaskComesFromTheDatasetsNameWithoutAnEnvironment) {
  Experiment experiment({{"run.agent", "prdc", ""},
                         {"run.dataset", "/data/halfcheetah_medium-v2.hdf5", ""},
                         {"run.preset", "paper", ""}});
  EXPECT_EQ(Value(experiment, "agent.alpha"), "40");
}

// A dataset of a hopper's sizes that says where it comes from, as `collect` writes it.
std::string Recorded(const TemporaryFolder& folder, DatasetFormat format, const std::string& name,
                     const std::string& env) {
  const std::filesystem::path path = folder.path() / name;
  std::filesystem::create_directories(path.parent_path());
  Dataset dataset = MakeDataset(30, 11, 3);
  dataset.metadata["env_id"] = env;
  dataset.metadata["env_options/max_episode_steps"] = "77";
  WriteDataset(format, path, dataset);
  return path.string();
}

Given FromDataset(const std::string& agent, const std::string& dataset, const Given& more = {}) {
  Given given = {{"run.agent", agent, ""}, {"run.dataset", dataset, ""}, {"run.preset", "paper", ""}};
  given.insert(given.end(), more.begin(), more.end());
  return given;
}

// `strider collect --preset d4rl --out data/hopper` names its files without the robot; Minari's datasets are
// "mujoco/hopper/medium-v0".
TEST(PresetTasks, RobotComesFromTheEnvironmentWhereTheDatasetsNameLacksIt) {
  const TemporaryFolder folder;
  const std::string recipe = Recorded(folder, DatasetFormat::kD4rl, "data/medium.hdf5", "Hopper-v5");
  const std::string minari = Recorded(folder, DatasetFormat::kMinari, "mujoco/hopper/medium-v0", "Hopper-v5");
  for (const std::string& dataset : {recipe, minari, minari + "/data", minari + "/data/main_data.hdf5"}) {
    Experiment experiment(FromDataset("iql", dataset));
    EXPECT_EQ(Value(experiment, "agent.deterministic"), "true") << dataset;
  }
  Experiment replay(
      FromDataset("a2pr", "elsewhere/medium-replay.hdf5", {{"run.env", "HalfCheetah-v5", "--env"}}));
  Experiment named(FromDataset("a2pr", "halfcheetah-medium-replay-v2.hdf5"));
  EXPECT_EQ(Value(replay, "agent.alpha"), Value(named, "agent.alpha"));
  EXPECT_EQ(Value(replay, "agent.mask"), Value(named, "agent.mask"));
}

// A copy under another name is still what it was recorded as.
TEST(PresetTasks, MetadataAreBelievedAgainstTheName) {
  const TemporaryFolder folder;
  const std::string wrong = Recorded(folder, DatasetFormat::kD4rl, "walker2d-medium-v2.hdf5", "Hopper-v5");
  const std::string plain = Recorded(folder, DatasetFormat::kD4rl, "mine.hdf5", "Hopper-v5");
  Experiment misnamed(FromDataset("rebrac", wrong));
  Experiment unnamed(FromDataset("rebrac", plain));
  EXPECT_EQ(misnamed.run().env, "Hopper-v5");
  EXPECT_EQ(Value(misnamed, "agent.actor_penalty"), Value(unnamed, "agent.actor_penalty"));
  EXPECT_THAT(misnamed.notes(), testing::Contains(AllOf(HasSubstr("was recorded in Hopper-v5"),
                                                        HasSubstr("its name is of Walker2d-v2"))));
  Experiment right(FromDataset("rebrac", "walker2d-medium-v2.hdf5"));
  EXPECT_NE(Value(right, "agent.actor_penalty"), Value(misnamed, "agent.actor_penalty"));
}

// config.cfg must be able to say where the file is.
TEST(Settings, PathsThatAConfigFileCannotHoldAreRefused) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "a#b");
  const auto here = std::filesystem::current_path();
  folder.Write("a#b/mine.hdf5", "");
  std::filesystem::current_path(folder.path() / "a#b");
  const std::string complaint = Complaint({{"run.agent", "bc", ""}, {"run.dataset", "mine.hdf5", ""}});
  std::filesystem::current_path(here);
  EXPECT_THAT(complaint,
              AllOf(HasSubstr("run.dataset = "), HasSubstr("a#b/mine.hdf5"), HasSubstr("without '#'")));
}

// As some editors begin a file.
TEST(ConfigFiles, MayBeginWithAByteOrderMark) {
  const TemporaryFolder folder;
  folder.Write("my.cfg", "\xEF\xBB\xBFrun.agent = td3\n");
  const Given given = ReadConfigFile(folder.path() / "my.cfg");
  ASSERT_EQ(given.size(), 1U);
  EXPECT_EQ(given[0].key, "run.agent");
}

TEST(PresetNotes, SayWhereOnlyTheGeneralSettingsApply) {
  const Experiment general(
      FromDataset("iql", "mine.hdf5", {{"run.env", "Hopper-v5", "--env"}, {"run.seed", "1", ""}}));
  EXPECT_THAT(general.notes(),
              testing::ElementsAre(AllOf(
                  HasSubstr("preset iql-paper: its general settings alone apply to mine.hdf5; it has others"),
                  HasSubstr("hopper-medium-replay"))));
  const Experiment own(FromDataset("iql", "hopper-medium.hdf5", {{"run.env", "Hopper-v5", "--env"}}));
  EXPECT_THAT(own.notes(), testing::IsEmpty());
  const Experiment without(FromDataset("iql", "mine.hdf5", {{"run.env", "HalfCheetah-v5", "--env"}}));
  EXPECT_THAT(without.notes(), testing::IsEmpty()) << "there is none for this robot";
}

// D4RL's files were recorded under rules of their own.
TEST(DatasetOrigin, EnvironmentIsTheDatasetsUnlessAnotherIsGiven) {
  const TemporaryFolder folder;
  const std::string recorded = Recorded(folder, DatasetFormat::kD4rl, "mine.hdf5", "Hopper-v4");
  const Experiment alone({{"run.agent", "bc", ""}, {"run.dataset", recorded, ""}});
  EXPECT_EQ(alone.run().env, "Hopper-v4");
  EXPECT_THAT(alone.notes(), testing::ElementsAre(HasSubstr("was recorded in Hopper-v4: evaluated there"),
                                                  HasSubstr("env.max_episode_steps = 77, as ")));
  const Experiment with_options(
      {{"run.agent", "bc", ""}, {"run.dataset", recorded, ""}, {"env.max_episode_steps", "70", "--set"}});
  EXPECT_EQ(alone.MakeEnv()->spec().max_episode_steps, 77) << "as the dataset says";
  EXPECT_EQ(with_options.MakeEnv()->spec().max_episode_steps, 70);
  EXPECT_THAT(
      with_options.notes(),
      testing::ElementsAre(HasSubstr("was recorded in Hopper-v4: evaluated there"),
                           HasSubstr("was recorded with env.max_episode_steps = 77, but that is 70")));
  const Experiment named(
      {{"run.agent", "bc", ""}, {"run.dataset", recorded, ""}, {"run.env", "Hopper-v4", "--env"}});
  EXPECT_EQ(named.MakeEnv()->spec().max_episode_steps, 77) << "the same, said";
  EXPECT_THAT(named.notes(), testing::ElementsAre(HasSubstr("env.max_episode_steps = 77, as ")));
  const Experiment by_name({{"run.agent", "bc", ""}, {"run.dataset", "hopper_medium-v2.hdf5", ""}});
  EXPECT_EQ(by_name.run().env, "Hopper-v2");
  const Experiment other(
      {{"run.agent", "bc", ""}, {"run.dataset", "hopper-medium-v2.hdf5", ""}, {"run.env", "Hopper-v5", ""}});
  EXPECT_EQ(other.run().env, "Hopper-v5");
  EXPECT_THAT(other.notes(), testing::ElementsAre(
                                 HasSubstr("warning: hopper-medium-v2.hdf5 was recorded in Hopper-v2, but "
                                           "run.env = Hopper-v5: other rules hold there; --env Hopper-v2")));
  const Experiment none({{"run.agent", "bc", ""}, {"run.dataset", recorded, ""}, {"run.env", "", "--set"}});
  EXPECT_FALSE(none.has_env()) << "asked for";
  const Experiment unknown({{"run.agent", "bc", ""}, {"run.dataset", "mine.hdf5", ""}});
  EXPECT_FALSE(unknown.has_env());
}

}  // namespace
}  // namespace strider
