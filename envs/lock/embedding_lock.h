// The combination lock seen through pictures, or rather through what stands in for their features.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "envs/lock/lock_env.h"

namespace strider {

struct EmbeddingLockConfig : ContinuousLockConfig {
  std::string split = "train";
  std::int64_t picture_seed = 0;
  double sigma = 0.175;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    ContinuousLockConfig::Visit(visit);
    visit("split", split, "which pictures are shown: train, 500 of each class, or test, 100 others",
          OneOf({"train", "test"}));
    visit("picture_seed", picture_seed, "decides what the pictures are", AtLeast(0));
    visit("sigma", sigma,
          "how far the pictures of a class lie apart; the larger, the harder they are to tell", AtLeast(0));
  }

  // Without the split: the lock is the same.
  std::string Instance() const;
};

// EmbeddingLock-v0 (section 3.4): the observation is a unit vector of 512 numbers that belongs to class
// 3 h + s out of 100. The paper takes CIFAR-100 pictures as CLIP sees them. This is a STAND-IN for those,
// since no such encoder comes with the suite: each class has a mean m on the unit sphere, and its picture j
// is normalise(m + sigma g) with g standard normal, the same g whenever the picture is shown. Sigma is such
// that a net of two tanh layers tells the classes of as many pictures as the paper's does: about 77 % of
// those that it was trained on and 72 % of the others (five passes over them).
class EmbeddingLock final : public LockEnv {
 public:
  using Config = EmbeddingLockConfig;
  static constexpr int kSize = 512;
  static constexpr int kClasses = 100;

  // Throws InputError where the horizon needs more classes than there are.
  EmbeddingLock(std::string_view id, const Config& config);

  // Picture `number` of a class, 0 ... pictures() - 1. `row` is (512).
  void Show(int picture_class, int number, std::span<double> row) const;
  int pictures() const { return pictures_; }

 private:
  void Observe(std::span<double> observation) override;

  std::uint64_t picture_seed_;
  double sigma_;
  bool test_;
  int pictures_;
  std::vector<double> means_;  // (classes in use x 512)
};

}  // namespace strider
