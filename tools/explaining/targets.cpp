#include "tools/explaining/targets.h"

#include <algorithm>
#include <charconv>

#include "explain/network.h"
#include "layers/graph.h"
#include "runtime/error.h"
#include "tools/program/network.h"

namespace cutaway::tools {
namespace {

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::int64_t class_by_name(const std::string& text, const weights::Package& package) {
  std::vector<std::int64_t> partial;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < package.labels.size(); ++i) {
    const auto c = static_cast<std::int64_t>(i);
    names.push_back(label_name(package, c));
    if (names.back() == text || package.labels[i] == text) return c;
    if (package.labels[i].find(text) != std::string::npos) partial.push_back(c);
  }
  if (partial.size() == 1) return partial[0];
  std::string hint = partial.empty() ? "did you mean" : "several classes match:";
  if (partial.empty()) {
    for (const std::string& near : nearest_names(text, names)) hint += " '" + near + "'";
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(3, partial.size()); ++i) {
    hint += " '" + label_name(package, partial[i]) + "'";
  }
  throw Error(ErrorKind::kUsage, "unknown target '" + text + "'")
      .expected("top1, label, a class number or a class name")
      .hint(hint);
}

}  // namespace

TargetRule::TargetRule(const std::string& text, const weights::Package& package) : text_(text) {
  const std::int64_t classes = explain::class_count(package.model.graph);
  if (text == "label") return;
  if (text.starts_with("top")) {
    if (const auto rank = number(std::string_view(text).substr(3))) {
      if (*rank < 1 || *rank > classes) {
        throw Error(ErrorKind::kUsage, "target " + text).expected("top1 to top" +
                                                                  std::to_string(classes));
      }
      rank_ = *rank - 1;
      return;
    }
  }
  const auto index = number(text);
  class_ = index ? *index : class_by_name(text, package);
  if (class_ < 0 || class_ >= classes) {
    throw Error(ErrorKind::kUsage, "target class")
        .expected("0 to " + std::to_string(classes - 1))
        .got(text);
  }
}

std::optional<std::int64_t> TargetRule::resolve(const std::vector<std::int64_t>& ranking,
                                                std::optional<std::int64_t> label) const {
  if (rank_ >= 0) return ranking[static_cast<std::size_t>(rank_)];
  if (class_ >= 0) return class_;
  return label;
}

}  // namespace cutaway::tools
