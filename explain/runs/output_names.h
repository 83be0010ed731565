#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>

#include "explain/runs/cell.h"

namespace cutaway::explain {

/// Text fit for a file name: what is not a letter, digit, dot or dash becomes '_'; at most 80
/// bytes.
[[nodiscard]] std::string file_word(const std::string& text);

/// Names of the files of images that come in order. Folders stay small whatever the run: images 0
/// to 999 lie in the output folder itself, image n beyond them in the folder n / 1000 ("001", "002"
/// ...). Only the names of the current thousand are held, and no two images of it share one.
class OutputNames {
 public:
  static constexpr std::int64_t kPerFolder = 1000;

  /// "cat" or "017/cat" for image n = 0, 1, 2 ... of that name; "cat-5" where image 5 is not the
  /// first "cat". Call it for every image, in order.
  [[nodiscard]] std::string stem(std::int64_t n, const std::string& name);
  /// "" or "017".
  [[nodiscard]] static std::string folder(std::int64_t n);
  /// Name of a map's files, without extension.
  [[nodiscard]] static std::string base(const std::string& stem, const MapCell& cell);

 private:
  std::unordered_set<std::string> used_;
};

}  // namespace cutaway::explain
