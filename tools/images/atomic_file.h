#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cutaway::tools {

/// Writes a whole file so that readers see the old one or the new one, never a part: a temporary
/// file in the same folder, fsync, rename, fsync of the folder. Replaces an existing file. On
/// failure the temporary file is gone and the old file untouched. Throws kUsage when the folder is
/// missing or not writable or the path is a folder, kInternal when the system fails otherwise (disk
/// full); both name the path and the system's reason.
///
/// Durability::kRename leaves out both fsyncs: the file survives the end of this process, however
/// it ends, but a power failure may leave it empty or absent. For files by the ten thousand whose
/// sizes are written down elsewhere.
enum class Durability : std::uint8_t { kSync, kRename };
void write_file_atomically(const std::string& path,
                           std::span<const std::uint8_t> bytes,
                           Durability durability = Durability::kSync);
void write_file_atomically(const std::string& path,
                           std::string_view text,
                           Durability durability = Durability::kSync);

/// Removes the temporary files below `folder` that write_file_atomically() left there when its
/// process was killed. Nobody else may be writing into the folder. Files of other names, links and
/// what cannot be removed stay.
void remove_abandoned_files(const std::string& folder);

/// The bytes of a regular file. Throws kInput, naming the path, when it is missing, unreadable, no
/// regular file (folders, devices, pipes) or larger than `limit` bytes.
[[nodiscard]] std::vector<std::uint8_t> read_file(const std::string& path,
                                                  std::uint64_t limit = std::uint64_t{1} << 30U);

}  // namespace cutaway::tools
