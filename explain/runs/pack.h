#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "explain/runs/cell.h"

namespace cutaway::explain {

/// Maps of many images in one HDF5 file, a row an image:
///   /images/number        int64, the image's place in the run, ascending
///   /images/name          text
///   /maps/<column>/values float32, images x c x h x w (NaN: no map); chunked by rows, deflated
///   /maps/<column>/class  int64 (-1: no map); a class, or the channel of a unit
/// where <column> is method__layer__target, with '/' as '_', and the group's attributes say method,
/// layer, target and kind in full. Images that could not be read have no row.
///
/// Written under a temporary name; close() makes it appear.
class PackWriter {
 public:
  explicit PackWriter(std::string path);
  /// Without close(): what was written is removed.
  ~PackWriter();
  PackWriter(const PackWriter&) = delete;
  PackWriter& operator=(const PackWriter&) = delete;

  /// A row. The cells of a column must have one shape; throws kShape otherwise, kInternal when the
  /// disk is full.
  void add(std::int64_t number, const std::string& name, const std::vector<MapCell>& cells);
  [[nodiscard]] std::int64_t rows() const noexcept;
  void close();

 private:
  friend void merge_packs(const std::vector<std::string>&,
                          const std::vector<std::int64_t>&,
                          const std::string&);
  struct State;
  std::unique_ptr<State> state_;
};

/// One pack of several, in a fixed amount of memory: of parts[k] the rows with numbers below
/// ends[k], in order. Atomic. Throws kInput when a part is damaged.
void merge_packs(const std::vector<std::string>& parts,
                 const std::vector<std::int64_t>& ends,
                 const std::string& path);

}  // namespace cutaway::explain
