#include "core/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/error.h"

namespace strider {
namespace {

// Flushes a file's contents (or a folder's entries) to the disk.
void Synchronise(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw WorkError("cannot open {}: {}", path.string(), std::strerror(errno));
  const int result = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (result != 0 && error != EINVAL)
    throw WorkError("cannot write {}: {}", path.string(), std::strerror(error));
}

std::filesystem::path FolderOf(const std::filesystem::path& path) {
  return path.parent_path().empty() ? "." : path.parent_path();
}

}  // namespace

std::filesystem::path PlaceFor(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
      !std::filesystem::is_directory(status)) {
    throw InputError("cannot write {}: it is no regular file; expected a file's name", path.string());
  }
  if (!std::filesystem::is_symlink(path, error)) return path;
  return std::filesystem::weakly_canonical(path, error);
}

void MakeFolders(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw WorkError("cannot make the folder {}: {}", path.string(), error.message());
}

void RequireFolderOf(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::exists(FolderOf(path), ignored)) return;
  throw WorkError("cannot write {}: there is no folder {}", path.string(), FolderOf(path).string());
}

void WriteWhole(const std::filesystem::path& asked,
                const std::function<void(const std::filesystem::path&)>& write) {
  const std::filesystem::path path = PlaceFor(asked);
  RequireFolderOf(path);
  std::filesystem::path temporary = path;
  temporary += fmt::format(".{}.tmp", ::getpid());
  try {
    write(temporary);
    Synchronise(temporary);
    std::filesystem::rename(temporary, path);
    Synchronise(FolderOf(path));
  } catch (const std::filesystem::filesystem_error& error) {
    std::error_code ignored;
    std::filesystem::remove_all(temporary, ignored);
    throw WorkError("cannot write {}: {}", path.string(), error.code().message());
  } catch (const WorkError& error) {
    std::error_code ignored;
    std::filesystem::remove_all(temporary, ignored);
    // Whoever wrote knew only the temporary's name; the reader of the message asked for `path`.
    std::string message = error.what();
    const std::size_t at = message.find(temporary.string());
    if (at != std::string::npos) message.replace(at, temporary.string().size(), path.string());
    throw WorkError("{}", message);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove_all(temporary, ignored);
    throw;
  }
}

void WriteTextWhole(const std::filesystem::path& path, std::string_view text) {
  WriteWhole(path, [&](const std::filesystem::path& temporary) {
    errno = 0;
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.close();
    if (!out) throw WorkError("cannot write {}: {}", path.string(), std::strerror(errno));
  });
}

FolderLock::FolderLock(const std::filesystem::path& folder, IfHeld if_held)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0) throw WorkError("cannot open {}: {}", folder.string(), std::strerror(errno));
  const int operation = if_held == IfHeld::kWait ? LOCK_EX : LOCK_EX | LOCK_NB;
  int result = ::flock(descriptor_, operation);
  while (result != 0 && errno == EINTR) result = ::flock(descriptor_, operation);
  if (result == 0) return;
  const int error = errno;
  ::close(descriptor_);
  // Some network file systems know no locks.
  if (error != EWOULDBLOCK) {
    descriptor_ = -1;
    return;
  }
  throw WorkError("another process is at work in {}", folder.string());
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string ReadText(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw InputError("cannot read {}: {}", path.string(), std::strerror(EISDIR));
  }
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw InputError("cannot read {}: {}", path.string(), std::strerror(errno));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace strider
