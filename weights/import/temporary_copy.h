#pragma once

#include <cstdint>
#include <string>

#include "weights/import/binary_file.h"

namespace cutaway::weights {

/// A part of a file as a file of its own, for readers that want one (HDF5 inside a zip archive). It
/// lies in the system's folder for such files, readable by nobody else, and its name goes with this
/// object: whoever has it open keeps it.
class TemporaryCopy {
 public:
  /// Throws kInput when the part is not inside `file`, kInternal when the system fails (disk full).
  TemporaryCopy(const BinaryFile& file, std::uint64_t offset, std::uint64_t bytes);
  ~TemporaryCopy();
  TemporaryCopy(const TemporaryCopy&) = delete;
  TemporaryCopy& operator=(const TemporaryCopy&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace cutaway::weights
