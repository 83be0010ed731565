#include "explain/runs/report_pages.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"

namespace cutaway::explain {
namespace {

using Scales = std::map<std::string, Limits>;

/// The widest scale of each column over all rows, where the user wants one.
Scales shared_scales(const ExplainJob& job,
                     const Spool& spool,
                     const std::vector<std::int64_t>& rows) {
  Scales scales;
  if (!job.shared_scale) return scales;
  for (const std::int64_t n : rows) {
    for (const MapCell& cell : spool.get(n, true).cells) {
      if (cell.values.empty()) continue;
      const Limits own = cell.limits ? *cell.limits : natural_limits(cell, job.paint);
      const auto [at, fresh] = scales.emplace(cell.column(), own);
      if (!fresh) at->second = widest(at->second, own);
    }
  }
  return scales;
}

ReportCell report_cell(const MapCell& cell,
                       const Image& photo,
                       const ExplainJob& job,
                       const weights::Package& package,
                       const Scales& scales) {
  ReportCell out;
  out.method = cell.method;
  out.layer = cell.layer;
  out.target = cell.class_name;
  const bool paired =
      cell.target == "predicted" || cell.target == "expected" || cell.target == "difference";
  if (paired) out.target = cell.class_name + " (" + cell.target + ")";
  out.parameters = cell.note;
  out.warning = cell.warning;
  out.raw_file = cell.file;
  if (cell.values.empty()) return out;
  const Painted own = paint(cell, photo, package.preprocess, job.paint);
  out.picture = own.colors.image;
  out.over_photo = own.over_photo;
  out.limits = own.colors.limits;
  out.extent = own.colors.extent;
  out.colormap = own.colors.colormap;
  if (out.warning.empty()) out.warning = own.colors.why;
  const auto scale = scales.find(cell.column());
  if (scale == scales.end()) return out;
  const Painted shared = paint(cell, photo, package.preprocess, job.paint, scale->second);
  out.shared_picture = shared.colors.image;
  out.shared_limits = shared.colors.limits;
  return out;
}

constexpr std::size_t kSheetColumns = 9;

/// Pictures of small nets at a size where their captions fit.
Image enlarged(const Image& image) {
  constexpr int kSide = 160;
  return magnify(image, std::max(1, kSide / std::max(1, image.width)));
}

Tile sheet_tile(const MapCell& cell,
                const Image& photo,
                const ExplainJob& job,
                const weights::Package& package,
                const Scales& scales) {
  Tile tile{{}, cell.method, cell.class_name};
  if (job.layers.size() > 1) tile.caption += " " + cell.layer;
  if (cell.target == "difference") tile.note = cell.target;
  if (job.targets.size() > 1 || cell.target == "predicted" || cell.target == "expected") {
    tile.note = cell.target + ": " + tile.note;
  }
  if (cell.values.empty()) {
    tile.note = cell.warning;
    return tile;
  }
  if (!cell.warning.empty()) tile.note = cell.warning;
  const auto scale = scales.find(cell.column());
  std::optional<Limits> limits;
  if (scale != scales.end()) limits = scale->second;
  const Painted painted = paint(cell, photo, package.preprocess, job.paint, limits);
  tile.image = enlarged(
      painted.over_photo ? blend(photo, painted.colors.image, Blend::alpha(job.paint.heat_weight))
                         : painted.colors.image);
  if (painted.colors.degenerate || tile.image.height < 64) return tile;
  const ColorBar bar = color_bar(painted.colors.colormap, painted.colors.limits,
                                 painted.colors.extent, tile.image.height, 3);
  tile.image = beside(tile.image, bar.image, 4, PanelStyle{}.background);
  return tile;
}

}  // namespace

std::string write_report(const ExplainJob& job,
                         const weights::Package& package,
                         const Spool& spool,
                         ReportHead head,
                         RunFolder& folder,
                         const Observer& observer) {
  std::vector<std::int64_t> rows = spool.numbers();
  // The sheet may have wanted a few rows more.
  rows.erase(std::lower_bound(rows.begin(), rows.end(), job.report_rows), rows.end());
  const Scales scales = shared_scales(job, spool, rows);
  const auto count = static_cast<std::int64_t>(rows.size());
  head.pages =
      static_cast<int>(std::max<std::int64_t>(1, (count + kRowsPerPage - 1) / kRowsPerPage));
  ReportOptions options;
  options.heat_weight = static_cast<double>(job.paint.heat_weight);
  for (head.page = 1; head.page <= head.pages; ++head.page) {
    throw_if_cancelled(observer);
    ReportBuilder page(head, options);
    const std::int64_t first = (head.page - 1) * kRowsPerPage;
    for (std::int64_t i = first; i < std::min(count, first + kRowsPerPage); ++i) {
      SpooledRow spooled = spool.get(rows[static_cast<std::size_t>(i)], true);
      for (const MapCell& cell : spooled.cells) {
        spooled.row.cells.push_back(report_cell(cell, spooled.row.photo, job, package, scales));
      }
      page.add(spooled.row);
    }
    page.write(folder.claim(report_file(head.page)));
  }
  return folder.file(report_file(1));
}

void write_sheet(const ExplainJob& job,
                 const weights::Package& package,
                 const Spool& spool,
                 RunFolder& folder) {
  std::vector<SpooledRow> rows;
  std::vector<std::int64_t> numbers = spool.numbers();
  for (const std::int64_t n : numbers) {
    SpooledRow row = spool.get(n, true);
    if (row.row.error.empty()) rows.push_back(std::move(row));
    if (static_cast<std::int64_t>(rows.size()) == kSheetRows) break;
  }
  if (rows.empty()) return;
  Scales scales;
  if (job.shared_scale) scales = shared_scales(job, spool, numbers);
  std::size_t columns = 0;
  for (const SpooledRow& row : rows) columns = std::max(columns, row.cells.size() + 1);
  columns = std::min(columns, kSheetColumns);
  std::vector<Tile> tiles;
  for (const SpooledRow& row : rows) {
    tiles.push_back(
        {enlarged(row.row.photo), std::filesystem::path(row.row.name).stem().string(), ""});
    for (const MapCell& cell : row.cells) {
      if (tiles.size() % columns == 0) tiles.push_back({});  // under the photo
      tiles.push_back(sheet_tile(cell, row.row.photo, job, package, scales));
    }
    while (tiles.size() % columns != 0) tiles.push_back({});
  }
  write_png(folder.claim("sheet.png"), grid(tiles, static_cast<int>(columns)));
}

}  // namespace cutaway::explain
