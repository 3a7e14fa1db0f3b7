#include "datasets/convert.h"

#include "core/error.h"
#include "datasets/convert_internal.h"
#include "datasets/minari.h"

namespace strider {

void RefuseOverwriting(const std::filesystem::path& input, const std::filesystem::path& out) {
  std::vector<std::filesystem::path> taken = DatasetFiles(input);
  if (const auto folder = FindMinari(input)) {
    taken.push_back(*folder);
    taken.push_back(std::filesystem::absolute(*folder).parent_path());
  }
  for (const std::filesystem::path& path : taken) {
    std::error_code none;
    if (std::filesystem::equivalent(path, out, none)) {
      throw InputError("{} is to be read and to be written; expected another --out", out.string());
    }
  }
}

void ConvertDataset(const std::filesystem::path& from, const std::filesystem::path& to, DatasetFormat format,
                    const ConvertOptions& options) {
  RefuseOverwriting(from, to);
  const auto folder = FindMinari(from);
  if (folder.has_value() == (format == DatasetFormat::kMinari)) {
    throw InputError("{}: is {} already; expected --format {}", from.string(),
                     folder ? "a Minari dataset" : "a D4RL file", folder ? "d4rl" : "minari");
  }
  if (folder) {
    ConvertToD4rl(*folder, to, options);
  } else {
    ConvertToMinari(from, to, options);
  }
}

}  // namespace strider
