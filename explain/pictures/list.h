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
#include "explain/pictures/read_image.h"
#include "runtime/files/csv.h"

namespace cutaway::explain {

/// A picture inside a larger file, decoded when it is asked for, from any thread.
class StoredPicture {
 public:
  StoredPicture() = default;
  virtual ~StoredPicture() = default;
  StoredPicture(const StoredPicture&) = delete;
  StoredPicture& operator=(const StoredPicture&) = delete;
  /// Throws kInput when it cannot be read, kMemory when it does not fit options.memory.
  [[nodiscard]] virtual Image read(const ReadOptions& options) const = 0;
};

/// A picture to read.
struct ImageEntry {
  std::string path;  ///< to open it
  std::string name;  ///< for people and file names: as the list or command line has it
  std::optional<std::int64_t> label{};  ///< index of the true class, where known
  /// Fields of a list's other columns, by the column's name; empty fields are left out.
  std::vector<std::pair<std::string, std::string>> columns{};
  /// The picture itself where it does not stand in a file of its own: its bytes (archives), or
  /// whoever reads it (HDF5).
  std::shared_ptr<const std::vector<std::uint8_t>> bytes{};
  std::shared_ptr<const StoredPicture> stored{};
  std::string error{};  ///< why it cannot be read; empty: nothing is known against it
  friend bool operator==(const ImageEntry&, const ImageEntry&) = default;
};

/// The field of that column; empty when there is none.
[[nodiscard]] std::string column_of(const ImageEntry& entry, std::string_view name);

/// The picture of an entry, decoded. Throws like read_image, and kInput with the entry's own error.
[[nodiscard]] Image read_entry(const ImageEntry& entry, const ReadOptions& options = {});

/// What an entry holds in memory while it waits to be decoded, in bytes.
[[nodiscard]] std::size_t held_bytes(const ImageEntry& entry);
/// A batch is closed early once its entries hold this much.
inline constexpr std::size_t kMostHeldBytes = std::size_t{64} << 20U;

/// Walks over a list, entry by entry. Two forms:
///   CSV          RFC 4180 (quotes, CRLF; a UTF-8 mark is skipped): a header with a column `file`
///                (or filename, file_name, path, image), perhaps a column `label` of integers >= 0
///                (an empty field: unknown), and others. Upper and lower case are one in the header;
///                where blanks stand behind its commas, those around all fields are dropped.
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

  /// False at the end. Throws kInput, naming list and line, on anything that is not as above, and
  /// on labels that are none of `classes`, where they are known.
  bool next(ImageEntry& entry);
  /// So many classes there are: labels are below that. 0: not known.
  void expect_classes(std::int64_t classes) noexcept { classes_ = classes; }
  /// "file, class": what stands in the header, for complaints; empty for plain text.
  [[nodiscard]] std::string columns() const;
  [[nodiscard]] bool has_labels() const noexcept { return plain_ || label_at_ != kNone; }

 private:
  bool next_csv(ImageEntry& entry);
  bool next_plain(ImageEntry& entry);

  const std::string text_, folder_, name_;
  files::CsvReader csv_;
  std::string_view rest_;
  void check(const std::optional<std::int64_t>& label) const;

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::int64_t classes_{0};
  std::size_t plain_line_{0};
  bool plain_{false};
  std::vector<std::string> header_, fields_;
  std::size_t file_at_{0}, label_at_{kNone};
};

/// All entries of a CSV list (*.txt: of either form). Throws like ImageList, and kInput when no
/// picture is listed.
/// `classes`: see ImageList::expect_classes.
[[nodiscard]] std::vector<ImageEntry> read_image_list(const std::string& path,
                                                      std::int64_t classes = 0);
/// The same for CSV already read; `folder` is put before relative files, `name` stands in errors.
[[nodiscard]] std::vector<ImageEntry> parse_image_list(std::string_view text,
                                                       const std::string& folder,
                                                       const std::string& name);
/// The list in that file, checked from its first line to its last; `count` is how many it names.
/// Throws the same.
[[nodiscard]] std::unique_ptr<ImageList> open_image_list(const std::string& path,
                                                         std::int64_t& count,
                                                         std::int64_t classes = 0);

/// Throws kInput when `label` is none of `classes` classes (0: not known), with what may be meant.
void check_label(std::int64_t label, std::int64_t classes, const std::string& where);

/// The files of a folder that are named as pictures, sorted by path, byte by byte; hidden files and
/// folders are skipped, links to folders not followed. `name` is the path below the folder.
/// `without`: a folder below it that is left out; may be empty. Throws kInput when the folder cannot
/// be read or holds no picture.
[[nodiscard]] std::vector<ImageEntry> list_folder(const std::string& folder,
                                                  bool recursive = false,
                                                  const std::string& without = {});

/// All pictures of a command line, in its order: each input is a folder, a list (*.csv, *.txt) or
/// one picture. Throws kUsage without inputs, kInput when one does not exist, and like the above.
[[nodiscard]] std::vector<ImageEntry> collect_images(std::span<const std::string> inputs,
                                                     bool recursive = false);

/// ".jpg" for "A/B.JPG"; ASCII only.
[[nodiscard]] std::string lower_extension(const std::string& path);
/// True for names that end as pictures' do (any case) and do not begin with a dot. Those of formats
/// that are not read are among them: whoever wants all pictures of a folder must hear that some are
/// not.
[[nodiscard]] bool is_picture_name(const std::string& path);

}  // namespace cutaway::explain
