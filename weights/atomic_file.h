#pragma once

#include <cstddef>
#include <cstdint>
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
  /// Writes bytes into the temporary file. Once some MiB in a row have been written, the system is
  /// asked to begin to bring them to the disk.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Reads bytes of the temporary file; throws kInput where it does not have them.
  void read_at(std::uint64_t offset, std::span<std::byte> to) const;
  /// Bytes of the temporary file.
  [[nodiscard]] std::uint64_t size() const;
  /// Forces the contents to disk, renames, and forces the directory entry to disk.
  void commit();

 private:
  std::string path_, temporary_;
  int descriptor_{-1};
  std::uint64_t begun_{0}, written_{0};  // what is not yet on its way to the disk
};

}  // namespace cutaway::weights
