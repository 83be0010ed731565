#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/error.h"

namespace cutaway::files {

/// What a failed attempt to write `path` is, by the system's reason (errno): kUsage where another
/// path or other permissions would do (no such folder, not allowed, a folder in the way),
/// kInternal where the system fails (disk full).
[[nodiscard]] Error write_error(const std::string& path, int code);

/// kSync: the contents and the name are on the disk before the call returns.
/// kRename: the file survives the end of this process, however it ends, but a power failure may
/// leave it empty or absent. For files by the ten thousand whose sizes are written down elsewhere.
enum class Durability : std::uint8_t { kSync, kRename };

/// A file that appears under its name whole or not at all: written under a temporary name in the
/// same folder, then renamed over the old one. Unless committed, the destructor removes it.
///
/// Every member throws, naming the path and the system's reason: kUsage when the folder is missing
/// or not writable or the path is a folder, kInternal when the system fails otherwise (disk full).
class AtomicFile {
 public:
  /// Creates the empty temporary file. The first of a folder in this process removes the temporary
  /// files that processes which no longer are have left there.
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Where others (HDF5) may write the contents.
  [[nodiscard]] const std::string& temporary() const noexcept { return temporary_; }
  /// Writes bytes into the temporary file. Once some MiB in a row have been written, the system is
  /// asked to begin to bring them to the disk.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Reads bytes of the temporary file; throws kInternal where it does not have them.
  void read_at(std::uint64_t offset, std::span<std::byte> to) const;
  /// Bytes of the temporary file.
  [[nodiscard]] std::uint64_t size() const;
  /// Makes the file appear under its name, with its contents and its name on the disk as
  /// `durability` says.
  void commit(Durability durability = Durability::kSync);

 private:
  std::string path_, temporary_;
  int descriptor_{-1};
  std::uint64_t begun_{0}, written_{0};  // what is not yet on its way to the disk
};

/// A whole file through AtomicFile: readers see the old one or the new one, never a part. On
/// failure the old file is untouched and nothing else is left.
void write_file_atomically(const std::string& path,
                           std::span<const std::uint8_t> bytes,
                           Durability durability = Durability::kSync);
void write_file_atomically(const std::string& path,
                           std::string_view text,
                           Durability durability = Durability::kSync);

/// Removes the temporary files in `folder` and below it that AtomicFile left there when its process
/// was killed. What somebody still writes stays, as do files of other names, links, and what cannot
/// be removed.
void remove_abandoned_files(const std::string& folder);

}  // namespace cutaway::files
