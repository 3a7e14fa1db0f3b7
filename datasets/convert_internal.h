// The two ways of ConvertDataset.
#pragma once

#include <cstddef>
#include <filesystem>

#include "datasets/convert.h"

namespace strider {

inline constexpr std::size_t kConvertBlockRows = 10000;  // read at once

// Of a D4RL file.
void ConvertToMinari(const std::filesystem::path& from, const std::filesystem::path& to,
                     const ConvertOptions& options);

// Of a Minari dataset's data folder.
void ConvertToD4rl(const std::filesystem::path& folder, const std::filesystem::path& to,
                   const ConvertOptions& options);

}  // namespace strider
