#include "explain/study/run/page.h"

#include "explain/pictures/write_image.h"
#include "explain/report/report.h"
#include "explain/study/run/page.css.h"
#include "explain/units/run/pictures.h"

namespace cutaway::explain {
namespace {

std::string row(const std::vector<std::string>& cells, const char* tag) {
  std::string out = "<tr>";
  for (const std::string& cell : cells)
    out += "<" + std::string(tag) + ">" + html_escape(cell) + "</" + tag + ">";
  return out + "</tr>";
}

}  // namespace

StudyPage::StudyPage(const std::string& title, const std::string& intro)
    : body_(page_head(title) + "<style>" + std::string(embedded::explain_study_run_page_css) +
            "</style><p>" + html_escape(intro) + "</p>\n") {}

void StudyPage::section(const std::string& heading, const std::string& text) {
  body_ += "<h2>" + html_escape(heading) + "</h2>";
  if (!text.empty()) body_ += "<p>" + html_escape(text) + "</p>";
  body_ += "\n";
}

void StudyPage::picture(const Image& image, const std::string& alt, const std::string& caption) {
  body_ += "<figure class=\"shown\"><img src=\"data:image/png;base64," + base64(encode_png(image)) +
           "\" alt=\"" + html_escape(alt) + "\"><figcaption>" + html_escape(caption) +
           "</figcaption></figure>\n";
}

void StudyPage::charts(const std::vector<std::string>& svgs, const std::string& caption) {
  body_ += "<figure><div class=\"charts\">";
  for (const std::string& svg : svgs) body_ += svg;
  body_ += "</div><figcaption>" + html_escape(caption) + "</figcaption></figure>\n";
}

void StudyPage::table(const std::vector<std::string>& head,
                      const std::vector<std::vector<std::string>>& rows) {
  body_ += "<table><thead>" + row(head, "th") + "</thead><tbody>";
  for (const auto& cells : rows) body_ += row(cells, "td");
  body_ += "</tbody></table>\n";
}

std::string StudyPage::html(const std::vector<std::string>& argv,
                            const NamedValues& details) const {
  std::string command;
  for (const std::string& word : argv) command += (command.empty() ? "" : " ") + word;
  std::string out = body_ + "<details><summary>How this was made</summary><pre>" +
                    html_escape(command) + "</pre><table class=\"fields\">";
  for (const NamedValue& field : details) out += row({field.name, to_text(field.value)}, "td");
  return out + "</table></details></main></body></html>\n";
}

}  // namespace cutaway::explain
