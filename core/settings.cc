#include "core/settings.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>

#include "core/names.h"

namespace strider {

Accepted Anything() { return {}; }

Accepted Finite() {
  Accepted accepted;
  accepted.text = "that is finite";
  accepted.low = -kLargestSetting;
  accepted.high = kLargestSetting;
  return accepted;
}

Accepted InRange(double low, double high) {
  Accepted accepted;
  accepted.text = fmt::format("in [{}, {}]", low, high);
  accepted.low = low;
  accepted.high = high;
  return accepted;
}

Accepted AtLeast(double low) {
  Accepted accepted;
  accepted.text = fmt::format("at least {}", low);
  accepted.low = low;
  accepted.high = kLargestSetting;
  return accepted;
}

Accepted Above(double low) {
  Accepted accepted;
  accepted.text = fmt::format("above {}", low);
  accepted.low = low;
  accepted.low_open = true;
  accepted.high = kLargestSetting;
  return accepted;
}

Accepted OneOf(std::vector<std::string> choices) {
  Accepted accepted;
  accepted.choices = std::move(choices);
  return accepted;
}

Accepted FileOr(std::string word) {
  Accepted accepted;
  accepted.text = fmt::format("that names a file, or {}", word);
  accepted.choices = {std::move(word)};
  accepted.file = true;
  return accepted;
}

Accepted WithContinuousActions(Accepted accepted) {
  accepted.actions = "continuous";
  return accepted;
}

Accepted WithDiscreteActions(Accepted accepted) {
  accepted.actions = "discrete";
  return accepted;
}

namespace internal {
namespace {

[[noreturn]] void Refuse(std::string_view key, std::string_view text, const Accepted& accepted,
                         std::string_view further = "") {
  throw InputError("{} = '{}' is not accepted; expected {}{}", key, text, accepted.text, further);
}

template <class T>
T ParseNumber(std::string_view key, std::string_view text, const Accepted& accepted) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range && std::is_integral_v<T>) {
    Refuse(key, text, accepted, fmt::format(", of {} at most in size", std::numeric_limits<T>::max()));
  }
  if (error != std::errc() || end != text.data() + text.size()) Refuse(key, text, accepted);
  const auto number = static_cast<double>(value);
  const bool inside =
      (accepted.low_open ? number > accepted.low : number >= accepted.low) && number <= accepted.high;
  if (!inside) {  // NaN fails every comparison
    const bool beyond = accepted.high == kLargestSetting && std::abs(number) > kLargestSetting;
    Refuse(key, text, accepted, beyond ? fmt::format(", of {:.3g} at most in size", kLargestSetting) : "");
  }
  return value;
}

template <class T>
std::vector<T> ParseList(std::string_view key, std::string_view text, const Accepted& accepted) {
  std::vector<T> values;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    values.push_back(ParseNumber<T>(key, text.substr(0, comma), accepted));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return values;
}

}  // namespace

void Parse(std::string_view key, std::string_view text, const Accepted& accepted, bool& value) {
  if (text == "true" || text == "1") {
    value = true;
  } else if (text == "false" || text == "0") {
    value = false;
  } else {
    Refuse(key, text, accepted);
  }
}

void Parse(std::string_view key, std::string_view text, const Accepted& accepted, std::int64_t& value) {
  value = ParseNumber<std::int64_t>(key, text, accepted);
}

void Parse(std::string_view key, std::string_view text, const Accepted& accepted, int& value) {
  value = ParseNumber<int>(key, text, accepted);
}

void Parse(std::string_view key, std::string_view text, const Accepted& accepted, double& value) {
  value = ParseNumber<double>(key, text, accepted);
}

void Parse(std::string_view key, std::string_view text, const Accepted& accepted, std::string& value) {
  const bool chosen =
      accepted.choices.empty() || std::ranges::find(accepted.choices, text) != accepted.choices.end();
  if (!chosen && (!accepted.file || text.empty())) Refuse(key, text, accepted);
  // Every setting is written as a line of config.cfg and must read back as what it was.
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  const bool padded = !text.empty() && (blank(text.front()) || blank(text.back()));
  if (padded || text.find_first_of("#\r\n") != std::string_view::npos) {
    throw InputError(
        "{} = '{}' is not accepted; expected text without '#', line breaks, or blanks at either end, which a "
        "config file cannot hold",
        key, text);
  }
  // Whoever reads the config file may stand in another folder.
  value = chosen ? std::string(text) : std::filesystem::absolute(text).lexically_normal().string();
}

void Parse(std::string_view key, std::string_view text, const Accepted& accepted, std::vector<int>& value) {
  value = ParseList<int>(key, text, accepted);
}

void Parse(std::string_view key, std::string_view text, const Accepted& accepted,
           std::vector<double>& value) {
  value = ParseList<double>(key, text, accepted);
}

std::string Print(bool value) { return value ? "true" : "false"; }
std::string Print(std::int64_t value) { return std::to_string(value); }
std::string Print(int value) { return std::to_string(value); }
std::string Print(double value) { return fmt::format("{}", value); }
std::string Print(const std::string& value) { return value; }
std::string Print(const std::vector<int>& value) { return fmt::format("{}", fmt::join(value, ",")); }
std::string Print(const std::vector<double>& value) { return fmt::format("{}", fmt::join(value, ",")); }

std::string Describe(const Accepted& accepted, std::string_view type) {
  if (!accepted.choices.empty() && !accepted.file)
    return fmt::format("one of {}", fmt::join(accepted.choices, ", "));
  if (accepted.text.empty()) return std::string(type);
  return fmt::format("{} {}", type, accepted.text);
}

}  // namespace internal

const Setting* SettingList::Find(std::string_view key) const {
  const auto found = std::ranges::find(settings_, key, &Setting::key);
  return found == settings_.end() ? nullptr : &*found;
}

std::vector<std::string> SettingList::Keys() const {
  std::vector<std::string> keys;
  for (const Setting& setting : settings_) keys.push_back(setting.key);
  return keys;
}

void SettingList::Set(std::string_view key, std::string_view value) const {
  const Setting* setting = Find(key);
  if (setting == nullptr) throw UnknownName("setting", key, Keys());
  setting->set(value);
}

std::string SettingList::Text() const {
  std::string text;
  for (const Setting& setting : settings_) text += fmt::format("{} = {}\n", setting.key, setting.get());
  return text;
}

}  // namespace strider
