// Chunked datasets, read on all cores.
//
// HDF5 inflates chunks one after the other with zlib and moves their values one by one. Here the library only
// hands out the stored bytes; all cores inflate them (libdeflate), undo the shuffle, convert and place the
// values.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "datasets/hdf5.h"

namespace strider::hdf5_internal {

enum class ChunkOutcome {
  kRead,
  kUnknown,  // not stored in a way that is known here: the library has to read it
  kDamaged,  // a chunk is not what it has to be
};

// Reads the rows [first, first + count) of a dataset of shape (rows) or (rows, width) into `values`: the same
// bits as the library's own reading gives. Known are chunks of up to 16 MiB with shuffle or gzip or both, of
// numbers in this machine's byte order, or of floats of T's own size in the other one. Damaged chunks must
// not be left to the library: it trusts the sizes in them and can crash. `values` may have been written to
// whatever the outcome. Needs a chunk's memory for each thread and a few MiB beside. T: float or double.
// REQUIRES: count > 0, and the rows are the dataset's.
template <class T>
ChunkOutcome ReadChunks(const Hdf5Handle& dataset, const Shape& shape, std::size_t first, std::size_t count,
                        T* values);

// The bytes to store of chunks of `chunk_bytes` each, through shuffle and gzip at the level that h5py takes
// by default, all cores at work. A stored chunk is what the library would inflate to the same bytes, and made
// in half the time. REQUIRES: whole chunks of whole values.
std::vector<std::vector<std::byte>> PackChunks(std::span<const std::byte> chunks, std::size_t chunk_bytes,
                                               std::size_t value_size);

}  // namespace strider::hdf5_internal
