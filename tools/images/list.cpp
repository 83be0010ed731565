#include "tools/images/list.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "runtime/error.h"
#include "tools/images/atomic_file.h"

namespace cutaway::tools {
namespace {

namespace fs = std::filesystem;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

bool is_picture_name(const fs::path& path) {
  const std::string extension = lower(path.extension().string());
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

bool is_hidden(const fs::path& path) { return path.filename().string().rfind('.', 0) == 0; }

/// Walks over the records of a CSV text.
class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name) : rest_(text), name_(name) {
    constexpr std::string_view kMark = "\xEF\xBB\xBF";
    if (rest_.substr(0, kMark.size()) == kMark) rest_.remove_prefix(kMark.size());
  }

  /// The next record that is not blank; false at the end.
  bool next(std::vector<std::string>& fields) {
    while (!rest_.empty()) {
      line_ = following_line_;
      read_record(fields);
      if (fields.size() > 1 || !fields[0].empty()) return true;
    }
    return false;
  }
  [[nodiscard]] Error error(const std::string& what) const {
    return Error(ErrorKind::kInput, what).at(name_ + ":" + std::to_string(line_));
  }

 private:
  void read_record(std::vector<std::string>& fields) {
    fields.assign(1, {});
    ++following_line_;
    bool quoted = false;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (quoted) {
        if (c == '\n') ++following_line_;
        const bool doubled = c == '"' && !rest_.empty() && rest_.front() == '"';
        if (doubled) rest_.remove_prefix(1);
        if (c == '"' && !doubled) {
          quoted = false;
        } else {
          fields.back() += c;
        }
      } else if (c == '"' && fields.back().empty()) {
        quoted = true;
      } else if (c == ',') {
        fields.emplace_back();
      } else if (c == '\n') {
        return;
      } else if (!(c == '\r' && (rest_.empty() || rest_.front() == '\n'))) {
        fields.back() += c;
      }
    }
    if (quoted) throw error("a quoted field that does not end");
  }

  std::string_view rest_;
  const std::string& name_;
  std::size_t line_{0};
  std::size_t following_line_{1};
};

constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);

std::size_t column(const std::vector<std::string>& header,
                   std::string_view name,
                   const CsvReader& csv) {
  const auto first = std::find(header.begin(), header.end(), name);
  if (first == header.end()) return kAbsent;
  if (std::find(first + 1, header.end(), name) != header.end()) {
    throw csv.error("the column '" + std::string(name) + "' stands twice in the header");
  }
  return static_cast<std::size_t>(first - header.begin());
}

std::optional<std::int64_t> parse_label(const std::string& text, const CsvReader& csv) {
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
std::vector<fs::path> pictures_below(const std::string& folder) {
  std::error_code code;
  std::vector<fs::path> found;
  Iterator it(folder, code);
  if (code) throw folder_error(folder, code);
  while (it != Iterator()) {
    const bool hidden = is_hidden(it->path());
    if constexpr (std::is_same_v<Iterator, fs::recursive_directory_iterator>) {
      if (hidden) it.disable_recursion_pending();
    }
    std::error_code ignored;
    if (!hidden && is_picture_name(it->path()) && !it->is_directory(ignored)) {
      found.push_back(it->path());
    }
    it.increment(code);
    if (code) throw folder_error(folder, code);
  }
  return found;
}

}  // namespace

std::vector<ImageEntry> parse_image_list(std::string_view text,
                                         const std::string& folder,
                                         const std::string& name) {
  CsvReader csv(text, name);
  std::vector<std::string> fields;
  if (!csv.next(fields)) throw Error(ErrorKind::kInput, "the list is empty").at(name);
  const std::size_t file_at = column(fields, "file", csv);
  const std::size_t label_at = column(fields, "label", csv);
  const std::size_t columns = fields.size();
  if (file_at == kAbsent) {
    throw csv.error("the header names no column 'file'")
        .got("'" + fields[0].substr(0, 60) + "'...")
        .hint("the first line of a list is its header, for example file,label");
  }
  std::vector<ImageEntry> entries;
  while (csv.next(fields)) {
    if (fields.size() != columns) {
      throw csv.error("number of fields")
          .expected(std::to_string(columns))
          .got(std::to_string(fields.size()));
    }
    ImageEntry entry;
    entry.name = fields[file_at];
    if (entry.name.empty()) throw csv.error("an empty file name");
    entry.path = (fs::path(folder) / entry.name).string();
    if (label_at != kAbsent) entry.label = parse_label(fields[label_at], csv);
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) throw Error(ErrorKind::kInput, "the list names no pictures").at(name);
  return entries;
}

std::vector<ImageEntry> read_image_list(const std::string& path) {
  const std::vector<std::uint8_t> bytes = read_file(path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return parse_image_list(text, fs::path(path).parent_path().string(), path);
}

std::vector<ImageEntry> list_folder(const std::string& folder, bool recursive) {
  std::vector<fs::path> found = recursive ? pictures_below<fs::recursive_directory_iterator>(folder)
                                          : pictures_below<fs::directory_iterator>(folder);
  std::vector<ImageEntry> entries;
  entries.reserve(found.size());
  for (const fs::path& path : found) {
    entries.push_back({path.string(), path.lexically_relative(folder).string(), std::nullopt});
  }
  std::sort(entries.begin(), entries.end(),
            [](const ImageEntry& a, const ImageEntry& b) { return a.path < b.path; });
  if (entries.empty()) {
    Error error =
        Error(ErrorKind::kInput, "no pictures (.jpg, .jpeg, .png) in the folder").at(folder);
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
    } else if (lower(fs::path(input).extension().string()) == ".csv") {
      some = read_image_list(input);
    } else {
      some = {{input, input, std::nullopt}};
    }
    all.insert(all.end(), std::make_move_iterator(some.begin()),
               std::make_move_iterator(some.end()));
  }
  return all;
}

}  // namespace cutaway::tools
