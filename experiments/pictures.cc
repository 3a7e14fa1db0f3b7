#include "experiments/pictures.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "core/error.h"
#include "experiments/gnuplot.h"

namespace strider {
namespace {

// Red, green and blue in [0, 1].
using Colour = std::array<double, 3>;

constexpr Colour kWhite{1, 1, 1};
constexpr Colour kGrey{0.45, 0.45, 0.45};
constexpr Colour kMarked{0, 0.45, 0.70};
constexpr std::array<Colour, 6> kKindColours{Colour{0, 0.45, 0.70}, Colour{0.84, 0.37, 0},
                                             Colour{0, 0.62, 0.45}, Colour{0.80, 0.47, 0.65},
                                             Colour{0.90, 0.62, 0}, Colour{0.34, 0.71, 0.91}};

// Gnuplot's number of the colour that is `share` of `colour` on white.
int Tint(const Colour& colour, double share) {
  int number = 0;
  for (std::size_t i = 0; i < colour.size(); ++i) {
    const double part = kWhite[i] + share * (colour[i] - kWhite[i]);
    number = 256 * number + static_cast<int>(std::lround(255 * part));
  }
  return number;
}

// Colours of a map's squares: kinds have one each, pale until marked; else the more, the darker.
class SquareColours {
 public:
  explicit SquareColours(const MapPicture& map) : map_(map) {
    for (const double shade : map.shades) {
      if (std::isnan(shade)) continue;
      low_ = std::min(low_, shade);
      high_ = std::max(high_, shade);
    }
  }

  int operator[](std::size_t square) const {
    const double shade = map_.shades[square];
    const bool marked = map_.marked[square];
    if (std::isnan(shade)) return Tint(kGrey, map_.kinds ? (marked ? 0.2 : 0.05) : 1);
    if (map_.kinds) {
      return Tint(kKindColours[static_cast<std::size_t>(shade) % kKindColours.size()], marked ? 0.9 : 0.3);
    }
    const double share = high_ > low_ ? (shade - low_) / (high_ - low_) : 0.3;
    return marked ? Tint(kMarked, 0.3 + 0.6 * share) : Tint(kGrey, 0.08 + 0.6 * share);
  }

 private:
  const MapPicture& map_;
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
};

std::string Points(const MapLine& line) {
  std::string text;
  for (const MapPoint& point : line) text += fmt::format("{:.6g} {:.6g}\n", point.x, point.y);
  return text;
}

// The range of an axis, with a round distance between its marks.
class Axis {
 public:
  void Cover(double value) {
    if (!std::isfinite(value)) return;
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }

  bool empty() const { return low_ > high_; }

  // Chooses the distance between marks and leaves the range as it is. REQUIRES: a range of some width.
  void Divide() { mark_ = Mark(high_ - low_); }

  // Chooses the distance between marks and widens the range to whole marks. An empty range gets some width.
  void Round() {
    if (empty()) Cover(0);
    // The mean of equal numbers may differ from them in its last bit.
    if (high_ - low_ <= 1e-9 * std::max(std::abs(low_), std::abs(high_))) {
      const double margin = std::max(1.0, std::abs(low_) / 10);
      low_ -= margin;
      high_ += margin;
    }
    Divide();
    low_ = std::floor(low_ / mark_) * mark_;
    high_ = std::ceil(high_ / mark_) * mark_;
  }

  // Leaves some room beyond both ends, for points that lie there.
  void Pad() {
    const double room = 0.04 * (high_ - low_);
    low_ -= room;
    high_ += room;
  }

  // 1, 2 or 5 times a power of ten, so that about five marks fit into `width`.
  static double Mark(double width) {
    const double rough = width / 5;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    const double digit = rough / power;
    return (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10) * power;
  }

  double low() const { return low_; }
  double high() const { return high_; }
  double mark() const { return mark_; }

 private:
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
  double mark_ = 1;
};

// `axis` is "x" or "y".
std::string AxisCommands(std::string_view axis, const Axis& range, std::string_view label) {
  return fmt::format(
      "set {0}range [{1:.10g}:{2:.10g}]\n"
      "set {0}tics {3:.10g}\n"
      "set {0}label {4} textcolor '#333333'\n",
      axis, range.low(), range.high(), range.mark(), GnuplotText(label));
}

// The normalised scores on the side opposite to the returns of `axis`.
std::string ScaleCommands(std::string_view axis, const Axis& range, const ScoreScale& scale) {
  return fmt::format(
      "set link {0}2 via {1:.17g}*{0}+({2:.17g}) inverse ({0}-({2:.17g}))/{1:.17g}\n"
      "set {0}2tics {3:.10g} nomirror out scale 0.5 textcolor '#333333'\n"
      "set {0}2label 'Normalised score (100 = expert)' offset 0,{4} textcolor '#333333'\n",
      axis, scale.slope, scale.offset, Axis::Mark(scale.slope * (range.high() - range.low())),
      axis == "x" ? -0.25 : 0);
}

// Steps are counted in the unit that leaves few digits.
struct StepUnit {
  double size;
  std::string_view name;
};

StepUnit UnitOf(double largest_step) {
  if (largest_step >= 2e6) return {1e6, " (millions)"};
  if (largest_step >= 2e3) return {1e3, " (thousands)"};
  return {1, ""};
}

std::string CurveData(const LearningCurve& curve, std::size_t index, double unit) {
  std::string data = fmt::format("$curve{} << EOD\n", index);
  for (std::size_t i = 0; i < curve.steps.size(); ++i) {
    if (!std::isfinite(curve.means[i])) continue;
    data += fmt::format("{:.10g} {:.10g} {:.10g} {:.10g}\n", curve.steps[i] / unit, curve.means[i],
                        curve.bands[i].low, curve.bands[i].high);
  }
  return data + "EOD\n";
}

}  // namespace

void WriteCurvesPicture(const std::string& title, const std::string& subtitle, const std::string& step_name,
                        const std::vector<LearningCurve>& curves, const std::optional<ScoreScale>& scale,
                        const std::filesystem::path& base) {
  double largest_step = 0;
  Axis returns;
  for (const LearningCurve& curve : curves) {
    for (const double step : curve.steps) largest_step = std::max(largest_step, step);
    for (const double mean : curve.means) returns.Cover(mean);
    for (const Interval& band : curve.bands) {
      returns.Cover(band.low);
      returns.Cover(band.high);
    }
  }
  returns.Round();
  const StepUnit unit = UnitOf(largest_step);
  Axis steps;
  steps.Cover(0);
  steps.Cover(std::max(largest_step, 1.0) / unit.size);
  steps.Divide();

  std::string script = AxisCommands("x", steps, fmt::format("{}{}", step_name, unit.name)) +
                       AxisCommands("y", returns, "Return per episode");
  if (scale) script += ScaleCommands("y", returns, *scale);
  std::vector<std::string> bands;
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    script += CurveData(curves[i], i, unit.size);
    const std::string colour = GnuplotColour(curves[i].colour);
    bands.push_back(fmt::format("$curve{} using 1:3:4 with filledcurves linecolor {} notitle", i, colour));
    // A lone point has no line to show it; colours that come again come dashed.
    lines.push_back(fmt::format("$curve{} using 1:2 with {} linewidth 2 {} linecolor {} dashtype {} title {}",
                                i, curves[i].steps.size() > 1 ? "lines" : "linespoints",
                                curves[i].steps.size() > 1 ? "" : "pointtype 7", colour,
                                curves[i].colour / 7 + 1, GnuplotText(curves[i].label)));
  }
  script += fmt::format("plot {}, \\\n  {}\n", fmt::join(bands, ", \\\n  "), fmt::join(lines, ", \\\n  "));
  DrawPicture({.title = title, .subtitle = subtitle, .key_entries = static_cast<int>(curves.size())}, script,
              base);
}

void WriteScoresPicture(const std::string& title, const std::string& subtitle, std::vector<FinalScore> scores,
                        const std::optional<ScoreScale>& scale, const std::filesystem::path& base) {
  std::ranges::reverse(scores);  // rows count from the bottom up
  Axis returns;
  for (const FinalScore& score : scores) {
    for (const double sample : score.samples) returns.Cover(sample);
    for (const double value : {score.mean, score.interval.low, score.interval.high}) returns.Cover(value);
  }
  // Lengths from zero compare better, where zero is not far away.
  if (!returns.empty() && returns.low() > 0 && returns.low() < 0.75 * returns.high()) returns.Cover(0);
  returns.Round();

  std::string script = AxisCommands("x", returns, "Return per episode");
  if (scale) script += ScaleCommands("x", returns, *scale);
  std::vector<std::string> names;
  std::vector<std::string> layers;
  for (std::size_t row = 0; row < scores.size(); ++row) {
    const FinalScore& score = scores[row];
    names.push_back(fmt::format("{} {}", GnuplotText(score.label), row));
    const std::string colour = GnuplotColour(score.colour);
    script += fmt::format("$samples{} << EOD\n", row);
    for (const double sample : score.samples) {
      if (std::isfinite(sample)) script += fmt::format("{:.10g} {}\n", sample, row);
    }
    script += "EOD\n";
    layers.push_back(fmt::format(
        "$samples{} using 1:($2-0.22) with points pointtype 6 pointsize 0.7 linecolor {}", row, colour));
    if (!std::isfinite(score.mean)) continue;
    script += fmt::format("$score{} << EOD\n{:.10g} {} {:.10g} {:.10g}\nEOD\n", row, score.mean, row,
                          score.interval.low, score.interval.high);
    layers.push_back(fmt::format(
        "$score{} using 3:2:($4-$3):(0) with vectors nohead linewidth 5 linecolor {}", row, colour));
    layers.push_back(
        fmt::format("$score{} using 1:2 with points pointtype 7 pointsize 2 linecolor '#ffffff'", row));
    layers.push_back(
        fmt::format("$score{} using 1:2 with points pointtype 7 pointsize 1.5 linecolor {}", row, colour));
  }
  script += fmt::format(
      "unset ytics\nset ytics ({}) scale 0 textcolor '#333333'\nset grid noytics\nset rmargin 5\nset yrange "
      "[-0.6:{}]\nplot {}\n",
      fmt::join(names, ", "), static_cast<double>(scores.size()) - 0.4, fmt::join(layers, ", \\\n  "));
  const int axis_above = scale ? 52 : 0;
  const int height = 130 + 46 * static_cast<int>(scores.size()) + axis_above;
  DrawPicture({.title = title, .subtitle = subtitle, .height = height, .axis_above = axis_above}, script,
              base);
}

void WriteMetricsPicture(const std::vector<MetricsPoint>& points, const std::filesystem::path& file) {
  if (points.empty()) throw InputError("{}: no dataset to draw", file.string());
  Axis saco;
  Axis tq;
  saco.Cover(0);
  tq.Cover(0);
  saco.Cover(1);
  tq.Cover(1);
  std::string script;
  std::vector<std::string> layers;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const MetricsPoint& point = points[i];
    if (!std::isfinite(point.saco) || !std::isfinite(point.tq)) {
      throw InputError("{}: dataset '{}' has SACo {} and TQ {}; expected finite numbers", file.string(),
                       point.label, point.saco, point.tq);
    }
    saco.Cover(point.saco);
    tq.Cover(point.tq);
    script += fmt::format("$dataset{} << EOD\n{:.10g} {:.10g}\nEOD\n", i, point.saco, point.tq);
    layers.push_back(fmt::format("$dataset{} using 1:2 with points pointtype 7 pointsize 2 linecolor {}", i,
                                 GnuplotColour(i)));
  }
  for (Axis* axis : {&saco, &tq}) {
    axis->Round();
    axis->Pad();
  }
  for (const MetricsPoint& point : points) {
    // Beside the point, on the side where there is room.
    const bool at_right_edge = point.saco > saco.low() + 0.75 * (saco.high() - saco.low());
    script += fmt::format("set label {} at {:.10g},{:.10g} {} offset character {},0.7 textcolor '#333333'\n",
                          GnuplotText(point.label), point.saco, point.tq, at_right_edge ? "right" : "left",
                          at_right_edge ? -0.8 : 0.8);
  }
  script += AxisCommands("x", saco, "State-action coverage SACo (1 = reference data)");
  script += AxisCommands("y", tq, "Trajectory quality TQ (1 = best online policy)");
  script += fmt::format("plot {}\n", fmt::join(layers, ", \\\n  "));
  DrawPictureFile({.title = "Datasets: how good and how varied",
                   .subtitle = "Relative to the reference data; up is better "
                               "behaviour, right is more varied"},
                  script, file);
}

void WriteExpertsPicture(const std::string& title, const std::string& action_name,
                         const std::vector<ExpertTrace>& experts, const std::filesystem::path& file) {
  Axis steps;
  Axis actions;
  std::string script;
  std::vector<std::string> layers;
  for (std::size_t k = 0; k < experts.size(); ++k) {
    const ExpertTrace& expert = experts[k];
    script += fmt::format("$expert{} << EOD\n", k);
    double weight = 0;
    for (std::size_t t = 0; t < expert.actions.size(); ++t) {
      steps.Cover(static_cast<double>(t));
      actions.Cover(expert.actions[t]);
      weight += expert.weights[t] / static_cast<double>(expert.weights.size());
      script += fmt::format("{} {:.10g} {:.4f}\n", t, expert.actions[t], 0.05 + 0.9 * expert.weights[t]);
    }
    script += "EOD\n";
    layers.push_back(fmt::format(
        "$expert{} using 1:2:3 with points pointtype 7 pointsize variable linecolor {} title {}", k,
        GnuplotColour(k), GnuplotText(fmt::format("expert {}, mean weight {:.2f}", k + 1, weight))));
  }
  for (Axis* axis : {&steps, &actions}) axis->Round();
  actions.Pad();
  script += AxisCommands("x", steps, "Step of the episode");
  script += AxisCommands("y", actions, action_name);
  script += fmt::format("plot {}\n", fmt::join(layers, ", \\\n  "));
  DrawPictureFile(
      {.title = title,
       .subtitle = "Mean action of each expert; the larger a point, the greater the expert's weight",
       .key_entries = static_cast<int>(experts.size())},
      script, file);
}

void WriteDistributionsPicture(const std::string& title, const std::string& subtitle,
                               const std::vector<DistributionCurve>& curves,
                               const std::filesystem::path& base) {
  Axis returns;
  for (const DistributionCurve& curve : curves) {
    for (const double atom : curve.atoms) returns.Cover(atom);
  }
  returns.Round();
  returns.Pad();
  Axis probability;
  probability.Cover(0);
  probability.Cover(1);
  probability.Divide();
  std::string script = AxisCommands("x", returns, "Return") +
                       AxisCommands("y", probability, "Probability of at most this return");
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const DistributionCurve& curve = curves[i];
    script += fmt::format("$law{} << EOD\n{:.10g} 0\n", i, returns.low());
    double cumulative = 0;
    for (std::size_t j = 0; j < curve.atoms.size(); ++j) {
      cumulative += curve.probabilities[j];
      script += fmt::format("{:.10g} {:.10g}\n", curve.atoms[j], cumulative);
    }
    script += fmt::format("{:.10g} {:.10g}\nEOD\n", returns.high(), cumulative);
    // The first curve is the wider one: where another covers it, it still shows.
    lines.push_back(fmt::format("$law{} using 1:2 with steps linewidth {} linecolor {} title {}", i,
                                i == 0 ? 4 : 2, GnuplotColour(i), GnuplotText(curve.label)));
  }
  script += fmt::format("plot {}\n", fmt::join(lines, ", \\\n  "));
  DrawPicture({.title = title, .subtitle = subtitle, .key_entries = static_cast<int>(curves.size())}, script,
              base);
}

void WriteMapPicture(const std::string& title, const std::string& subtitle, const MapPicture& map,
                     const std::vector<MapLine>& ways, const std::filesystem::path& file) {
  constexpr double kWidth = 690;  // pixels of the plot
  constexpr double kHeader = 120;
  Axis x;
  Axis y;
  const auto cover = [&](const MapLine& line) {
    for (const MapPoint& point : line) {
      x.Cover(point.x);
      y.Cover(point.y);
    }
  };
  std::string script;
  std::vector<std::string> plots;
  if (map.rows > 0) {
    cover({map.origin, {map.origin.x + map.columns * map.cell, map.origin.y + map.rows * map.cell}});
    script += "$squares << EOD\n";
    const SquareColours colours(map);
    for (int row = 0; row < map.rows; ++row) {
      for (int column = 0; column < map.columns; ++column) {
        script += fmt::format("{:.6g} {:.6g} {}\n", map.origin.x + (column + 0.5) * map.cell,
                              map.origin.y + (row + 0.5) * map.cell,
                              colours[static_cast<std::size_t>(row * map.columns + column)]);
      }
    }
    script += "EOD\n";
    plots.push_back(
        fmt::format("$squares using 1:2:({0}):({0}):3 with boxxyerror fillstyle solid noborder "
                    "linecolor rgb variable notitle",
                    0.46 * map.cell));
  }
  for (std::size_t i = 0; i < map.lines.size(); ++i) {
    cover(map.lines[i]);
    script += fmt::format("$line{} << EOD\n{}EOD\n", i, Points(map.lines[i]));
    plots.push_back(fmt::format("$line{} with lines linewidth 2 linecolor '#888888' notitle", i));
  }
  for (std::size_t i = 0; i < ways.size(); ++i) {
    cover(ways[i]);
    script += fmt::format("$way{0} << EOD\n{1}EOD\n$start{0} << EOD\n{2}EOD\n$end{0} << EOD\n{3}EOD\n", i,
                          Points(ways[i]), Points({ways[i].front()}), Points({ways[i].back()}));
    const std::string colour = i == 0 ? "'#222222'" : GnuplotColour(i);
    plots.push_back(fmt::format("$way{} with lines linewidth 2 linecolor {} notitle", i, colour));
    plots.push_back(
        fmt::format("$start{} with points pointtype 7 pointsize 1.2 linecolor {} notitle", i, colour));
    plots.push_back(
        fmt::format("$end{} with points pointtype 5 pointsize 1.2 linecolor {} notitle", i, colour));
  }
  if (map.rows == 0) {
    x.Pad();
    y.Pad();
  }
  const double ratio = (y.high() - y.low()) / (x.high() - x.low());
  const int height = static_cast<int>(kHeader + std::clamp(kWidth * ratio, 200.0, 700.0));
  // A range from high to low turns the axis; gnuplot's `reverse` is for ranges of its own choice.
  script += fmt::format(
      "set size ratio -1\nunset border\nunset tics\nset xrange [{:.6g}:{:.6g}]\nset yrange [{:.6g}:{:.6g}]\n",
      x.low(), x.high(), map.rows_down ? y.high() : y.low(), map.rows_down ? y.low() : y.high());
  script += fmt::format("plot {}\n", fmt::join(plots, ", \\\n  "));
  DrawPictureFile({.title = title, .subtitle = subtitle, .height = height}, script, file);
}

}  // namespace strider
