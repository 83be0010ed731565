#include "weights/labels.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "runtime/error.h"
#include "weights/json.h"
#include "weights/sha256.h"

namespace cutaway::weights {
namespace {

constexpr std::size_t kMostBytes = std::size_t{16} << 20;
constexpr std::size_t kMostLabels = 1'000'000;

void check_label(const std::string& label, std::size_t index) {
  const bool control =
      std::ranges::any_of(label, [](char c) { return c >= 0 && c < ' ' && c != '\t'; });
  if (control || label.find_first_not_of(" \t") == std::string::npos) {
    throw Error(ErrorKind::kInput, "label " + std::to_string(index))
        .expected("a line of text")
        .got(control ? "control characters" : "a blank line");
  }
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// A line "0: 'tench, Tinca tinca'," of the Python dictionaries that go round, with the braces that
/// open and close them: the number and the name.
std::optional<std::pair<std::int64_t, std::string>> numbered(std::string_view line) {
  line = trimmed(line);
  if (line.starts_with('{')) line = trimmed(line.substr(1));
  if (line.ends_with('}')) line = trimmed(line.substr(0, line.size() - 1));
  if (line.ends_with(',')) line = trimmed(line.substr(0, line.size() - 1));
  std::int64_t number = 0;
  const auto [stop, code] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (code != std::errc() || number < 0) return std::nullopt;
  line = trimmed(line.substr(static_cast<std::size_t>(stop - line.data())));
  if (!line.starts_with(':')) return std::nullopt;
  line = trimmed(line.substr(1));
  const char quote = line.empty() ? '\0' : line.front();
  if (line.size() < 3 || (quote != '\'' && quote != '"') || line.back() != quote)
    return std::nullopt;
  std::string name;
  for (std::size_t i = 1; i + 1 < line.size(); ++i) {
    if (line[i] == '\\' && i + 2 < line.size()) ++i;
    name += line[i];
  }
  return std::pair(number, name);
}

/// By their numbers, which count from 0 or 1 and leave none out.
std::vector<std::string> in_order(std::map<std::int64_t, std::string> names) {
  const std::int64_t first = names.begin()->first;
  if (first > 1 || names.rbegin()->first != first + std::ssize(names) - 1) {
    throw Error(ErrorKind::kInput, "numbers of labels")
        .expected("0 or 1 and all that follow, each once")
        .got(std::to_string(names.size()) + " from " + std::to_string(first) + " to " +
             std::to_string(names.rbegin()->first));
  }
  std::vector<std::string> labels;
  for (auto& [number, name] : names) {
    check_label(name, labels.size());
    labels.push_back(std::move(name));
  }
  return labels;
}

std::optional<std::vector<std::string>> from_dictionary(const std::vector<std::string>& lines) {
  std::map<std::int64_t, std::string> names;
  for (const std::string& line : lines) {
    const std::string_view text = trimmed(line);
    if (text.empty() || text == "{" || text == "}") continue;
    auto entry = numbered(text);
    if (!entry) return std::nullopt;
    if (!names.insert(std::move(*entry)).second)
      throw Error(ErrorKind::kInput, "a label's number stands twice");
  }
  if (names.empty()) return std::nullopt;
  return in_order(std::move(names));
}

/// A list of names; or an object of names, or of lists that end in one, by number ("0", "1", ...).
std::vector<std::string> from_json(const Json& json) {
  const auto name_of = [](const Json& value) {
    const Json& name = value.is_array() && !value.empty() ? value.back() : value;
    if (name.is_string()) return name.get<std::string>();
    throw Error(ErrorKind::kInput, "labels in JSON")
        .expected("names")
        .got(name.dump().substr(0, 60));
  };
  std::map<std::int64_t, std::string> names;
  if (json.is_array()) {
    for (const Json& value : json) names.emplace(std::ssize(names), name_of(value));
  }
  for (auto at = json.begin(); json.is_object() && at != json.end(); ++at) {
    std::int64_t number = 0;
    const std::string& key = at.key();
    const auto [stop, code] = std::from_chars(key.data(), key.data() + key.size(), number);
    if (code != std::errc() || stop != key.data() + key.size() || number < 0) {
      throw Error(ErrorKind::kInput, "labels in JSON")
          .expected("numbers of classes as keys")
          .got("'" + key.substr(0, 60) + "'");
    }
    names.emplace(number, name_of(at.value()));
  }
  if (names.empty()) throw Error(ErrorKind::kInput, "no labels");
  return in_order(std::move(names));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t stop = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, stop - start));
    if (!lines.back().empty() && lines.back().back() == '\r') lines.back().pop_back();
    start = stop + 1;
  }
  return lines;
}

std::vector<std::string> parse_labels(std::string text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw Error(ErrorKind::kInput, "labels in UTF-16")
        .expected("UTF-8")
        .hint("save the file as UTF-8");
  }
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (text[first] == '{' || text[first] == '[')) {
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_array() || json.is_object()) return from_json(json);
  }
  if (const auto labels = from_dictionary(lines_of(text))) return *labels;
  return split_labels(text);
}

}  // namespace

std::string join_labels(std::span<const std::string> labels) {
  std::string text;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    check_label(labels[i], i);
    text += labels[i] + '\n';
  }
  return text;
}

std::vector<std::string> split_labels(const std::string& text) {
  const std::size_t end = text.find_last_not_of("\r\n");
  std::vector<std::string> labels;
  for (std::size_t start = 0; end != std::string::npos && start <= end;) {
    const std::size_t stop = std::min(text.find('\n', start), text.size());
    std::string line = text.substr(start, stop - start);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    check_label(line, labels.size());
    labels.push_back(std::move(line));
    if (labels.size() > kMostLabels) throw Error(ErrorKind::kInput, "more than 1000000 labels");
    start = stop + 1;
  }
  return labels;
}

std::vector<std::string> read_labels(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.eof() && !file) throw Error(ErrorKind::kInput, "the labels cannot be read").at(path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMostBytes) {
    throw Error(ErrorKind::kInput, "labels").at(path).expected("a file of at most 16 MiB");
  }
  try {
    std::vector<std::string> labels = parse_labels(std::move(text));
    if (labels.empty()) throw Error(ErrorKind::kInput, "no labels");
    return labels;
  } catch (const Error& error) {
    throw error.located(path);
  }
}

std::string labels_hash(std::span<const std::string> labels) { return sha256(join_labels(labels)); }

}  // namespace cutaway::weights
