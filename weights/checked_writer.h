#pragma once

#include <cstdint>
#include <span>

#include "runtime/files/atomic_file.h"
#include "weights/package_parts.h"
#include "weights/xxh64.h"

namespace cutaway::weights {

/// Writes into a file whose XXH64 from `start` on is wanted, and computes it from what passes
/// through, so that nothing is read back that was written in the order of the file. What lies
/// between two writes must be in the file before the second, and is read.
class CheckedWriter {
 public:
  CheckedWriter(files::AtomicFile& file, std::uint64_t start)
      : file_(file), start_(start), at_(start) {}

  /// Throws kInput when the file cannot be written.
  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Size of the whole file and the XXH64, once nothing is to be written any more.
  [[nodiscard]] parts::Checked finish();

 private:
  void take_up_to(std::uint64_t end);

  files::AtomicFile& file_;
  std::uint64_t start_, at_;
  Xxh64 hash_;  // of [start_, at_)
};

}  // namespace cutaway::weights
