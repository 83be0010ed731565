#include "explain/runs/targets.h"

#include <algorithm>
#include <charconv>

#include "explain/network.h"
#include "explain/runs/load_network.h"
#include "layers/graph.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The only class of that name, or else the only one whose name holds it; otherwise empty, and those
/// that match.
std::optional<std::int64_t> class_by_name(const std::string& text,
                                          const weights::Package& package,
                                          std::vector<std::int64_t>& partial) {
  std::vector<std::int64_t> exact;
  for (std::size_t i = 0; i < package.labels.size(); ++i) {
    const auto c = static_cast<std::int64_t>(i);
    // ImageNet has two cranes, a bird and a machine.
    if (label_name(package, c) == text || package.labels[i] == text) exact.push_back(c);
    if (package.labels[i].find(text) != std::string::npos) partial.push_back(c);
  }
  if (!exact.empty()) partial = exact;
  if (partial.size() == 1) return partial[0];
  return std::nullopt;
}

[[noreturn]] void refuse(const std::string& text,
                         const weights::Package& package,
                         const std::vector<std::int64_t>& partial) {
  std::string hint = partial.empty() ? "did you mean" : "several classes match:";
  if (partial.empty()) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < package.labels.size(); ++i) {
      names.push_back(label_name(package, static_cast<std::int64_t>(i)));
    }
    for (const std::string& near : nearest_names(text, names)) hint += " '" + near + "'";
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(3, partial.size()); ++i) {
    hint += " '" + package.labels[static_cast<std::size_t>(partial[i])] + "' (" +
            std::to_string(partial[i]) + ")";
  }
  throw Error(ErrorKind::kUsage, "unknown target '" + text + "'")
      .expected("top1, label, expected, pair, column:NAME, a class number or a class name")
      .hint(hint);
}

}  // namespace

TargetRule::TargetRule(const std::string& text, const weights::Package& package)
    : package_(&package), text_(text), classes_(class_count(package.model.graph)) {
  if (text == "label" || text == "pair") {
    kind_ = text == "pair" ? Kind::kPair : Kind::kLabel;
    return;
  }
  constexpr std::string_view kColumnWord = "column:";
  if (text == "expected" || (text.starts_with(kColumnWord) && text.size() > kColumnWord.size())) {
    kind_ = Kind::kColumn;
    column_ = text == "expected" ? text : text.substr(kColumnWord.size());
    return;
  }
  if (text.starts_with("top")) {
    if (const auto rank = number(std::string_view(text).substr(3))) {
      if (*rank < 1 || *rank > classes_) {
        throw Error(ErrorKind::kUsage, "target " + text)
            .expected("top1 to top" + std::to_string(classes_));
      }
      value_ = *rank - 1;
      return;
    }
  }
  kind_ = Kind::kClass;
  std::vector<std::int64_t> partial;
  auto found = number(text);
  if (!found) found = class_by_name(text, package, partial);
  if (!found) refuse(text, package, partial);
  value_ = *found;
  if (value_ < 0 || value_ >= classes_) {
    throw Error(ErrorKind::kUsage, "target class")
        .expected("0 to " + std::to_string(classes_ - 1))
        .got(text);
  }
}

std::string TargetRule::part_name(std::size_t part) const {
  if (!is_pair()) return text_;
  return part == 0 ? "predicted" : "expected";
}

TargetRule::Choice TargetRule::of_label(const ImageEntry& entry) const {
  if (!entry.label) return {std::nullopt, "no label to explain"};
  if (*entry.label < classes_) return {entry.label, {}};
  return {std::nullopt, "label " + std::to_string(*entry.label) + " is none of the net's " +
                            std::to_string(classes_) + " classes"};
}

TargetRule::Choice TargetRule::of_column(const ImageEntry& entry) const {
  const std::string field = column_of(entry, column_);
  if (field.empty()) {
    if (column_ == "expected") return of_label(entry);
    return {std::nullopt, "nothing in column '" + column_ + "'"};
  }
  std::vector<std::int64_t> partial;
  auto found = number(field);
  if (!found) found = class_by_name(field, *package_, partial);
  if (found && *found >= 0 && *found < classes_) return {found, {}};
  if (!found && partial.size() > 1) {
    return {std::nullopt, "'" + field.substr(0, 60) + "' in column '" + column_ +
                              "' may be class " + std::to_string(partial[0]) + " or " +
                              std::to_string(partial[1])};
  }
  return {std::nullopt,
          "'" + field.substr(0, 60) + "' in column '" + column_ + "' is no class of the net"};
}

TargetRule::Choice TargetRule::resolve(const std::vector<std::int64_t>& ranking,
                                       const ImageEntry& entry,
                                       std::size_t part) const {
  switch (kind_) {
    case Kind::kRank:
      return {ranking[static_cast<std::size_t>(value_)], {}};
    case Kind::kClass:
      return {value_, {}};
    case Kind::kLabel:
      return of_label(entry);
    case Kind::kColumn:
      return of_column(entry);
    case Kind::kPair: {
      if (part == 0) return {ranking[0], {}};
      if (!column_of(entry, "expected").empty())
        return TargetRule("expected", *package_).of_column(entry);
      return of_label(entry);
    }
  }
  throw Error(ErrorKind::kInternal, "unknown kind of target");
}

}  // namespace cutaway::explain
