#include "core/checksum.h"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "core/error.h"

namespace strider {

void Checksum::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Checksum::Checksum() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
}

Checksum::~Checksum() = default;

void Checksum::Add(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

std::string Checksum::Text() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context_.get(), bytes.data(), &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

std::string FileChecksum(const std::filesystem::path& path) { return FileChecksum(std::vector{path}); }

std::string FileChecksum(const std::vector<std::filesystem::path>& paths) {
  Checksum checksum;
  std::vector<char> block(std::size_t{1} << 20);
  for (const std::filesystem::path& path : paths) {
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    if (!in) throw InputError("cannot read {}: {}", path.string(), std::strerror(errno));
    while (in) {
      in.read(block.data(), static_cast<std::streamsize>(block.size()));
      checksum.Add(std::as_bytes(std::span(block).first(static_cast<std::size_t>(in.gcount()))));
    }
    if (in.bad()) throw InputError("cannot read {}: {}", path.string(), std::strerror(errno));
  }
  return checksum.Text();
}

}  // namespace strider
