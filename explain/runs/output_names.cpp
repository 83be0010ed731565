#include "explain/runs/output_names.h"

#include <cstdio>
#include <filesystem>

namespace cutaway::explain {

std::string file_word(const std::string& text) {
  std::string word;
  for (const char c : text.substr(0, 80)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-';
    word += plain ? c : '_';
  }
  return word;
}

std::string OutputNames::folder(std::int64_t n) {
  if (n < kPerFolder) return "";
  char text[24];
  std::snprintf(text, sizeof text, "%03lld", static_cast<long long>(n / kPerFolder));
  return text;
}

std::string OutputNames::stem(std::int64_t n, const std::string& name) {
  if (n % kPerFolder == 0) used_.clear();
  const std::filesystem::path path = name;
  std::string word = file_word((path.parent_path() / path.stem()).string());
  // A hidden file nobody would find, and names that mean a folder.
  while (!word.empty() && word.front() == '.') word.erase(0, 1);
  if (word.empty()) word = "image";
  // Two pictures of one name in different folders must not overwrite each other.
  if (!used_.insert(word).second) {
    word += "-" + std::to_string(n);
    used_.insert(word);
  }
  const std::string sub = folder(n);
  return sub.empty() ? word : sub + "/" + word;
}

std::string OutputNames::base(const std::string& stem, const MapCell& cell) {
  std::string what = file_word(cell.class_name);
  if (cell.target == "predicted" || cell.target == "expected") what = cell.target + "-" + what;
  if (cell.target == "difference") what = cell.target;
  return stem + "__" + file_word(cell.method) + "__" + file_word(cell.layer) + "__" + what;
}

}  // namespace cutaway::explain
