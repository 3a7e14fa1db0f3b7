// Scaling of observations and rewards by running or fixed statistics.
#pragma once

#include <limits>
#include <span>
#include <vector>

#include "core/state.h"

namespace strider {

// o -> clip((o - mean) * scale, +-clip), component by component; the identity where mean is empty. What a
// policy does to observations before its network sees them; saved with it.
struct ObservationTransform {
  std::vector<double> mean;
  std::vector<double> scale;  // one over the standard deviation
  double clip = std::numeric_limits<double>::infinity();

  bool identity() const { return mean.empty(); }
  // Whole rows of mean.size() numbers. REQUIRES: in.size() == out.size().
  void Apply(std::span<const double> in, std::span<float> out) const;
};

// Mean and variance of a stream of rows, merged batch by batch with the parallel-variance rule. Starts at
// mean 0, variance 1 with weight 1e-4, as OpenAI Baselines' RunningMeanStd (MDPO sheet, section 6).
class RunningMoments {
 public:
  explicit RunningMoments(int size);

  // Whole rows of `size` numbers.
  void Update(std::span<const double> rows);

  const std::vector<double>& mean() const { return mean_; }
  const std::vector<double>& variance() const { return variance_; }

  // clip((o - mean) / sqrt(variance + 1e-8), +-clip), as it stands now. The second form allocates nothing
  // where `to` was written before.
  ObservationTransform Transform(double clip) const;
  void WriteTransform(double clip, ObservationTransform& to) const;

  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  std::vector<double> mean_;
  std::vector<double> variance_;
  double count_ = 1e-4;
};

// When the discounted return of a RewardScaler forgets.
enum class ReturnReset {
  kAfterEpisode,   // G <- discount G + r, set to 0 after an episode's last step: Baselines and its heirs
  kAtTermination,  // G <- discount G (1 - terminal) + r: Gymnasium, and so CleanRL
};

// r -> clip(r / sqrt(variance(G) + 1e-8), +-clip) with the discounted return G of each environment (MDPO
// sheet, section 6; online baselines sheet, section 2). The mean is not subtracted.
class RewardScaler {
 public:
  RewardScaler(int environments, double discount, double clip,
               ReturnReset reset = ReturnReset::kAfterEpisode);

  // In place, one reward an environment; `ended` marks terminated or truncated ones, or for kAtTermination
  // terminated ones alone.
  void Scale(std::span<double> rewards, std::span<const std::uint8_t> ended);

  // Episodes begin anew everywhere; the statistics stay.
  void Restart();

  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  std::vector<double> returns_;
  RunningMoments moments_;
  double discount_;
  double clip_;
  ReturnReset reset_;
};

}  // namespace strider
