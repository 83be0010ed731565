#include <algorithm>

#include "explain/render/panel.h"
#include "explain/report/report.h"
#include "explain/units/run/pictures.h"

namespace cutaway::explain {
namespace {

constexpr const char* kStyle = R"css(
:root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--ink:#1b1f27;--soft:#5d6573;--line:#e2e5ea;--accent:#2f5bd7}
@media(prefers-color-scheme:dark){:root{--bg:#101319;--card:#181c24;--ink:#e8ebf1;--soft:#98a1b1;--line:#2a303b;
--accent:#8fb0ff}figure img{filter:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif}
main{max-width:1700px;margin:0 auto;padding:30px 28px 50px}
h1{font-size:27px;letter-spacing:-.015em;margin:0 0 4px;font-weight:680}
h2{font-size:19px;margin:34px 0 2px;font-weight:640}
p{color:var(--soft);margin:2px 0 12px;max-width:90ch}
nav a{display:inline-block;margin:0 10px 6px 0;padding:3px 12px;border-radius:999px;border:1px solid var(--line);
background:var(--card);color:var(--accent);text-decoration:none}
.maps{display:grid;grid-template-columns:repeat(auto-fill,minmax(420px,1fr));gap:16px}
figure{margin:0;background:#fff;border:1px solid var(--line);border-radius:14px;padding:12px;overflow:hidden;
content-visibility:auto;contain-intrinsic-size:auto 290px}
figure img{max-width:100%;display:block;margin:0 auto}
figcaption{color:#5d6573;font-size:12.5px;margin-top:8px;overflow-wrap:anywhere}
a{color:var(--accent)}
)css";

std::string name_of(std::int64_t image,
                    const std::vector<std::pair<std::int64_t, std::string>>& names) {
  const auto at =
      std::lower_bound(names.begin(), names.end(), std::pair<std::int64_t, std::string>{image, ""});
  return at != names.end() && at->first == image ? at->second : std::to_string(image);
}

std::string caption(std::span<const Activation> best,
                    const std::vector<std::pair<std::int64_t, std::string>>& names) {
  std::string text;
  for (const Activation& a : best) {
    text += (text.empty() ? "" : " \xC2\xB7 ") + name_of(a.image, names) + " " +
            format_number(static_cast<double>(a.value));
  }
  return text;
}

}  // namespace

std::string page_head(const std::string& title) {
  return R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="generator" content="cutaway"><title>)" +
         html_escape(title) + "</title><style>" + kStyle + "</style></head><body><main><h1>" +
         html_escape(title) + "</h1>";
}

std::string units_page(const UnitsJob& job,
                       const UnitsSummary& summary,
                       const std::vector<std::vector<std::string>>& files,
                       const std::vector<std::pair<std::int64_t, std::string>>& names) {
  std::string out =
      page_head("Units") + "<p>" + html_escape(job.model_path) + ", " +
      std::to_string(summary.images) +
      " images. Each map: what its strongest units of the data set project to (" +
      html_escape(job.rules) +
      ", left), and what they see (right), strongest first; grey lies outside the image.</p><nav>";
  for (std::size_t l = 0; l < summary.layers.size(); ++l) {
    out += "<a href=\"#layer" + std::to_string(l) + "\">" + html_escape(summary.layers[l].name) +
           "</a>";
  }
  out += "</nav>";
  for (std::size_t l = 0; l < summary.layers.size(); ++l) {
    const UnitsLayer& layer = summary.layers[l];
    out += "<h2 id=\"layer" + std::to_string(l) + "\">" + html_escape(layer.name) + "</h2><p>" +
           std::to_string(layer.maps.size()) + " of " + std::to_string(layer.best.maps()) +
           " maps</p><div class=\"maps\">";
    for (std::size_t m = 0; m < layer.maps.size(); ++m) {
      const auto best = layer.best.of(layer.maps[m]);
      const std::string text = caption(best, names);
      out += "<figure><img loading=\"lazy\" src=\"" + html_escape(files[l][m]) + "\" alt=\"" +
             html_escape(layer.name + " map " + std::to_string(layer.maps[m])) + "\"><figcaption>" +
             html_escape(text) + "</figcaption></figure>\n";
    }
    out += "</div>";
  }
  return out + "</main></body></html>\n";
}

}  // namespace cutaway::explain
