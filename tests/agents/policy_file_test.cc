#include "agents/policy_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "core/error.h"
#include "datasets/hdf5.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

EnvSpec Spec(int observations, Space actions) {
  EnvSpec spec;
  spec.id = "Toy-v0";
  spec.observation_space = UniformBox(observations, -1, 1);
  spec.action_space = std::move(actions);
  return spec;
}

Policy::Layer RandomLayer(Eigen::Index out, Eigen::Index in, Pcg64& random) {
  Policy::Layer layer{Eigen::MatrixXf(out, in), Eigen::VectorXf(out)};
  for (float& w : layer.weight.reshaped()) w = static_cast<float>(random.StandardNormal());
  for (float& b : layer.bias) b = static_cast<float>(random.StandardNormal());
  return layer;
}

Policy RandomPolicy(ActionDistribution distribution, const EnvSpec& spec) {
  Pcg64 random(4);
  Policy policy = UniformPolicy(spec.observation_size(), spec.action_space);
  policy.distribution = distribution;
  policy.hidden = {RandomLayer(6, spec.observation_size(), random), RandomLayer(5, 6, random)};
  const auto* discrete = std::get_if<Discrete>(&spec.action_space);
  const int outputs = discrete != nullptr ? discrete->n : spec.action_size();
  policy.mean = RandomLayer(outputs, 5, random);
  if (distribution != ActionDistribution::kTanh && distribution != ActionDistribution::kCategorical) {
    policy.log_std = RandomLayer(outputs, 5, random);
    policy.log_std_min = -1.5;
    policy.log_std_max = 0.5;
  }
  if (distribution == ActionDistribution::kGaussian) {
    policy.log_std_min = -std::numeric_limits<double>::infinity();
    policy.log_std_max = std::numeric_limits<double>::infinity();
  }
  return policy;
}

std::vector<float> Acts(const Policy& policy) {
  Pcg64 random(9);
  const std::size_t width = static_cast<std::size_t>(RowSize(policy.action_space));
  std::vector<double> observations(static_cast<std::size_t>(policy.observation_size) * 20);
  for (double& o : observations) o = 3 * random.StandardNormal();
  std::vector<float> acts(20 * width + 20);
  const std::span<float> all(acts);
  policy.Act(observations, /*deterministic=*/false, random, all.first(20 * width), all.last(20));
  return acts;
}

TEST(PolicyFile, EveryKindComesBackToTheBit) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "policy.hdf5";
  for (const auto& [distribution, name, space] :
       {std::tuple{ActionDistribution::kTanhGaussian, "tanh_gaussian", Space(UniformBox(2, -2, 2))},
        std::tuple{ActionDistribution::kGaussian, "gaussian", Space(UniformBox(2, -2, 2))},
        std::tuple{ActionDistribution::kTanh, "tanh", Space(UniformBox(2, -2, 2))},
        std::tuple{ActionDistribution::kClippedGaussian, "clipped_gaussian", Space(UniformBox(2, -2, 2))},
        std::tuple{ActionDistribution::kClippedTanhGaussian, "clipped_tanh_gaussian",
                   Space(UniformBox(2, -2, 2))},
        std::tuple{ActionDistribution::kCategorical, "categorical", Space(Discrete{4})},
        std::tuple{ActionDistribution::kGreedy, "greedy", Space(Discrete{4})},
        std::tuple{ActionDistribution::kLikelyGreedy, "likely_greedy", Space(Discrete{4})}}) {
    for (const bool transformed : {false, true}) {
      const EnvSpec spec = Spec(3, space);
      Policy policy = RandomPolicy(distribution, spec);
      policy.tanh_hidden = transformed;
      if (transformed) policy.transform = {{0.1, 1, -2}, {1.0 / 3, 2, 3}, 2.5};
      if (distribution == ActionDistribution::kLikelyGreedy) {
        Pcg64 random(4);
        policy.behaviour = RandomLayer(4, 5, random);
        policy.likely = 0.75;
      }
      WritePolicy(file, policy, {"toy", spec.id});
      EXPECT_EQ(Acts(ReadPolicy(file, spec)), Acts(policy)) << name;

      const Hdf5File written = Hdf5File::Open(file);
      EXPECT_EQ(written.ReadString("metadata/algorithm"), "toy");
      EXPECT_EQ(written.ReadString("metadata/env_id"), "Toy-v0");
      EXPECT_EQ(written.ReadString("metadata/policy/output_distribution"), name);
      EXPECT_EQ(written.ReadString("metadata/policy/nonlinearity"), transformed ? "tanh" : "relu");
      EXPECT_EQ(written.Info("metadata/policy/fc1/weight").shape, (Shape{5, 6}));  // (out x in)
    }
  }
}

TEST(PolicyFile, CandidatesComeBackToTheBit) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "policy.hdf5";
  const EnvSpec spec = Spec(3, UniformBox(2, -2, 2));
  Pcg64 random(4);
  Policy policy = RandomPolicy(ActionDistribution::kTanh, spec);
  policy.distribution = ActionDistribution::kBestCandidate;
  policy.hidden[0] = RandomLayer(6, 3 + 4, random);  // codes have twice an action's size
  policy.perturbation = {RandomLayer(4, 5, random), RandomLayer(2, 4, random)};
  policy.critics = {{RandomLayer(4, 5, random), RandomLayer(3, 4, random), RandomLayer(1, 3, random)}};
  policy.candidates = 7;
  policy.code_bound = 0.5;
  policy.reach = 0.25;
  WritePolicy(file, policy, {"toy", spec.id});
  EXPECT_EQ(Acts(ReadPolicy(file, spec)), Acts(policy));
  Policy still = policy;
  still.reach = 0;
  EXPECT_NE(Acts(still), Acts(policy));
}

TEST(PolicyFile, MixtureComesBackToTheBit) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "policy.hdf5";
  const EnvSpec spec = Spec(3, UniformBox(2, -2, 2));
  for (const auto distribution : {ActionDistribution::kTanhGaussian, ActionDistribution::kGaussian}) {
    Pcg64 random(4);
    Policy policy = RandomPolicy(distribution, spec);
    policy.mean = RandomLayer(8, 5, random);
    policy.log_std = RandomLayer(8, 5, random);
    policy.router_on_body = distribution == ActionDistribution::kGaussian;
    policy.router = {RandomLayer(4, policy.router_on_body ? 5 : 3, random)};
    if (distribution == ActionDistribution::kTanhGaussian) {
      policy.router = {RandomLayer(6, 3, random), RandomLayer(4, 6, random)};
      policy.critics = {{RandomLayer(4, 5, random), RandomLayer(1, 4, random)}, {RandomLayer(1, 5, random)}};
      policy.acting_expert = ActingExpert::kBestQ;
    }
    WritePolicy(file, policy, {"toy", spec.id});
    const Policy read = ReadPolicy(file, spec);
    EXPECT_EQ(Acts(read), Acts(policy));
    EXPECT_EQ(read.acting_expert, policy.acting_expert);
    EXPECT_EQ(ParameterCount(read), ParameterCount(policy));
    EXPECT_EQ(read.critics.size(), policy.critics.size());
    EXPECT_EQ(read.router_on_body, policy.router_on_body);
    if (distribution != ActionDistribution::kTanhGaussian) continue;
    policy.acting_expert = ActingExpert::kSampled;
    WritePolicy(file, policy, {"toy", spec.id});
    EXPECT_EQ(ReadPolicy(file, spec).critics.size(), 2) << "whoever acts";
  }
}

TEST(PolicyFile, NetworksOfEachStepComeBackToTheBit) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "policy.hdf5";
  const EnvSpec spec = Spec(3, UniformBox(2, -2, 2));
  Policy policy = UniformPolicy(3, spec.action_space);
  for (int step = 0; step < 2; ++step)
    policy.steps.push_back(RandomPolicy(ActionDistribution::kGaussian, spec));
  policy.steps[1].mean.bias[0] += 1;
  policy.transform = {{0.1, 1, -2}, {1.0 / 3, 2, 3}, 2.5};
  WritePolicy(file, policy, {"toy", spec.id});
  const Policy read = ReadPolicy(file, spec);
  ASSERT_EQ(read.steps.size(), 2);
  std::vector<std::vector<float>> means;
  for (const int step : {0, 1, 5}) {
    std::array<float, 2> expected{};
    std::array<float, 2> found{};
    Pcg64 unused(0);
    const std::vector<double> observation = {0.5, 1.5, -1};
    policy.Act(observation, /*deterministic=*/true, unused, expected, {}, step);
    read.Act(observation, /*deterministic=*/true, unused, found, {}, step);
    EXPECT_EQ(found, expected) << step;
    means.emplace_back(found.begin(), found.end());
  }
  EXPECT_NE(means[0], means[1]);
  EXPECT_EQ(means[1], means[2]) << "the last step's networks hold on";
}

TEST(PolicyFile, SaysWhetherItIsJudgedByDrawnActions) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "policy.hdf5";
  const EnvSpec spec = Spec(3, UniformBox(2, -2, 2));
  const Policy policy = RandomPolicy(ActionDistribution::kGaussian, spec);
  WritePolicy(file, policy, {"toy", spec.id});
  EXPECT_FALSE(ReadPolicyOrigin(file).evaluate_sampled) << "as files of before, which say nothing of it";
  EXPECT_FALSE(Hdf5File::Open(file).Has("metadata/evaluation"));
  WritePolicy(file, policy, {"toy", spec.id, "left", true});
  EXPECT_TRUE(ReadPolicyOrigin(file).evaluate_sampled);
  EXPECT_EQ(Hdf5File::Open(file).ReadString("metadata/evaluation"), "sampled");
  const PolicyOrigin origin = ReadPolicyOrigin(file);
  EXPECT_EQ(origin.algorithm, "toy");
  EXPECT_EQ(origin.env_id, spec.id);
  EXPECT_EQ(origin.env_instance, "left");
  EXPECT_EQ(Acts(ReadPolicy(file, spec)), Acts(policy));
  const std::filesystem::path odd = folder.path() / "odd.hdf5";
  {
    Hdf5File other = Hdf5File::Create(odd);
    other.WriteString("metadata/evaluation", "greedy");
    other.Close();
  }
  EXPECT_THAT(
      [&] { ReadPolicyOrigin(odd); },
      ::testing::ThrowsMessage<InputError>(HasSubstr("metadata/evaluation is 'greedy'; expected sampled")));
}

// Of a discrete observation of four states it sees seven numbers: one for each, the time and the stock.
Policy StockPolicy(const EnvSpec& spec) {
  const Augmentation augmentation{.one_hot = true,
                                  .time = true,
                                  .stock = StockRule{.discount = 0.9, .low = -2.5, .high = -2.5, .bound = 7}};
  EnvSpec seen = spec;
  seen.observation_space = UniformBox(augmentation.RowSize(spec), -1, 1);
  Policy policy = RandomPolicy(ActionDistribution::kTanh, seen);
  Pcg64 random(5);
  policy.distribution = ActionDistribution::kGreedyUtility;
  policy.mean = RandomLayer(3 * 5, 5, random);
  policy.augmentation = augmentation;
  policy.objective = "mean-cvar:0.25,0.5";
  policy.weight_below = 1.75F;
  policy.weight_above = 0.25F;
  return policy;
}

TEST(PolicyFile, WhatItSeesAndWantsComesBackToo) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "policy.hdf5";
  EnvSpec spec = Spec(1, Discrete{3});
  spec.observation_space = Discrete{4};
  for (const bool hidden : {false, true}) {
    Policy policy = StockPolicy(spec);
    policy.augmentation.stock->hidden = hidden;
    WritePolicy(file, policy, {"toy", spec.id});
    const Policy read = ReadPolicy(file, spec);
    EXPECT_EQ(read.observation_size, 7);
    EXPECT_EQ(Acts(read), Acts(policy));
    EXPECT_TRUE(read.augmentation.one_hot);
    EXPECT_TRUE(read.augmentation.time);
    EXPECT_EQ(read.augmentation.stock->discount, 0.9);
    EXPECT_EQ(read.augmentation.stock->low, -2.5);
    EXPECT_EQ(read.augmentation.stock->high, -2.5);
    EXPECT_EQ(read.augmentation.stock->bound, 7);
    EXPECT_EQ(read.augmentation.stock->hidden, hidden);
    EXPECT_EQ(read.objective, "mean-cvar:0.25,0.5");
  }
}

// Three options over two actions.
Policy OptionsPolicy(const EnvSpec& spec) {
  EnvSpec all = spec;
  all.action_space = UniformBox(3 * spec.action_size(), -1, 1);
  Policy policy = RandomPolicy(ActionDistribution::kGaussian, all);
  policy.augmentation.options = 3;
  policy.observation_size = policy.augmentation.RowSize(spec);
  policy.action_space = policy.augmentation.ActionSpace(spec);
  Pcg64 random(6);
  policy.chooser = {RandomLayer(4, spec.observation_size(), random), RandomLayer(6, 4, random)};
  return policy;
}

TEST(PolicyFile, OptionsComeBackToTheBit) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "policy.hdf5";
  const EnvSpec spec = Spec(4, UniformBox(2, -2, 2));
  const Policy policy = OptionsPolicy(spec);
  WritePolicy(file, policy, {"toy", spec.id});
  const Policy read = ReadPolicy(file, spec);
  EXPECT_EQ(read.observation_size, 7);
  EXPECT_EQ(read.augmentation.options, 3);
  EXPECT_EQ(read.action_space, policy.action_space);
  EXPECT_EQ(Acts(read), Acts(policy));
  // Not what another spec needs.
  EXPECT_THAT(MessageOf<InputError>([&] { ReadPolicy(file, Spec(5, UniformBox(2, -2, 2))); }),
              HasSubstr("fc0/weight has shape (6, 4); expected (6, 5)"));
  EXPECT_THAT(MessageOf<InputError>([&] { ReadPolicy(file, Spec(4, Discrete{3})); }),
              HasSubstr("a policy over continuous actions does not fit"));
}

TEST(PolicyFile, BadOptionsAreRefused) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "policy.hdf5";
  const EnvSpec spec = Spec(4, UniformBox(2, -2, 2));
  const auto refused = [&](const std::string& options, const std::string& distribution) {
    WritePolicy(file, OptionsPolicy(spec), {"toy", spec.id});
    {
      Hdf5File spoilt = Hdf5File::Create(folder.path() / "spoilt.hdf5");
      const Hdf5File whole = Hdf5File::Open(file);
      spoilt.WriteString("metadata/policy/output_distribution", distribution);
      spoilt.WriteString("metadata/policy/nonlinearity", "tanh");
      spoilt.WriteString("metadata/policy/options", options);
      for (const char* name : {"fc0/weight", "fc0/bias", "fc1/weight", "fc1/bias", "chooser0/weight",
                               "chooser0/bias", "chooser1/weight", "chooser1/bias"}) {
        const std::string key = std::string("metadata/policy/") + name;
        const Array<float> array = whole.Read<float>(key);
        spoilt.Write<float>(key, array.values, array.shape);
      }
      spoilt.Close();
    }
    return MessageOf<InputError>([&] { ReadPolicy(folder.path() / "spoilt.hdf5", spec); });
  };
  for (const char* options : {"0", "-1", "2.5", "many", "1000000"}) {
    EXPECT_THAT(refused(options, "gaussian"),
                HasSubstr(fmt::format("options is '{}'; expected a whole number from 1 to 1024", options)));
  }
  EXPECT_THAT(refused("3", "tanh_gaussian"),
              HasSubstr("options comes with output_distribution gaussian alone"));
  EXPECT_THAT(refused("4", "gaussian"), HasSubstr("chooser1/weight has shape (6, 4); expected (8, 4)"));
}

TEST(PolicyFile, BadStocksAreRefused) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "policy.hdf5";
  EnvSpec spec = Spec(1, Discrete{3});
  spec.observation_space = Discrete{4};
  const auto refused = [&](const std::string& key, const std::string& text) {
    Policy policy = StockPolicy(spec);
    WritePolicy(file, policy, {"toy", spec.id});
    {
      Hdf5File spoilt = Hdf5File::Create(folder.path() / "spoilt.hdf5");
      const Hdf5File whole = Hdf5File::Open(file);
      for (const std::string& name : whole.Names("metadata/policy")) {
        const std::string from = "metadata/policy/" + name;
        if (whole.Info(from).kind == Hdf5Kind::kString) {
          if (name != key) spoilt.WriteString(from, whole.ReadString(from));
        } else if (name == "utility_weights") {
          spoilt.Write<float>(from, whole.Read<float>(from).values, {2});
        }
      }
      if (!text.empty()) spoilt.WriteString("metadata/policy/" + key, text);
      spoilt.Close();
    }
    return MessageOf<InputError>([&] { ReadPolicy(folder.path() / "spoilt.hdf5", spec); });
  };
  EXPECT_THAT(refused("augmentation", "one_hot tme"),
              HasSubstr("augmentation has 'tme'; expected one_hot or time"));
  for (const char* stock : {"0 1 2", "1.5 1 2", "0.9 1", "0.9 1 0", "0.9 1 2 hiden", "much"}) {
    EXPECT_THAT(
        refused("stock", stock),
        HasSubstr(fmt::format("metadata/policy/stock is '{}'; expected a discount in (0, 1]", stock)));
  }
}

TEST(PolicyFile, DatasetCarriesItsPolicy) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "data.hdf5";
  const EnvSpec spec = Spec(3, UniformBox(2, -1, 1));
  Policy policy = RandomPolicy(ActionDistribution::kTanhGaussian, spec);
  policy.transform = {{0.5, 1, -2}, {0.25, 2, 4}, 2.5};  // numbers that float32 holds
  D4rlWriter writer(file, 3, 2);
  WritePolicy(writer, policy);
  writer.Finish();
  EXPECT_EQ(Acts(ReadPolicy(file, spec)), Acts(policy));
}

TEST(PolicyFile, UniformPolicyHasNothingToWrite) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "policy.hdf5";
  EXPECT_THAT(MessageOf<InputError>([&] {
                WritePolicy(file, UniformPolicy(3, Discrete{2}), {"toy", "Toy-v0"});
              }),
              HasSubstr("no network"));
  EXPECT_FALSE(std::filesystem::exists(file));
}

// The actor that a D4RL file carries, run by hand in double.
TEST(PolicyFile, ReadsD4rlsBehaviourPolicy) {
  const std::filesystem::path path = GoldenPath("datasets/d4rl/hopper_random_policy_metadata.hdf5");
  const GoldenFile golden(path);
  const auto layer = [&](const std::string& name, const std::vector<double>& x) {
    const auto weight = golden.Read("metadata/policy/" + name + "/weight");
    std::vector<double> out = golden.Read("metadata/policy/" + name + "/bias").values;
    for (std::size_t i = 0; i < out.size(); ++i) {
      for (std::size_t j = 0; j < x.size(); ++j) out[i] += weight.row(i)[j] * x[j];
    }
    return out;
  };
  const auto relu = [](std::vector<double> x) {
    for (double& value : x) value = std::max(value, 0.0);
    return x;
  };
  ASSERT_EQ(golden.ReadStrings("metadata/policy/nonlinearity").front(), "relu");
  ASSERT_EQ(golden.ReadStrings("metadata/policy/output_distribution").front(), "tanh_gaussian");
  const auto observations = golden.Read("observations");
  const auto width = static_cast<int>(observations.width());
  const auto actions = static_cast<int>(golden.Read("actions").width());
  const Policy policy = ReadPolicy(path, Spec(width, UniformBox(actions, -1, 1)));
  for (const std::size_t row : {0, 7, 150}) {
    const std::vector<double> state(observations.row(row), observations.row(row) + width);
    const std::vector<double> body = relu(layer("fc1", relu(layer("fc0", state))));
    const std::vector<double> mean = layer("last_fc", body);
    const std::vector<double> log_std = layer("last_fc_log_std", body);

    std::vector<float> found(static_cast<std::size_t>(actions));
    Pcg64 random(1);
    policy.Act(state, /*deterministic=*/true, random, found);
    for (std::size_t i = 0; i < mean.size(); ++i) EXPECT_NEAR(found[i], std::tanh(mean[i]), 1e-5);

    Pcg64 stream(2);
    Pcg64 same(2);
    policy.Act(state, /*deterministic=*/false, stream, found);
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const double deviation = std::exp(std::clamp(log_std[i], -20.0, 2.0));
      EXPECT_NEAR(found[i], std::tanh(mean[i] + deviation * same.StandardNormal()), 1e-5);
    }
  }
}

// A right file but for what the test spoils.
class BadPolicyFile : public ::testing::Test {
 protected:
  struct Numbers {
    Shape shape;
    float value = 0.5F;
  };

  BadPolicyFile() {
    texts_ = {{"output_distribution", "tanh_gaussian"}, {"nonlinearity", "relu"}};
    arrays_ = {{"fc0/weight", {{6, 3}}},
               {"fc0/bias", {{6}}},
               {"last_fc/weight", {{2, 6}}},
               {"last_fc/bias", {{2}}},
               {"last_fc_log_std/weight", {{2, 6}}},
               {"last_fc_log_std/bias", {{2}}}};
  }

  void Write() const {
    Hdf5File file = Hdf5File::Create(path_);
    for (const auto& [key, text] : texts_) file.WriteString("metadata/policy/" + key, text);
    for (const auto& [key, numbers] : arrays_) {
      const std::vector<float> values(ElementCount(numbers.shape), numbers.value);
      file.Write<float>("metadata/policy/" + key, values, numbers.shape);
    }
    file.Close();
  }

  std::string Message(const EnvSpec& spec = Spec(3, UniformBox(2, -1, 1))) const {
    Write();
    std::string message = MessageOf<InputError>([&] { ReadPolicy(path_, spec); });
    EXPECT_THAT(message, HasSubstr(path_.string()));
    return message;
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "bad.hdf5";
  std::map<std::string, std::string> texts_;
  std::map<std::string, Numbers> arrays_;
};

TEST_F(BadPolicyFile, IsGoodBeforeItIsSpoilt) {
  Write();
  EXPECT_NO_THROW(ReadPolicy(path_, Spec(3, UniformBox(2, -1, 1))));
}

TEST_F(BadPolicyFile, MissingLayer) {
  arrays_.erase("last_fc/weight");
  EXPECT_THAT(Message(), HasSubstr("metadata/policy/last_fc/weight"));
  arrays_["last_fc/weight"] = {{2, 6}};
  arrays_.erase("last_fc_log_std/bias");
  EXPECT_THAT(Message(), HasSubstr("metadata/policy/last_fc_log_std/bias"));
}

TEST_F(BadPolicyFile, NoPolicyAtAll) {
  texts_.clear();
  arrays_.clear();
  EXPECT_THAT(Message(), HasSubstr("no group metadata/policy"));
}

TEST_F(BadPolicyFile, ShapeThatDoesNotFitTheEnvironment) {
  const std::string observations = Message(Spec(4, UniformBox(2, -1, 1)));
  EXPECT_THAT(observations, HasSubstr("fc0/weight has shape (6, 3); expected (6, 4) to fit Toy-v0"));
  const std::string actions = Message(Spec(3, UniformBox(5, -1, 1)));
  EXPECT_THAT(actions, HasSubstr("last_fc/weight has shape (2, 6); expected (5, 6)"));
}

TEST_F(BadPolicyFile, ShapeThatDoesNotFitTheLayerBefore) {
  arrays_["fc1/weight"] = {{4, 5}};
  arrays_["fc1/bias"] = {{4}};
  EXPECT_THAT(Message(), HasSubstr("fc1/weight has shape (4, 5); expected (4, 6)"));
}

TEST_F(BadPolicyFile, BiasOfAnotherLength) {
  arrays_["last_fc/bias"] = {{3}};
  EXPECT_THAT(Message(), HasSubstr("last_fc/bias has shape (3,); expected (2,)"));
}

TEST_F(BadPolicyFile, WrongRank) {
  arrays_["fc0/weight"] = {{18}};
  EXPECT_THAT(Message(), HasSubstr("fc0/weight has shape (18,); expected"));
}

TEST_F(BadPolicyFile, RouterThatDoesNotFit) {
  arrays_["router/weight"] = {{4, 3}};
  arrays_["router/bias"] = {{4}};
  texts_["expert_choice"] = "sampled";
  EXPECT_THAT(Message(), HasSubstr("last_fc/weight has shape (2, 6); expected (8, 6)"));
  arrays_["router/weight"] = {{4, 2}};
  EXPECT_THAT(Message(), HasSubstr("router/weight has shape (4, 2); expected (4, 3)"));
  arrays_["router/weight"] = {{4, 3}};
  texts_["expert_choice"] = "first";
  EXPECT_THAT(Message(), HasSubstr("expert_choice is 'first'; expected sampled, most_probable, best_q"));
}

TEST_F(BadPolicyFile, CriticsThatAreMissingOrDoNotFit) {
  arrays_["router/weight"] = {{1, 3}};
  arrays_["router/bias"] = {{1}};
  texts_["expert_choice"] = "best_q";
  EXPECT_THAT(Message(), HasSubstr("critic0/fc0/weight"));
  arrays_["critic0/fc0/weight"] = {{1, 3}};
  arrays_["critic0/fc0/bias"] = {{1}};
  EXPECT_THAT(Message(), HasSubstr("critic0/fc0/weight has shape (1, 3); expected (1, 5)"));
}

TEST_F(BadPolicyFile, UnknownDistributionOrNonlinearity) {
  texts_["output_distribution"] = "beta";
  EXPECT_THAT(Message(),
              HasSubstr("output_distribution is 'beta'; expected tanh_gaussian, gaussian, clipped"));
  texts_["output_distribution"] = "tanh_gaussian";
  texts_["nonlinearity"] = "gelu";
  EXPECT_THAT(Message(), HasSubstr("nonlinearity is 'gelu'; expected relu or tanh"));
}

TEST_F(BadPolicyFile, WeightsThatAreNoNumbers) {
  arrays_["fc0/bias"].value = std::nanf("");
  EXPECT_THAT(Message(), HasSubstr("metadata/policy/fc0 holds NaN or infinite weights"));
}

TEST_F(BadPolicyFile, DiscreteWhereContinuousIsExpectedAndTheOtherWayRound) {
  EXPECT_THAT(Message(Spec(3, Discrete{2})),
              HasSubstr("over continuous actions does not fit Toy-v0, whose actions are discrete"));
  texts_["output_distribution"] = "categorical";
  EXPECT_THAT(Message(),
              HasSubstr("over discrete actions does not fit Toy-v0, whose actions are continuous"));
}

TEST_F(BadPolicyFile, TransformOfAnotherSize) {
  arrays_["observation_transform/mean"] = {{2}};
  arrays_["observation_transform/scale"] = {{3}};
  arrays_["observation_transform/clip"] = {{}};
  EXPECT_THAT(Message(), HasSubstr("observation_transform holds 2 means and 3 scales; expected 3 of each"));
}

TEST_F(BadPolicyFile, TransformThatIsNoNumber) {
  arrays_["observation_transform/mean"] = {{3}};
  arrays_["observation_transform/scale"] = {{3}, std::nanf("")};
  arrays_["observation_transform/clip"] = {{}};
  EXPECT_THAT(Message(), HasSubstr("observation_transform holds NaN or infinite numbers"));
}

TEST_F(BadPolicyFile, BoundsOfAnotherShape) {
  arrays_["log_std_bounds"] = {{3}};
  EXPECT_THAT(Message(), HasSubstr("log_std_bounds has shape (3,); expected two numbers"));
}

}  // namespace
}  // namespace strider
