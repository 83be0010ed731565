#pragma once

#include <string>
#include <vector>

#include "explain/pictures/image.h"
#include "explain/report/named_values.h"

namespace cutaway::explain {

/// A report of text, pictures, tables and charts in one self-contained HTML page: pictures are
/// inside (base64), nothing is loaded. All texts are escaped.
class StudyPage {
 public:
  StudyPage(const std::string& title, const std::string& intro);

  void section(const std::string& heading, const std::string& text);
  /// A picture as wide as it is, within the page.
  void picture(const Image& image, const std::string& alt, const std::string& caption);
  /// Charts beside each other, as chart_svg makes them.
  void charts(const std::vector<std::string>& svgs, const std::string& caption);
  /// The first column is text, the others are numbers.
  void table(const std::vector<std::string>& head,
             const std::vector<std::vector<std::string>>& rows);
  /// The page, with the command line and the values used at its end.
  [[nodiscard]] std::string html(const std::vector<std::string>& argv,
                                 const NamedValues& details) const;

 private:
  std::string body_;
};

}  // namespace cutaway::explain
