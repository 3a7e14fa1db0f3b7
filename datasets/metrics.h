// How explorative (SACo) and how exploitative (TQ) a dataset is (dataset-metrics sheet, section 2;
// Schweighofer et al., arXiv 2111.04714).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/reference_scores.h"

namespace strider {

inline constexpr int kDefaultBins = 100;  // edges per axis in the authors' code

// Smallest and largest value of each column, observation first and action after it.
class ColumnLimits {
 public:
  explicit ColumnLimits(std::size_t columns)
      : low_(columns, std::numeric_limits<double>::infinity()),
        high_(columns, -std::numeric_limits<double>::infinity()) {}

  // Widens the limits by rows of observations (n x o) and actions (n x a), o + a columns together.
  void Add(std::span<const float> observations, std::span<const float> actions, std::size_t rows);

  std::size_t columns() const { return low_.size(); }
  double low(std::size_t column) const { return low_[column]; }
  double high(std::size_t column) const { return high_[column]; }

 private:
  std::vector<double> low_;
  std::vector<double> high_;
};

// Equally spaced edges from `low` to `high`, ends included, as numpy.linspace gives them.
class Digitizer {
 public:
  // REQUIRES: 2 <= edges <= 255; low <= high, both finite.
  Digitizer(double low, double high, int edges);

  // Number of edges <= value (numpy.digitize): 0 below `low`, `edges` from `high` on and for NaN.
  std::uint8_t operator()(double value) const;

 private:
  std::vector<double> edges_;
  double scale_;
};

// Counts distinct rows of bin codes, exactly; memory grows with the distinct rows only.
class UniqueCounter {
 public:
  // InputError unless 2 <= bins <= 255.
  explicit UniqueCounter(const ColumnLimits& limits, int bins = kDefaultBins);

  // Counts rows of observations and actions; together limits.columns() wide.
  void Add(std::span<const float> observations, std::span<const float> actions, std::size_t rows);

  std::size_t unique() const { return counts_.size(); }
  std::uint64_t rows() const { return rows_; }
  // Plug-in estimate of the entropy of the occupancy, in nats: -sum (n/N) ln(n/N). exp of it is at most
  // unique().
  double Entropy() const;

 private:
  std::uint64_t& CountOf(std::span<const std::uint8_t> code);
  void Grow();

  std::size_t width_;  // bytes of a code
  std::vector<Digitizer> digitizers_;
  std::vector<std::uint8_t> codes_;    // (unique x width)
  std::vector<std::uint64_t> counts_;  // (unique)
  std::vector<std::uint64_t> slots_;   // open addressing: upper half of the hash, then index + 1; 0 is free
  std::uint64_t rows_ = 0;
};

// State-action coverage: unique pairs in proportion to the reference's.
double Saco(std::size_t unique, std::size_t reference_unique);
// Its logarithmic form, ln u / ln u_ref; NaN where the reference has one pair.
double LogSaco(std::size_t unique, std::size_t reference_unique);
// Mean undiscounted return of the complete episodes; nothing where there is none.
std::optional<double> MeanReturn(std::span<const Episode> episodes);
// Trajectory quality: where the mean return lies between the references' returns. Not clipped.
double TrajectoryQuality(double mean_return, const ReferenceScore& reference);

// What SACo is measured against.
struct CoverageReference {
  ColumnLimits limits;
  std::size_t unique_state_actions = 0;
  int bins = kDefaultBins;
  std::string source;  // the file
};

// Reads the file in blocks. Errors as OpenDataset's.
CoverageReference MeasureCoverage(const std::filesystem::path& path, int bins = kDefaultBins);

struct DatasetMetrics {
  struct References {
    std::optional<double> min_return;
    std::optional<double> max_return;
    std::optional<std::size_t> unique_state_actions;
    int bins = kDefaultBins;
    std::string limits_source;  // the file whose smallest and largest values bound the bins
  };

  std::string path;
  std::size_t rows = 0;
  std::size_t episodes = 0;  // complete ones
  std::size_t unique_state_actions = 0;
  double entropy = 0;          // nats
  std::optional<double> saco;  // nothing without a reference dataset
  std::optional<double> lsaco;
  std::optional<double> tq;  // nothing without reference returns or without a complete episode
  std::optional<double> mean_return;
  References references;
};

struct MetricOptions {
  int bins = kDefaultBins;       // where there is no reference dataset, which brings its own
  int max_episode_steps = 1000;  // step limit of a file without timeouts
  std::optional<ReferenceScore> returns = std::nullopt;
};

// Everything about one file, read in blocks. Bin limits are the reference's, or the file's own without one.
// InputError where the file is no sound dataset, holds NaN, or has other widths than the reference.
DatasetMetrics MeasureDataset(const std::filesystem::path& path, const CoverageReference* reference,
                              const MetricOptions& options = {});

}  // namespace strider
