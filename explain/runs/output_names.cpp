#include "explain/runs/output_names.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <utility>

#include "explain/network.h"
#include "explain/report/named_values.h"
#include "explain/runs/load_network.h"
#include "weights/xxh64.h"

namespace cutaway::explain {
namespace {

constexpr std::size_t kWordBytes = 80;
// File systems take 255; a temporary name beside it takes some more.
constexpr std::size_t kNameBytes = 200;

/// The well-formed sequence at `at`: its code point and length; {0, 1} for a byte of none.
std::pair<char32_t, std::size_t> code_point(std::string_view s, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[at + i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t n = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  char32_t value = lead & (0xFFU >> (n + 1));
  for (std::size_t i = 1; i < n; ++i) value = value << 6U | (byte(i) & 0x3FU);
  return {value, n};
}

/// Letters and whatever else a name may show. Controls, marks that turn the direction of writing,
/// and what is invisible may not stand in one.
bool may_show(char32_t c) {
  const bool ascii = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '-';
  if (c < 0x80) return ascii;
  const bool control = c <= 0xA0 || c == 0xAD;
  const bool mark = c == 0x61C || (c >= 0x2000 && c <= 0x200F) || (c >= 0x2028 && c <= 0x202F) ||
                    (c >= 0x205F && c <= 0x206F) || c == 0x3000 || c == 0xFEFF || c == 0xFFFD ||
                    (c >= 0xFFF0 && c <= 0xFFFC) || c >= 0xE0000;
  return !control && !mark;
}

/// Letters' case does not tell files apart everywhere.
std::string folded(const std::string& word) {
  std::string text = word;
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

/// The beginning of a text of at most that many bytes, whole characters.
std::string cut(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

std::string short_name(const std::string& name) {
  if (name.size() <= kNameBytes) return name;
  weights::Xxh64 sum;
  sum.update(std::as_bytes(std::span(name)));
  const std::string end = "-" + weights::hex(sum.digest());
  return cut(name, kNameBytes - end.size()) + end;
}

bool paired(const MapCell& cell) {
  return cell.target == "predicted" || cell.target == "expected" || cell.target == "difference";
}

}  // namespace

std::string file_word(const std::string& text) {
  const std::string whole = valid_utf8(text);
  std::string word;
  for (std::size_t at = 0; at < whole.size();) {
    const auto [c, n] = code_point(whole, at);
    const std::string next = may_show(c) ? whole.substr(at, n) : "_";
    if (word.size() + next.size() > kWordBytes) break;
    word += next;
    at += n;
  }
  return word.empty() ? "_" : word;
}

std::string method_word(const std::string& method) {
  std::string text = method;
  std::replace(text.begin(), text.end(), '+', 'p');
  return file_word(text);
}

std::vector<std::string> file_words(const std::vector<std::string>& texts,
                                    const std::vector<std::string>& reserved) {
  std::vector<std::string> words;
  std::map<std::string, int> often;
  for (const std::string& word : reserved) often[folded(word)] = 1;
  std::unordered_set<std::string> used;
  for (const auto& [word, count] : often) used.insert(word);
  for (const std::string& text : texts) {
    words.push_back(file_word(text));
    ++often[folded(words.back())];
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string number = "-" + std::to_string(i);
    if (often[folded(words[i])] > 1) words[i] += number;
    while (!used.insert(folded(words[i])).second) words[i] += number;
  }
  return words;
}

OutputNames::OutputNames(std::vector<std::string> reserved) : reserved_(std::move(reserved)) {}

std::string OutputNames::folder(std::int64_t n) {
  if (n < kPerFolder) return "";
  char text[24];
  std::snprintf(text, sizeof text, "%03lld", static_cast<long long>(n / kPerFolder));
  return text;
}

std::string OutputNames::stem(std::int64_t n, const std::string& name) {
  if (n % kPerFolder == 0 || used_.empty()) {
    used_.clear();
    for (const std::string& word : reserved_) used_.insert(folded(word));
  }
  const std::filesystem::path path = name;
  std::string word = file_word((path.parent_path() / path.stem()).string());
  const auto both = [](char a, char b) { return a == '_' && b == '_'; };
  word.erase(std::unique(word.begin(), word.end(), both), word.end());
  // A hidden file nobody would find, and names that mean a folder.
  while (!word.empty() && word.front() == '.') word.erase(0, 1);
  if (word.empty() || (word == "_" && path.stem().empty())) word = "image";
  // Two pictures of one name in different folders must not overwrite each other.
  const std::string number = "-" + std::to_string(n);
  while (!used_.insert(folded(word)).second) word += number;
  const std::string sub = folder(n);
  return sub.empty() ? word : sub + "/" + word;
}

MapNames::MapNames(const weights::Package& package) {
  const Graph& graph = package.model.graph;
  std::vector<std::string> texts;
  const auto count =
      std::max<std::int64_t>(static_cast<std::int64_t>(package.labels.size()), class_count(graph));
  for (std::int64_t c = 0; c < count; ++c) texts.push_back(label_name(package, c));
  classes_ = file_words(texts);
  texts.clear();
  for (NodeId id = 0; id < graph.size(); ++id) texts.push_back(graph.node(id).name);
  const std::vector<std::string> words = file_words(texts);
  for (std::size_t id = 0; id < words.size(); ++id) layers_[texts[id]] = words[id];
}

std::string MapNames::what(const MapCell& cell) const {
  if (cell.target == "difference") return cell.target;
  const auto index = static_cast<std::size_t>(cell.class_index);
  const bool known = cell.class_index >= 0 && !cell.unit && index < classes_.size();
  const std::string word = known ? classes_[index] : file_word(cell.class_name);
  return paired(cell) ? cell.target + "-" + word : word;
}

std::vector<std::string> MapNames::of(const std::string& stem,
                                      const std::vector<MapCell>& cells) const {
  const std::size_t slash = stem.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : stem.substr(0, slash + 1);
  std::map<std::string, std::string> known;  // what a map is, its name
  std::set<std::string> used;
  std::vector<std::string> names;
  for (const MapCell& cell : cells) {
    const std::string kind = paired(cell) ? cell.target : cell.unit ? "unit" : "class";
    const std::string identity =
        cell.method + '\0' + cell.layer + '\0' + kind + '\0' + std::to_string(cell.class_index);
    std::string& name = known[identity];
    if (name.empty()) {
      const auto layer = layers_.find(cell.layer);
      name = short_name(stem.substr(folder.size()) + "__" + method_word(cell.method) + "__" +
                        (layer == layers_.end() ? file_word(cell.layer) : layer->second) + "__" +
                        what(cell));
      const std::string number = "-" + std::to_string(known.size());
      while (!used.insert(folded(name)).second) name += number;
    }
    names.push_back(folder + name);
  }
  return names;
}

}  // namespace cutaway::explain
