// Coverage-guided fuzzing of the dataset readers: whatever the bytes, an InputError at the most.
//
// The first byte of an input says what the rest is:
//   0  the bytes of a D4RL file
//   1  a Minari dataset: two bytes with the length of metadata.json, its text, the bytes of main_data.hdf5
//   2  a recipe for a D4RL file: what stands under which key, of which type, shape and storage
//   3  a recipe for a Minari dataset, after metadata.json as in 1
// Files of bytes find what the library makes of damage; recipes find what we make of sound files of odd
// content.
#include <hdf5.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "datasets/convert.h"
#include "datasets/hdf5.h"
#include "datasets/reader.h"
#include "datasets/split.h"
#include "datasets/validate.h"

namespace strider {
namespace {

// Takes an input apart; zeros follow its end.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t Next() {
    if (rest_.empty()) return 0;
    const std::uint8_t byte = rest_[0];
    rest_ = rest_.subspan(1);
    return byte;
  }
  std::string_view Take(std::size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }
  std::string_view Rest() { return Take(rest_.size()); }

 private:
  std::span<const std::uint8_t> rest_;
};

constexpr std::array kD4rlKeys = {"observations",
                                  "actions",
                                  "rewards",
                                  "terminals",
                                  "timeouts",
                                  "next_observations",
                                  "infos/qpos",
                                  "infos/qvel",
                                  "infos/action_log_probs",
                                  "infos/odd",
                                  "metadata/env_id",
                                  "metadata/action_space",
                                  "metadata/minari/metadata.json",
                                  "metadata/minari/episodes.json",
                                  "metadata/minari/final_infos/odd",
                                  "extra"};
constexpr std::array kMinariKeys = {"episode_0/observations",
                                    "episode_0/actions",
                                    "episode_0/rewards",
                                    "episode_0/terminations",
                                    "episode_0/truncations",
                                    "episode_0/infos/odd",
                                    "episode_0/infos/qpos",
                                    "episode_1/observations",
                                    "episode_1/actions",
                                    "episode_1/rewards",
                                    "episode_1/terminations",
                                    "episode_1/truncations",
                                    "episode_1/infos/odd",
                                    "episode_1/infos/qpos",
                                    "episode_0",
                                    "episode_2"};

hsize_t Extent(std::uint8_t code) {
  constexpr std::array<hsize_t, 6> kOdd = {
      0, 1, hsize_t{1} << 31, hsize_t{1} << 40, hsize_t{1} << 60, static_cast<hsize_t>(-2)};
  return code < 250 ? code % 40 : kOdd[code - 250];
}

Hdf5Handle Type(std::uint8_t code) {
  switch (code % 10) {
    case 0:
    case 1:
      return {H5Tcopy(H5T_NATIVE_FLOAT), H5Tclose};
    case 2:
      return {H5Tcopy(H5T_IEEE_F64BE), H5Tclose};
    case 3:
      return {H5Tcopy(H5T_STD_I8LE), H5Tclose};
    case 4:
      return {H5Tcopy(H5T_STD_U64BE), H5Tclose};
    case 5: {
      Hdf5Handle text(H5Tcopy(H5T_C_S1), H5Tclose);
      H5Tset_size(text.id(), code < 128 ? 200 : H5T_VARIABLE);
      return text;
    }
    case 6:
      return {H5Tvlen_create(H5T_NATIVE_FLOAT), H5Tclose};
    case 7: {
      const hsize_t size = 3;
      return {H5Tarray_create2(H5T_NATIVE_FLOAT, 1, &size), H5Tclose};
    }
    case 8:
      return {H5Tcreate(H5T_OPAQUE, 5), H5Tclose};
    default:
      return StoredType<std::uint8_t>(true);
  }
}

// One object by the next bytes; what the library refuses is left out.
void Cook(hid_t file, const char* key, Bytes& bytes) {
  const std::uint8_t how = bytes.Next();
  const Hdf5Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links.id(), 1);
  if (how % 16 == 13) {
    H5Lcreate_soft(bytes.Next() % 2 == 0 ? "/" : "/infos", file, key, links.id(), H5P_DEFAULT);
    return;
  }
  if (how % 16 == 14) {
    H5Lcreate_hard(file, "/", file, key, links.id(), H5P_DEFAULT);
    return;
  }
  if (how % 16 == 15) {
    H5Lcreate_external("other.hdf5", "/x", file, key, links.id(), H5P_DEFAULT);
    return;
  }
  const Hdf5Handle type = Type(bytes.Next());
  std::vector<hsize_t> shape;
  for (int axis = 0; axis < how % 4; ++axis) shape.push_back(Extent(bytes.Next()));
  const Hdf5Handle space(shape.empty()
                             ? H5Screate(H5S_SCALAR)
                             : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
                         H5Sclose);
  const Hdf5Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_fill_time(list.id(), H5D_FILL_TIME_NEVER);
  H5Pset_alloc_time(list.id(), H5D_ALLOC_TIME_LATE);
  if (how >= 128 && !shape.empty()) {
    std::vector<hsize_t> chunk(shape.size(), 1 + bytes.Next() % 16);
    H5Pset_chunk(list.id(), static_cast<int>(chunk.size()), chunk.data());
    if (how >= 192) H5Pset_deflate(list.id(), 1);
  }
  const Hdf5Handle made(H5Dcreate2(file, key, type.id(), space.id(), links.id(), list.id(), H5P_DEFAULT),
                        H5Dclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space.id());
  const std::size_t size = H5Tget_size(type.id());
  if (!made.valid() || count < 0 || count > 4000 || H5Tdetect_class(type.id(), H5T_VLEN) > 0 ||
      H5Tis_variable_str(type.id()) > 0) {
    return;
  }
  std::string values(static_cast<std::size_t>(count) * size, '\0');
  const std::string_view given = bytes.Take(std::min<std::size_t>(values.size(), how % 64 + std::size_t{1}));
  for (std::size_t i = 0; i < values.size() && !given.empty(); ++i) values[i] = given[i % given.size()];
  H5Dwrite(made.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
}

template <class Keys>
void CookFile(const std::filesystem::path& path, const Keys& keys, Bytes& bytes) {
  const Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
  while (!bytes.empty()) Cook(file.id(), keys[bytes.Next() % keys.size()], bytes);
}

void Write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// The user's fault is a fine answer.
template <class Work>
void Try(const Work& work) {
  try {
    work();
  } catch (const InputError&) {
  }
}

// A folder in memory for this process, gone at its end.
const std::filesystem::path& Folder() {
  struct Own {
    std::filesystem::path path;
    Own() : path(std::filesystem::temp_directory_path() / fmt::format("strider-fuzz-{}", ::getpid())) {
      std::filesystem::create_directories(path / "minari/data");
    }
    ~Own() { std::filesystem::remove_all(path); }
  };
  static const Own own;
  return own.path;
}

void Use(const std::filesystem::path& dataset, bool sound_file) {
  Try([&] { ReadDataset(dataset, {.allow_non_finite = true}); });
  Try([&] { Validate(dataset); });
  // The library copies objects of damaged files without a check of its own: conversion is for sound ones.
  if (!sound_file) return;
  const auto minari = Folder() / "made-v0";
  const auto d4rl = Folder() / "made.hdf5";
  Try([&] {
    ConvertDataset(dataset, minari, DatasetFormat::kMinari, {.max_episode_steps = 5});
    ConvertDataset(minari, d4rl, DatasetFormat::kD4rl);
  });
  Try([&] { ConvertDataset(dataset, d4rl, DatasetFormat::kD4rl); });
  Try([&] { SplitDataset(dataset, {Folder() / "a-v0", Folder() / "b-v0"}, {0.5}); });
  for (const char* name : {"made-v0", "made.hdf5", "a-v0", "b-v0"}) {
    std::filesystem::remove_all(Folder() / name);
  }
}

}  // namespace
}  // namespace strider

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strider;
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  Bytes bytes(data, size);
  const std::uint8_t mode = bytes.Next() % 4;
  const bool cooked = mode >= 2;
  if (mode % 2 == 0) {
    const auto path = Folder() / "x.hdf5";
    cooked ? CookFile(path, kD4rlKeys, bytes) : Write(path, bytes.Rest());
    Use(path, cooked);
    return 0;
  }
  const std::size_t length = bytes.Next() + std::size_t{256} * bytes.Next();
  Write(Folder() / "minari/data/metadata.json", bytes.Take(length));
  const auto path = Folder() / "minari/data/main_data.hdf5";
  cooked ? CookFile(path, kMinariKeys, bytes) : Write(path, bytes.Rest());
  Use(Folder() / "minari", cooked);
  return 0;
}
