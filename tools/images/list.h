#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cutaway::tools {

/// A picture to read.
struct ImageEntry {
  std::string path;  ///< to open it
  std::string name;  ///< for people and file names: as the list or command line has it
  std::optional<std::int64_t> label;  ///< index of the true class, where known
  friend bool operator==(const ImageEntry&, const ImageEntry&) = default;
};

/// A list in CSV (RFC 4180: quotes, CRLF; a UTF-8 mark is skipped): a header with a column `file`
/// and perhaps a column `label` of integers >= 0 (an empty field: unknown); other columns are
/// ignored, and so are blank lines. Relative files are relative to the list's folder. Whether the
/// pictures exist is not checked. Throws kInput, naming list and line, on anything else, and when
/// no picture is listed.
[[nodiscard]] std::vector<ImageEntry> read_image_list(const std::string& path);
/// The same for text already read; `folder` is put before relative files, `name` stands in errors.
[[nodiscard]] std::vector<ImageEntry> parse_image_list(std::string_view text,
                                                       const std::string& folder,
                                                       const std::string& name);

/// The files of a folder whose names end in .jpg, .jpeg or .png (any case), sorted by path, byte by
/// byte; hidden files and folders are skipped, links to folders not followed. `name` is the path
/// below the folder. Throws kInput when the folder cannot be read or holds no picture.
[[nodiscard]] std::vector<ImageEntry> list_folder(const std::string& folder,
                                                  bool recursive = false);

/// All pictures of a command line, in its order: each input is a folder, a list (*.csv) or one
/// picture. Throws kUsage without inputs, kInput when one does not exist, and like the above.
[[nodiscard]] std::vector<ImageEntry> collect_images(std::span<const std::string> inputs,
                                                     bool recursive = false);

}  // namespace cutaway::tools
