#include "explain/report/page.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "explain/report/page.css.h"
#include "explain/report/page.js.h"

namespace cutaway::explain::page {
namespace {

using Choice = std::pair<const char*, const char*>;  // value, text

// A group of buttons of which one, the first, is pressed.
std::string segments(const char* id, const char* label, const std::vector<Choice>& choices) {
  std::string out =
      std::string("<fieldset class=\"seg\" id=\"") + id + "\"><legend>" + label + "</legend>";
  bool first = true;
  for (const auto& [value, text] : choices) {
    out += std::string("<button type=\"button\" value=\"") + value + "\" aria-pressed=\"" +
           (first ? "true" : "false") + "\">" + text + "</button>";
    first = false;
  }
  return out + "</fieldset>\n";
}

std::string plural(std::int64_t n, const char* noun) {
  return "<b>" + std::to_string(n) + "</b> " + noun + (n == 1 ? "" : "s");
}

std::string facts_html(const Facts& facts) {
  std::string out = "<ul class=\"facts\"><li>" + plural(facts.images, "image") + "</li>";
  if (!facts.methods.empty()) {
    out += "<li>" + plural(static_cast<std::int64_t>(facts.methods.size()), "method") + "</li>";
  }
  if (facts.labelled > 0) {
    char share[32];
    std::snprintf(share, sizeof share, "%.1f",
                  100.0 * static_cast<double>(facts.correct) / static_cast<double>(facts.labelled));
    out += "<li><b>" + std::to_string(facts.correct) + "</b> of " + std::to_string(facts.labelled) +
           " right (<b>" + share + "\xE2\x80\x89%</b>)</li>";
  }
  if (facts.failed > 0) out += "<li>" + plural(facts.failed, "failure") + "</li>";
  return out + "</ul>";
}

std::string toolbar_html(const Facts& facts) {
  const std::string heat = std::to_string(std::lround(100.0 * facts.heat_weight));
  std::string out = R"(<div class="bar" hidden><div class="wrap" role="toolbar" aria-label="View">
<label class="slide find">Filter <input type="search" id="find" title="Words of names and classes"></label>
<select id="sort" aria-label="Sort">
<option value="given">Given order</option><option value="name">Name</option>
<option value="predicted">Predicted class</option><option value="truth">True class</option>
<option value="high">Most confident first</option><option value="low">Least confident first</option>
<option value="wrong">Confident errors first</option></select>
)";
  if (facts.rows_labelled || facts.rows_failed) {
    std::vector<Choice> choices{{"all", "All"}};
    if (facts.rows_labelled)
      choices.insert(choices.end(), {{"correct", "Correct"}, {"wrong", "Wrong"}});
    if (facts.rows_failed) choices.push_back({"failed", "Failed"});
    out += segments("verdict", "Show", choices);
  }
  if (facts.has_heat) {
    out += segments("view", "View",
                    {{"overlay", "Overlay"}, {"map", "Map"}, {"side", "Side by side"}});
  }
  if (facts.has_shared) {
    out += segments("scale", "Colour scale", {{"own", "Own scale"}, {"shared", "Shared scale"}});
  }
  if (facts.has_heat) {
    out +=
        "<label class=\"slide\">Heat <input type=\"range\" id=\"heat\" min=\"0\" max=\"100\" "
        "value=\"" +
        heat + "\"><output id=\"heat-value\" for=\"heat\">" + heat + "%</output></label>\n";
  }
  return out +
         R"(<button type="button" class="plain" id="theme" aria-label="Light or dark" title="Light or dark">&#9680;</button>
<span class="count" id="count" role="status"></span></div></div>
)";
}

// Links to the pages around this one, the first and the last.
std::string pager_html(const ReportHead& head) {
  if (head.pages <= 1) return "";
  const auto link = [&head](int page, const std::string& text, const char* label) {
    if (page < 1 || page > head.pages) {
      return "<span class=\"off\" aria-hidden=\"true\">" + text + "</span>";
    }
    const std::string href = page == head.page ? "" : " href=\"" + report_file(page) + "\"";
    const std::string here = page == head.page ? " aria-current=\"page\"" : "";
    return "<a" + href + here + " aria-label=\"" + label + "\">" + text + "</a>";
  };
  std::string out = "<nav class=\"pager wrap\" aria-label=\"Pages\">" +
                    link(head.page - 1, "\xE2\x86\x90 Previous", "Previous page");
  int shown = 0;
  for (int page = 1; page <= head.pages; ++page) {
    constexpr int kAround = 3;
    const bool near = std::abs(page - head.page) <= kAround || page == 1 || page == head.pages;
    if (!near) continue;
    if (page > shown + 1) out += "<span class=\"off\">\xE2\x80\xA6</span>";
    shown = page;
    out += link(page, std::to_string(page), ("Page " + std::to_string(page)).c_str());
  }
  return out + link(head.page + 1, "Next \xE2\x86\x92", "Next page") + "</nav>\n";
}

// A command line that a POSIX shell reads back as the same words.
std::string shell_line(const std::vector<std::string>& argv) {
  std::string out;
  for (const std::string& word : argv) {
    const bool plain = !word.empty() && word.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789_-./=:,+@%") == std::string::npos;
    if (!out.empty()) out += ' ';
    if (plain) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) {
      if (c == '\'') {
        out += "'\\''";
      } else {
        out += c;
      }
    }
    out += '\'';
  }
  return out;
}

std::string details_html(const ReportHead& head) {
  if (head.argv.empty() && head.details.empty()) return "";
  std::string out = "<details><summary>How this was made</summary>\n";
  if (!head.argv.empty()) {
    out += "<h3>Command line</h3><pre>" + html_escape(shell_line(head.argv)) + "</pre>\n";
  }
  out += "<div class=\"sections\">";
  for (const ReportHead::Section& section : head.details) {
    out += "<section><h3>" + html_escape(section.title) + "</h3><table>";
    for (const NamedValue& field : section.fields) {
      out += "<tr><td>" + html_escape(field.name) + "</td><td>" +
             html_escape(to_text(field.value)) + "</td></tr>";
    }
    out += "</table></section>";
  }
  return out + "</div></details>\n";
}

}  // namespace

std::string opening(const ReportHead& head, const Facts& facts, const std::string& ramps) {
  char heat[32];
  std::snprintf(heat, sizeof heat, ":root{--heat:%.3g}\n", facts.heat_weight);
  std::string out = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="generator" content="cutaway">
<title>)" + html_escape(head.title) +
                    "</title>\n<style>" + std::string(embedded::explain_report_page_css) + heat +
                    ramps + "</style>\n</head>\n<body data-view=\"overlay\" data-scale=\"own\">\n" +
                    "<header class=\"wrap\"><h1>" + html_escape(head.title) + "</h1>";
  if (!head.subtitle.empty()) {
    out += "<p class=\"subtitle\">" + html_escape(head.subtitle) + "</p>";
  }
  out += facts_html(facts);
  if (!head.note.empty()) out += "<p class=\"note\">" + html_escape(head.note) + "</p>";
  return out + "</header>\n" + pager_html(head) + toolbar_html(facts) +
         "<main class=\"wrap\" id=\"rows\">\n";
}

std::string closing(const ReportHead& head, const Facts& facts) {
  const char* views =
      facts.has_heat ? "&ensp;<kbd>o</kbd> <kbd>m</kbd> <kbd>s</kbd> overlay, map, side by side\n"
                     : "";
  return "</main>\n" + pager_html(head) + R"(
<div class="wrap"><p class="none" id="none" hidden>No image fits the filter.</p>
)" + details_html(head) +
         R"(<footer><kbd>/</kbd> filter &ensp;<kbd>j</kbd> <kbd>k</kbd> next and previous image
)" + views +
         R"(&ensp;<kbd>Enter</kbd> enlarge,
then <kbd>&larr;</kbd> <kbd>&rarr;</kbd> <kbd>&uarr;</kbd> <kbd>&darr;</kbd></footer></div>
<dialog id="box" aria-labelledby="box-title"><div class="box"><div class="tools">
<strong id="box-title"></strong>
<button type="button" class="plain" id="box-previous" aria-label="Previous method">&larr;</button>
<button type="button" class="plain" id="box-next" aria-label="Next method">&rarr;</button>
<button type="button" class="plain" id="box-close">Close</button></div>
<div id="box-figure"></div></div></dialog>
<script>)" +
         std::string(embedded::explain_report_page_js) + "</script>\n</body>\n</html>\n";
}

}  // namespace cutaway::explain::page
