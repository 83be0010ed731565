#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "explain/runs/cell.h"
#include "weights/package.h"

namespace cutaway::explain {

/// Text as one word of a file name, the only way from a text to a name: letters, digits, dots and
/// dashes stay, letters outside ASCII too (well-formed UTF-8; no controls, no marks of direction);
/// everything else becomes '_'. At most 80 bytes, cut between characters; never empty.
[[nodiscard]] std::string file_word(const std::string& text);

/// A method's word: "gradcampp" for "gradcam++", which "*gradcam_*" does not match.
[[nodiscard]] std::string method_word(const std::string& method);

/// One word a text, no two alike even where letters' case does not count. Texts whose words would
/// be alike get their number behind them: "crane-134" and "crane-517" for two classes "crane".
/// None is among `reserved`.
[[nodiscard]] std::vector<std::string> file_words(const std::vector<std::string>& texts,
                                                  const std::vector<std::string>& reserved = {});

/// Names of the files of images that come in order. Folders stay small whatever the run: images 0
/// to 999 lie in the output folder itself, image n beyond them in the folder n / 1000 ("001", "002"
/// ...). Only the names of the current thousand are held, and no two images of it share one.
class OutputNames {
 public:
  static constexpr std::int64_t kPerFolder = 1000;

  /// `reserved`: stems of the run's other files, which no image gets.
  explicit OutputNames(std::vector<std::string> reserved = {});

  /// "cat" or "017/cat" for image n = 0, 1, 2 ... of that name; "cat-5" where image 5 is not the
  /// first "cat". Call it for every image, in order. A stem never has two '_' in a row, so that
  /// STEM__WORD of two images are two names whatever the words.
  [[nodiscard]] std::string stem(std::int64_t n, const std::string& name);
  /// "" or "017".
  [[nodiscard]] static std::string folder(std::int64_t n);

 private:
  std::vector<std::string> reserved_;
  std::unordered_set<std::string> used_;
};

/// Names of the maps of a run's images: STEM__METHOD__LAYER__CLASS. A class and a layer have the
/// same word in all of them, and no two classes and no two layers of a net have one word.
class MapNames {
 public:
  explicit MapNames(const weights::Package& package);

  /// The names, without extension, of all maps of one image, a cell each. Cells of one method,
  /// layer and class are one map and one name, whichever target asked for it; all others differ. At
  /// most 200 bytes behind the folder.
  [[nodiscard]] std::vector<std::string> of(const std::string& stem,
                                            const std::vector<MapCell>& cells) const;

 private:
  [[nodiscard]] std::string what(const MapCell& cell) const;

  std::vector<std::string> classes_;
  std::map<std::string, std::string> layers_;
};

}  // namespace cutaway::explain
