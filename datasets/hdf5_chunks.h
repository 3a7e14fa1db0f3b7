// Chunked datasets, read on all cores.
//
// HDF5 inflates chunks one after the other with zlib and moves their values one by one. Here the library only
// hands out the stored bytes; all cores inflate them (libdeflate), undo the shuffle, convert and place the
// values.
#pragma once

#include <cstddef>

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

}  // namespace strider::hdf5_internal
