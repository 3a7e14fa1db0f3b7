#include "core/random.h"

#include <bit>
#include <cmath>

#include "core/ziggurat_tables.h"

namespace strider {
namespace {

// numpy's SeedSequence constants.
constexpr std::uint32_t kInitA = 0x43b0d7e5;
constexpr std::uint32_t kMultA = 0x931e8875;
constexpr std::uint32_t kInitB = 0x8b51f9dd;
constexpr std::uint32_t kMultB = 0x58f38ded;
constexpr std::uint32_t kMixLeft = 0xca01f9dd;
constexpr std::uint32_t kMixRight = 0x4973f715;
constexpr std::size_t kPoolSize = 4;

std::uint32_t Hash(std::uint32_t value, std::uint32_t& constant) {
  value ^= constant;
  constant *= kMultA;
  value *= constant;
  return value ^ (value >> 16);
}

std::uint32_t Mix(std::uint32_t x, std::uint32_t y) {
  const std::uint32_t mixed = kMixLeft * x - kMixRight * y;
  return mixed ^ (mixed >> 16);
}

// Tail of the normal density beyond the last layer.
constexpr double kTailStart = 3.6541528853610087963519472518;
constexpr double kInverseTailStart = 0.27366123732975827203338247596;

}  // namespace

SeedSequence::SeedSequence(std::uint64_t seed, std::initializer_list<std::uint32_t> spawn_key) {
  // What numpy pads with zeros; a spawn key comes after the padding.
  const std::array<std::uint32_t, kPoolSize> words{static_cast<std::uint32_t>(seed),
                                                   static_cast<std::uint32_t>(seed >> 32)};
  std::uint32_t constant = kInitA;
  for (std::size_t i = 0; i < kPoolSize; ++i) pool_[i] = Hash(words[i], constant);
  for (std::size_t source = 0; source < kPoolSize; ++source) {
    for (std::size_t target = 0; target < kPoolSize; ++target) {
      if (source != target) pool_[target] = Mix(pool_[target], Hash(pool_[source], constant));
    }
  }
  for (const std::uint32_t word : spawn_key) {
    for (std::uint32_t& target : pool_) target = Mix(target, Hash(word, constant));
  }
}

std::array<std::uint64_t, 4> SeedSequence::GenerateState64() const {
  std::uint32_t constant = kInitB;
  std::array<std::uint32_t, 8> words{};
  for (std::size_t k = 0; k < words.size(); ++k) {
    std::uint32_t value = pool_[k % kPoolSize];
    value ^= constant;
    constant *= kMultB;
    value *= constant;
    words[k] = value ^ (value >> 16);
  }
  std::array<std::uint64_t, 4> state{};
  for (std::size_t k = 0; k < state.size(); ++k) {
    state[k] = words[2 * k] | (static_cast<std::uint64_t>(words[2 * k + 1]) << 32);
  }
  return state;
}

Pcg64::Pcg64(const SeedSequence& sequence) {
  const auto words = sequence.GenerateState64();
  const Uint128 start = (static_cast<Uint128>(words[0]) << 64) | words[1];
  const Uint128 stream = (static_cast<Uint128>(words[2]) << 64) | words[3];
  increment_ = (stream << 1) | 1;
  NextUint64();
  state_ += start;
  NextUint64();
}

std::uint64_t Pcg64::NextUint64() {
  constexpr Uint128 kMultiplier = (static_cast<Uint128>(0x2360ED051FC65DA4) << 64) | 0x4385DF649FCCF645;
  state_ = state_ * kMultiplier + increment_;
  const auto folded = static_cast<std::uint64_t>(state_ >> 64) ^ static_cast<std::uint64_t>(state_);
  return std::rotr(folded, static_cast<int>(state_ >> 122));
}

std::uint32_t Pcg64::NextUint32() {
  if (has_saved_half_) {
    has_saved_half_ = false;
    return saved_half_;
  }
  const std::uint64_t bits = NextUint64();
  saved_half_ = static_cast<std::uint32_t>(bits >> 32);
  has_saved_half_ = true;
  return static_cast<std::uint32_t>(bits);
}

double Pcg64::Uniform(double low, double high) {
  // The build turns contraction off, so that this is a product and a sum, as in numpy.
  const double scaled = (high - low) * Random();
  return low + scaled;
}

double Pcg64::StandardNormal() {
  while (true) {
    std::uint64_t bits = NextUint64();
    const std::size_t layer = bits & 0xff;
    bits >>= 8;
    const bool negative = (bits & 1) != 0;
    const std::uint64_t magnitude = (bits >> 1) & 0x000fffffffffffff;
    double x = static_cast<double>(magnitude) * std::bit_cast<double>(ziggurat::kWidthBits[layer]);
    if (negative) x = -x;
    if (magnitude < ziggurat::kAcceptBits[layer]) return x;
    if (layer == 0) {
      while (true) {
        const double u = -kInverseTailStart * std::log1p(-Random());
        const double v = -std::log1p(-Random());
        if (v + v > u * u) return ((magnitude >> 8) & 1) != 0 ? -(kTailStart + u) : kTailStart + u;
      }
    }
    const double above = std::bit_cast<double>(ziggurat::kDensityBits[layer - 1]);
    const double below = std::bit_cast<double>(ziggurat::kDensityBits[layer]);
    if ((above - below) * Random() + below < std::exp(-0.5 * x * x)) return x;
  }
}

std::int64_t Pcg64::Integers(std::int64_t low, std::int64_t high) {
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  if (range == 1) return low;
  std::uint64_t offset = 0;
  if (range <= (std::uint64_t{1} << 32)) {
    // Lemire's method on 32-bit draws.
    std::uint64_t product = static_cast<std::uint64_t>(NextUint32()) * range;
    auto low_part = static_cast<std::uint32_t>(product);
    if (low_part < range) {
      const std::uint64_t threshold = ((std::uint64_t{1} << 32) - range) % range;
      while (low_part < threshold) {
        product = static_cast<std::uint64_t>(NextUint32()) * range;
        low_part = static_cast<std::uint32_t>(product);
      }
    }
    offset = product >> 32;
  } else {
    Uint128 product = static_cast<Uint128>(NextUint64()) * range;
    auto low_part = static_cast<std::uint64_t>(product);
    if (low_part < range) {
      const std::uint64_t threshold = (0 - range) % range;
      while (low_part < threshold) {
        product = static_cast<Uint128>(NextUint64()) * range;
        low_part = static_cast<std::uint64_t>(product);
      }
    }
    offset = static_cast<std::uint64_t>(product >> 64);
  }
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset);
}

void Pcg64::Save(StateWriter& out) const {
  for (const std::uint64_t word : state_words()) out.Put(word);
  for (const std::uint64_t word : increment_words()) out.Put(word);
  out.Put(saved_half_);
  out.Put(has_saved_half_);
}

void Pcg64::Load(StateReader& in) {
  const auto get = [&in] {
    const auto high = in.Get<std::uint64_t>();
    return (static_cast<Uint128>(high) << 64) | in.Get<std::uint64_t>();
  };
  state_ = get();
  increment_ = get();
  saved_half_ = in.Get<std::uint32_t>();
  has_saved_half_ = in.Get<bool>();
}

std::array<std::uint64_t, 2> Pcg64::state_words() const {
  return {static_cast<std::uint64_t>(state_ >> 64), static_cast<std::uint64_t>(state_)};
}

std::array<std::uint64_t, 2> Pcg64::increment_words() const {
  return {static_cast<std::uint64_t>(increment_ >> 64), static_cast<std::uint64_t>(increment_)};
}

std::uint64_t StreamSeed(std::uint64_t run_seed, Purpose purpose, std::uint32_t index) {
  return SeedSequence(run_seed, {static_cast<std::uint32_t>(purpose), index}).GenerateState64()[0];
}

}  // namespace strider
