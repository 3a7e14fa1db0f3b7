#include "datasets/columns.h"

#include <algorithm>

#include "core/error.h"

namespace strider {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxKeys = 10000;

void AddKeys(const Hdf5File& file, const std::string& group, std::size_t depth, std::size_t& budget,
             std::vector<std::string>& keys) {
  if (depth == kMaxDepth) {
    throw InputError("{}: {}: more than {} groups inside one another", file.path().string(), group,
                     kMaxDepth);
  }
  for (const std::string& name : file.Names(group)) {
    if (budget-- == 0) {
      throw InputError("{}: {}: more than {} keys", file.path().string(), group, kMaxKeys);
    }
    const std::string key = group.empty() ? name : fmt::format("{}/{}", group, name);
    const auto info = file.Find(key);
    if (info && info->kind == Hdf5Kind::kGroup) {
      AddKeys(file, key, depth + 1, budget, keys);
    } else {
      keys.push_back(key);
    }
  }
}

}  // namespace

std::vector<std::string> KeysUnder(const Hdf5File& file, const std::string& group) {
  std::vector<std::string> keys;
  const auto info = file.Find(group);
  std::size_t budget = kMaxKeys;
  if (info && info->kind == Hdf5Kind::kGroup) AddKeys(file, group, 0, budget, keys);
  return keys;
}

bool IsColumn(const Hdf5File& file, std::string_view key, std::size_t rows) {
  const auto info = file.Find(key);
  return info && info->is_numeric() && !info->shape.empty() && info->shape[0] == rows &&
         ClaimProblem(*info).empty() && ElementCount(info->shape) > 0;
}

std::vector<std::uint8_t> ReadFlags(const Hdf5File& file, std::string_view key, std::size_t first,
                                    std::size_t count) {
  std::vector<double> values(count);  // flags are stored as anything, even as floats
  file.ReadRows<double>(key, first, count, values);
  std::vector<std::uint8_t> flags(count);
  std::ranges::transform(values, flags.begin(), [](double value) -> std::uint8_t { return value != 0; });
  return flags;
}

}  // namespace strider
