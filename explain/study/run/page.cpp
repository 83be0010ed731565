#include "explain/study/run/page.h"

#include "explain/pictures/write_image.h"
#include "explain/report/report.h"
#include "explain/units/run/pictures.h"

namespace cutaway::explain {
namespace {

constexpr const char* kStyle = R"css(<style>
.shown{width:fit-content;max-width:100%;margin:0 0 18px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));gap:10px 16px}
.charts svg{width:100%;height:auto;display:block}
table{border-collapse:collapse;background:var(--card);border:1px solid var(--line);border-radius:12px;margin:0 0 18px;
font-variant-numeric:tabular-nums}
th,td{padding:6px 16px;text-align:right;border-top:1px solid var(--line)}
th{color:var(--soft);font-weight:600;border-top:0}
th:first-child,td:first-child{text-align:left}
details{margin:28px 0 0}summary{cursor:pointer;font-weight:620}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:13px}
.fields td{text-align:left;overflow-wrap:anywhere}
</style>)css";

std::string row(const std::vector<std::string>& cells, const char* tag) {
  std::string out = "<tr>";
  for (const std::string& cell : cells)
    out += "<" + std::string(tag) + ">" + html_escape(cell) + "</" + tag + ">";
  return out + "</tr>";
}

}  // namespace

StudyPage::StudyPage(const std::string& title, const std::string& intro)
    : body_(page_head(title) + kStyle + "<p>" + html_escape(intro) + "</p>\n") {}

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
