#pragma once

#include <string>
#include <vector>

namespace cutaway::files {

/// All that a command reads and all that it will write. Empty paths do not count, nor does "-".
struct PathUse {
  std::vector<std::string> reads;    ///< files and folders
  std::vector<std::string> writes;   ///< files
  std::vector<std::string> folders;  ///< where results go
  bool overwrite{false};             ///< files to be written may be there already
};

/// Throws kUsage, before anything is lost, when
///   - a file to be written is one of those that are read, or stands for two results;
///   - a folder of results is one of those that are read, or holds a file that is read;
///   - a file to be written is there and `overwrite` does not say that it may go, or is a folder, a
///     device or a symbolic link, which nothing is written through;
///   - a folder of results is a file.
/// Paths are compared as what they lead to: by links, "..", other names of one file.
void check_outputs(const PathUse& use);

/// Whether both lead to one file or folder, or would if they were there.
[[nodiscard]] bool same_place(const std::string& a, const std::string& b);
/// Whether `path` is `folder` or lies below it, links resolved.
[[nodiscard]] bool lies_in(const std::string& path, const std::string& folder);

}  // namespace cutaway::files
