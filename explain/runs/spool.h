#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/report/report.h"
#include "explain/runs/cell.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// What the report will show of one image.
struct SpooledRow {
  ReportRow row;  ///< without cells
  std::vector<MapCell> cells;
};

/// Rows of the report, kept in a folder until the run is over: only then are the scales that images
/// share known, and a run that was stopped finds its rows again. Maps that lie in raw files of
/// their own are read from there.
class Spool {
 public:
  /// `out`: the run's folder; rows lie in its sub-folder ".rows".
  explicit Spool(std::string out) : out_(std::move(out)), folder_(out_ + "/.rows") {}

  void put(std::int64_t n, const SpooledRow& row) const;
  [[nodiscard]] bool has(std::int64_t n) const;
  /// `values` false: leaves the cells' values empty. Throws kInput when the row is damaged.
  [[nodiscard]] SpooledRow get(std::int64_t n, bool values) const;
  /// Numbers of all rows, ascending.
  [[nodiscard]] std::vector<std::int64_t> numbers() const;
  void remove() const;

 private:
  [[nodiscard]] std::string path(std::int64_t n) const;
  std::string out_, folder_;
};

}  // namespace cutaway::explain

#pragma GCC visibility pop
