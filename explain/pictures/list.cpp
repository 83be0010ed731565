#include "explain/pictures/list.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <initializer_list>
#include <system_error>

#include "explain/pictures/read_image.h"
#include "runtime/error.h"
#include "runtime/files/output_check.h"
#include "runtime/files/read_file.h"

namespace cutaway::explain {
namespace {

namespace fs = std::filesystem;

// A list of that size names millions of pictures.
constexpr std::uint64_t kMostListBytes = std::uint64_t{1} << 28U;

bool is_hidden(const fs::path& path) { return path.filename().string().rfind('.', 0) == 0; }

constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);

/// ASCII letters small, blanks around dropped.
std::string plain_word(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  std::string word(text.substr(first, text.find_last_not_of(" \t") - first + 1));
  for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return word;
}

/// The column of one of those names, the first that is there.
std::size_t column(const std::vector<std::string>& header,
                   std::initializer_list<std::string_view> names,
                   const files::CsvReader& csv) {
  for (const std::string_view name : names) {
    const auto is_it = [&](const std::string& field) { return plain_word(field) == name; };
    const auto first = std::ranges::find_if(header, is_it);
    if (first == header.end()) continue;
    if (std::find_if(first + 1, header.end(), is_it) != header.end()) {
      throw csv.error("the column '" + std::string(name) + "' stands twice in the header");
    }
    return static_cast<std::size_t>(first - header.begin());
  }
  return kAbsent;
}

std::size_t file_column(const std::vector<std::string>& header, const files::CsvReader& csv) {
  return column(header, {"file", "filename", "file_name", "path", "image"}, csv);
}

std::optional<std::int64_t> parse_label(const std::string& field, const files::CsvReader& csv) {
  const std::string text = plain_word(field);
  if (text.empty()) return std::nullopt;
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc() || stop != end || value < 0) {
    throw csv.error("a label").expected("an integer, 0 or more").got("'" + text + "'");
  }
  return value;
}

Error folder_error(const std::string& folder, const std::error_code& code) {
  return Error(ErrorKind::kInput, "cannot read the folder").at(folder).got(code.message());
}

template <class Iterator>
std::vector<fs::path> pictures_below(const std::string& folder, const std::string& without) {
  std::error_code code;
  std::vector<fs::path> found;
  Iterator it(folder, code);
  if (code) throw folder_error(folder, code);
  while (it != Iterator()) {
    const bool hidden = is_hidden(it->path());
    if constexpr (std::is_same_v<Iterator, fs::recursive_directory_iterator>) {
      const bool left_out = !without.empty() && it->is_directory(code) &&
                            files::same_place(it->path().string(), without);
      if (hidden || left_out) it.disable_recursion_pending();
    }
    std::error_code ignored;
    if (is_picture_name(it->path().string()) && !it->is_directory(ignored)) {
      found.push_back(it->path());
    }
    it.increment(code);
    if (code) throw folder_error(folder, code);
  }
  return found;
}

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

ImageList::Form form_of(const std::string& path) {
  return lower_extension(path) == ".txt" ? ImageList::Form::kEither : ImageList::Form::kCsv;
}

std::string text_of(const std::string& path) {
  const std::vector<std::uint8_t> bytes = files::read_file(path, kMostListBytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<ImageEntry> all_of(ImageList& list, const std::string& name) {
  std::vector<ImageEntry> entries;
  ImageEntry entry;
  while (list.next(entry)) entries.push_back(entry);
  if (entries.empty()) throw Error(ErrorKind::kInput, "the list names no pictures").at(name);
  return entries;
}

}  // namespace

std::string lower_extension(const std::string& path) {
  std::string text = fs::path(path).extension().string();
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

bool is_picture_name(const std::string& path) {
  constexpr std::array<std::string_view, 34> kExtensions{
      ".jpg",  ".jpeg", ".jpe",  ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif",
      ".tiff",  // these are read
      ".gif",  ".avif", ".heic", ".heif", ".jxl", ".jp2",  ".j2k", ".jpx", ".ppm",
      ".pgm",  ".pbm",  ".pnm",  ".exr",  ".hdr", ".tga",  ".psd", ".dng", ".cr2",
      ".cr3",  ".nef",  ".arw",  ".orf",  ".rw2", ".raf"};
  return !is_hidden(path) &&
         std::ranges::find(kExtensions, lower_extension(path)) != kExtensions.end();
}

std::string column_of(const ImageEntry& entry, std::string_view name) {
  for (const auto& [column, field] : entry.columns) {
    if (column == name) return field;
  }
  return {};
}

Image read_entry(const ImageEntry& entry, const ReadOptions& options) {
  if (!entry.error.empty()) throw Error(ErrorKind::kInput, entry.error);
  if (entry.stored) return entry.stored->read(options);
  if (entry.bytes) return decode_image(*entry.bytes, entry.name, options);
  return read_image(entry.path, options);
}

std::size_t held_bytes(const ImageEntry& entry) { return entry.bytes ? entry.bytes->size() : 0; }

ImageList::ImageList(std::string text, std::string folder, std::string name, Form form)
    : text_(std::move(text)),
      folder_(std::move(folder)),
      name_(std::move(name)),
      csv_(text_, name_),
      rest_(text_) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (rest_.starts_with(kMark)) rest_.remove_prefix(kMark.size());
  plain_ = form == Form::kPlain;
  if (plain_) return;
  files::CsvReader probe(text_, name_);
  const bool any = probe.next(header_);
  plain_ = form == Form::kEither && (!any || file_column(header_, probe) == kAbsent);
  if (plain_) return;
  const bool blanks = std::ranges::any_of(header_, [](const std::string& field) {
    return field.starts_with(' ') || field.starts_with('\t') || field.ends_with(' ');
  });
  if (blanks) csv_.trim();
  if (!csv_.next(header_)) throw Error(ErrorKind::kInput, "the list is empty").at(name_);
  file_at_ = file_column(header_, csv_);
  label_at_ = column(header_, {"label"}, csv_);
  if (file_at_ == kAbsent) {
    throw csv_.error("the header names no column 'file'")
        .got("'" + columns().substr(0, 120) + "'")
        .hint("the first line of a list is its header, for example file,label");
  }
}

std::string ImageList::columns() const {
  std::string text;
  if (plain_) return text;
  for (const std::string& field : header_) text += (text.empty() ? "" : ", ") + field;
  return text;
}

void ImageList::check(const std::optional<std::int64_t>& label) const {
  if (label)
    check_label(*label, classes_, name_ + ":" + std::to_string(plain_ ? plain_line_ : csv_.line()));
}

void check_label(std::int64_t label, std::int64_t classes, const std::string& where) {
  if (classes < 1 || label < classes) return;
  Error error =
      Error(ErrorKind::kInput, "label " + std::to_string(label) + " is none of the net's " +
                                   std::to_string(classes) + " classes")
          .at(where)
          .expected("0 to " + std::to_string(classes - 1));
  if (label == classes) throw std::move(error).hint("labels count from 0; do these count from 1?");
  throw error;
}

bool ImageList::next(ImageEntry& entry) {
  entry = {};
  return plain_ ? next_plain(entry) : next_csv(entry);
}

bool ImageList::next_csv(ImageEntry& entry) {
  if (!csv_.next(fields_)) return false;
  if (fields_.size() != header_.size()) {
    throw csv_.error("number of fields")
        .expected(std::to_string(header_.size()))
        .got(std::to_string(fields_.size()));
  }
  entry.name = fields_[file_at_];
  if (entry.name.empty()) throw csv_.error("an empty file name");
  if (entry.name.find('\0') != std::string::npos) throw csv_.error("a file name with a NUL byte");
  entry.path = (fs::path(folder_) / entry.name).string();
  if (label_at_ != kAbsent) entry.label = parse_label(fields_[label_at_], csv_);
  check(entry.label);
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (i == file_at_ || i == label_at_ || fields_[i].empty()) continue;
    entry.columns.emplace_back(header_[i], fields_[i]);
  }
  return true;
}

bool ImageList::next_plain(ImageEntry& entry) {
  while (!rest_.empty()) {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++plain_line_;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
      line.remove_suffix(1);
    }
    if (line.empty() || line.front() == '#') continue;
    if (line.find('\0') != std::string_view::npos) {
      throw Error(ErrorKind::kInput, "a file name with a NUL byte").at(name_);
    }
    const std::size_t blank = line.find_last_of(" \t");
    if (blank != std::string_view::npos && is_digits(line.substr(blank + 1))) {
      entry.label = parse_label(std::string(line.substr(blank + 1)), csv_);
      check(entry.label);
      line = line.substr(0, blank);
      while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
    }
    entry.name = std::string(line);
    entry.path = (fs::path(folder_) / entry.name).string();
    return true;
  }
  return false;
}

std::vector<ImageEntry> parse_image_list(std::string_view text,
                                         const std::string& folder,
                                         const std::string& name) {
  ImageList list(std::string(text), folder, name, ImageList::Form::kCsv);
  return all_of(list, name);
}

std::vector<ImageEntry> read_image_list(const std::string& path, std::int64_t classes) {
  ImageList list(text_of(path), fs::path(path).parent_path().string(), path, form_of(path));
  list.expect_classes(classes);
  return all_of(list, path);
}

std::unique_ptr<ImageList> open_image_list(const std::string& path,
                                           std::int64_t& count,
                                           std::int64_t classes) {
  const std::string folder = fs::path(path).parent_path().string();
  const std::string text = text_of(path);
  ImageList check(text, folder, path, form_of(path));
  check.expect_classes(classes);
  ImageEntry entry;
  for (count = 0; check.next(entry);) ++count;
  if (count == 0) throw Error(ErrorKind::kInput, "the list names no pictures").at(path);
  return std::make_unique<ImageList>(text, folder, path, form_of(path));
}

std::vector<ImageEntry> list_folder(const std::string& folder,
                                    bool recursive,
                                    const std::string& without) {
  std::vector<fs::path> found =
      recursive ? pictures_below<fs::recursive_directory_iterator>(folder, without)
                : pictures_below<fs::directory_iterator>(folder, without);
  std::vector<ImageEntry> entries;
  entries.reserve(found.size());
  for (const fs::path& path : found) {
    entries.push_back({path.string(), path.lexically_relative(folder).string()});
  }
  std::sort(entries.begin(), entries.end(),
            [](const ImageEntry& a, const ImageEntry& b) { return a.path < b.path; });
  if (entries.empty()) {
    Error error =
        Error(ErrorKind::kInput, "no pictures (.jpg, .png, .webp, .bmp, .tif ...) in the folder")
            .at(folder);
    if (!recursive) throw std::move(error).hint("folders below it are searched only on request");
    throw error;
  }
  return entries;
}

std::vector<ImageEntry> collect_images(std::span<const std::string> inputs, bool recursive) {
  if (inputs.empty()) throw Error(ErrorKind::kUsage, "no pictures given");
  std::vector<ImageEntry> all;
  for (const std::string& input : inputs) {
    std::error_code code;
    const fs::file_status status = fs::status(input, code);
    if (!fs::exists(status)) {
      throw Error(ErrorKind::kInput, "no such file or folder").at(input);
    }
    std::vector<ImageEntry> some;
    if (fs::is_directory(status)) {
      some = list_folder(input, recursive);
    } else if (lower_extension(input) == ".csv" || lower_extension(input) == ".txt") {
      some = read_image_list(input);
    } else {
      some = {{input, input}};
    }
    all.insert(all.end(), std::make_move_iterator(some.begin()),
               std::make_move_iterator(some.end()));
  }
  return all;
}

}  // namespace cutaway::explain
