#include "experiments/tensorboard.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/error.h"

namespace strider {
namespace {

// The remainder of each byte value, for the reflected polynomial 0x82f63b78.
constexpr std::array<std::uint32_t, 256> MakeCrcTable() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit)
      remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0x82f63b78U : 0U);
    table[byte] = remainder;
  }
  return table;
}

// TFRecord stores checksums masked, because a checksum of bytes that contain checksums is a poor one.
std::uint32_t MaskedCrc(std::string_view bytes) { return std::rotr(Crc32c(bytes), 15) + 0xa282ead8U; }

// The little protocol-buffer encoding that an Event needs: keys are (field number << 3) | wire type.
constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kFixed64 = 1;
constexpr std::uint32_t kBytes = 2;
constexpr std::uint32_t kFixed32 = 5;

// Little-endian, whatever the machine.
template <class T>
void PutFixed(std::string& out, T value) {
  for (std::size_t byte = 0; byte < sizeof(T); ++byte)
    out.push_back(static_cast<char>((value >> (8 * byte)) & 0xff));
}

void PutVarint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void PutKey(std::string& out, std::uint32_t field, std::uint32_t wire_type) {
  PutVarint(out, (field << 3) | wire_type);
}

void PutBytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  PutKey(out, field, kBytes);
  PutVarint(out, bytes.size());
  out += bytes;
}

double SecondsSinceEpoch() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// An Event's first fields: double wall_time = 1; int64 step = 2.
std::string EventAt(std::int64_t step) {
  std::string event;
  PutKey(event, 1, kFixed64);
  PutFixed(event, std::bit_cast<std::uint64_t>(SecondsSinceEpoch()));
  PutKey(event, 2, kVarint);
  PutVarint(event, static_cast<std::uint64_t>(step));
  return event;
}

}  // namespace

std::uint32_t Crc32c(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = MakeCrcTable();
  std::uint32_t crc = 0xffffffffU;
  for (const char byte : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

TensorBoardLog::TensorBoardLog(const std::filesystem::path& folder, std::optional<std::int64_t> resumed_at) {
  // TensorBoard reads a folder's files in the order of their names.
  const auto seconds = static_cast<std::int64_t>(SecondsSinceEpoch());
  for (int attempt = 0; path_.empty() || std::filesystem::exists(path_); ++attempt) {
    path_ = folder / fmt::format("events.out.tfevents.{:010}.{:03}.strider", seconds, attempt);
  }
  errno = 0;
  out_.open(path_, std::ios::binary);
  if (!out_) throw WorkError("cannot write {}: {}", path_.string(), std::strerror(errno));
  std::string event = EventAt(0);
  PutBytes(event, 3, "brain.Event:2");  // string file_version = 3
  WriteRecord(event);
  if (resumed_at) {
    // SessionLog session_log = 7 { SessionStatus status = 1: START }: points from this event's step on are
    // replaced.
    event = EventAt(*resumed_at + 1);
    std::string session_log;
    PutKey(session_log, 1, kVarint);
    PutVarint(session_log, 1);
    PutBytes(event, 7, session_log);
    WriteRecord(event);
  }
}

void TensorBoardLog::Append(std::int64_t step, const std::vector<std::pair<std::string, double>>& scalars) {
  std::string summary;
  for (const auto& [tag, number] : scalars) {
    std::string value;  // Summary.Value { string tag = 1; float simple_value = 2 }
    PutBytes(value, 1, tag);
    PutKey(value, 2, kFixed32);
    PutFixed(value, std::bit_cast<std::uint32_t>(static_cast<float>(number)));
    PutBytes(summary, 1, value);  // repeated Value value = 1
  }
  std::string event = EventAt(step);
  PutBytes(event, 5, summary);  // Summary summary = 5
  WriteRecord(event);
}

void TensorBoardLog::WriteRecord(std::string_view event) {
  std::string record;
  PutFixed<std::uint64_t>(record, event.size());
  PutFixed(record, MaskedCrc(record));
  record += event;
  PutFixed(record, MaskedCrc(event));
  errno = 0;
  out_ << record << std::flush;
  if (!out_) throw WorkError("cannot write {}: {}", path_.string(), std::strerror(errno));
}

}  // namespace strider
