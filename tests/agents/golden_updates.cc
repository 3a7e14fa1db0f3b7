#include "tests/agents/golden_updates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace strider {
namespace {

// The tolerances of the files' page. Losses: relative and absolute part; gradients and intermediate
// quantities: relative to the largest entry of the array; weights: absolute; movement: relative to the
// distance that the recorded weights have gone, and absolute for each root of an entry.
constexpr double kLossRelative = 1e-4;
constexpr double kLossAbsolute = 1e-5;
constexpr double kOfLargest = 1e-4;
constexpr double kWeight = 1e-5;
constexpr double kMovementRelative = 5e-3;
constexpr double kMovementAbsolute = 1e-7;

template <class T>
at::Tensor ToTensor(const GoldenArray<T>& array, at::ScalarType type) {
  const std::vector<std::int64_t> shape(array.shape.begin(), array.shape.end());
  return at::from_blob(const_cast<T*>(array.values.data()), shape, c10::CppTypeToScalarType<T>::value)
      .to(type, /*non_blocking=*/false, /*copy=*/true);
}

// Keeps the largest number of each name, so that the test's report says how close it was.
void Note(const std::string& name, double value) {
  static std::map<std::pair<std::string, std::string>, double> largest;
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  double& kept = largest[{std::string(test->test_suite_name()) + test->name(), name}];
  kept = std::max(kept, value);
  ::testing::Test::RecordProperty(name, std::to_string(kept * 1e9) + "e-9");
}

}  // namespace

GoldenUpdates::GoldenUpdates(const std::string& algorithm,
                             std::function<std::string(const std::string&)> rename)
    : file_(GoldenPath("updates/" + algorithm + ".hdf5")), rename_(std::move(rename)) {
  // What the agents take for granted.
  EXPECT_EQ(file_.Attribute("meta", "adam_beta1").front(), 0.9);
  EXPECT_EQ(file_.Attribute("meta", "adam_beta2").front(), 0.999);
  EXPECT_EQ(file_.Attribute("meta", "adam_eps").front(), 1e-8);
}

std::vector<int> GoldenUpdates::Hidden(const std::string& network) const {
  std::vector<int> widths;
  for (int layer = 0; file_.Has("init/" + network + "." + std::to_string(layer) + ".weight"); ++layer) {
    const auto weight = file_.Read("init/" + network + "." + std::to_string(layer) + ".weight");
    widths.push_back(static_cast<int>(weight.rows()));
  }
  // The numbered layers end with the output, unless there are heads with names.
  if (!file_.Has("init/" + network + ".mu.weight")) widths.pop_back();
  return widths;
}

Task GoldenUpdates::MakeTask() const { return BoxTask(Size("state_dim"), action_size()); }

at::Tensor GoldenUpdates::Floats(const std::string& dataset) const {
  return ToTensor(file_.Read<double>(dataset), at::kFloat);
}

at::Tensor GoldenUpdates::Integers(const std::string& dataset) const {
  return ToTensor(file_.Read<std::int64_t>(dataset), at::kLong);
}

TransitionBatch GoldenUpdates::Batch(int k, double max_action) const {
  const at::Tensor rows = Integers("batches/indices")[k - 1];
  const auto column = [&](const std::string& name) {
    return Floats("dataset/" + name).index_select(0, rows);
  };
  at::Tensor rewards = column("rewards");
  if (file_.HasAttribute("meta/hyper", "reward_scale")) {
    rewards = Hyper("reward_scale") * rewards + Hyper("reward_shift");
  }
  return {rows,    column("observations"),      column("actions") / max_action,
          rewards, column("next_observations"), column("terminals")};
}

at::Tensor GoldenUpdates::Noise(int k, const std::string& name) const {
  return Floats(Group("noise/update", k) + "/" + name);
}

void GoldenUpdates::LoadInitialWeights(const Agent& agent) const {
  std::set<std::string> missing;
  for (const auto& [name, tensor] : agent.State()) {
    // Optimisers start at zero, and pi_k of MDPO is no part of the published agents.
    if (name.find("adam.") == std::string::npos && !name.starts_with("old_policy.")) missing.insert(name);
  }
  for (const std::string& name : file_.Members("init")) {
    const at::Tensor weights = Floats("init/" + name);
    const at::Tensor target = State(agent, Ours(name));
    ASSERT_EQ(target.sizes(), weights.sizes()) << name;
    target.copy_(weights);
    missing.erase(Ours(name));
  }
  ASSERT_TRUE(missing.empty()) << "the file has no initial " << *missing.begin();
}

void GoldenUpdates::CompareLosses(int k, const std::map<std::string, double>& ours) const {
  const std::string group = Group("update", k) + "/losses";
  for (const std::string& name : file_.Members(group)) {
    const double expected = file_.Read(group + "/" + name).values.front();
    ASSERT_TRUE(ours.contains(name)) << "no counterpart of " << name;
    EXPECT_NEAR(ours.at(name), expected, kLossRelative * std::abs(expected) + kLossAbsolute)
        << name << " of update " << k;
    Note("losses", std::abs(ours.at(name) - expected) / std::max(std::abs(expected), 1e-3));
  }
}

void GoldenUpdates::CompareGradients(int k, const std::vector<nn::NamedTensor>& ours) const {
  const std::string group = Group("update", k) + "/grads";
  if (!file_.Has(group)) return;
  for (const std::string& name : file_.Members(group)) {
    const at::Tensor expected = Floats(group + "/" + name);
    const double error = LargestDifference(Named(ours, Ours(name)), expected);
    EXPECT_LE(error, kOfLargest * LargestEntry(expected)) << "gradient of " << name << " in update " << k;
    Note("gradients", error / LargestEntry(expected));
  }
}

void GoldenUpdates::CompareWeights(int k, const Agent& agent) const {
  const std::string group = Group("update", k) + "/weights";
  if (!file_.Has(group)) return;
  for (const std::string& name : file_.Members(group)) {
    const at::Tensor expected = Floats(group + "/" + name);
    const at::Tensor ours = State(agent, Ours(name));
    const double error = LargestDifference(ours, expected);
    EXPECT_LE(error, kWeight) << name << " after update " << k;
    const double off = (ours - expected).norm().item<double>();
    const double moved = (expected - Floats("init/" + name)).norm().item<double>();
    EXPECT_LE(
        off, kMovementRelative * moved + kMovementAbsolute * std::sqrt(static_cast<double>(expected.numel())))
        << "movement of " << name << " up to update " << k;
    Note("weights_after_" + std::to_string(k), error);
    if (moved > 0) Note("movement", off / moved);
  }
}

void GoldenUpdates::CompareChecks(int k, const Checks& ours, const std::vector<std::string>& left_out) const {
  const std::string group = Group("checks/update", k);
  std::vector<std::string> names;
  for (const std::string& name : file_.Members(group)) {
    if (!file_.IsGroup(group + "/" + name)) {
      names.push_back(name);
      continue;
    }
    for (const std::string& member : file_.Members(group + "/" + name)) names.push_back(name + "/" + member);
  }
  for (const std::string& name : names) {
    if (std::ranges::find(left_out, name) != left_out.end()) continue;
    ASSERT_TRUE(ours.contains(name)) << "no counterpart of " << name;
    const at::Tensor& found = ours.at(name);
    if (found.scalar_type() == at::kLong) {
      EXPECT_TRUE(at::equal(found, Integers(group + "/" + name))) << name << " of update " << k;
      continue;
    }
    // A column (batch, 1) of the file is a plain list of ours.
    const at::Tensor expected = ToTensor(file_.Read<double>(group + "/" + name), at::kDouble);
    const double error = LargestDifference(found.reshape(expected.sizes()), expected);
    EXPECT_LE(error, kOfLargest * LargestEntry(expected)) << name << " of update " << k;
    Note("checks", error / LargestEntry(expected));
  }
}

}  // namespace strider
