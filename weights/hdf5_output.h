#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/files/atomic_file.h"
#include "weights/hdf5_handle.h"
#include "weights/hdf5_sink.h"

#pragma GCC visibility push(hidden)

/// Writing HDF5 piece by piece, for files larger than memory. Private, as weights/hdf5_handle.h; a
/// Session is held around every call but OutputFile's own members.
namespace cutaway::weights::hdf5 {

/// A new HDF5 file that appears under its name whole or not at all. Equal contents written in equal
/// order give equal bytes: no times are stored.
class OutputFile {
 public:
  /// Throws as files::AtomicFile does.
  explicit OutputFile(std::string path);
  /// Without close(), what was written is removed.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  [[nodiscard]] hid_t get() const noexcept { return file_.get(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// Throws kInternal, naming the file and the system's reason where it cannot be written, and the
  /// object in it and HDF5's reason otherwise. A Session is held.
  [[noreturn]] void fail(const std::string& object) const;

  [[nodiscard]] Handle make_group(hid_t parent, const std::string& name) const;
  void write_text_attribute(hid_t object, const char* name, const std::string& text) const;

  /// Brings everything to the disk under the file's name. All other handles are closed by then.
  void close();

 private:
  std::string path_;
  std::optional<files::AtomicFile> target_;
  WriteFailure failure_{std::make_shared<int>(0)};
  Handle file_;
};

/// How the elements of a dataset are stored.
struct Storage {
  hid_t type;                    ///< in the file
  std::vector<hsize_t> extents;  ///< at first
  std::vector<hsize_t> most;     ///< H5S_UNLIMITED where it may grow; empty: as `extents`
  std::vector<hsize_t> chunk;    ///< empty: contiguous
  const void* fill{nullptr};     ///< an element of `type`; null: HDF5's own
  int deflate{0};                ///< level, 0: not compressed
  std::size_t cache_slots{0},
      cache_bytes{0};  ///< of chunks; 0 and 0: one chunk, dropped when written
};
/// An invalid handle when that fails.
[[nodiscard]] Handle make_dataset(hid_t parent, const char* name, const Storage& storage);

/// Gives a dataset that many rows.
[[nodiscard]] bool extend(hid_t set, std::int64_t rows);
/// The block of a dataset of rank 1 to 5 that begins at `start` and counts `count` along its first
/// extents, whole along the others.
struct Block {
  std::array<std::int64_t, 2> start{0, 0};
  std::array<std::int64_t, 2> count{1, 0};  ///< second 0: whole
};
[[nodiscard]] bool write_block(hid_t set, const Block& block, hid_t type, const void* data);
[[nodiscard]] bool read_block(hid_t set, const Block& block, hid_t type, void* data);

/// Text of variable length in UTF-8.
[[nodiscard]] Handle text_type();

}  // namespace cutaway::weights::hdf5

#pragma GCC visibility pop
