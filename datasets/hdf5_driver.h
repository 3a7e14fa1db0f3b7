// A file driver for HDF5 that survives a full disk.
//
// HDF5 1.10 crashes in the library, at the latest when the process ends, once a write has failed while a file
// is being closed. This driver therefore never lets the library see a failed write: it notes the first error,
// drops what follows and reports success, so that the library closes in good order. Whoever writes asks for
// the noted error.
#pragma once

#include <hdf5.h>

namespace strider {

// A new access property list that opens files through the driver. The first error number (errno) of a file
// that is written with it is put into *error, which starts at 0 and must outlive the file. Close it with
// H5Pclose.
hid_t SurvivingFileAccess(int* error);

}  // namespace strider
