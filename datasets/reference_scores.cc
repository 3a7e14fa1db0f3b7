#include "datasets/reference_scores.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace strider {
namespace {

struct Entry {
  std::string_view prefix;  // of the name in lower case
  ReferenceScore score;
};

constexpr ReferenceScore kHalfCheetah{-280.178953, 12135.0};
constexpr ReferenceScore kHopper{-20.272305, 3234.3};
constexpr ReferenceScore kWalker2d{1.629008, 4592.3};
constexpr ReferenceScore kAnt{-325.6, 3879.7};

// The first entry that a name begins with counts, so longer prefixes stand before shorter ones. File names
// have an underscore where data set names have a hyphen.
constexpr std::array kEntries{
    Entry{"halfcheetah-", kHalfCheetah},
    Entry{"halfcheetah_", kHalfCheetah},
    Entry{"hopper-", kHopper},
    Entry{"hopper_", kHopper},
    Entry{"walker2d-", kWalker2d},
    Entry{"walker2d_", kWalker2d},
    Entry{"ant-", kAnt},
    Entry{"ant_", kAnt},
    Entry{"maze2d-open-dense-", {11.17817, 27.166538620695782}},
    Entry{"maze2d-open-", {0.01, 20.66}},
    Entry{"maze2d-umaze-dense-", {68.537689, 193.66285642381482}},
    Entry{"maze2d-umaze-v0", {0.94, 62.6}},
    Entry{"maze2d-umaze-", {23.85, 161.86}},
    Entry{"maze2d-medium-dense-", {44.264742, 297.4552547777125}},
    Entry{"maze2d-medium-v0", {5.77, 85.14}},
    Entry{"maze2d-medium-", {13.13, 277.39}},
    Entry{"maze2d-large-dense-", {30.569041, 303.4857382709002}},
    Entry{"maze2d-large-v0", {4.83, 191.99}},
    Entry{"maze2d-large-", {6.7, 273.99}},
    Entry{"antmaze-", {0.0, 1.0}},
    Entry{"kitchen-", {0.0, 4.0}},
    Entry{"pen-", {96.262799, 3076.8331017826877}},
    Entry{"hammer-", {-274.856578, 12794.134825156867}},
    Entry{"door-", {-56.512833, 2880.5693087298737}},
    Entry{"relocate-", {-6.425911, 4233.877797728884}},
    Entry{"minigrid-fourrooms-", {0.01442, 2.89685}},
    Entry{"bullet-halfcheetah-", {-1275.766996, 2381.6725}},
    Entry{"bullet-hopper-", {20.058972, 1441.8059623430963}},
    Entry{"bullet-ant-", {373.705955, 2650.495}},
    Entry{"bullet-walker2d-", {16.523877, 1623.6476303317536}},
};

}  // namespace

std::optional<ReferenceScore> FindReferenceScore(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto* const entry = std::find_if(kEntries.begin(), kEntries.end(), [&](const Entry& candidate) {
    return lower.starts_with(candidate.prefix);
  });
  if (entry == kEntries.end()) return std::nullopt;
  return entry->score;
}

double NormalizedScore(const ReferenceScore& reference, double episode_return) {
  return 100.0 * (episode_return - reference.min) / (reference.max - reference.min);
}

}  // namespace strider
