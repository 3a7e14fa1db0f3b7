#include "agents/policy_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "core/error.h"
#include "core/files.h"
#include "datasets/hdf5.h"

namespace strider {
namespace {

constexpr std::array<std::pair<ActionDistribution, std::string_view>, 7> kDistributions = {{
    {ActionDistribution::kTanhGaussian, "tanh_gaussian"},
    {ActionDistribution::kGaussian, "gaussian"},
    {ActionDistribution::kTanh, "tanh"},
    {ActionDistribution::kCategorical, "categorical"},
    {ActionDistribution::kGreedy, "greedy"},
    {ActionDistribution::kClippedGaussian, "clipped_gaussian"},
    {ActionDistribution::kClippedTanhGaussian, "clipped_tanh_gaussian"},
}};

// Whether noise is added, of a deviation that the file holds.
bool IsStochastic(ActionDistribution distribution) {
  return distribution != ActionDistribution::kTanh && distribution != ActionDistribution::kCategorical &&
         distribution != ActionDistribution::kGreedy;
}

// Whether the file says how the log deviation is clamped.
bool HasBounds(ActionDistribution distribution) {
  return IsStochastic(distribution) && distribution != ActionDistribution::kGaussian;
}

constexpr std::string_view kSampled = "sampled";
constexpr std::string_view kMostProbable = "most_probable";

std::string_view DistributionName(ActionDistribution distribution) {
  for (const auto& [value, name] : kDistributions) {
    if (value == distribution) return name;
  }
  throw InputError("a uniform policy has no network to write");
}

// Where the parts of a policy go: keys are relative to "policy/".
struct PolicySink {
  std::function<void(const std::string& key, std::span<const float> values, const Shape& shape)> numbers;
  std::function<void(const std::string& key, std::string_view text)> text;
};

void WriteLayer(const PolicySink& sink, const std::string& name, const Policy::Layer& layer) {
  const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = layer.weight;
  const auto out = static_cast<std::size_t>(rows.rows());
  const auto in = static_cast<std::size_t>(rows.cols());
  sink.numbers(name + "/weight", {rows.data(), out * in}, {out, in});
  sink.numbers(name + "/bias", {layer.bias.data(), out}, {out});
}

void WriteParts(const PolicySink& sink, const Policy& policy) {
  for (std::size_t i = 0; i < policy.steps.size(); ++i) {
    const std::string folder = fmt::format("step{}/", i);
    WriteParts({[&](const std::string& key, std::span<const float> values, const Shape& shape) {
                  sink.numbers(folder + key, values, shape);
                },
                [&](const std::string& key, std::string_view text) { sink.text(folder + key, text); }},
               policy.steps[i]);
  }
  if (!policy.steps.empty()) return;
  sink.text("output_distribution", DistributionName(policy.distribution));
  sink.text("nonlinearity", policy.tanh_hidden ? "tanh" : "relu");
  for (std::size_t i = 0; i < policy.hidden.size(); ++i)
    WriteLayer(sink, fmt::format("fc{}", i), policy.hidden[i]);
  if (policy.states > 0) {
    sink.numbers("observation_states", std::array{static_cast<float>(policy.states)}, {1});
  }
  WriteLayer(sink, "last_fc", policy.mean);
  if (policy.log_std.bias.size() > 0) WriteLayer(sink, "last_fc_log_std", policy.log_std);
  if (policy.router.bias.size() > 0) {
    WriteLayer(sink, "router", policy.router);
    sink.text("expert_choice", policy.sample_expert ? kSampled : kMostProbable);
  }
  if (HasBounds(policy.distribution)) {
    const std::array<float, 2> bounds = {static_cast<float>(policy.log_std_min),
                                         static_cast<float>(policy.log_std_max)};
    sink.numbers("log_std_bounds", bounds, {bounds.size()});
  }
}

class PolicyReader {
 public:
  PolicyReader(const std::filesystem::path& path, const EnvSpec& spec)
      : file_(Hdf5File::Open(path)), spec_(spec) {}

  Policy Read() const {
    Policy policy = UniformPolicy(spec_.observation_size(), spec_.action_space);
    if (!file_.Has("metadata/policy")) {
      throw InputError("{}: no group metadata/policy; expected a policy in D4RL's layout", Path());
    }
    for (int i = 0; file_.Has(fmt::format("metadata/policy/step{}", i)); ++i) {
      policy.steps.push_back(ReadNetworks(fmt::format("step{}/", i)));
    }
    if (policy.steps.empty()) policy = ReadNetworks("");
    ReadTransform(policy.transform);
    return policy;
  }

 private:
  // Those in a folder of the policy's group, named "step0/" or "".
  Policy ReadNetworks(const std::string& folder) const {
    Policy policy = UniformPolicy(spec_.observation_size(), spec_.action_space);
    policy.distribution = ReadDistribution(folder);
    policy.tanh_hidden = ReadChoice(folder + "nonlinearity", "relu", "tanh") == "tanh";
    policy.states = ReadStates(folder + "observation_states");
    Eigen::Index width = policy.states > 0 ? policy.states : policy.observation_size;
    for (int i = 0; file_.Has(fmt::format("metadata/policy/{}fc{}", folder, i)); ++i) {
      policy.hidden.push_back(ReadLayer(fmt::format("{}fc{}", folder, i), width, -1));
      width = policy.hidden.back().bias.size();
    }
    const auto* discrete = std::get_if<Discrete>(&spec_.action_space);
    const bool categorical = policy.distribution == ActionDistribution::kCategorical ||
                             policy.distribution == ActionDistribution::kGreedy;
    if (categorical != (discrete != nullptr)) {
      throw InputError("{}: a policy over {} actions does not fit {}, whose actions are {}", Path(),
                       categorical ? "discrete" : "continuous", spec_.id,
                       discrete != nullptr ? "discrete" : "continuous");
    }
    Eigen::Index outputs = discrete != nullptr ? discrete->n : spec_.action_size();
    const bool stochastic = IsStochastic(policy.distribution);
    if (stochastic && file_.Has(fmt::format("metadata/policy/{}router", folder))) {
      policy.router = ReadLayer(folder + "router", policy.observation_size, -1);
      policy.sample_expert = ReadChoice(folder + "expert_choice", kSampled, kMostProbable) == kSampled;
      if (policy.router.bias.size() == 0) {
        throw InputError("{}: metadata/policy/router has no experts; expected at least one", Path());
      }
      outputs *= policy.router.bias.size();
    }
    policy.mean = ReadLayer(folder + "last_fc", width, outputs);
    if (stochastic) policy.log_std = ReadLayer(folder + "last_fc_log_std", width, outputs);
    ReadBounds(folder, policy);
    return policy;
  }

  std::string Path() const { return file_.path().string(); }

  ActionDistribution ReadDistribution(const std::string& folder) const {
    const std::string text = file_.ReadString(fmt::format("metadata/policy/{}output_distribution", folder));
    for (const auto& [value, name] : kDistributions) {
      if (name == text) return value;
    }
    throw InputError(
        "{}: metadata/policy/{}output_distribution is '{}'; expected tanh_gaussian, gaussian, "
        "clipped_gaussian, clipped_tanh_gaussian, tanh, categorical or greedy",
        Path(), folder, text);
  }

  // How many states the observation is one of; 0 where it is a row of numbers.
  int ReadStates(const std::string& name) const {
    const std::string key = "metadata/policy/" + name;
    if (!file_.Has(key)) return 0;
    const Array<double> states = file_.Read<double>(key);
    const auto* discrete = std::get_if<Discrete>(&spec_.observation_space);
    const int expected = discrete != nullptr ? discrete->n : 0;
    if (states.shape != Shape{1} || states.values[0] != expected) {
      throw InputError("{}: {} is of another number of states than {}'s {}", Path(), key, spec_.id, expected);
    }
    return expected;
  }

  std::string ReadChoice(const std::string& name, std::string_view one, std::string_view other) const {
    std::string text = file_.ReadString("metadata/policy/" + name);
    if (text != one && text != other) {
      throw InputError("{}: metadata/policy/{} is '{}'; expected {} or {}", Path(), name, text, one, other);
    }
    return text;
  }

  // `inputs` and `outputs` are what the neighbours need; -1 where any number of outputs will do.
  Policy::Layer ReadLayer(const std::string& name, Eigen::Index inputs, Eigen::Index outputs) const {
    const std::string key = "metadata/policy/" + name;
    const Array<float> weight = file_.Read<float>(key + "/weight");
    const Array<float> bias = file_.Read<float>(key + "/bias");
    if (outputs < 0 && weight.shape.size() == 2) outputs = static_cast<Eigen::Index>(weight.shape[0]);
    const Shape expected{static_cast<std::size_t>(outputs), static_cast<std::size_t>(inputs)};
    if (weight.shape != expected) {
      throw InputError("{}: {}/weight has shape {}; expected {} to fit {} and the layers before", Path(), key,
                       ShapeText(weight.shape), ShapeText(expected), spec_.id);
    }
    if (bias.shape != Shape{expected[0]}) {
      throw InputError("{}: {}/bias has shape {}; expected ({},)", Path(), key, ShapeText(bias.shape),
                       outputs);
    }
    Policy::Layer layer;
    layer.weight = Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
        weight.values.data(), outputs, inputs);
    layer.bias = Eigen::Map<const Eigen::VectorXf>(bias.values.data(), outputs);
    if (!layer.weight.allFinite() || !layer.bias.allFinite()) {
      throw InputError("{}: {} holds NaN or infinite weights", Path(), key);
    }
    return layer;
  }

  // D4RL's files have no bounds: there they are those that a Policy starts with.
  void ReadBounds(const std::string& folder, Policy& policy) const {
    if (policy.distribution == ActionDistribution::kGaussian) {
      policy.log_std_min = -std::numeric_limits<double>::infinity();
      policy.log_std_max = std::numeric_limits<double>::infinity();
      return;
    }
    const std::string key = fmt::format("metadata/policy/{}log_std_bounds", folder);
    if (!file_.Has(key)) return;
    const Array<double> bounds = file_.Read<double>(key);
    if (bounds.shape != Shape{2} || !(bounds.values[0] <= bounds.values[1])) {
      throw InputError("{}: {} has shape {}; expected two numbers, the lower first", Path(), key,
                       ShapeText(bounds.shape));
    }
    policy.log_std_min = bounds.values[0];
    policy.log_std_max = bounds.values[1];
  }

  void ReadTransform(ObservationTransform& transform) const {
    const std::string key = "metadata/policy/observation_transform";
    if (!file_.Has(key)) return;
    transform.mean = file_.Read<double>(key + "/mean").values;
    transform.scale = file_.Read<double>(key + "/scale").values;
    transform.clip = file_.ReadScalar<double>(key + "/clip");
    const auto size = static_cast<std::size_t>(spec_.observation_size());
    const auto finite = [](const std::vector<double>& values) {
      return std::ranges::all_of(values, [](double x) { return std::isfinite(x); });
    };
    if (!finite(transform.mean) || !finite(transform.scale) || std::isnan(transform.clip)) {
      throw InputError("{}: {} holds NaN or infinite numbers", Path(), key);
    }
    if (transform.mean.size() != size || transform.scale.size() != size) {
      throw InputError("{}: {} holds {} means and {} scales; expected {} of each", Path(), key,
                       transform.mean.size(), transform.scale.size(), size);
    }
  }

  Hdf5File file_;
  const EnvSpec& spec_;
};

}  // namespace

void WritePolicy(const std::filesystem::path& path, const Policy& policy, const std::string& algorithm,
                 const std::string& env_id) {
  WriteWhole(path, [&](const std::filesystem::path& temporary) {
    Hdf5File file = Hdf5File::Create(temporary);
    file.WriteString("metadata/algorithm", algorithm);
    file.WriteString("metadata/env_id", env_id);
    const std::string prefix = "metadata/policy/";
    WriteParts({[&](const std::string& key, std::span<const float> values, const Shape& shape) {
                  file.Write<float>(prefix + key, values, shape);
                },
                [&](const std::string& key, std::string_view text) { file.WriteString(prefix + key, text); }},
               policy);
    if (!policy.transform.identity()) {
      const std::string key = prefix + "observation_transform/";
      file.Write<double>(key + "mean", policy.transform.mean, {policy.transform.mean.size()});
      file.Write<double>(key + "scale", policy.transform.scale, {policy.transform.scale.size()});
      file.WriteScalar<double>(key + "clip", policy.transform.clip);
    }
    file.Close();
  });
}

void WritePolicy(DatasetWriter& writer, const Policy& policy) {
  WriteParts(
      {[&](const std::string& key, std::span<const float> values, const Shape& shape) {
         writer.WriteMetadata("policy/" + key, values, shape);
       },
       [&](const std::string& key, std::string_view text) { writer.WriteMetadata("policy/" + key, text); }},
      policy);
  if (policy.transform.identity()) return;
  const auto write = [&](const std::string& key, const std::vector<double>& values) {
    const std::vector<float> numbers(values.begin(), values.end());
    writer.WriteMetadata("policy/observation_transform/" + key, numbers, {numbers.size()});
  };
  write("mean", policy.transform.mean);
  write("scale", policy.transform.scale);
  write("clip", {policy.transform.clip});
}

Policy ReadPolicy(const std::filesystem::path& path, const EnvSpec& spec) {
  return PolicyReader(path, spec).Read();
}

}  // namespace strider
