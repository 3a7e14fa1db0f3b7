#include "envs/lock/embedding_lock.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace strider {
namespace {

constexpr auto kWidth = static_cast<std::size_t>(EmbeddingLock::kSize);

// Streams of a picture seed, apart from each other.
enum : std::uint32_t { kMeans = 2, kPictures = 3 };

void Normalise(std::span<double> row) {
  const double norm = std::sqrt(std::inner_product(row.begin(), row.end(), row.begin(), 0.0));
  for (double& x : row) x /= norm;
}

// How many classes there are to see. Throws InputError where those are too many.
std::size_t ClassesInUse(const EmbeddingLockConfig& config) {
  const int classes = LatentLock::kStates * (config.horizon + 1);
  if (classes <= EmbeddingLock::kClasses) return static_cast<std::size_t>(classes);
  throw InputError("env.horizon = {} needs {} classes of pictures, and there are {}; expected at most {}",
                   config.horizon, classes, EmbeddingLock::kClasses,
                   EmbeddingLock::kClasses / LatentLock::kStates - 1);
}

}  // namespace

std::string EmbeddingLockConfig::Instance() const {
  return fmt::format("{} picture_seed={} sigma={}", ContinuousLockConfig::Instance(), picture_seed, sigma);
}

EmbeddingLock::EmbeddingLock(std::string_view id, const Config& config)
    : LockEnv(id, config, EmbeddingLock::kSize, config.Instance()),
      picture_seed_(static_cast<std::uint64_t>(config.picture_seed)),
      sigma_(config.sigma),
      test_(config.split == "test"),
      pictures_(test_ ? 100 : 500),
      means_(ClassesInUse(config) * kWidth) {
  Pcg64 random(SeedSequence(picture_seed_, {kMeans}));
  for (auto row = means_.begin(); row != means_.end(); row += EmbeddingLock::kSize) {
    const std::span<double> mean(row, kWidth);
    for (double& x : mean) x = random.StandardNormal();
    Normalise(mean);
  }
}

void EmbeddingLock::Show(int picture_class, int number, std::span<double> row) const {
  // Drawn anew each time, which takes microseconds, where all of them would take 100 MB.
  Pcg64 random(
      SeedSequence(picture_seed_, {kPictures, test_ ? 1U : 0U, static_cast<std::uint32_t>(picture_class),
                                   static_cast<std::uint32_t>(number)}));
  const auto mean = std::span(means_).subspan(static_cast<std::size_t>(picture_class) * kWidth, kWidth);
  for (std::size_t i = 0; i < kWidth; ++i) row[i] = mean[i] + sigma_ * random.StandardNormal();
  Normalise(row);
}

void EmbeddingLock::Observe(std::span<double> observation) {
  Show(LatentLock::kStates * step() + state(), static_cast<int>(random().Integers(0, pictures_)),
       observation);
}

}  // namespace strider
