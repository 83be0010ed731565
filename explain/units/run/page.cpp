#include <algorithm>

#include "explain/render/panel.h"
#include "explain/report/report.h"
#include "explain/units/run/page.css.h"
#include "explain/units/run/pictures.h"

namespace cutaway::explain {
namespace {

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
         html_escape(title) + "</title><style>" +
         std::string(embedded::explain_units_run_page_css) + "</style></head><body><main><h1>" +
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
