// Counting distinct codes exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace strider {

// Counts distinct codes and how often each occurs. Memory grows with the distinct codes only: for each its
// words, 8 bytes of count and 16 to 32 of table, and half as much again while it grows.
class ExactCounter {
 public:
  // Codes are `words` words long.
  explicit ExactCounter(std::size_t words);

  // Counts codes (n x words) with their hashes (n). WorkError beyond 2^32 - 1 distinct ones.
  void Add(std::span<const std::uint64_t> codes, std::span<const std::uint64_t> hashes);

  std::uint64_t unique() const { return unique_; }
  std::uint64_t rows() const { return rows_; }
  // Plug-in estimate of the entropy of the codes, in nats: -sum (n/N) ln(n/N). exp of it is at most unique().
  double Entropy() const;

 private:
  void Count(const std::uint64_t* code, std::uint32_t hash);
  void Grow();

  std::size_t words_;
  std::vector<std::uint64_t> entries_;  // (unique x (words + 1)): a code and how often it came
  std::vector<std::uint64_t> slots_;    // open addressing: half of the hash, then entry + 1; 0 is free
  std::uint64_t unique_ = 0;
  std::uint64_t rows_ = 0;
};

}  // namespace strider
