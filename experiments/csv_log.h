// Tables of numbers that grow a row at a time while an experiment runs, and survive being killed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace strider {

// Column names and values, in the order of the columns; nullopt is a missing value and becomes an empty cell.
using CsvRow = std::vector<std::pair<std::string, std::optional<double>>>;

// Appends rows to a comma-separated file whose header is the names in its first row. The first column is
// "step". Numbers are written in the shortest form that reads back to the same bits; every row is handed to
// the system before Append returns, so a killed process loses none.
//
// Throws WorkError naming the path where the system refuses (a full disk).
class CsvLog {
 public:
  // Begins a new file; one that is there already is emptied.
  explicit CsvLog(std::filesystem::path path);

  // Goes on with a file that an earlier process left: rows beyond `step`, the last checkpoint, and a row that
  // was written by half are dropped, so that the file ends as that of a run that was never interrupted. A
  // file that is not there is begun. Throws InputError naming path and line where the file is not one of
  // ours.
  CsvLog(std::filesystem::path path, std::int64_t step);

  // The first row fixes the columns. A later row may leave some out (empty cells) but bring no new ones.
  // REQUIRES: the first value is there and is named "step".
  void Append(const CsvRow& row);

 private:
  void Write(const std::string& line);

  std::filesystem::path path_;
  std::vector<std::string> columns_;  // empty until the first row
  std::ofstream out_;
};

// A CSV file of numbers, read whole.
class CsvTable {
 public:
  // A last line without its end (a row being written, or cut off by a kill) is left out. Throws InputError
  // naming path and line where the file is missing or empty, a row has too many or too few cells, or a cell
  // is no number.
  explicit CsvTable(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<std::string>& columns() const { return columns_; }
  std::size_t rows() const { return rows_.size(); }
  bool Has(const std::string& column) const;

  // One value a row. Throws InputError naming the path where there is no such column.
  std::vector<std::optional<double>> Column(const std::string& column) const;

  // The same for a column in which no cell may be empty. Throws InputError naming path and line where one is.
  std::vector<double> FullColumn(const std::string& column) const;

 private:
  std::filesystem::path path_;
  std::vector<std::string> columns_;
  std::vector<std::vector<std::optional<double>>> rows_;  // (rows x columns)
};

}  // namespace strider
