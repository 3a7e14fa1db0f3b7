// The machine's memory, and large columns in it.
#pragma once

#include <cstddef>
#include <vector>

namespace strider {

// Memory of this machine in bytes: what a file or a setting asks for is compared with it before it is taken.
std::size_t MachineMemory();

// Asks the system to back the memory, which nothing has been written to yet, with large pages: the first
// write to each page costs a fault, and with large ones there are a few hundred times fewer. A hint; it does
// nothing for what is smaller than a large page.
void PreferLargePages(void* memory, std::size_t bytes);

// An empty column with room for `size` values.
template <class T>
std::vector<T> ReserveColumn(std::size_t size) {
  std::vector<T> column;
  column.reserve(size);
  PreferLargePages(column.data(), size * sizeof(T));
  return column;
}

}  // namespace strider
