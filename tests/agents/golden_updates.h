// The golden updates: five training updates recorded from published code (tests/golden/updates/README.md).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agents/agent.h"
#include "tests/agents/learner_kit.h"
#include "tests/support/golden.h"

namespace strider {

// One file of recorded updates, and the comparison of an agent of ours with it. Sizes, widths and
// hyper-parameters all come from the file; so do the steps at which something is compared. Every comparison
// is by the tolerances of the files' own page, and an array of the file that has no counterpart fails the
// test.
class GoldenUpdates {
 public:
  // `rename` turns a parameter's name in the file into ours; the identity where empty.
  explicit GoldenUpdates(const std::string& algorithm,
                         std::function<std::string(const std::string&)> rename = {});

  double Hyper(const std::string& name) const { return file_.Attribute("meta/hyper", name).front(); }
  std::string HyperText(const std::string& name) const { return file_.AttributeText("meta/hyper", name); }
  int HyperInt(const std::string& name) const { return static_cast<int>(Hyper(name)); }
  int updates() const { return Size("updates"); }
  int batch_size() const { return Size("batch_size"); }
  int action_size() const { return Size("action_dim"); }
  // Widths of the hidden layers of `network`, read off its weights. `heads` of its layers are outputs.
  std::vector<int> Hidden(const std::string& network) const;
  // Observations and actions of the file's sizes, actions in [-1, 1].
  Task MakeTask() const;

  // float32, or int64 for indices.
  at::Tensor Floats(const std::string& dataset) const;
  at::Tensor Integers(const std::string& dataset) const;

  // Batch and noise of update k, counted from 1. Actions are divided by `max_action`; rewards are scaled and
  // shifted where the file's method does that.
  TransitionBatch Batch(int k, double max_action) const;
  at::Tensor Noise(int k, const std::string& name) const;

  // Writes the file's initial weights into the agent; fails where either side has a network too many.
  void LoadInitialWeights(const Agent& agent) const;

  // Compare what update k left behind with the file, each where the file holds it.
  void CompareLosses(int k, const std::map<std::string, double>& ours) const;
  void CompareGradients(int k, const std::vector<nn::NamedTensor>& ours) const;
  void CompareWeights(int k, const Agent& agent) const;

  // The quantities in between that the file records for update k, but for `left_out`; none of them where it
  // records none.
  using Checks = std::map<std::string, at::Tensor>;
  bool HasChecks(int k) const { return file_.Has(Group("checks/update", k)); }
  void CompareChecks(int k, const Checks& ours, const std::vector<std::string>& left_out) const;

 private:
  static std::string Group(const std::string& prefix, int k) { return prefix + std::to_string(k); }
  int Size(const std::string& name) const {
    return static_cast<int>(file_.Attribute<std::int64_t>("meta", name).front());
  }
  std::string Ours(const std::string& name) const { return rename_ ? rename_(name) : name; }

  GoldenFile file_;
  std::function<std::string(const std::string&)> rename_;
};

}  // namespace strider
