// The columns of a D4RL file as they are stored, whatever they are called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/hdf5.h"

namespace strider {

// Every key under a group ("" is the root) that is no group itself; none where there is no such group.
// InputError where groups are nested too deeply, as in a circle, or hold too much.
std::vector<std::string> KeysUnder(const Hdf5File& file, const std::string& group);

// Whether a key holds one row of numbers a step.
bool IsColumn(const Hdf5File& file, std::string_view key, std::size_t rows);

// A column of flags: what is not zero is true.
std::vector<std::uint8_t> ReadFlags(const Hdf5File& file, std::string_view key, std::size_t first,
                                    std::size_t count);

}  // namespace strider
