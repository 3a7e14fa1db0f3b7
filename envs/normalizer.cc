#include "envs/normalizer.h"

#include <algorithm>
#include <cmath>

namespace strider {

void ObservationTransform::Apply(std::span<const double> in, std::span<float> out) const {
  if (identity()) {
    std::ranges::transform(in, out.begin(), [](double x) { return static_cast<float>(x); });
    return;
  }
  for (std::size_t row = 0; row < in.size(); row += mean.size()) {
    for (std::size_t i = 0; i < mean.size(); ++i) {
      out[row + i] = static_cast<float>(std::clamp((in[row + i] - mean[i]) * scale[i], -clip, clip));
    }
  }
}

RunningMoments::RunningMoments(int size)
    : mean_(static_cast<std::size_t>(size), 0.0), variance_(mean_.size(), 1.0) {}

void RunningMoments::Update(std::span<const double> rows) {
  const std::size_t size = mean_.size();
  const double batch = static_cast<double>(rows.size()) / static_cast<double>(size);
  const double total = count_ + batch;
  for (std::size_t i = 0; i < size; ++i) {
    double batch_mean = 0;
    for (std::size_t k = i; k < rows.size(); k += size) batch_mean += rows[k];
    batch_mean /= batch;
    double squares = 0;
    for (std::size_t k = i; k < rows.size(); k += size)
      squares += (rows[k] - batch_mean) * (rows[k] - batch_mean);
    const double delta = batch_mean - mean_[i];
    mean_[i] += delta * batch / total;
    variance_[i] = (variance_[i] * count_ + squares + delta * delta * count_ * batch / total) / total;
  }
  count_ = total;
}

ObservationTransform RunningMoments::Transform(double clip) const {
  ObservationTransform transform;
  WriteTransform(clip, transform);
  return transform;
}

void RunningMoments::WriteTransform(double clip, ObservationTransform& to) const {
  to.mean = mean_;
  to.scale.resize(variance_.size());
  std::ranges::transform(variance_, to.scale.begin(), [](double v) { return 1 / std::sqrt(v + 1e-8); });
  to.clip = clip;
}

void RunningMoments::Save(StateWriter& out) const {
  out.PutSpan(std::span<const double>(mean_));
  out.PutSpan(std::span<const double>(variance_));
  out.Put(count_);
}

void RunningMoments::Load(StateReader& in) {
  in.GetSpan(std::span<double>(mean_));
  in.GetSpan(std::span<double>(variance_));
  count_ = in.Get<double>();
}

RewardScaler::RewardScaler(int environments, double discount, double clip, ReturnReset reset)
    : returns_(static_cast<std::size_t>(environments), 0.0),
      moments_(1),
      discount_(discount),
      clip_(clip),
      reset_(reset) {}

void RewardScaler::Scale(std::span<double> rewards, std::span<const std::uint8_t> ended) {
  const bool at_termination = reset_ == ReturnReset::kAtTermination;
  for (std::size_t i = 0; i < rewards.size(); ++i) {
    if (at_termination && ended[i] != 0) returns_[i] = 0;
    returns_[i] = discount_ * returns_[i] + rewards[i];
  }
  moments_.Update(returns_);
  const double scale = 1 / std::sqrt(moments_.variance()[0] + 1e-8);
  for (std::size_t i = 0; i < rewards.size(); ++i) {
    rewards[i] = std::clamp(rewards[i] * scale, -clip_, clip_);
    if (!at_termination && ended[i] != 0) returns_[i] = 0;
  }
}

void RewardScaler::Restart() { std::ranges::fill(returns_, 0.0); }

void RewardScaler::Save(StateWriter& out) const {
  out.PutSpan(std::span<const double>(returns_));
  moments_.Save(out);
}

void RewardScaler::Load(StateReader& in) {
  in.GetSpan(std::span<double>(returns_));
  moments_.Load(in);
}

}  // namespace strider
