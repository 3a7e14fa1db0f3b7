#include "datasets/dataset_cache.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <vector>

#include "core/checksum.h"
#include "core/error.h"
#include "core/files.h"

namespace strider {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::array<char, 8> kMagic{'S', 'T', 'R', 'D', 'C', 'O', 'L', '1'};  // the last one is the version
constexpr std::size_t kAlignment = 64;                                         // of columns in their file
constexpr std::size_t kBuildBytes = std::size_t{64} << 20;                     // decoded at a time
constexpr DatasetColumns kColumns{.next_observations = false, .infos = false};

// By what a file is known without reading it.
struct FileIdentity {
  std::uint64_t size = 0;
  std::uint64_t inode = 0;
  std::int64_t modified = 0;  // ns
  std::int64_t changed = 0;   // ns; unlike `modified`, no program can set it back
  bool operator==(const FileIdentity&) const = default;
};

// All 0 where there is no such file.
FileIdentity IdentityOf(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  const auto nanoseconds = [](const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
  return {static_cast<std::uint64_t>(status.st_size), status.st_ino, nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

// The same of all files of a source: a SHA-256.
std::string IdentityOf(const std::vector<std::filesystem::path>& files) {
  Checksum checksum;
  for (const std::filesystem::path& file : files) {
    const FileIdentity identity = IdentityOf(file);
    checksum.Add(std::as_bytes(std::span(&identity, 1)));
  }
  return checksum.Text();
}

// What is kept beside the file of columns.
struct Header {
  std::array<char, 8> magic = kMagic;
  std::array<char, 64> source_identity{};
  std::array<char, 64> source_checksum{};  // SHA-256 of its contents
  FileIdentity columns;
  std::uint64_t rows = 0;
  std::uint64_t observation_size = 0;
  std::uint64_t action_size = 0;
  std::uint64_t has_timeouts = 0;
  std::uint64_t checksum = 0;  // of all above

  std::uint64_t Checksum() const { return libdeflate_crc32(0, this, sizeof(Header) - sizeof(checksum)); }
};
static_assert(std::has_unique_object_representations_v<Header>);

// Where the columns lie in their file: observations, actions, rewards, terminals, timeouts.
struct Places {
  std::array<std::size_t, 5> columns{};
  std::size_t end = 0;
};

// Nothing where no file can be that large.
std::optional<Places> PlacesOf(const Header& header) {
  constexpr std::size_t kMost = std::size_t{1} << 50;
  const std::array<std::size_t, 5> widths{header.observation_size, header.action_size, 1, 1,
                                          header.has_timeouts != 0 ? 1U : 0U};
  constexpr std::array<std::size_t, 5> kSizes{sizeof(float), sizeof(float), sizeof(float), 1, 1};
  Places places;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (widths[i] != 0 && header.rows > kMost / kSizes[i] / widths[i]) return std::nullopt;
    places.columns[i] = places.end;
    const std::size_t bytes = header.rows * widths[i] * kSizes[i];
    places.end += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  return places;
}

std::filesystem::path HeaderPath(const std::filesystem::path& folder) { return folder / "header"; }
std::filesystem::path ColumnsPath(const std::filesystem::path& folder) { return folder / "columns"; }

// The header of a cache whose columns are as they were written. Nothing where there is none.
std::optional<Header> ReadHeader(const std::filesystem::path& folder) {
  Header header;
  std::ifstream in(HeaderPath(folder), std::ios::binary);
  in.read(reinterpret_cast<char*>(&header), sizeof(header));
  if (!in || header.magic != kMagic || header.checksum != header.Checksum() ||
      IdentityOf(ColumnsPath(folder)) != header.columns) {
    return std::nullopt;
  }
  return header;
}

void WriteHeader(const std::filesystem::path& folder, Header header) {
  header.checksum = header.Checksum();
  WriteTextWhole(HeaderPath(folder), {reinterpret_cast<const char*>(&header), sizeof(header)});
}

// A file that is written here and there.
class OutputFile {
 public:
  explicit OutputFile(const std::filesystem::path& path)
      : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) Fail();
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile() { ::close(descriptor_); }

  void Resize(std::size_t bytes) {
    if (::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) Fail();
  }

  void WriteAt(std::size_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) Fail();
      offset += static_cast<std::size_t>(written);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }

 private:
  [[noreturn]] void Fail() const {
    throw WorkError("cannot write {}: {}", path_.string(), std::strerror(errno));
  }

  std::filesystem::path path_;
  int descriptor_;
};

// Writes all columns of the source in blocks of rows.
void WriteColumns(const std::filesystem::path& path, const DatasetReader& source, const Places& places) {
  const DatasetLayout& layout = source.layout();
  OutputFile out(path);
  out.Resize(places.end);
  const std::size_t row_bytes = (layout.observation_size + layout.action_size + 1) * sizeof(float) + 2;
  const std::size_t block_rows = std::max<std::size_t>(kBuildBytes / row_bytes, 1);
  for (std::size_t first = 0; first < layout.rows; first += block_rows) {
    const Dataset block = source.Read(first, std::min(block_rows, layout.rows - first), kColumns);
    const auto write = [&](std::size_t column, const auto& values, std::size_t width) {
      out.WriteAt(places.columns[column] + first * width * sizeof(values[0]),
                  std::as_bytes(std::span(values)));
    };
    write(0, block.observations, layout.observation_size);
    write(1, block.actions, layout.action_size);
    write(2, block.rewards, 1);
    write(3, block.terminals, 1);
    write(4, block.timeouts, 1);
  }
}

// What builds that were killed have left behind.
void RemoveLeftOvers(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> left_overs;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path() != HeaderPath(folder) && entry.path() != ColumnsPath(folder)) {
      left_overs.push_back(entry.path());
    }
  }
  for (const auto& path : left_overs) std::filesystem::remove(path);
}

// Brings the cache in the folder to what the source holds. `identity` must have been taken before the source
// was opened: where that is no longer its identity in the end, somebody has been at work on it (InputError).
void UpdateCache(const std::filesystem::path& folder, const DatasetReader& source,
                 const std::vector<std::filesystem::path>& files, const std::string& identity) {
  const std::string checksum = FileChecksum(files);
  std::optional<Header> header = ReadHeader(folder);
  if (!header || !std::ranges::equal(header->source_checksum, checksum)) {
    const DatasetLayout& layout = source.layout();
    header.emplace();
    header->rows = layout.rows;
    header->observation_size = layout.observation_size;
    header->action_size = layout.action_size;
    header->has_timeouts = layout.has_timeouts ? 1 : 0;
    std::ranges::copy(checksum, header->source_checksum.begin());
    const std::optional<Places> places = PlacesOf(*header);
    if (!places) throw WorkError("cannot write {}: larger than any file", ColumnsPath(folder).string());
    WriteWhole(ColumnsPath(folder),
               [&](const std::filesystem::path& temporary) { WriteColumns(temporary, source, *places); });
    header->columns = IdentityOf(ColumnsPath(folder));
  }
  if (IdentityOf(files) != identity) {
    throw InputError("{}: was changed while it was read", source.path().string());
  }
  std::ranges::copy(identity, header->source_identity.begin());
  WriteHeader(folder, *header);
}

// Where the cache of a source may be, the first choice first.
std::vector<std::filesystem::path> CacheFolders(const std::filesystem::path& source) {
  std::filesystem::path beside = source;
  beside += ".strider-cache";
  std::vector<std::filesystem::path> folders{beside};
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value == nullptr ? "" : value);
  };
  std::filesystem::path base = variable("XDG_CACHE_HOME");
  if (!base.is_absolute() && !variable("HOME").empty()) base = variable("HOME") / ".cache";
  if (!base.is_absolute()) return folders;
  std::error_code ignored;
  const std::string whole = std::filesystem::absolute(source, ignored).lexically_normal().string();
  Checksum checksum;
  checksum.Add(std::as_bytes(std::span(whole)));
  folders.push_back(base / "strider" /
                    fmt::format("{}-{:.16}.strider-cache", source.filename().string(), checksum.Text()));
  return folders;
}

void RemoveEmpty(const std::filesystem::path& folder) {
  std::error_code ignored;  // one that is not empty stays
  std::filesystem::remove(folder, ignored);
}

}  // namespace

CachedDataset::CachedDataset(const std::filesystem::path& source, const DatasetReadOptions& options,
                             UseCache use) {
  const bool wanted = use == UseCache::kYes && !options.allow_non_finite;
  const std::vector<std::filesystem::path> files = DatasetFiles(source);
  const std::vector<std::filesystem::path> folders =
      wanted ? CacheFolders(files.front()) : std::vector<std::filesystem::path>();
  // Taken first: whatever replaces the source from now on has another one.
  const std::string identity = IdentityOf(files);
  const auto is_open = [&](const auto& folder) { return Open(folder, identity); };
  if (std::ranges::any_of(folders, is_open)) {
    CheckWidths(source, columns_.observation_size, columns_.action_size, options);
    return;
  }
  const std::unique_ptr<DatasetReader> reader = OpenDataset(source, options);
  for (const std::filesystem::path& folder : folders) {
    try {
      std::filesystem::create_directories(folder);
      const FolderLock lock(folder, FolderLock::IfHeld::kWait);
      if (is_open(folder)) return;  // somebody else has built it meanwhile
      RemoveLeftOvers(folder);
      UpdateCache(folder, *reader, files, identity);
      if (is_open(folder)) return;
      problem_ = fmt::format("{} does not stay as it is written", folder.string());
    } catch (const WorkError& error) {
      problem_ = error.what();
    } catch (const std::filesystem::filesystem_error& error) {
      problem_ = fmt::format("cannot write {}: {}", folder.string(), error.code().message());
    } catch (...) {
      RemoveEmpty(folder);
      throw;
    }
    RemoveEmpty(folder);
  }
  loaded_ = ReadDataset(*reader, kColumns);
  columns_ = loaded_;
}

bool CachedDataset::Open(const std::filesystem::path& folder, const std::string& source_identity) {
  const std::optional<Header> header = ReadHeader(folder);
  const std::optional<Places> places = header ? PlacesOf(*header) : std::nullopt;
  if (!places || !std::ranges::equal(header->source_identity, source_identity)) return false;
  try {
    mapped_ = MappedFile(ColumnsPath(folder));
  } catch (const InputError&) {
    return false;
  }
  if (mapped_.bytes().size() != places->end) return false;
  const auto column = [&]<class T>(std::size_t index, std::size_t count) {
    return std::span(reinterpret_cast<const T*>(mapped_.bytes().data() + places->columns[index]), count);
  };
  const std::size_t rows = header->rows;
  columns_ = {rows,
              header->observation_size,
              header->action_size,
              column.operator()<float>(0, rows * header->observation_size),
              column.operator()<float>(1, rows * header->action_size),
              column.operator()<float>(2, rows),
              column.operator()<std::uint8_t>(3, rows),
              column.operator()<std::uint8_t>(4, header->has_timeouts != 0 ? rows : 0)};
  problem_.clear();
  return true;
}

}  // namespace strider
