#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "explain/pictures/image.h"
#include "explain/render/colormap.h"
#include "explain/render/normalize.h"
#include "explain/report/named_values.h"

namespace cutaway::explain {

/// One class a net considers.
struct ReportPrediction {
  std::string label;
  double probability{0};  ///< in [0, 1]; NaN is shown as unknown
};

/// One explanation of one picture.
struct ReportCell {
  std::string method;      ///< column heading, "Grad-CAM"
  std::string layer;       ///< may be empty
  std::string target;      ///< class or unit explained
  std::string parameters;  ///< short text, "samples 50, sigma 0.15"
  /// The map in colours (colorize), or a reconstruction. Any size; shown at the photo's.
  Image picture;
  /// True: the page lays the picture over the photo with the heat weight chosen there, which equals
  /// overlay. False: shown as it is (reconstructions).
  bool over_photo{true};
  bool scaled{true};  ///< false: a drawing whose colours are no values; it has no colour bar
  Limits limits;      ///< as the renderer returned them
  Limits extent;      ///< and the values' own, which may reach beyond
  Colormap colormap{Colormap::kTurbo};
  /// The same map with limits common to the whole column; empty when there is none.
  Image shared_picture;
  Limits shared_limits;
  std::string warning;   ///< "the map is constant"
  std::string raw_file;  ///< path, relative to the report, of the numbers; may be empty
};

/// One picture and all that is said about it.
struct ReportRow {
  std::string name;
  Image photo;                  ///< as the net saw it; may be empty when reading failed
  std::string true_label;       ///< empty: unknown
  std::optional<bool> correct;  ///< is the first prediction right; empty: unknown
  std::vector<ReportPrediction> predictions;  ///< most probable first
  std::vector<ReportCell> cells;              ///< same order of methods in every row
  std::string error;                          ///< why there is no result; empty: fine
};

struct ReportHead {
  std::string title{"Cutaway report"};
  std::string subtitle;           ///< model, data set
  std::vector<std::string> argv;  ///< command line, to run it again
  struct Section {
    std::string title;
    NamedValues fields;
  };
  std::vector<Section> details;  ///< model, methods, layers, seed, device, preprocessing, ...
  std::string note;              ///< a line under the counts, "the first 500 of 20,000 images"

  /// What the counts at the top say; empty: what the rows of this page add up to.
  struct Totals {
    std::int64_t images{0}, labelled{0}, correct{0}, failed{0};
  };
  std::optional<Totals> totals;
  /// Which part of a report of several pages this is; every page is complete in itself.
  int page{1}, pages{1};
};

/// "report.html" for page 1, "report-2.html" for page 2.
[[nodiscard]] std::string report_file(int page);

struct ReportOptions {
  int most_pixels_a_side{320};  ///< larger pictures are shrunk in the report
  int jpeg_quality{78};         ///< keeps 100 images of 227 pixels with 4 methods below 15 MB
  bool lossless{false};         ///< PNG instead of JPEG for maps and reconstructions
  double heat_weight{0.5};      ///< of overlays when the page opens
};

/// Collects rows and writes one self-contained HTML page: styles, script and pictures inside
/// (base64), a content-security policy that forbids the network. Rows are images, columns methods;
/// the page sorts, filters, switches between overlay, map and side by side, changes the heat
/// weight, switches to the shared scale where there is one, enlarges, follows the keyboard and the
/// light or dark theme. It can be read, with default settings, where scripts are off. All texts are
/// escaped.
class ReportBuilder {
 public:
  explicit ReportBuilder(ReportHead head, ReportOptions options = {});

  /// Encodes a row at once, so that pictures are not kept. Throws kShape on a malformed picture.
  void add(const ReportRow& row);

  [[nodiscard]] std::size_t rows() const noexcept { return rows_.size(); }
  /// The page. Same input, same bytes.
  [[nodiscard]] std::string html() const;
  /// Writes the page atomically.
  void write(const std::string& path) const;

 private:
  [[nodiscard]] std::string data_uri(const Image& image, bool photo) const;
  [[nodiscard]] std::string cell_html(const ReportRow& row, const ReportCell& cell) const;
  [[nodiscard]] std::string heat_html(const ReportRow& row,
                                      const ReportCell& cell,
                                      bool shared) const;

  ReportHead head_;
  ReportOptions options_;
  std::vector<std::string> rows_;  // finished HTML
  std::vector<std::string> methods_;
  std::set<Colormap> colormaps_;
  std::int64_t labelled_{0}, correct_{0}, failed_{0};
  bool has_shared_{false}, has_heat_{false};
};

/// Text made safe inside HTML elements and quoted attributes; malformed UTF-8, control characters
/// and the marks that turn the direction of text (bidirectional embeddings, overrides and isolates)
/// are replaced.
[[nodiscard]] std::string html_escape(const std::string& text);

/// Standard base64 with padding (RFC 4648).
[[nodiscard]] std::string base64(const std::vector<std::uint8_t>& bytes);

}  // namespace cutaway::explain
