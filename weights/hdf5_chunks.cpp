#include "weights/hdf5_chunks.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "weights/hdf5_handle.h"

namespace cutaway::weights::hdf5 {
namespace {

using Bytes = std::vector<std::byte>;

// HDF5 numbers the chunks of an index by walking it from its start, so that checking n takes n * n
// steps. A file of a net has a thousand.
constexpr hsize_t kMostPlainChunks = 1 << 15;
constexpr std::size_t kChecksumBytes = 4;

struct Filter {
  H5Z_filter_t id{};
  std::size_t element_bytes{1};  ///< shuffle: of what was shuffled
};

[[noreturn]] void fail(const ChunkedDataset& d, const std::string& what) {
  throw failure(d.file, d.name, what);
}

std::vector<Filter> filters_of(const ChunkedDataset& d) {
  std::vector<Filter> filters;
  const int count = H5Pget_nfilters(d.plist);
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0, config = 0;
    unsigned values[8] = {};
    std::size_t number = std::size(values);
    const H5Z_filter_t id = H5Pget_filter2(d.plist, static_cast<unsigned>(i), &flags, &number,
                                           values, 0, nullptr, &config);
    if (id != H5Z_FILTER_DEFLATE && id != H5Z_FILTER_SHUFFLE && id != H5Z_FILTER_FLETCHER32)
      fail(d, "unsupported compression");
    filters.push_back({id, id == H5Z_FILTER_SHUFFLE && number > 0 ? values[0] : 1});
  }
  return filters;
}

Bytes inflated(const ChunkedDataset& d, const Bytes& from, std::size_t bytes) {
  Bytes out(bytes);
  uLongf got = bytes;
  const int status = ::uncompress(reinterpret_cast<Bytef*>(out.data()), &got,
                                  reinterpret_cast<const Bytef*>(from.data()), from.size());
  if (status != Z_OK || got != bytes) fail(d, "a compressed piece is damaged");
  return out;
}

// Byte k of every element stands in the k-th stretch; what is left of a division stands behind.
Bytes unshuffled(const ChunkedDataset& d, const Bytes& from, std::size_t element_bytes) {
  if (element_bytes < 1 || element_bytes > from.size()) fail(d, "the shuffle filter is damaged");
  const std::size_t elements = from.size() / element_bytes;
  Bytes out = from;
  for (std::size_t k = 0; k < element_bytes; ++k) {
    for (std::size_t i = 0; i < elements; ++i) out[i * element_bytes + k] = from[k * elements + i];
  }
  return out;
}

// Fletcher's checksum over big-endian words of 16 bits (HDF5 File Format, "Fletcher32 filter").
std::uint32_t fletcher32(const std::byte* data, std::size_t bytes) {
  std::uint64_t a = 0, b = 0;
  for (std::size_t i = 0; i < bytes; i += 2) {
    const auto high = std::to_integer<std::uint32_t>(data[i]) << 8;
    a = (a + (high | (i + 1 < bytes ? std::to_integer<std::uint32_t>(data[i + 1]) : 0))) % 65535;
    b = (b + a) % 65535;
  }
  return static_cast<std::uint32_t>(b << 16 | a);
}

void take_checksum(const ChunkedDataset& d, Bytes& bytes) {
  if (bytes.size() < kChecksumBytes) fail(d, "a piece without its checksum");
  const std::size_t count = bytes.size() - kChecksumBytes;
  std::uint32_t stored = 0;
  for (std::size_t i = 0; i < kChecksumBytes; ++i)
    stored |= std::to_integer<std::uint32_t>(bytes[count + i]) << (8 * i);
  const std::uint32_t sum = fletcher32(bytes.data(), count);
  // HDF5 before 1.6.3 stored the bytes of each half exchanged; its readers accept both. The sums of
  // HDF5 are between 1 and 65535 where a remainder is 0.
  const auto folded = [](std::uint32_t s) {
    return (s >> 16) % 65535 << 16 | (s & 0xffff) % 65535;
  };
  const std::uint32_t exchanged = (stored & 0x00ff00ff) << 8 | (stored & 0xff00ff00) >> 8;
  if (folded(stored) != sum && folded(exchanged) != sum) fail(d, "the checksum of a piece differs");
  bytes.resize(count);
}

/// Undoes the filters, last first, but those that `mask` says were left out.
Bytes plain(const ChunkedDataset& d,
            const std::vector<Filter>& filters,
            std::uint32_t mask,
            Bytes bytes,
            std::size_t chunk_bytes) {
  for (std::size_t i = filters.size(); i-- > 0;) {
    if (i < 32 && (mask >> i & 1U) != 0) continue;
    if (filters[i].id == H5Z_FILTER_FLETCHER32) take_checksum(d, bytes);
    if (filters[i].id == H5Z_FILTER_SHUFFLE) bytes = unshuffled(d, bytes, filters[i].element_bytes);
    if (filters[i].id != H5Z_FILTER_DEFLATE) continue;
    std::size_t expected = chunk_bytes;
    for (std::size_t j = 0; j < i; ++j) {
      if (filters[j].id == H5Z_FILTER_DEFLATE) fail(d, "compressed twice");
      if (filters[j].id == H5Z_FILTER_FLETCHER32 && (mask >> j & 1U) == 0)
        expected += kChecksumBytes;
    }
    bytes = inflated(d, bytes, expected);
  }
  if (bytes.size() != chunk_bytes) fail(d, "a piece is not of its size");
  return bytes;
}

/// Reads the chunks of one dataset.
class Reader {
 public:
  Reader(const ChunkedDataset& d, hid_t memory, std::size_t memory_bytes)
      : d_(d),
        filters_(filters_of(d)),
        memory_(memory),
        memory_bytes_(memory_bytes),
        element_bytes_(H5Tget_size(d.type)),
        chunk_(d.dims.size()) {
    const int rank = static_cast<int>(d.dims.size());
    if (H5Pget_chunk(d.plist, rank, chunk_.data()) != rank) fail(d, "the chunks are damaged");
    chunk_count_ = 1;
    std::uint64_t pieces = 1;
    for (std::size_t i = 0; i < chunk_.size(); ++i) {
      const auto dim = static_cast<hsize_t>(d.dims[i]);
      chunk_count_ *= chunk_[i];
      pieces *= (dim + chunk_[i] - 1) / chunk_[i];
    }
    // Every piece has an entry of at least eight bytes in some index.
    if (pieces > static_cast<std::uint64_t>(d.file_bytes) / 8 + 1)
      fail(d, "more pieces than the file can hold");
    if (filters_.empty()) check_sizes(pieces);
  }

  void read(std::byte* to) {
    std::vector<hsize_t> at(chunk_.size(), 0);
    for (;;) {
      const Bytes elements = chunk(at);
      if (to != nullptr) scatter(at, elements, to);
      std::size_t axis = at.size();
      while (axis-- > 0) {
        at[axis] += chunk_[axis];
        if (at[axis] < static_cast<hsize_t>(d_.dims[axis])) break;
        at[axis] = 0;
        if (axis == 0) return;
      }
    }
  }

 private:
  /// Without filters HDF5 does not tell the size that it will read of one chunk, only that of all.
  void check_sizes(std::uint64_t pieces) const {
    const Handle space(H5Dget_space(d_.set), H5Sclose);
    hsize_t stored = 0;
    if (!space || H5Dget_num_chunks(d_.set, space.get(), &stored) < 0 || stored > pieces ||
        stored > kMostPlainChunks)
      fail(d_, "the index of the pieces is damaged, or too long");
    for (hsize_t i = 0; i < stored; ++i) {
      hsize_t bytes = 0;
      if (H5Dget_chunk_info(d_.set, space.get(), i, nullptr, nullptr, nullptr, &bytes) < 0 ||
          bytes != chunk_count_ * element_bytes_)
        fail(d_, "a piece is not of its size");
    }
  }

  /// The elements of the chunk that begins at `at`, in memory's type.
  Bytes chunk(const std::vector<hsize_t>& at) const {
    const std::size_t chunk_bytes = chunk_count_ * element_bytes_;
    hsize_t stored = 0;
    const bool found = H5Dget_chunk_storage_size(d_.set, at.data(), &stored) >= 0;
    if (!found) check_absent(at);
    if (!found || stored == 0) return nothing();
    // Deflate makes what it cannot shrink larger by less than a thousandth.
    const hsize_t most = chunk_bytes + chunk_bytes / 500 + 1024;
    if (stored > most || stored > static_cast<hsize_t>(d_.file_bytes) ||
        (filters_.empty() && stored != chunk_bytes))
      fail(d_, "a piece is not of its size");
    Bytes bytes(filters_.empty() ? chunk_bytes : static_cast<std::size_t>(stored));
    std::uint32_t mask = 0;
    if (H5Dread_chunk(d_.set, H5P_DEFAULT, at.data(), &mask, bytes.data()) < 0)
      fail(d_, "the data cannot be read");
    bytes = plain(d_, filters_, mask, std::move(bytes), chunk_bytes);
    bytes.resize(chunk_count_ * std::max(element_bytes_, memory_bytes_));
    if (H5Tconvert(d_.type, memory_, chunk_count_, bytes.data(), nullptr, H5P_DEFAULT) < 0)
      fail(d_, "the numbers cannot be converted");
    return bytes;
  }

  /// HDF5 1.10 calls it an error to ask for the size of a chunk that was never written.
  void check_absent(const std::vector<hsize_t>& at) const {
    const std::string reason = last_message();
    haddr_t address = 0;
    unsigned mask = 0;
    hsize_t bytes = 0;
    if (H5Dget_chunk_info_by_coord(d_.set, at.data(), &mask, &address, &bytes) < 0 ||
        address != HADDR_UNDEF)
      fail(d_, "a piece is not found: " + reason);
  }

  /// What stands where nothing was written.
  Bytes nothing() const {
    Bytes bytes(chunk_count_ * memory_bytes_);
    H5D_fill_value_t kind = H5D_FILL_VALUE_UNDEFINED;
    if (H5Pfill_value_defined(d_.plist, &kind) < 0) fail(d_, "the fill value is damaged");
    if (kind == H5D_FILL_VALUE_UNDEFINED) return bytes;
    Bytes value(memory_bytes_);
    if (H5Pget_fill_value(d_.plist, memory_, value.data()) < 0)
      fail(d_, "the fill value is damaged");
    for (std::size_t i = 0; i < bytes.size(); i += memory_bytes_)
      std::memcpy(bytes.data() + i, value.data(), memory_bytes_);
    return bytes;
  }

  /// Copies the rows of a chunk to their places; chunks at the end stand over the edge.
  void scatter(const std::vector<hsize_t>& at, const Bytes& from, std::byte* to) const {
    const std::size_t last = chunk_.size() - 1;
    const std::size_t rows = chunk_count_ / chunk_[last];
    const hsize_t width =
        std::min<hsize_t>(chunk_[last], static_cast<hsize_t>(d_.dims[last]) - at[last]);
    for (std::size_t row = 0; row < rows; ++row) {
      std::size_t left = row;
      hsize_t target = at[last], stride = static_cast<hsize_t>(d_.dims[last]);
      bool inside = true;
      for (std::size_t axis = last; axis-- > 0;) {
        const hsize_t place = at[axis] + left % chunk_[axis];
        left /= chunk_[axis];
        inside = inside && place < static_cast<hsize_t>(d_.dims[axis]);
        target += place * stride;
        stride *= static_cast<hsize_t>(d_.dims[axis]);
      }
      if (!inside) continue;
      std::memcpy(to + target * memory_bytes_, from.data() + row * chunk_[last] * memory_bytes_,
                  width * memory_bytes_);
    }
  }

  const ChunkedDataset& d_;
  std::vector<Filter> filters_;
  hid_t memory_;
  std::size_t memory_bytes_, element_bytes_, chunk_count_{};
  std::vector<hsize_t> chunk_;
};

}  // namespace

void read_chunks(const ChunkedDataset& dataset,
                 hid_t memory,
                 std::size_t memory_bytes,
                 std::byte* to) {
  for (const std::int64_t dim : dataset.dims) {
    if (dim == 0) return;
  }
  Reader(dataset, memory, memory_bytes).read(to);
}

}  // namespace cutaway::weights::hdf5
