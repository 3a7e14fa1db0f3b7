// Event files that TensorBoard reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strider {

// CRC-32C (Castagnoli) of the bytes; 0xe3069283 for "123456789".
std::uint32_t Crc32c(std::string_view bytes);

// Writes scalars into a new `events.out.tfevents.*` file: TFRecord frames (length and masked CRC-32C) around
// Event protocol buffers of version brain.Event:2. Every call hands its record to the system before it
// returns.
//
// Throws WorkError naming the path where the system refuses.
class TensorBoardLog {
 public:
  // Begins a file in `folder`. A run that is resumed gives the step of its checkpoint: TensorBoard then
  // forgets what earlier files hold beyond that step.
  explicit TensorBoardLog(const std::filesystem::path& folder, std::optional<std::int64_t> resumed_at = {});

  // One point of each curve, such as {"evaluation/return", 1234}; stored as float32.
  void Append(std::int64_t step, const std::vector<std::pair<std::string, double>>& scalars);

  const std::filesystem::path& path() const { return path_; }

 private:
  void WriteRecord(std::string_view event);

  std::filesystem::path path_;
  std::ofstream out_;
};

}  // namespace strider
