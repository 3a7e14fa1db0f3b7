#include "experiments/csv_log.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include "core/error.h"
#include "core/files.h"

namespace strider {
namespace {

// The lines of a text that are whole; what follows the last line end is left out.
std::vector<std::string_view> WholeLines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string> Cells(std::string_view line) {
  std::vector<std::string> cells;
  while (true) {
    const std::size_t comma = std::min(line.find(','), line.size());
    cells.emplace_back(line.substr(0, comma));
    if (comma == line.size()) return cells;
    line.remove_prefix(comma + 1);
  }
}

std::optional<double> ParseCell(const std::filesystem::path& path, std::size_t line,
                                const std::string& column, std::string_view text) {
  if (text.empty()) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw InputError("{}:{}: column '{}' holds '{}'; expected a number", path.string(), line, column, text);
  }
  return value;
}

std::string PrintCell(const std::optional<double>& value) { return value ? fmt::format("{}", *value) : ""; }

// The value of a row's first cell, which both logs call "step".
double StepOf(const std::filesystem::path& path, std::size_t line, std::string_view text) {
  const std::optional<double> step = ParseCell(path, line, "step", text.substr(0, text.find(',')));
  if (!step) throw InputError("{}:{}: the row has no step", path.string(), line);
  return *step;
}

}  // namespace

CsvLog::CsvLog(std::filesystem::path path) : path_(std::move(path)) {
  errno = 0;
  out_.open(path_, std::ios::binary | std::ios::trunc);
  if (!out_) throw WorkError("cannot write {}: {}", path_.string(), std::strerror(errno));
}

CsvLog::CsvLog(std::filesystem::path path, std::int64_t step) : path_(std::move(path)) {
  if (std::filesystem::exists(path_)) {
    const std::string text = ReadText(path_);
    const std::vector<std::string_view> lines = WholeLines(text);
    std::string kept;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (i == 0 && Cells(lines[0])[0] != "step") {
        throw InputError("{}:1: the first column is '{}'; expected 'step'", path_.string(),
                         Cells(lines[0])[0]);
      }
      if (i == 0 || StepOf(path_, i + 1, lines[i]) <= static_cast<double>(step))
        kept += fmt::format("{}\n", lines[i]);
    }
    if (!lines.empty() && kept.size() > lines[0].size() + 1) columns_ = Cells(lines[0]);
    // A header without rows goes too: the first row will write it.
    WriteTextWhole(path_, columns_.empty() ? "" : kept);
  }
  errno = 0;
  out_.open(path_, std::ios::binary | std::ios::app);
  if (!out_) throw WorkError("cannot write {}: {}", path_.string(), std::strerror(errno));
}

void CsvLog::Append(const CsvRow& row) {
  std::string lines;
  if (columns_.empty()) {
    for (const auto& [column, value] : row) columns_.push_back(column);
    lines = fmt::format("{}\n", fmt::join(columns_, ","));
  }
  std::vector<std::string> cells(columns_.size());
  for (const auto& [column, value] : row) {
    const auto found = std::ranges::find(columns_, column);
    if (found == columns_.end()) {
      throw std::logic_error(fmt::format("{} has no column '{}'", path_.string(), column));
    }
    cells[static_cast<std::size_t>(found - columns_.begin())] = PrintCell(value);
  }
  Write(lines + fmt::format("{}\n", fmt::join(cells, ",")));
}

void CsvLog::Write(const std::string& line) {
  errno = 0;
  out_ << line << std::flush;
  if (!out_) throw WorkError("cannot write {}: {}", path_.string(), std::strerror(errno));
}

CsvTable::CsvTable(std::filesystem::path path) : path_(std::move(path)) {
  const std::string text = ReadText(path_);
  const std::vector<std::string_view> lines = WholeLines(text);
  if (lines.empty()) throw InputError("{} is empty; expected a line of column names", path_.string());
  columns_ = Cells(lines[0]);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> cells = Cells(lines[i]);
    if (cells.size() != columns_.size()) {
      throw InputError("{}:{}: {} cells; expected {}, one for each column", path_.string(), i + 1,
                       cells.size(), columns_.size());
    }
    std::vector<std::optional<double>>& row = rows_.emplace_back();
    for (std::size_t j = 0; j < cells.size(); ++j)
      row.push_back(ParseCell(path_, i + 1, columns_[j], cells[j]));
  }
}

bool CsvTable::Has(const std::string& column) const {
  return std::ranges::find(columns_, column) != columns_.end();
}

std::vector<std::optional<double>> CsvTable::Column(const std::string& column) const {
  const auto found = std::ranges::find(columns_, column);
  if (found == columns_.end()) {
    throw InputError("{}: no column '{}'; it has {}", path_.string(), column, fmt::join(columns_, ", "));
  }
  std::vector<std::optional<double>> values;
  for (const auto& row : rows_) values.push_back(row[static_cast<std::size_t>(found - columns_.begin())]);
  return values;
}

std::vector<double> CsvTable::FullColumn(const std::string& column) const {
  std::vector<double> values;
  for (const std::optional<double>& value : Column(column)) {
    if (!value) {
      throw InputError("{}:{}: column '{}' is empty; expected a number", path_.string(), values.size() + 2,
                       column);
    }
    values.push_back(*value);
  }
  return values;
}

}  // namespace strider
