#include "experiments/tensorboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <map>

#include "core/error.h"
#include "core/files.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

// Castagnoli's checksum bit by bit, by long division.
std::uint32_t SlowCrc(const std::string& bytes) {
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    for (int bit = 0; bit < 8; ++bit) {
      const bool differs = ((crc ^ (static_cast<unsigned char>(byte) >> bit)) & 1) != 0;
      crc = (crc >> 1) ^ (differs ? 0x82f63b78U : 0U);
    }
  }
  return ~crc;
}

TEST(Crc32c, KnownVectors) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(Crc32c(""), 0U);
  // RFC 3720, appendix B.4.
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising.push_back(static_cast<char>(i));
  EXPECT_EQ(Crc32c(rising), 0x46dd794eU);
}

// A protocol-buffer message taken apart: the raw bytes of each field, in order.
using Fields = std::multimap<std::uint64_t, std::string>;

std::uint64_t TakeVarint(const std::string& bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.at(at++));
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

Fields Parse(const std::string& bytes) {
  Fields fields;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::uint64_t key = TakeVarint(bytes, at);
    const std::size_t start = at;
    std::uint64_t size = 0;
    switch (key & 7) {
      case 0:
        TakeVarint(bytes, at);
        size = at - start;
        at = start;
        break;
      case 1:
        size = 8;
        break;
      case 2:
        size = TakeVarint(bytes, at);
        break;
      case 5:
        size = 4;
        break;
      default:
        ADD_FAILURE() << "wire type " << (key & 7);
    }
    if (at + size > bytes.size()) {
      ADD_FAILURE() << "field " << (key >> 3) << " runs over the end";
      return fields;
    }
    fields.emplace(key >> 3, bytes.substr(at, size));
    at += size;
  }
  return fields;
}

template <class T>
T Fixed(const std::string& bytes, std::size_t at = 0) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

// The events of a file, their frames checked.
std::vector<Fields> Events(const std::filesystem::path& path) {
  const std::string bytes = ReadText(path);
  const auto unmasked = [&bytes](std::size_t at) {
    const std::uint32_t rotated = Fixed<std::uint32_t>(bytes, at) - 0xa282ead8U;
    return (rotated >> 17) | (rotated << 15);
  };
  std::vector<Fields> events;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto size = Fixed<std::uint64_t>(bytes, at);
    EXPECT_EQ(unmasked(at + 8), SlowCrc(bytes.substr(at, 8)));
    const std::string event = bytes.substr(at + 12, size);
    EXPECT_EQ(event.size(), size);
    EXPECT_EQ(unmasked(at + 12 + size), SlowCrc(event));
    events.push_back(Parse(event));
    at += 16 + size;
  }
  return events;
}

std::uint64_t Step(const Fields& event) {
  std::size_t at = 0;
  return TakeVarint(event.find(2)->second, at);
}

TEST(TensorBoardLog, WritesEventsThatAnotherDecoderReads) {
  const TemporaryFolder folder;
  TensorBoardLog log(folder.path());
  log.Append(5, {{"evaluation/return", 1234.5}, {"loss", -0.25}});
  log.Append(3000000000, {{std::string(200, 'x'), 1.0 / 3}});  // lengths and steps of several varint bytes
  EXPECT_THAT(log.path().filename().string(), ::testing::StartsWith("events.out.tfevents."));

  const std::vector<Fields> events = Events(log.path());
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].find(3)->second, "brain.Event:2");
  EXPECT_GT(Fixed<double>(events[0].find(1)->second), 1.6e9);  // seconds since 1970

  EXPECT_EQ(Step(events[1]), 5U);
  const Fields summary = Parse(events[1].find(5)->second);
  ASSERT_EQ(summary.count(1), 2U);
  auto value = summary.find(1);
  EXPECT_EQ(Parse(value->second).find(1)->second, "evaluation/return");
  EXPECT_EQ(Fixed<float>(Parse(value->second).find(2)->second), 1234.5F);
  ++value;
  EXPECT_EQ(Parse(value->second).find(1)->second, "loss");
  EXPECT_EQ(Fixed<float>(Parse(value->second).find(2)->second), -0.25F);

  EXPECT_EQ(Step(events[2]), 3000000000U);
  const Fields last = Parse(Parse(events[2].find(5)->second).find(1)->second);
  EXPECT_EQ(last.find(1)->second, std::string(200, 'x'));
  EXPECT_EQ(Fixed<float>(last.find(2)->second), 1.0F / 3.0F);
}

TEST(TensorBoardLog, ResumedRunStartsASessionOfItsOwn) {
  const TemporaryFolder folder;
  TensorBoardLog first(folder.path());
  TensorBoardLog second(folder.path(), 100);
  EXPECT_NE(first.path(), second.path());
  EXPECT_LT(first.path(), second.path());
  const std::vector<Fields> events = Events(second.path());
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(Step(events[1]), 101U);
  EXPECT_EQ(Parse(events[1].find(7)->second).find(1)->second, "\x01");  // SessionLog.START
}

TEST(TensorBoardLog, MissingFolderIsAnErrorThatNamesIt) {
  EXPECT_THAT(
      MessageOf<WorkError>([] { TensorBoardLog("/nowhere"); }),
      ::testing::AllOf(HasSubstr("cannot write /nowhere/events.out.tfevents."), HasSubstr("No such file")));
}

}  // namespace
}  // namespace strider
