#include "envs/lock/latent_lock.h"

#include "core/error.h"

namespace strider {
namespace {

constexpr double kConsolation = 0.1;  // anti-shaped: it rewards failing early

}  // namespace

std::string LockConfig::Instance() const {
  // Without the start where it is the usual one, as data of before have it, and a limit that cuts nothing.
  return fmt::format(
      "horizon={} lock_seed={} reward={}{}{}", horizon, lock_seed, reward,
      bad_start > 0 ? fmt::format(" bad_start={}", bad_start) : "",
      max_episode_steps < horizon ? fmt::format(" max_episode_steps={}", max_episode_steps) : "");
}

LatentLock::LatentLock(const LockConfig& config)
    : horizon_(config.horizon),
      bad_start_(config.bad_start),
      dense_(config.reward == "dense"),
      coin_at_end_(config.reward == "end") {
  if (bad_start_ > 0 && horizon_ < 2) {
    throw InputError("env.bad_start = {} starts at the second step; expected env.horizon of at least 2",
                     bad_start_);
  }
  // Apart from the stream of any reset(seed).
  constexpr std::uint32_t kLockStream = 1;
  Pcg64 random(SeedSequence(static_cast<std::uint64_t>(config.lock_seed), {kLockStream}));
  for (int h = 0; h < horizon_; ++h) {
    const auto first = static_cast<int>(random.Integers(0, kActions));
    right_.push_back({first, static_cast<int>(random.Integers(0, kActions))});
  }
}

LatentLock::Start LatentLock::DrawStart(Pcg64& random) const {
  if (bad_start_ > 0 && random.Random() < bad_start_) return {1, kBad};
  return {0, random.Random() < 0.5 ? 1 : 0};
}

LatentLock::Payment LatentLock::Pay(int step, int state, int action) const {
  const bool last = step + 1 == horizon_;
  const bool right = state != kBad && action == RightAction(step, state);
  if (right) return {right, last ? 1.0 : dense_ ? kConsolation : 0.0, false};
  const bool falls_now = coin_at_end_ ? last : state != kBad;
  return {right, 0, falls_now && !dense_};
}

LatentLock::Step LatentLock::Draw(int step, int state, int action, Pcg64& random) const {
  const Payment payment = Pay(step, state, action);
  const bool heads = (payment.right || payment.coin) && random.Random() < 0.5;
  return {payment.right ? (heads ? 1 : 0) : kBad,
          payment.certain + (payment.coin && heads ? kConsolation : 0.0)};
}

TabularMdp LatentLock::Mdp() const {
  TabularMdp mdp(kStates * (horizon_ + 1), kActions);
  mdp.start[0] = mdp.start[1] = 0.5 * (1 - bad_start_);
  mdp.start[kStates + kBad] = bad_start_;
  for (int h = 0; h <= horizon_; ++h) {
    for (int s = 0; s < kStates; ++s) {
      mdp.state_names.push_back(fmt::format("{},{}", h, s));
      const int state = kStates * h + s;
      const int next = state - s + kStates;
      const bool last = h + 1 == horizon_;
      for (int action = 0; action < kActions; ++action) {
        auto& outcomes = mdp.Outcomes(state, action);
        if (h == horizon_) {
          outcomes = {{1, state, 0, true}};
          continue;
        }
        const Payment payment = Pay(h, s, action);
        if (payment.right) {
          outcomes = {{0.5, next, payment.certain, last}, {0.5, next + 1, payment.certain, last}};
        } else if (payment.coin) {
          outcomes = {{0.5, next + kBad, kConsolation, last}, {0.5, next + kBad, 0, last}};
        } else {
          outcomes = {{1, next + kBad, 0, last}};
        }
      }
    }
  }
  return mdp;
}

}  // namespace strider
