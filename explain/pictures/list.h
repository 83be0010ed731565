#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "explain/pictures/image.h"
#include "runtime/files/csv.h"

namespace cutaway::explain {

/// A picture to read.
struct ImageEntry {
  std::string path;  ///< to open it
  std::string name;  ///< for people and file names: as the list or command line has it
  std::optional<std::int64_t> label{};  ///< index of the true class, where known
  /// Fields of a list's other columns, by the column's name; empty fields are left out.
  std::vector<std::pair<std::string, std::string>> columns{};
  /// The picture itself where it does not stand in a file of its own: encoded (archives) or decoded
  /// (HDF5).
  std::shared_ptr<const std::vector<std::uint8_t>> bytes{};
  std::shared_ptr<const Image> pixels{};
  std::string error{};  ///< why it cannot be read; empty: nothing is known against it
  friend bool operator==(const ImageEntry&, const ImageEntry&) = default;
};

/// The field of that column; empty when there is none.
[[nodiscard]] std::string column_of(const ImageEntry& entry, std::string_view name);

/// The picture of an entry, decoded. Throws like read_image, and kInput with the entry's own error.
[[nodiscard]] Image read_entry(const ImageEntry& entry);

/// Walks over a list, entry by entry. Two forms:
///   CSV          RFC 4180 (quotes, CRLF; a UTF-8 mark is skipped): a header with a column `file`,
///                perhaps a column `label` of integers >= 0 (an empty field: unknown), and others
///   plain text   a file a line, perhaps a blank and the label behind it; lines that begin with '#'
///                are skipped
/// Blank lines are skipped. Relative files are relative to the list's folder. Whether the pictures
/// exist is not checked.
class ImageList {
 public:
  enum class Form : std::uint8_t {
    kCsv,
    kPlain,
    kEither  ///< CSV if the header names `file`
  };

  /// Reads the header. Throws kInput, naming list and line.
  ImageList(std::string text, std::string folder, std::string name, Form form);
  ImageList(const ImageList&) = delete;
  ImageList& operator=(const ImageList&) = delete;

  /// False at the end. Throws kInput, naming list and line, on anything that is not as above.
  bool next(ImageEntry& entry);

 private:
  bool next_csv(ImageEntry& entry);
  bool next_plain(ImageEntry& entry);

  const std::string text_, folder_, name_;
  files::CsvReader csv_;
  std::string_view rest_;
  bool plain_{false};
  std::vector<std::string> header_, fields_;
  std::size_t file_at_{0}, label_at_{0};
};

/// All entries of a CSV list (*.txt: of either form). Throws like ImageList, and kInput when no
/// picture is listed.
[[nodiscard]] std::vector<ImageEntry> read_image_list(const std::string& path);
/// The same for CSV already read; `folder` is put before relative files, `name` stands in errors.
[[nodiscard]] std::vector<ImageEntry> parse_image_list(std::string_view text,
                                                       const std::string& folder,
                                                       const std::string& name);
/// The list in that file, checked from its first line to its last; `count` is how many it names.
/// Throws the same.
[[nodiscard]] std::unique_ptr<ImageList> open_image_list(const std::string& path,
                                                         std::int64_t& count);

/// The files of a folder whose names end in .jpg, .jpeg or .png (any case), sorted by path, byte by
/// byte; hidden files and folders are skipped, links to folders not followed. `name` is the path
/// below the folder. `without`: a folder below it that is left out; may be empty. Throws kInput when
/// the folder cannot be read or holds no picture.
[[nodiscard]] std::vector<ImageEntry> list_folder(const std::string& folder,
                                                  bool recursive = false,
                                                  const std::string& without = {});

/// All pictures of a command line, in its order: each input is a folder, a list (*.csv, *.txt) or
/// one picture. Throws kUsage without inputs, kInput when one does not exist, and like the above.
[[nodiscard]] std::vector<ImageEntry> collect_images(std::span<const std::string> inputs,
                                                     bool recursive = false);

/// ".jpg" for "A/B.JPG"; ASCII only.
[[nodiscard]] std::string lower_extension(const std::string& path);
/// True for names that end in .jpg, .jpeg or .png and do not begin with a dot.
[[nodiscard]] bool is_picture_name(const std::string& path);

}  // namespace cutaway::explain
