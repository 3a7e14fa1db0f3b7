// The fast reading of chunks against the library's own, to the bit.
#include "datasets/hdf5_chunks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libdeflate.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/golden.h"

namespace strider {
namespace {

using hdf5_internal::ChunkOutcome;
using hdf5_internal::ReadChunks;
using ::testing::HasSubstr;

// What the library reads; nothing where it fails.
template <class T>
std::optional<std::vector<T>> LibraryReads(const Hdf5Handle& dataset, const Shape& shape, std::size_t first,
                                           std::size_t count) {
  std::vector<hsize_t> start(shape.size(), 0);
  std::vector<hsize_t> extent(shape.begin(), shape.end());
  start[0] = first;
  extent[0] = count;
  const Hdf5Handle space(H5Dget_space(dataset.id()), H5Sclose);
  const Hdf5Handle memory(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr),
                          H5Sclose);
  H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr);
  std::vector<T> values(count * ElementCount(shape) / shape[0]);
  const hid_t type = std::is_same_v<T, float> ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  if (H5Dread(dataset.id(), type, memory.id(), space.id(), H5P_DEFAULT, values.data()) < 0)
    return std::nullopt;
  return values;
}

template <class T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// Compares rows [first, first + count) and tells whether the fast way took them.
template <class T>
bool ComparesEqual(const Hdf5File& file, const Hdf5Handle& dataset, const std::string& key, std::size_t first,
                   std::size_t count) {
  const Shape shape = file.Info(key).shape;
  const std::optional<std::vector<T>> expected = LibraryReads<T>(dataset, shape, first, count);
  if (!expected) {
    ADD_FAILURE() << key << ": the library cannot read it";
    return false;
  }
  std::vector<T> fast(expected->size(), T{-7});
  const ChunkOutcome outcome = ReadChunks<T>(dataset, shape, first, count, fast.data());
  EXPECT_NE(outcome, ChunkOutcome::kDamaged);
  const bool taken = outcome == ChunkOutcome::kRead;
  EXPECT_TRUE(!taken || SameBits(fast, *expected)) << key << " rows " << first << " + " << count;
  std::vector<T> values(expected->size(), T{-7});
  file.ReadRows<T>(key, first, count, values);
  EXPECT_TRUE(SameBits(values, *expected)) << key << " rows " << first << " + " << count;
  return taken;
}

// A dataset of random numbers that HDF5 writes as the test says.
struct Storage {
  hid_t type = H5T_IEEE_F32LE;
  std::vector<hsize_t> shape;
  std::vector<hsize_t> chunk;  // empty: contiguous
  bool shuffle = false;
  int gzip = -1;  // level; -1: none
  bool checksum = false;
  bool growing = false;  // without a bound on the number of rows
};

// Values of all sizes, ends of ranges and what is not a number included.
std::vector<double> HardNumbers(std::size_t count, Pcg64& random) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  const std::vector<double> special{0.0,
                                    -0.0,
                                    1.5,
                                    -2.5,
                                    127,
                                    128,
                                    255,
                                    -128,
                                    1e300,
                                    -1e300,
                                    1e-300,
                                    1e-42,
                                    kLargest,
                                    kLargest * (1 + 1e-9),
                                    -kLargest * (1 + 1e-9),
                                    16777217,
                                    0x1p53 + 1,
                                    NAN,
                                    INFINITY,
                                    -INFINITY};
  std::vector<double> values(count);
  for (double& value : values) {
    const auto choice = static_cast<std::size_t>(random.Random() * 40);
    value = choice < special.size() ? special[choice] : random.StandardNormal();
  }
  return values;
}

void WriteStored(const std::filesystem::path& path, const Storage& storage, Pcg64& random) {
  const Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
  const auto rank = static_cast<int>(storage.shape.size());
  std::vector<hsize_t> limit = storage.shape;
  if (storage.growing) limit[0] = H5S_UNLIMITED;
  const Hdf5Handle space(H5Screate_simple(rank, storage.shape.data(), limit.data()), H5Sclose);
  const Hdf5Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  if (!storage.chunk.empty()) H5Pset_chunk(list.id(), rank, storage.chunk.data());
  if (storage.shuffle) H5Pset_shuffle(list.id());
  if (storage.gzip >= 0) H5Pset_deflate(list.id(), static_cast<unsigned>(storage.gzip));
  if (storage.checksum) H5Pset_fletcher32(list.id());
  const Hdf5Handle dataset(
      H5Dcreate2(file.id(), "x", storage.type, space.id(), H5P_DEFAULT, list.id(), H5P_DEFAULT), H5Dclose);
  std::size_t count = 1;
  for (const hsize_t extent : storage.shape) count *= extent;
  const std::vector<double> values = HardNumbers(count, random);
  ASSERT_GE(H5Dwrite(dataset.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
}

// How many of the two types that columns are read as the fast way takes.
int Taken(const std::filesystem::path& path, std::size_t first, std::size_t count) {
  const Hdf5File file = Hdf5File::Open(path);
  const Hdf5Handle handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  const Hdf5Handle dataset(H5Dopen2(handle.id(), "x", H5P_DEFAULT), H5Dclose);
  return static_cast<int>(ComparesEqual<float>(file, dataset, "x", first, count)) +
         static_cast<int>(ComparesEqual<double>(file, dataset, "x", first, count));
}

TEST(Hdf5Chunks, RandomShapesChunksFiltersAndTypes) {
  const TemporaryFolder folder;
  Pcg64 random(3);
  const auto up_to = [&](std::size_t most) {
    return 1 + static_cast<std::size_t>(random.Random() * static_cast<double>(most));
  };
  const std::vector<hid_t> known{H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_STD_I8LE,  H5T_STD_U8LE,  H5T_STD_I16LE,
                                 H5T_STD_U16LE,  H5T_STD_I32LE,  H5T_STD_U32LE, H5T_STD_I64LE, H5T_STD_U64LE};
  const std::vector<hid_t> swapped{H5T_IEEE_F32BE, H5T_IEEE_F64BE};
  for (int trial = 0; trial < 300; ++trial) {
    const bool other_order = trial % 5 == 0;
    Storage storage;
    storage.type = other_order ? swapped[up_to(2) - 1] : known[up_to(known.size()) - 1];
    storage.shape = {up_to(3000)};
    storage.chunk = {up_to(storage.shape[0])};
    if (trial % 3 != 0) {
      storage.shape.push_back(up_to(20));
      storage.chunk.push_back(up_to(storage.shape[1]));
      storage.chunk[0] = std::max<hsize_t>(storage.chunk[0], 20);  // not a million chunks
    }
    storage.growing = random.Random() < 0.5;  // only then may chunks be longer than the dataset
    if (!storage.growing) storage.chunk[0] = std::min(storage.chunk[0], storage.shape[0]);
    storage.shuffle = random.Random() < 0.5;
    storage.gzip = static_cast<int>(up_to(11)) - 2;
    const auto path = folder.path() / fmt::format("{}.h5", trial);
    WriteStored(path, storage, random);
    const std::size_t first = up_to(storage.shape[0]) - 1;
    const std::size_t count = up_to(storage.shape[0] - first);
    // Floats in the other byte order only to their own size.
    const int expected = other_order ? 1 : 2;
    EXPECT_EQ(Taken(path, first, count), expected) << "trial " << trial;
    EXPECT_EQ(Taken(path, 0, storage.shape[0]), expected) << "trial " << trial;
    if (::testing::Test::HasFailure()) break;
  }
}

TEST(Hdf5Chunks, LargeColumnsAreReadByManyThreads) {
  const TemporaryFolder folder;
  Pcg64 random(4);
  for (const std::vector<hsize_t>& chunk :
       std::vector<std::vector<hsize_t>>{{15625, 1}, {3000, 7}, {2048, 3}}) {
    const auto path = folder.path() / "x.h5";
    // Level 0 stores more than the values have, so that several batches are filled.
    WriteStored(path, {.shape = {400000, 7}, .chunk = chunk, .gzip = 0}, random);
    EXPECT_EQ(Taken(path, 0, 400000), 2);
    EXPECT_EQ(Taken(path, 12345, 300000), 2);
  }
}

TEST(Hdf5Chunks, OtherStorageIsLeftToTheLibrary) {
  const TemporaryFolder folder;
  Pcg64 random(5);
  const auto path = folder.path() / "x.h5";
  const std::vector<Storage> others{
      {.shape = {100, 3}, .chunk = {}},                                         // contiguous
      {.shape = {100, 3}, .chunk = {10, 3}, .gzip = 4, .checksum = true},       // a third filter
      {.type = H5T_STD_I32BE, .shape = {100, 3}, .chunk = {10, 3}, .gzip = 4},  // rounded by software
      {.shape = {10, 3, 2}, .chunk = {5, 3, 2}, .gzip = 4},                     // not rows and columns
      {.shape = {100}, .chunk = {5000000}, .gzip = 4, .growing = true},         // 20 MB a chunk
  };
  for (const Storage& storage : others) {
    WriteStored(path, storage, random);
    EXPECT_EQ(Taken(path, 3, 6), 0) << "of " << &storage - others.data();
  }
}

TEST(Hdf5Chunks, UnwrittenChunksHoldTheFillValue) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.h5";
  {
    const Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
    const hsize_t rows = 100;
    const hsize_t chunk = 10;
    const Hdf5Handle space(H5Screate_simple(1, &rows, nullptr), H5Sclose);
    const Hdf5Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    const float fill = 2.5F;
    H5Pset_chunk(list.id(), 1, &chunk);
    H5Pset_deflate(list.id(), 4);
    H5Pset_fill_value(list.id(), H5T_NATIVE_FLOAT, &fill);
    const Hdf5Handle dataset(
        H5Dcreate2(file.id(), "x", H5T_IEEE_F32LE, space.id(), H5P_DEFAULT, list.id(), H5P_DEFAULT),
        H5Dclose);
    ASSERT_GE(dataset.id(), 0);
  }
  EXPECT_EQ(Taken(path, 5, 20), 2);
}

// Eight floats in two chunks, shuffle and gzip.
Hdf5Handle SmallDataset(const Hdf5Handle& file) {
  const hsize_t rows = 8;
  const hsize_t chunk = 4;
  const Hdf5Handle space(H5Screate_simple(1, &rows, nullptr), H5Sclose);
  const Hdf5Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_chunk(list.id(), 1, &chunk);
  H5Pset_shuffle(list.id());
  H5Pset_deflate(list.id(), 4);
  return {H5Dcreate2(file.id(), "x", H5T_IEEE_F32LE, space.id(), H5P_DEFAULT, list.id(), H5P_DEFAULT),
          H5Dclose};
}

// Chunks that were stored without one of the filters, as their mask says.
TEST(Hdf5Chunks, SkippedFiltersAreSkipped) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.h5";
  const std::vector<float> values{1, 2, 3, 4};
  {
    const Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
    const Hdf5Handle dataset = SmallDataset(file);
    ASSERT_GE(H5Dwrite(dataset.id(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                       std::vector<float>(8, 9).data()),
              0);
    const hsize_t second = 4;
    ASSERT_GE(H5Dwrite_chunk(dataset.id(), H5P_DEFAULT, 3, &second, 16, values.data()), 0);
  }
  EXPECT_EQ(Taken(path, 0, 8), 2);
  std::vector<float> read(4);
  Hdf5File::Open(path).ReadRows<float>("x", 4, 4, read);
  EXPECT_EQ(read, values);
}

TEST(Hdf5Chunks, EveryGoldenColumnIsTheLibrarys) {
  int taken = 0;
  for (const auto& entry : std::filesystem::directory_iterator(GoldenPath("datasets/d4rl"))) {
    if (!entry.is_regular_file()) continue;                  // the cache of one that somebody trained on
    if (entry.path().filename() == "expected.h5") continue;  // no dataset
    const Hdf5File file = Hdf5File::Open(entry.path());
    const Hdf5Handle handle(H5Fopen(entry.path().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    for (const char* name : {"observations", "actions", "rewards", "terminals", "timeouts",
                             "next_observations", "infos/qpos", "infos/qvel", "infos/action_log_probs"}) {
      if (!file.Has(name)) continue;
      const std::size_t rows = file.Info(name).shape[0];
      const Hdf5Handle dataset(H5Dopen2(handle.id(), name, H5P_DEFAULT), H5Dclose);
      taken += static_cast<int>(ComparesEqual<float>(file, dataset, name, 0, rows));
      taken += static_cast<int>(ComparesEqual<double>(file, dataset, name, rows / 3, rows / 2));
    }
  }
  EXPECT_GT(taken, 40);  // the compressed files
}

// The outcome is the library's: the same values (of a bit that does not matter) or an error.
TEST(Hdf5Chunks, ChangedBytesAreFound) {
  const TemporaryFolder folder;
  Pcg64 random(6);
  const auto path = folder.path() / "x.h5";
  WriteStored(path, {.shape = {500, 3}, .chunk = {100, 2}, .shuffle = true, .gzip = 4}, random);
  std::vector<std::pair<haddr_t, hsize_t>> places;
  {
    const Hdf5Handle handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    const Hdf5Handle dataset(H5Dopen2(handle.id(), "x", H5P_DEFAULT), H5Dclose);
    for (hsize_t chunk = 0; chunk < 10; ++chunk) {
      unsigned mask = 0;
      auto& [address, size] = places.emplace_back();
      const Hdf5Handle space(H5Dget_space(dataset.id()), H5Sclose);
      ASSERT_GE(H5Dget_chunk_info(dataset.id(), space.id(), chunk, nullptr, &mask, &address, &size), 0);
    }
  }
  const std::string sound = ReadText(path);
  int refused = 0;
  for (int trial = 0; trial < 400; ++trial) {
    const auto& [address, size] = places[static_cast<std::size_t>(trial) % places.size()];
    const std::size_t at = address + static_cast<std::size_t>(random.Random() * static_cast<double>(size));
    std::string bytes = sound;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (trial / 10 % 8)));
    const auto damaged = folder.Write("damaged.h5", bytes);
    const Hdf5Handle handle(H5Fopen(damaged.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    const Hdf5Handle dataset(H5Dopen2(handle.id(), "x", H5P_DEFAULT), H5Dclose);
    const auto expected = LibraryReads<float>(dataset, {500, 3}, 0, 500);
    std::vector<float> values(1500);
    std::string message;
    try {
      Hdf5File::Open(damaged).ReadRows<float>("x", 0, 500, values);
    } catch (const InputError& error) {
      message = error.what();
    }
    if (expected) {
      EXPECT_EQ(message, "") << "byte " << at;
      EXPECT_TRUE(SameBits(values, *expected)) << "byte " << at;
    } else {
      EXPECT_EQ(message, damaged.string() + ": x: rows 0 to 499 cannot be read (a chunk is damaged)");
      ++refused;
    }
  }
  EXPECT_GT(refused, 350);
}

// Sound streams of other sizes than a chunk has, and raw bytes that are too few: the library would read
// beyond its memory.
TEST(Hdf5Chunks, ChunksOfOtherSizesAreDamaged) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.h5";
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(4), libdeflate_free_compressor);
  for (const std::size_t size : {0, 1, 15, 17, 60}) {
    const std::string content(size, 'x');
    std::string stream(libdeflate_zlib_compress_bound(compressor.get(), size), '\0');
    stream.resize(
        libdeflate_zlib_compress(compressor.get(), content.data(), size, stream.data(), stream.size()));
    for (const bool raw : {false, true}) {
      if (raw && size == 0) continue;
      {
        const Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
        const Hdf5Handle dataset = SmallDataset(file);
        const hsize_t first = 0;
        const std::string& stored = raw ? content : stream;
        ASSERT_GE(
            H5Dwrite_chunk(dataset.id(), H5P_DEFAULT, raw ? 3 : 0, &first, stored.size(), stored.data()), 0);
      }
      const Hdf5File file = Hdf5File::Open(path);
      std::vector<float> values(4);
      EXPECT_THAT(MessageOf<InputError>([&] { file.ReadRows<float>("x", 0, 4, values); }),
                  HasSubstr("x: rows 0 to 3 cannot be read (a chunk is damaged)"))
          << size << (raw ? " raw" : "");
    }
  }
}

}  // namespace
}  // namespace strider
