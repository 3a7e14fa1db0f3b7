#include "envs/submodular/weight_map.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "core/checksum.h"
#include "core/error.h"
#include "core/files.h"

namespace strider {
namespace {

// Sums of as many as a large map has stay exact enough for float rewards, and their squares finite.
constexpr double kLargestWeight = 1e12;

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
}

// Takes what stands before the first `separator` off a text.
std::string_view TakeUntil(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

}  // namespace

WeightMap ReadWeightMap(const std::filesystem::path& file) {
  const std::string text = ReadText(file);
  WeightMap map;
  std::string_view rest = text;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  for (int number = 1; !rest.empty(); ++number) {
    std::string_view line = Trimmed(TakeUntil(rest, '\n'));
    if (line.empty() || line.front() == '#') continue;
    const auto columns = static_cast<int>(std::ranges::count(line, ',')) + 1;
    if (map.rows == 0) map.columns = columns;
    if (columns != map.columns) {
      throw InputError("{}:{}: {} numbers; expected {}, as in the first row", file.string(), number, columns,
                       map.columns);
    }
    for (int column = 1; column <= columns; ++column) {
      const std::string_view word = Trimmed(TakeUntil(line, ','));
      double value = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
      const bool number_read = error == std::errc() && end == word.data() + word.size();
      if (!number_read || !(value >= 0 && value <= kLargestWeight)) {
        throw InputError("{}:{}: number {} is {:?}; expected a number from 0 to {:g}", file.string(), number,
                         column, word, kLargestWeight);
      }
      map.weights.push_back(value);
    }
    ++map.rows;
  }
  if (map.rows == 0) throw InputError("{}: no numbers; expected a line for each row of a map", file.string());
  Checksum checksum;
  checksum.Add(std::as_bytes(std::span(&map.columns, 1)));
  checksum.Add(std::as_bytes(std::span(map.weights)));
  map.sha256 = checksum.Text();
  return map;
}

WeightMap SyntheticDensity(int rows, int columns, Pcg64& random) {
  constexpr int kBumps = 8;
  WeightMap map{rows, columns, std::vector<double>(static_cast<std::size_t>(rows * columns)), {}};
  for (int bump = 0; bump < kBumps; ++bump) {
    const double x = random.Uniform(0, rows);
    const double y = random.Uniform(0, columns);
    const double width = random.Uniform(2, 7);
    const double height = random.Uniform(0.2, 1);
    for (std::size_t cell = 0; cell < map.weights.size(); ++cell) {
      const double dx = static_cast<double>(cell / static_cast<std::size_t>(columns)) - x;
      const double dy = static_cast<double>(cell % static_cast<std::size_t>(columns)) - y;
      map.weights[cell] =
          std::max(map.weights[cell], height * std::exp(-(dx * dx + dy * dy) / (2 * width * width)));
    }
  }
  return map;
}

}  // namespace strider
