#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace cutaway::weights {

/// A file that appears under its name whole or not at all: written under a temporary name in the
/// same directory, then renamed over the old one. Unless committed, the destructor removes it.
class AtomicFile {
 public:
  /// Creates the empty temporary file; throws kInput with the system's reason.
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  [[nodiscard]] const std::string& temporary() const noexcept { return temporary_; }
  /// Writes bytes into the temporary file, and has the system begin to bring them to the disk.
  void write_at(std::size_t offset, std::span<const std::byte> bytes);
  /// Forces what was written to disk; commit() then has less to wait for.
  void flush();
  /// Forces the contents to disk, renames, and forces the directory entry to disk.
  void commit();

 private:
  std::string path_, temporary_;
};

}  // namespace cutaway::weights
