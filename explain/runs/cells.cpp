#include "explain/runs/cells.h"

#include <algorithm>
#include <cmath>

#include "explain/report/named_values.h"
#include "explain/runs/load_network.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

/// Options in a few words, for the caption of a method without notes.
std::string options_text(const NamedValues& options) {
  std::string text;
  for (const NamedValue& option : options) {
    const std::string what = to_text(option.value);
    if (!what.empty()) text += (text.empty() ? "" : ", ") + option.name + " " + what;
  }
  return text;
}

}  // namespace

MapCell empty_cell(const Explanation& e, const std::string& target, const std::string& why) {
  MapCell cell;
  cell.method = e.method;
  cell.layer = e.layer;
  cell.target = target;
  cell.kind = e.kind;
  cell.warning = why;
  return cell;
}

MapCell cell_of(const Explanation& e,
                std::size_t n,
                const std::string& target,
                std::int64_t class_wanted,
                const weights::Package& package) {
  MapCell cell = empty_cell(e, target, "");
  if (n < e.doubts.size() && e.doubts[n]) {
    cell.refused = e.doubts[n].meaningless();
    cell.warning = e.doubts[n].text;
  }
  cell.class_index = n < e.targets.size() ? e.targets[n] : class_wanted;
  cell.unit = e.target == TargetKind::kUnit;
  cell.class_name =
      cell.unit ? "unit" + std::to_string(cell.class_index) : label_name(package, cell.class_index);
  cell.note = n < e.notes.size() ? e.notes[n]
              : e.notes.empty()  ? options_text(named_values(e.options))
                                 : "";
  const Shape& s = e.map.shape();
  cell.channels = s.c;
  cell.height = s.h;
  cell.width = s.w;
  const auto size = static_cast<std::size_t>(s.c * s.plane());
  const auto values = e.map.f32().subspan(n * size, size);
  cell.values.assign(values.begin(), values.end());
  return cell;
}

MapCell compare(MapCell& predicted, MapCell& expected, const PaintOptions& options) {
  check(predicted.values.size() == expected.values.size(), "a pair of maps of two sizes");
  MapCell cell = predicted;
  cell.target = "difference";
  cell.note = "predicted minus expected, on their scale";
  cell.varies.clear();
  cell.file.clear();
  for (std::size_t i = 0; i < cell.values.size(); ++i) cell.values[i] -= expected.values[i];
  cell.class_name = predicted.class_name + " - " + expected.class_name;
  const Limits limits =
      widest(natural_limits(predicted, options), natural_limits(expected, options));
  predicted.limits = expected.limits = limits;
  if (cell.kind != MapKind::kReconstruction) cell.kind = MapKind::kSigned;
  if (predicted.class_index == expected.class_index)
    cell.warning = "the prediction is the expected class";
  const float most = std::max(std::abs(limits.low), std::abs(limits.high));
  cell.limits = Limits{-most, most};
  return cell;
}

}  // namespace cutaway::explain
