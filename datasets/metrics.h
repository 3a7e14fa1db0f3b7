// How explorative (SACo) and how exploitative (TQ) a dataset is (dataset-metrics sheet, section 2;
// Schweighofer et al., arXiv 2111.04714).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "datasets/discretizer.h"
#include "datasets/exact_counter.h"
#include "datasets/hyperloglog.h"
#include "datasets/reader.h"
#include "datasets/reference_scores.h"
#include "datasets/summary.h"

namespace strider {

enum class Counting {
  kExact,        // memory grows with the distinct pairs
  kHyperLogLog,  // 16 KiB, for a standard error of 0.8 %
};

// Counts distinct state-action pairs, and which bins of each column they fall into.
class PairCounter {
 public:
  // Errors of CheckBins.
  PairCounter(const ColumnLimits& limits, int bins = kDefaultBins, Counting counting = Counting::kExact);

  // Counts rows of observations and actions; together limits.columns() wide. REQUIRES: finite values.
  void Add(std::span<const float> observations, std::span<const float> actions, std::size_t rows);

  // Distinct pairs; the nearest whole number to the estimate of HyperLogLog.
  std::uint64_t unique() const;
  // Plug-in estimate of the entropy of the pairs, in nats. Nothing from HyperLogLog.
  std::optional<double> Entropy() const;
  // For each column, the share of its bins that some value fell into. Values below the limits count for none.
  std::vector<double> Coverage() const;
  // Of the number of distinct pairs, relative: 0 where they are counted exactly. See HyperLogLog.
  double StandardError() const;
  double ErrorBound() const;

 private:
  Discretizer discretizer_;
  std::variant<ExactCounter, HyperLogLog> counter_;
  std::vector<std::uint8_t> visited_;  // (columns x 256) by code
  std::vector<std::uint64_t> codes_;   // of the block in hand
  std::vector<std::uint64_t> hashes_;
};

// State-action coverage: unique pairs in proportion to the reference's.
double Saco(std::uint64_t unique, std::uint64_t reference_unique);
// Its logarithmic form, ln u / ln u_ref. REQUIRES: a reference of two pairs or more.
double LogSaco(std::uint64_t unique, std::uint64_t reference_unique);
// Trajectory quality: where the mean return lies between the references' returns. Not clipped.
double TrajectoryQuality(double mean_return, double min_return, double max_return);

// What SACo is measured against.
struct CoverageReference {
  std::uint64_t unique_state_actions = 0;
  std::optional<ColumnLimits> limits = std::nullopt;  // that bound the bins; nothing: each dataset's own do
  int bins = kDefaultBins;
  std::string source;  // the file, or "given"
};

struct MetricOptions {
  int bins = kDefaultBins;  // where there is no reference dataset, which brings its own
  Counting counting = Counting::kExact;
  SummaryOptions summary = {};
  RowProgress progress = {};
};

// Measures a dataset that others are compared with. Errors as the reader's.
CoverageReference MeasureCoverage(const DatasetReader& reader, const MetricOptions& options = {});

// A return that TQ takes for 0 or 1.
struct ReferenceReturn {
  double value = 0;
  std::string source;  // "D4RL's hopper", a file, a run's folder, or "given"
};

struct MetricReferences {
  std::optional<CoverageReference> coverage = std::nullopt;
  std::optional<ReferenceReturn> min_return = std::nullopt;
  std::optional<ReferenceReturn> max_return = std::nullopt;
};

struct DatasetMetrics {
  std::string path;
  DatasetSummary summary;
  int bins = kDefaultBins;
  ColumnLimits limits{0};     // that bound the bins
  std::string limits_source;  // the file whose smallest and largest values they are
  Counting counting = Counting::kExact;
  std::uint64_t unique_state_actions = 0;
  double standard_error = 0;  // relative, of unique_state_actions
  double error_bound = 0;
  std::vector<double> coverage;   // (columns) share of bins that were visited, observations first
  std::optional<double> entropy;  // nats; nothing from HyperLogLog
  std::optional<double> saco;     // nothing without a reference
  std::optional<double> lsaco;    // nor with a reference of one pair
  std::optional<double> tq;       // nothing without both reference returns or without a complete episode
};

// Everything about one dataset, read in blocks: once where a reference bounds the bins or where observations
// and actions take at most 256 MiB, which are then kept; twice otherwise. InputError where it cannot be read,
// holds NaN, or has other widths than the reference.
DatasetMetrics MeasureDataset(const DatasetReader& reader, const MetricReferences& references = {},
                              const MetricOptions& options = {});

}  // namespace strider
