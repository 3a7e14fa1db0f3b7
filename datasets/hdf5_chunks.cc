#include "datasets/hdf5_chunks.h"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>

#include "core/parallel.h"
#include "datasets/hdf5_internal.h"

namespace strider::hdf5_internal {
namespace {

static_assert(std::endian::native == std::endian::little);

// Larger ones are rare, and a file may claim any size.
constexpr std::size_t kMaxChunkBytes = std::size_t{16} << 20;
// Stored bytes that are fetched before they are decoded: enough for every core, and cheap to hold.
constexpr std::size_t kBatchBytes = std::size_t{4} << 20;
// Decoded bytes that are worth a thread.
constexpr std::size_t kBytesPerThread = std::size_t{1} << 20;

// How the chunks of a dataset are stored.
struct Storage {
  std::size_t rows = 0;   // of a chunk
  std::size_t width = 0;  // of a chunk
  std::size_t value_size = 0;
  // The filters' places in the pipeline, and so their bits in a chunk's mask of skipped filters.
  std::optional<unsigned> shuffle;
  std::optional<unsigned> deflate;

  std::size_t values() const { return rows * width; }
  std::size_t bytes() const { return values() * value_size; }
  // More than gzip makes of data that it cannot shrink.
  std::size_t max_stored_bytes() const { return bytes() + bytes() / 64 + 64; }
};

bool ReadPipeline(hid_t list, Storage& storage) {
  const int filters = H5Pget_nfilters(list);
  if (filters < 0 || filters > 2) return false;
  for (unsigned i = 0; i < static_cast<unsigned>(filters); ++i) {
    unsigned flags = 0;
    std::array<unsigned, 8> parameters{};
    std::size_t count = parameters.size();
    switch (H5Pget_filter2(list, i, &flags, &count, parameters.data(), 0, nullptr, nullptr)) {
      case H5Z_FILTER_SHUFFLE:
        if (i != 0 || count < 1 || parameters[0] != storage.value_size) return false;
        storage.shuffle = i;
        break;
      case H5Z_FILTER_DEFLATE:
        if (storage.deflate) return false;
        storage.deflate = i;
        break;
      default:
        return false;
    }
  }
  return !storage.shuffle || filters == 1 || storage.deflate;
}

std::optional<Storage> StorageOf(const Hdf5Handle& dataset, const Shape& shape, std::size_t value_size) {
  const Hdf5Handle list(H5Dget_create_plist(dataset.id()), H5Pclose);
  const auto rank = static_cast<int>(shape.size());
  std::array<hsize_t, 2> extents{1, 1};
  unsigned options = 0;
  if (rank < 1 || rank > 2 || H5Pget_layout(list.id()) != H5D_CHUNKED ||
      H5Pget_chunk(list.id(), rank, extents.data()) != rank || H5Pget_chunk_opts(list.id(), &options) < 0 ||
      options != 0) {
    return std::nullopt;
  }
  Storage storage;
  storage.rows = extents[0];
  storage.width = extents[1];
  storage.value_size = value_size;
  if (storage.rows == 0 || storage.width == 0 || storage.rows > kMaxChunkBytes / value_size / storage.width ||
      !ReadPipeline(list.id(), storage)) {
    return std::nullopt;
  }
  return storage;
}

// The values of a decoded chunk that are wanted, and where they belong.
template <class To>
struct Placement {
  const std::byte* chunk;
  std::size_t chunk_values;
  std::size_t chunk_width;
  std::size_t first_row;  // of the chunk
  std::size_t rows;
  std::size_t columns;  // the first ones of each of those rows
  To* to;
  std::size_t to_width;
};

// The library's conversions, to the bit.
template <class To, class From>
To Convert(From value) {
  if constexpr (std::is_same_v<To, float> && std::is_same_v<From, double>) {
    // A cast alone would round what lies half a step beyond the largest float down to it.
    constexpr double kLargest = std::numeric_limits<float>::max();
    if (value > kLargest) return std::numeric_limits<float>::infinity();
    if (value < -kLargest) return -std::numeric_limits<float>::infinity();
  }
  return static_cast<To>(value);
}

template <std::size_t kSize>
using BitsOf =
    std::conditional_t<kSize == 1, std::uint8_t,
                       std::conditional_t<kSize == 2, std::uint16_t,
                                          std::conditional_t<kSize == 4, std::uint32_t, std::uint64_t>>>;

enum class Bytes { kPlain, kShuffled, kSwapped, kShuffledAndSwapped };

// Value `index` of a chunk. Shuffled chunks hold the first byte of all values, then the second one of all.
template <class From, Bytes kBytes>
From Load(const std::byte* chunk, std::size_t chunk_values, std::size_t index) {
  using Bits = BitsOf<sizeof(From)>;
  constexpr bool kShuffled = kBytes == Bytes::kShuffled || kBytes == Bytes::kShuffledAndSwapped;
  constexpr bool kSwapped = kBytes == Bytes::kSwapped || kBytes == Bytes::kShuffledAndSwapped;
  Bits bits = 0;
  if constexpr (!kShuffled && !kSwapped) {
    std::memcpy(&bits, chunk + index * sizeof(From), sizeof(From));
  } else {
    for (std::size_t i = 0; i < sizeof(From); ++i) {
      const std::byte byte = chunk[kShuffled ? i * chunk_values + index : index * sizeof(From) + i];
      const std::size_t place = kSwapped ? sizeof(From) - 1 - i : i;
      bits = static_cast<Bits>(bits | static_cast<Bits>(static_cast<Bits>(byte) << (8 * place)));
    }
  }
  return std::bit_cast<From>(bits);
}

template <class To, class From, Bytes kBytes>
void Place(const Placement<To>& place) {
  const auto run = [&](std::size_t from, std::size_t count, To* to) {
    for (std::size_t i = 0; i < count; ++i) {
      to[i] = Convert<To>(Load<From, kBytes>(place.chunk, place.chunk_values, from + i));
    }
  };
  const std::size_t first = place.first_row * place.chunk_width;
  if (place.columns == place.chunk_width && place.columns == place.to_width) {
    run(first, place.rows * place.columns, place.to);
    return;
  }
  if (place.columns == 1) {  // h5py cuts narrow columns
    for (std::size_t row = 0; row < place.rows; ++row) {
      place.to[row * place.to_width] =
          Convert<To>(Load<From, kBytes>(place.chunk, place.chunk_values, first + row * place.chunk_width));
    }
    return;
  }
  for (std::size_t row = 0; row < place.rows; ++row) {
    run(first + row * place.chunk_width, place.columns, place.to + row * place.to_width);
  }
}

template <class To>
using Placer = void (*)(const Placement<To>&);

// What places the values of one stored type.
template <class To>
struct Kind {
  std::size_t value_size = 0;
  Placer<To> plain = nullptr;
  Placer<To> shuffled = nullptr;
};

template <class To, class From>
Kind<To> KindOf() {
  return {sizeof(From), Place<To, From, Bytes::kPlain>, Place<To, From, Bytes::kShuffled>};
}

// Nothing for types that only the library converts.
template <class To>
std::optional<Kind<To>> FindKind(hid_t type) {
  const auto is = [&](hid_t other) { return H5Tequal(type, other) > 0; };
  if (is(H5T_IEEE_F32LE)) return KindOf<To, float>();
  if (is(H5T_IEEE_F64LE)) return KindOf<To, double>();
  if (is(std::is_same_v<To, float> ? H5T_IEEE_F32BE : H5T_IEEE_F64BE)) {
    return Kind<To>{sizeof(To), Place<To, To, Bytes::kSwapped>, Place<To, To, Bytes::kShuffledAndSwapped>};
  }
  if (is(H5T_STD_I8LE)) return KindOf<To, std::int8_t>();
  if (is(H5T_STD_U8LE)) return KindOf<To, std::uint8_t>();
  if (is(H5T_STD_I16LE)) return KindOf<To, std::int16_t>();
  if (is(H5T_STD_U16LE)) return KindOf<To, std::uint16_t>();
  if (is(H5T_STD_I32LE)) return KindOf<To, std::int32_t>();
  if (is(H5T_STD_U32LE)) return KindOf<To, std::uint32_t>();
  if (is(H5T_STD_I64LE)) return KindOf<To, std::int64_t>();
  if (is(H5T_STD_U64LE)) return KindOf<To, std::uint64_t>();
  return std::nullopt;
}

Hdf5Handle NumberType(const Hdf5Handle& dataset) {
  Hdf5Handle type(H5Dget_type(dataset.id()), H5Tclose);
  if (H5Tget_class(type.id()) != H5T_ENUM) return type;
  return {H5Tget_super(type.id()), H5Tclose};
}

// A chunk as it lies in the file.
struct Stored {
  std::size_t row;     // of the dataset, where the chunk begins
  std::size_t column;  // likewise
  unsigned skipped;    // mask of the filters that were not applied to it
  std::size_t begin;   // of its bytes, in the batch
  std::size_t size;
};

struct FreeDecompressor {
  void operator()(libdeflate_decompressor* decompressor) const noexcept {
    libdeflate_free_decompressor(decompressor);
  }
};

// Fetches chunks in the calling thread and decodes them in all.
template <class To>
class ChunkReader {
 public:
  ChunkReader(const Hdf5Handle& dataset, const Storage& storage, const Kind<To>& kind, std::size_t width,
              std::size_t first, std::size_t count, To* values, int threads)
      : dataset_(dataset),
        storage_(storage),
        kind_(kind),
        width_(width),
        first_(first),
        end_(first + count),
        values_(values),
        pool_(threads),
        batch_bytes_(std::min(kBatchBytes, count * width * kind.value_size)),
        bytes_(std::make_unique_for_overwrite<std::byte[]>(batch_bytes_ + storage.max_stored_bytes())) {
    const Hdf5Handle list(H5Dget_create_plist(dataset.id()), H5Pclose);
    H5Pget_fill_value(list.id(), NativeType<To>(), &fill_);  // where it fails there is none: 0
  }

  bool Read() {
    for (std::size_t row = first_ - first_ % storage_.rows; row < end_; row += storage_.rows) {
      for (std::size_t column = 0; column < width_; column += storage_.width) {
        if (!Fetch(row, column) || (fetched_ >= batch_bytes_ && !DecodeBatch())) return false;
      }
    }
    return DecodeBatch();
  }

 private:
  bool Fetch(std::size_t row, std::size_t column) {
    const std::array<hsize_t, 2> offset{row, column};
    hsize_t size = 0;
    if (H5Dget_chunk_storage_size(dataset_.id(), offset.data(), &size) < 0 ||
        size > storage_.max_stored_bytes()) {
      return false;
    }
    if (size == 0) {  // never written
      Fill(row, column);
      return true;
    }
    std::uint32_t skipped = 0;
    if (H5Dread_chunk(dataset_.id(), H5P_DEFAULT, offset.data(), &skipped, bytes_.get() + fetched_) < 0) {
      return false;
    }
    batch_.push_back({row, column, skipped, fetched_, size});
    fetched_ += size;
    return true;
  }

  // Gives the values of a chunk that was never written.
  void Fill(std::size_t row, std::size_t column) const {
    const Placement<To> place = PlacementOf(row, column, nullptr);
    for (std::size_t i = 0; i < place.rows; ++i) {
      std::fill_n(place.to + i * place.to_width, place.columns, fill_);
    }
  }

  // The part that is wanted of the chunk that begins at this row and column of the dataset.
  Placement<To> PlacementOf(std::size_t row, std::size_t column, const std::byte* chunk) const {
    const std::size_t first = std::max(row, first_);
    const std::size_t end = std::min(row + storage_.rows, end_);
    return {.chunk = chunk,
            .chunk_values = storage_.values(),
            .chunk_width = storage_.width,
            .first_row = first - row,
            .rows = end - first,
            .columns = std::min(storage_.width, width_ - column),
            .to = values_ + (first - first_) * width_ + column,
            .to_width = width_};
  }

  bool DecodeBatch() {
    std::atomic<bool> sound = true;
    pool_.ParallelFor(static_cast<std::int64_t>(batch_.size()), [&](std::int64_t begin, std::int64_t end) {
      const std::unique_ptr<libdeflate_decompressor, FreeDecompressor> inflater(
          libdeflate_alloc_decompressor());
      const auto room = std::make_unique_for_overwrite<std::byte[]>(storage_.bytes());
      for (std::int64_t i = begin; i < end && sound; ++i) {
        if (!Decode(batch_[static_cast<std::size_t>(i)], inflater.get(), room.get())) sound = false;
      }
    });
    batch_.clear();
    fetched_ = 0;
    return sound;
  }

  bool Decode(const Stored& stored, libdeflate_decompressor* inflater, std::byte* room) const {
    const auto applied = [&](const std::optional<unsigned>& filter) {
      return filter && (stored.skipped >> *filter & 1U) == 0;
    };
    const std::byte* chunk = bytes_.get() + stored.begin;
    if (applied(storage_.deflate)) {
      // Without a place for the size it insists on exactly as many bytes as a chunk has.
      if (inflater == nullptr ||
          libdeflate_zlib_decompress(inflater, chunk, stored.size, room, storage_.bytes(), nullptr) !=
              LIBDEFLATE_SUCCESS) {
        return false;
      }
      chunk = room;
    } else if (stored.size != storage_.bytes()) {
      return false;
    }
    const Placement<To> placement = PlacementOf(stored.row, stored.column, chunk);
    (applied(storage_.shuffle) ? kind_.shuffled : kind_.plain)(placement);
    return true;
  }

  const Hdf5Handle& dataset_;
  const Storage& storage_;
  const Kind<To>& kind_;
  std::size_t width_;
  std::size_t first_;
  std::size_t end_;
  To* values_;
  To fill_ = 0;
  WorkerPool pool_;
  std::size_t batch_bytes_;             // that are decoded together, or a few more
  std::unique_ptr<std::byte[]> bytes_;  // of the batch
  std::size_t fetched_ = 0;             // how many there are
  std::vector<Stored> batch_;
};

}  // namespace

template <class T>
ChunkOutcome ReadChunks(const Hdf5Handle& dataset, const Shape& shape, std::size_t first, std::size_t count,
                        T* values) {
  const Hdf5Handle type = NumberType(dataset);
  const std::optional<Kind<T>> kind = FindKind<T>(type.id());
  if (!kind) return ChunkOutcome::kUnknown;
  const std::optional<Storage> storage = StorageOf(dataset, shape, kind->value_size);
  if (!storage) return ChunkOutcome::kUnknown;
  const std::size_t width = shape.size() == 2 ? shape[1] : 1;
  const std::size_t pieces = count * width * kind->value_size / kBytesPerThread;
  ChunkReader<T> reader(dataset, *storage, *kind, width, first, count, values, ThreadsFor(pieces));
  return reader.Read() ? ChunkOutcome::kRead : ChunkOutcome::kDamaged;
}

template ChunkOutcome ReadChunks(const Hdf5Handle&, const Shape&, std::size_t, std::size_t, float*);
template ChunkOutcome ReadChunks(const Hdf5Handle&, const Shape&, std::size_t, std::size_t, double*);

}  // namespace strider::hdf5_internal
