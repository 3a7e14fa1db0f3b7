// The pictures of a report: learning curves, final scores, and where datasets lie between exploration and
// return; and those of a plan: distributions of returns.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "envs/submodular/map_view.h"
#include "experiments/statistics.h"

namespace strider {

// Normalised score = slope x return + offset: an axis of its own on the other side of the returns.
struct ScoreScale {
  double slope;
  double offset;
};

// One agent's curve. All vectors have one entry a point.
struct LearningCurve {
  std::string label;
  std::size_t colour = 0;  // counts the agents of a report, so that each has one colour in all pictures
  std::vector<double> steps;
  std::vector<double> means;
  std::vector<Interval> bands;
};

// Writes BASE.png and BASE.svg. `step_name` is what steps are: "Environment steps". Points that are not
// finite are left out. REQUIRES: at least one curve.
void WriteCurvesPicture(const std::string& title, const std::string& subtitle, const std::string& step_name,
                        const std::vector<LearningCurve>& curves, const std::optional<ScoreScale>& scale,
                        const std::filesystem::path& base);

// One agent's final score.
struct FinalScore {
  std::string label;
  std::size_t colour = 0;
  std::vector<double> samples;  // what the mean is taken over, drawn as small dots
  double mean;
  Interval interval;
};

// Writes BASE.png and BASE.svg: a line an agent, from the top in the order given. REQUIRES: at least one
// score.
void WriteScoresPicture(const std::string& title, const std::string& subtitle, std::vector<FinalScore> scores,
                        const std::optional<ScoreScale>& scale, const std::filesystem::path& base);

// A dataset's two measures (dataset-metrics sheet), both relative to reference data: how much of the
// state-action space it covers (SACo) and how good its trajectories are (TQ).
struct MetricsPoint {
  std::string label;
  double saco;
  double tq;
};

// Writes one .png or .svg file: TQ over SACo, a labelled point a dataset. Throws InputError where there is no
// point or a measure is not finite.
void WriteMetricsPicture(const std::vector<MetricsPoint>& points, const std::filesystem::path& file);

// One expert of a mixture along an episode. All vectors have one entry a step.
struct ExpertTrace {
  std::vector<double> actions;  // of one dimension: its mean action, in the environment's units
  std::vector<double> weights;  // how probable the router makes it
};

// Writes one .png or .svg file: what each expert would do at each step, in points that grow with its weight,
// and its mean weight in the legend. REQUIRES: at least one expert.
void WriteExpertsPicture(const std::string& title, const std::string& action_name,
                         const std::vector<ExpertTrace>& experts, const std::filesystem::path& file);

// A distribution of returns.
struct DistributionCurve {
  std::string label;
  std::vector<double> atoms;          // in ascending order
  std::vector<double> probabilities;  // one an atom
};

// Writes BASE.png and BASE.svg: distribution functions as steps, in one plot. REQUIRES: at least one curve;
// each has an atom.
void WriteDistributionsPicture(const std::string& title, const std::string& subtitle,
                               const std::vector<DistributionCurve>& curves,
                               const std::filesystem::path& base);

// Writes one .png or .svg file: a map, in colour where it is marked, and the ways taken on it from a circle
// to a square.
void WriteMapPicture(const std::string& title, const std::string& subtitle, const MapPicture& map,
                     const std::vector<MapLine>& ways, const std::filesystem::path& file);

}  // namespace strider
