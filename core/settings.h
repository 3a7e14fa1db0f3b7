// Settings that a person can change by name: the fields of a Config struct, listed once.
//
// A Config lists its fields in one member template:
//
//   struct TdConfig {
//     double discount = 0.99;
//     template <class Visitor>
//     void Visit(Visitor&& visit) {
//       visit("discount", discount, "discount factor per step", InRange(0, 1));
//     }
//   };
//
// From that list come the command line's --set, the config files, --help, the config.cfg echoed into each
// run, and the checks of bad values.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"

namespace strider {

// Networks compute in float32: a length, weight or rate beyond is a slip.
inline constexpr double kLargestSetting = std::numeric_limits<float>::max();

// Which values of a setting are accepted. NaN never is.
struct Accepted {
  std::string text;  // "a number in [0, 1]", for messages and help
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;             // `low` itself is refused
  std::vector<std::string> choices;  // for text; empty: any
  bool file = false;                 // for text; or a file's path, which is made absolute
  std::string actions;               // "continuous" or "discrete": others leave the setting without effect
};

Accepted Anything();
Accepted Finite();                          // up to kLargestSetting in size, as in the next two
Accepted InRange(double low, double high);  // both ends included
Accepted AtLeast(double low);
Accepted Above(double low);
Accepted OneOf(std::vector<std::string> choices);
Accepted FileOr(std::string word);
Accepted WithContinuousActions(Accepted accepted = Anything());  // the same, and only of a part with these
Accepted WithDiscreteActions(Accepted accepted = Anything());

// One setting, bound to the field it changes.
struct Setting {
  std::string key;       // "agent.discount"
  std::string help;      // one line
  std::string expected;  // "a number in [0, 1]"
  std::string actions;   // as Accepted::actions
  std::function<std::string()> get;
  // Throws InputError naming key, value and what was expected.
  std::function<void(std::string_view)> set;
};

namespace internal {
// Text to value and back. Each Parse throws InputError with key, value and `accepted`.
void Parse(std::string_view key, std::string_view text, const Accepted& accepted, bool& value);
void Parse(std::string_view key, std::string_view text, const Accepted& accepted, std::int64_t& value);
void Parse(std::string_view key, std::string_view text, const Accepted& accepted, int& value);
void Parse(std::string_view key, std::string_view text, const Accepted& accepted, double& value);
void Parse(std::string_view key, std::string_view text, const Accepted& accepted, std::string& value);
// "256,256"; the range holds for each element.
void Parse(std::string_view key, std::string_view text, const Accepted& accepted, std::vector<int>& value);
void Parse(std::string_view key, std::string_view text, const Accepted& accepted, std::vector<double>& value);
std::string Print(bool value);
std::string Print(std::int64_t value);
std::string Print(int value);
std::string Print(double value);  // shortest form that reads back to the same bits
std::string Print(const std::string& value);
std::string Print(const std::vector<int>& value);
std::string Print(const std::vector<double>& value);
std::string Describe(const Accepted& accepted, std::string_view type);
template <class T>
constexpr std::string_view TypeName() {
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_same_v<T, int> || std::is_same_v<T, std::int64_t>) return "a whole number";
  if constexpr (std::is_same_v<T, double>) return "a number";
  if constexpr (std::is_same_v<T, std::vector<int>>) return "whole numbers separated by commas";
  if constexpr (std::is_same_v<T, std::vector<double>>) return "numbers separated by commas";
  return "text";
}
}  // namespace internal

// The settings of one or more Configs, in the order in which they list them. The Configs must outlive the
// list.
class SettingList {
 public:
  // Adds every field of `config` under "prefix.name".
  template <class Config>
  void Add(std::string_view prefix, Config& config) {
    config.Visit([&](std::string_view name, auto& field, std::string_view help,
                     Accepted accepted = Anything()) {
      using Field = std::remove_reference_t<decltype(field)>;
      std::string key = fmt::format("{}.{}", prefix, name);
      Setting setting;
      setting.key = key;
      setting.help = help;
      setting.actions = accepted.actions;
      if (!setting.actions.empty()) setting.help += fmt::format("; {} actions only", setting.actions);
      setting.expected = internal::Describe(accepted, internal::TypeName<Field>());
      setting.get = [&field] { return internal::Print(field); };
      accepted.text = setting.expected;
      setting.set = [&field, key = std::move(key), accepted = std::move(accepted)](std::string_view text) {
        internal::Parse(key, text, accepted, field);
      };
      settings_.push_back(std::move(setting));
    });
  }

  // Adds settings that are bound already.
  void Append(const Setting& setting) { settings_.push_back(setting); }
  void Append(const SettingList& other) {
    settings_.insert(settings_.end(), other.settings_.begin(), other.settings_.end());
  }

  const std::vector<Setting>& settings() const { return settings_; }
  const Setting* Find(std::string_view key) const;  // nullptr where there is none
  std::vector<std::string> Keys() const;

  // Sets one value. An unknown key is an InputError that suggests the nearest.
  void Set(std::string_view key, std::string_view value) const;

  // "key = value" lines in order, in the syntax of config files.
  std::string Text() const;

 private:
  std::vector<Setting> settings_;
};

// Key and value pairs as a person gave them, such as {"reset_noise_scale", "0.1"}.
using Assignments = std::vector<std::pair<std::string, std::string>>;

}  // namespace strider
