// SHA-256 against the examples of FIPS 180-2.
#include "core/checksum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

TEST(FileChecksum, IsTheStandardsSha256) {
  const TemporaryFolder folder;
  EXPECT_EQ(FileChecksum(folder.Write("empty", "")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(FileChecksum(folder.Write("abc", "abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // Larger than a block that is read at a time, and no multiple of it.
  const auto million = folder.Write("a", std::string(1000000, 'a'));
  EXPECT_EQ(FileChecksum(million), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  const std::string large(3000001, 'x');
  EXPECT_NE(FileChecksum(folder.Write("x", large)), FileChecksum(folder.Write("y", large + "x")));
}

TEST(FileChecksum, MissingFileIsNamed) {
  EXPECT_THAT(MessageOf<InputError>([] { FileChecksum("/none/there"); }),
              ::testing::AllOf(::testing::HasSubstr("/none/there"), ::testing::HasSubstr("No such file")));
}

}  // namespace
}  // namespace strider
