#pragma once

#include <span>
#include <string>
#include <vector>

namespace cutaway::weights {

/// Reads class labels: line k (from 0) names class k, as in "n01440764 tench". Line ends may be LF
/// or CR LF; a mark of UTF-8 at the beginning is skipped. Understood too: a dictionary as Python
/// prints it, a line a class ("0: 'tench',"); JSON, a list of names or an object of names by number
/// (Keras' lists of name and title: the last of them). Numbers may count from 1. Throws kInput
/// for an unreadable file, one of more than 16 MiB or 1000000 lines, blank
/// lines before the last label, and NUL bytes.
[[nodiscard]] std::vector<std::string> read_labels(const std::string& path);

/// SHA-256 of the labels in their order, each followed by LF: two nets with the same digest number
/// their classes alike.
[[nodiscard]] std::string labels_hash(std::span<const std::string> labels);

/// The labels, each followed by LF; and the inverse. Both throw kInput on labels that are blank or
/// hold control characters.
[[nodiscard]] std::string join_labels(std::span<const std::string> labels);
[[nodiscard]] std::vector<std::string> split_labels(const std::string& text);

}  // namespace cutaway::weights
