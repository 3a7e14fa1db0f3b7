#include "datasets/exact_counter.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace strider {
namespace {

constexpr std::size_t kFirstSlots = 1024;
// How many codes ahead a slot is asked for, so that it has come from memory when its turn is there.
constexpr std::size_t kAhead = 16;

}  // namespace

ExactCounter::ExactCounter(std::size_t words) : words_(words), slots_(kFirstSlots, 0) {}

void ExactCounter::Add(std::span<const std::uint64_t> codes, std::span<const std::uint64_t> hashes) {
  for (std::size_t row = 0; row < hashes.size(); ++row) {
    const std::size_t next = std::min(row + kAhead, hashes.size() - 1);
    __builtin_prefetch(&slots_[(hashes[next] >> 32) & (slots_.size() - 1)], 1);
    Count(codes.data() + row * words_, static_cast<std::uint32_t>(hashes[row] >> 32));
  }
  rows_ += hashes.size();
}

void ExactCounter::Count(const std::uint64_t* code, std::uint32_t hash) {
  if (2 * unique_ >= slots_.size()) Grow();
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t place = hash & mask;; place = (place + 1) & mask) {
    const std::uint64_t slot = slots_[place];
    if (slot == 0) {
      if (unique_ == std::numeric_limits<std::uint32_t>::max()) {
        throw WorkError("more than {} distinct state-action pairs; count them by HyperLogLog", unique_);
      }
      entries_.insert(entries_.end(), code, code + words_);
      entries_.push_back(1);
      slots_[place] = (std::uint64_t{hash} << 32) | ++unique_;
      return;
    }
    if (slot >> 32 != hash) continue;
    // Equal hashes are no proof: the codes decide.
    std::uint64_t* const entry = entries_.data() + ((slot & 0xffffffffULL) - 1) * (words_ + 1);
    if (std::equal(code, code + words_, entry)) {
      ++entry[words_];
      return;
    }
  }
}

void ExactCounter::Grow() {
  std::vector<std::uint64_t> larger(2 * slots_.size(), 0);
  const std::size_t mask = larger.size() - 1;
  for (const std::uint64_t slot : slots_) {
    if (slot == 0) continue;
    std::size_t place = (slot >> 32) & mask;
    while (larger[place] != 0) place = (place + 1) & mask;
    larger[place] = slot;
  }
  slots_ = std::move(larger);
}

double ExactCounter::Entropy() const {
  if (rows_ == 0) return 0.0;
  const auto total = static_cast<double>(rows_);
  double sum = 0.0;  // of n ln n
  for (std::size_t count = words_; count < entries_.size(); count += words_ + 1) {
    if (entries_[count] == 1) continue;
    const auto n = static_cast<double>(entries_[count]);
    sum += n * std::log(n);
  }
  return std::log(total) - sum / total;
}

}  // namespace strider
