#include "agents/policy_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "datasets/hdf5.h"

namespace strider {
namespace {

constexpr std::array<std::pair<ActionDistribution, std::string_view>, 10> kDistributions = {{
    {ActionDistribution::kTanhGaussian, "tanh_gaussian"},
    {ActionDistribution::kGaussian, "gaussian"},
    {ActionDistribution::kTanh, "tanh"},
    {ActionDistribution::kCategorical, "categorical"},
    {ActionDistribution::kGreedy, "greedy"},
    {ActionDistribution::kLikelyGreedy, "likely_greedy"},
    {ActionDistribution::kClippedGaussian, "clipped_gaussian"},
    {ActionDistribution::kClippedTanhGaussian, "clipped_tanh_gaussian"},
    {ActionDistribution::kGreedyUtility, "greedy_utility"},
    {ActionDistribution::kBestCandidate, "best_candidate"},
}};

bool IsDiscrete(ActionDistribution distribution) {
  return distribution == ActionDistribution::kCategorical || distribution == ActionDistribution::kGreedy ||
         distribution == ActionDistribution::kLikelyGreedy ||
         distribution == ActionDistribution::kGreedyUtility;
}

// Whether noise is added, of a deviation that the file holds.
bool HasDeviation(ActionDistribution distribution) {
  return distribution != ActionDistribution::kTanh && distribution != ActionDistribution::kBestCandidate &&
         !IsDiscrete(distribution);
}

// Whether the file says how the log deviation is clamped.
bool HasBounds(ActionDistribution distribution) {
  return HasDeviation(distribution) && distribution != ActionDistribution::kGaussian;
}

constexpr std::string_view kOneHot = "one_hot";
constexpr std::string_view kTime = "time";
constexpr std::string_view kHidden = "hidden";
constexpr int kMostOptions = 1024;
constexpr std::string_view kBody = "body";
constexpr std::string_view kAlgorithmKey = "metadata/algorithm";
constexpr std::string_view kEnvKey = "metadata/env_id";
constexpr std::string_view kWorldKey = "metadata/policy/env_instance";  // a dataset's own may be another
constexpr std::string_view kOptionsKey = "metadata/env_options";
constexpr std::string_view kEvaluationKey = "metadata/evaluation";
constexpr std::string_view kSampled = "sampled";

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

void WriteAugmentation(const PolicySink& sink, const Policy& policy) {
  const Augmentation& augmentation = policy.augmentation;
  std::vector<std::string_view> words;
  if (augmentation.one_hot) words.emplace_back(kOneHot);
  if (augmentation.time) words.emplace_back(kTime);
  if (!words.empty()) sink.text("augmentation", fmt::format("{}", fmt::join(words, " ")));
  if (augmentation.options > 0) sink.text("options", std::to_string(augmentation.options));
  if (!policy.objective.empty()) sink.text("objective", policy.objective);
  if (!augmentation.stock) return;
  const StockRule& stock = *augmentation.stock;
  sink.text("stock", fmt::format("{} {} {}{}", stock.discount, stock.low, stock.bound,
                                 stock.hidden ? fmt::format(" {}", kHidden) : ""));
}

std::string CriticName(std::size_t i) { return fmt::format("critic{}/fc", i); }

void WritePerceptron(const PolicySink& sink, const std::string& name, std::span<const Policy::Layer> layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) WriteLayer(sink, fmt::format("{}{}", name, i), layers[i]);
}

void WriteCandidates(const PolicySink& sink, const Policy& policy) {
  WritePerceptron(sink, "perturbation", policy.perturbation);
  const std::array<float, 3> numbers = {static_cast<float>(policy.candidates), policy.code_bound,
                                        policy.reach};
  sink.numbers("candidates", numbers, {numbers.size()});
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
  WriteAugmentation(sink, policy);
  if (policy.distribution == ActionDistribution::kGreedyUtility) {
    const std::array<float, 2> weights = {policy.weight_below, policy.weight_above};
    sink.numbers("utility_weights", weights, {weights.size()});
  }
  WritePerceptron(sink, "fc", policy.hidden);
  WriteLayer(sink, "last_fc", policy.mean);
  if (policy.log_std.bias.size() > 0) WriteLayer(sink, "last_fc_log_std", policy.log_std);
  if (!policy.router.empty()) {
    WritePerceptron(sink, "router_fc", std::span(policy.router).first(policy.router.size() - 1));
    WriteLayer(sink, "router", policy.router.back());
    if (policy.router_on_body) sink.text("router_input", kBody);
    sink.text("expert_choice", ExpertChoiceName(policy));
  }
  for (std::size_t i = 0; i < policy.critics.size(); ++i) {
    WritePerceptron(sink, CriticName(i), policy.critics[i]);
  }
  WritePerceptron(sink, "chooser", policy.chooser);
  if (policy.distribution == ActionDistribution::kLikelyGreedy) {
    WriteLayer(sink, "behaviour", policy.behaviour);
    const auto likely = static_cast<float>(policy.likely);
    sink.numbers("likely", {&likely, 1}, {1});
  }
  if (policy.distribution == ActionDistribution::kBestCandidate) WriteCandidates(sink, policy);
  if (HasBounds(policy.distribution)) {
    const std::array<float, 2> bounds = {static_cast<float>(policy.log_std_min),
                                         static_cast<float>(policy.log_std_max)};
    sink.numbers("log_std_bounds", bounds, {bounds.size()});
  }
}

class PolicyReader {
 public:
  // `group` is where the policy lies in the file.
  PolicyReader(const Hdf5File& file, const EnvSpec& spec, std::string group)
      : file_(file), spec_(spec), group_(std::move(group)) {}

  Policy Read() const {
    Policy policy = UniformPolicy(spec_.observation_size(), spec_.action_space);
    if (!file_.Has(group_)) {
      throw InputError("{}: no group metadata/policy; expected a policy in D4RL's layout", Path());
    }
    for (int i = 0; file_.Has(fmt::format("{}/step{}", group_, i)); ++i) {
      policy.steps.push_back(PolicyReader(file_, spec_, fmt::format("{}/step{}", group_, i)).Read());
    }
    if (!policy.steps.empty()) {
      policy.augmentation = policy.steps[0].augmentation;
      policy.observation_size = policy.steps[0].observation_size;
      ReadTransform(policy.transform, static_cast<std::size_t>(policy.observation_size));
      return policy;
    }
    policy.distribution = ReadDistribution();
    policy.tanh_hidden = ReadChoice("nonlinearity", "relu", "tanh") == "tanh";
    ReadAugmentation(policy);
    const int options = policy.augmentation.options;
    const Eigen::Index own = policy.observation_size - options;  // what the networks see
    Eigen::Index width = own;
    const bool decodes = policy.distribution == ActionDistribution::kBestCandidate;
    if (decodes) width += 2 * static_cast<Eigen::Index>(spec_.action_size());  // codes
    for (int i = 0; file_.Has(fmt::format("{}/fc{}", group_, i)); ++i) {
      policy.hidden.push_back(ReadLayer(fmt::format("fc{}", i), width, -1));
      width = policy.hidden.back().bias.size();
    }
    const auto* discrete = std::get_if<Discrete>(&spec_.action_space);
    if (IsDiscrete(policy.distribution) != (discrete != nullptr)) {
      throw InputError("{}: a policy over {} actions does not fit {}, whose actions are {}", Path(),
                       discrete == nullptr ? "discrete" : "continuous", spec_.id,
                       discrete != nullptr ? "discrete" : "continuous");
    }
    Eigen::Index outputs = discrete != nullptr ? discrete->n : spec_.action_size();
    const bool has_deviation = HasDeviation(policy.distribution);
    if (options > 0) {
      if (policy.distribution != ActionDistribution::kGaussian) {
        throw InputError("{}: {}/options comes with output_distribution gaussian alone", Path(), group_);
      }
      policy.action_space = policy.augmentation.ActionSpace(spec_);
      policy.chooser = ReadPerceptron("chooser", own, 2 * options);
      outputs *= options;
    } else if (has_deviation && file_.Has(group_ + "/router")) {
      policy.router_on_body = ReadRouterOnBody();
      policy.router = ReadRouter(policy.router_on_body ? width : policy.observation_size);
      ReadExpertChoice(policy);
      outputs *= policy.router.back().bias.size();
    }
    if (policy.distribution == ActionDistribution::kGreedyUtility) outputs *= ReadUtility(policy);
    policy.mean = ReadLayer("last_fc", width, outputs);
    if (has_deviation) policy.log_std = ReadLayer("last_fc_log_std", width, outputs);
    if (policy.distribution == ActionDistribution::kLikelyGreedy) {
      policy.behaviour = ReadLayer("behaviour", width, outputs);
      policy.likely = ReadLikely();
    }
    if (decodes) ReadCandidates(policy);
    ReadBounds(policy);
    ReadTransform(policy.transform, static_cast<std::size_t>(policy.observation_size));
    return policy;
  }

 private:
  std::string Path() const { return file_.path().string(); }

  ActionDistribution ReadDistribution() const {
    const std::string text = file_.ReadString(group_ + "/output_distribution");
    for (const auto& [value, name] : kDistributions) {
      if (name == text) return value;
    }
    throw InputError(
        "{}: {}/output_distribution is '{}'; expected tanh_gaussian, gaussian, clipped_gaussian, "
        "clipped_tanh_gaussian, tanh, categorical, greedy, likely_greedy, greedy_utility or best_candidate",
        Path(), group_, text);
  }

  bool ReadRouterOnBody() const {
    if (!file_.Has(group_ + "/router_input")) return false;
    const std::string text = file_.ReadString(group_ + "/router_input");
    if (text != kBody) {
      throw InputError("{}: {}/router_input is '{}'; expected {}, or none", Path(), group_, text, kBody);
    }
    return true;
  }

  void ReadExpertChoice(Policy& policy) const {
    const std::string text = file_.ReadString(group_ + "/expert_choice");
    if (!SetExpertChoice(policy, text)) {
      throw InputError(
          "{}: {}/expert_choice is '{}'; expected sampled, most_probable, best_q, gated or multiplied",
          Path(), group_, text);
    }
    const bool has_critics = file_.Has(group_ + "/critic0");
    if (has_critics || policy.acting_expert == ActingExpert::kBestQ) ReadCritics(policy);
  }

  // The layers router_fc0, router_fc1, ... where there are any, and router.
  std::vector<Policy::Layer> ReadRouter(Eigen::Index inputs) const {
    std::vector<Policy::Layer> layers;
    for (int i = 0; file_.Has(fmt::format("{}/router_fc{}", group_, i)); ++i) {
      layers.push_back(ReadLayer(fmt::format("router_fc{}", i), inputs, -1));
      inputs = layers.back().bias.size();
    }
    layers.push_back(ReadLayer("router", inputs, -1));
    if (layers.back().bias.size() == 0) {
      throw InputError("{}: {}/router has no experts; expected at least one", Path(), group_);
    }
    return layers;
  }

  void ReadCritics(Policy& policy) const {
    const Eigen::Index inputs = policy.observation_size + static_cast<Eigen::Index>(spec_.action_size());
    for (std::size_t i = 0; i == 0 || file_.Has(fmt::format("{}/critic{}", group_, i)); ++i) {
      policy.critics.push_back(ReadPerceptron(CriticName(i), inputs, 1));
    }
  }

  std::string ReadChoice(const std::string& name, std::string_view one, std::string_view other) const {
    std::string text = file_.ReadString(group_ + "/" + name);
    if (text != one && text != other) {
      throw InputError("{}: {}/{} is '{}'; expected {} or {}", Path(), group_, name, text, one, other);
    }
    return text;
  }

  // What the rows hold beside the environment's own numbers.
  void ReadAugmentation(Policy& policy) const {
    const auto text = [&](const std::string& name) {
      const std::string key = group_ + "/" + name;
      return file_.Has(key) ? file_.ReadString(key) : std::string();
    };
    std::istringstream words(text("augmentation"));
    for (std::string word; words >> word;) {
      if (word != kOneHot && word != kTime) {
        throw InputError("{}: {}/augmentation has '{}'; expected {} or {}", Path(), group_, word, kOneHot,
                         kTime);
      }
      (word == kOneHot ? policy.augmentation.one_hot : policy.augmentation.time) = true;
    }
    policy.objective = text("objective");
    if (const std::string stock = text("stock"); !stock.empty()) {
      policy.augmentation.stock = ParseStock(stock);
    }
    if (const std::string options = text("options"); !options.empty()) {
      policy.augmentation.options = ParseOptions(options);
    }
    policy.observation_size = policy.augmentation.RowSize(spec_);
  }

  StockRule ParseStock(const std::string& text) const {
    StockRule rule;
    std::string word;
    std::istringstream words(text);
    words >> rule.discount >> rule.low >> rule.bound;
    const bool numbers = !words.fail();
    rule.high = rule.low;
    if (words >> word) rule.hidden = word == kHidden;
    const bool known = word.empty() || rule.hidden;
    if (numbers && known && rule.discount > 0 && rule.discount <= 1 && rule.bound > 0) return rule;
    throw InputError(
        "{}: {}/stock is '{}'; expected a discount in (0, 1], an initial stock and a bound above 0, and "
        "perhaps {}",
        Path(), group_, text, kHidden);
  }

  int ParseOptions(const std::string& text) const {
    int options = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), options);
    if (error == std::errc() && end == text.data() + text.size() && options >= 1 && options <= kMostOptions) {
      return options;
    }
    throw InputError("{}: {}/options is '{}'; expected a whole number from 1 to {}", Path(), group_, text,
                     kMostOptions);
  }

  // The number of quantiles of each action.
  Eigen::Index ReadUtility(Policy& policy) const {
    const std::string key = group_ + "/utility_weights";
    const Array<float> weights = file_.Read<float>(key);
    if (weights.shape != Shape{2} || !std::isfinite(weights.values[0]) || !std::isfinite(weights.values[1])) {
      throw InputError("{}: {} has shape {}; expected two finite numbers", Path(), key,
                       ShapeText(weights.shape));
    }
    if (!policy.augmentation.stock) {
      throw InputError("{}: {}/stock is missing; a greedy_utility policy needs it", Path(), group_);
    }
    policy.weight_below = weights.values[0];
    policy.weight_above = weights.values[1];
    const Shape shape = file_.Read<float>(group_ + "/last_fc/bias").shape;
    const auto choices = static_cast<std::size_t>(std::get<Discrete>(spec_.action_space).n);
    if (shape.size() != 1 || shape[0] == 0 || shape[0] % choices != 0) {
      throw InputError("{}: {}/last_fc/bias has shape {}; expected a multiple of {} actions", Path(), group_,
                       ShapeText(shape), choices);
    }
    return static_cast<Eigen::Index>(shape[0] / choices);
  }

  // `inputs` and `outputs` are what the neighbours need; -1 where any number of outputs will do.
  Policy::Layer ReadLayer(const std::string& name, Eigen::Index inputs, Eigen::Index outputs) const {
    const std::string key = group_ + "/" + name;
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

  // A perceptron whose layers are NAME0, NAME1, ....
  std::vector<Policy::Layer> ReadPerceptron(const std::string& name, Eigen::Index inputs,
                                            Eigen::Index outputs) const {
    std::vector<Policy::Layer> layers;
    Eigen::Index width = inputs;
    for (int i = 0; i == 0 || file_.Has(fmt::format("{}/{}{}", group_, name, i)); ++i) {
      const bool last = !file_.Has(fmt::format("{}/{}{}", group_, name, i + 1));
      layers.push_back(ReadLayer(fmt::format("{}{}", name, i), width, last ? outputs : -1));
      width = layers.back().bias.size();
    }
    return layers;
  }

  void ReadCandidates(Policy& policy) const {
    constexpr float kMost = 1e6;
    const std::string key = group_ + "/candidates";
    const Array<float> numbers = file_.Read<float>(key);
    if (numbers.shape != Shape{3} || !(numbers.values[0] >= 1 && numbers.values[0] <= kMost) ||
        !(numbers.values[1] >= 0) || !(numbers.values[2] >= 0)) {
      throw InputError("{}: {} has shape {}; expected a count of at least 1 and two bounds of at least 0",
                       Path(), key, ShapeText(numbers.shape));
    }
    policy.candidates = static_cast<int>(numbers.values[0]);
    policy.code_bound = numbers.values[1];
    policy.reach = numbers.values[2];
    const Eigen::Index inputs = policy.observation_size + static_cast<Eigen::Index>(spec_.action_size());
    policy.perturbation = ReadPerceptron("perturbation", inputs, spec_.action_size());
    ReadCritics(policy);
  }

  double ReadLikely() const {
    const std::string key = group_ + "/likely";
    const Array<float> value = file_.Read<float>(key);
    if (value.shape != Shape{1} || !(value.values[0] >= 0 && value.values[0] <= 1)) {
      throw InputError("{}: {} has shape {}; expected one number in [0, 1]", Path(), key,
                       ShapeText(value.shape));
    }
    return static_cast<double>(value.values[0]);
  }

  // D4RL's files have no bounds: there they are those that a Policy starts with.
  void ReadBounds(Policy& policy) const {
    if (policy.distribution == ActionDistribution::kGaussian) {
      policy.log_std_min = -std::numeric_limits<double>::infinity();
      policy.log_std_max = std::numeric_limits<double>::infinity();
      return;
    }
    const std::string key = group_ + "/log_std_bounds";
    if (!file_.Has(key)) return;
    const Array<double> bounds = file_.Read<double>(key);
    if (bounds.shape != Shape{2} || !(bounds.values[0] <= bounds.values[1])) {
      throw InputError("{}: {} has shape {}; expected two numbers, the lower first", Path(), key,
                       ShapeText(bounds.shape));
    }
    policy.log_std_min = bounds.values[0];
    policy.log_std_max = bounds.values[1];
  }

  void ReadTransform(ObservationTransform& transform, std::size_t size) const {
    const std::string key = group_ + "/observation_transform";
    if (!file_.Has(key)) return;
    transform.mean = file_.Read<double>(key + "/mean").values;
    transform.scale = file_.Read<double>(key + "/scale").values;
    transform.clip = file_.ReadScalar<double>(key + "/clip");
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

  const Hdf5File& file_;
  const EnvSpec& spec_;
  std::string group_;
};

}  // namespace

void WritePolicy(const std::filesystem::path& path, const Policy& policy, const PolicyOrigin& origin) {
  WriteWhole(path, [&](const std::filesystem::path& temporary) {
    Hdf5File file = Hdf5File::Create(temporary);
    file.WriteString(std::string(kAlgorithmKey), origin.algorithm);
    file.WriteString(std::string(kEnvKey), origin.env_id);
    if (!origin.env_instance.empty()) file.WriteString(std::string(kWorldKey), origin.env_instance);
    if (origin.evaluate_sampled) file.WriteString(std::string(kEvaluationKey), kSampled);
    for (const auto& [name, value] : origin.env_options) {
      file.WriteString(fmt::format("{}/{}", kOptionsKey, name), value);
    }
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
  // Numbers among a dataset's metadata are float32, as those of D4RL's policies are.
  const auto write = [&](const std::string& key, const std::vector<double>& values) {
    const std::vector<float> numbers(values.begin(), values.end());
    writer.WriteMetadata("policy/observation_transform/" + key, numbers, {numbers.size()});
  };
  write("mean", policy.transform.mean);
  write("scale", policy.transform.scale);
  write("clip", {policy.transform.clip});
}

PolicyOrigin ReadPolicyOrigin(const std::filesystem::path& path) {
  const Hdf5File file = Hdf5File::Open(path);
  const auto text_of = [&](std::string_view name) {
    const std::string key(name);
    return file.Has(key) ? file.ReadString(key) : std::string();
  };
  const std::string evaluation = text_of(kEvaluationKey);
  if (!evaluation.empty() && evaluation != kSampled) {
    throw InputError("{}: {} is '{}'; expected {}", path.string(), kEvaluationKey, evaluation, kSampled);
  }
  PolicyOrigin origin{
      text_of(kAlgorithmKey), text_of(kEnvKey), text_of(kWorldKey), evaluation == kSampled, {}};
  const std::string options(kOptionsKey);
  if (!file.Has(options)) return origin;
  for (const std::string& name : file.Names(options)) {
    origin.env_options.emplace_back(name, text_of(options + "/" + name));
  }
  return origin;
}

Policy ReadPolicy(const std::filesystem::path& path, const EnvSpec& spec) {
  const Hdf5File file = Hdf5File::Open(path);
  return PolicyReader(file, spec, "metadata/policy").Read();
}

}  // namespace strider
