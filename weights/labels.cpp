#include "weights/labels.h"

#include <algorithm>
#include <fstream>

#include "runtime/error.h"
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
    std::vector<std::string> labels = split_labels(text);
    if (labels.empty()) throw Error(ErrorKind::kInput, "no labels");
    return labels;
  } catch (const Error& error) {
    throw error.located(path);
  }
}

std::string labels_hash(std::span<const std::string> labels) { return sha256(join_labels(labels)); }

}  // namespace cutaway::weights
