#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "layers/graph.h"
#include "weights/import/bands_ahead.h"
#include "weights/import/report.h"
#include "weights/import/row_bands.h"
#include "weights/import/source.h"

namespace cutaway::weights {

struct ImportOptions {
  /// Patterns (matches_pattern) of nodes ("fc6") or parameters ("fc6 bias") that may be absent from
  /// the source; they are left at zero and reported.
  std::vector<std::string> allow_missing{};
  /// Patterns of source tensors that may stay unused; they are reported.
  std::vector<std::string> allow_unused{};
  /// Parameters whose bindings find no source take the unclaimed tensor of their extents, where
  /// there is exactly one such tensor and one such parameter.
  bool by_shape{false};
  /// The first convolution's input channels are reversed: weights for BGR serve RGB and the
  /// reverse.
  bool swap_channels{false};
};

/// Collects everything that is wrong instead of stopping at the first.
class Problems {
 public:
  void add(const std::string& line) { lines_.push_back(line); }
  [[nodiscard]] std::size_t count() const noexcept { return lines_.size(); }
  [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }
  /// Throws kInput (or `kind`) with all lines, if there are any.
  void stop(const std::string& where,
            const std::string& what = "problem(s) with these weights:") const;

 private:
  std::vector<std::string> lines_;
};

/// Every parameter of a graph with the source tensor it takes: complete, checked, nothing read yet.
class ImportPlan {
 public:
  /// Matches strictly: every parameter has a source of the right extents and a floating-point type
  /// (or is allowed to be missing), every source tensor is used (or allowed not to be). What is not
  /// goes into `problems`, all of it. Throws kUsage when a pattern of `options` fits nothing.
  ImportPlan(const Source& source,
             const Graph& graph,
             const Bindings& bindings,
             const ImportOptions& options,
             Problems& problems);

  /// Parameters in the order of nodes, and of Graph::parameters within a node.
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] NodeId node(std::size_t i) const { return entries_[i].node; }
  [[nodiscard]] std::size_t parameter(std::size_t i) const { return entries_[i].parameter; }

  /// Reads parameter i into `to` and adds its row to the report. A value that is not finite becomes
  /// a problem.
  void read(std::size_t i, std::span<float> to, ImportReport& report, Problems& problems) const;
  /// The same in pieces that `put` gets in order, each gone when the next comes, and with all
  /// parameters in order. Memory is that of a piece, and that of two bands for those that `bands`
  /// (of bands()) fills; other transforms take the tensor twice. The file's own checksums are left
  /// to Source::sums.
  void stream(std::size_t i,
              const std::function<void(std::span<const float>)>& put,
              BandsAhead& bands,
              ImportReport& report,
              Problems& problems) const;

  /// What fills the bands of all parameters that are transposed by rows.
  [[nodiscard]] std::vector<BandsAhead::Job> bands() const;

  /// The report without rows and checksum of the files.
  [[nodiscard]] const ImportReport& report() const noexcept { return report_; }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  struct Entry {
    NodeId node{0};
    std::size_t parameter{0};
    std::string target;  // "conv1 weight"
    ParameterSpec spec;
    std::size_t source{kNone};
    Transform transform;
    std::vector<float> values{};  // instead of a source: one for all, or one an element
    bool missing{false};
  };
  friend class Matcher;
  [[nodiscard]] ImportRow row_of(const Entry& entry) const;
  /// Whether the entry's tensor can be read in parts.
  [[nodiscard]] bool has_parts(const Entry& entry) const;
  void read_part(const Entry& entry, std::int64_t first, std::span<float> to) const;
  /// How the entry's tensor is transposed in bands, if it is.
  [[nodiscard]] std::optional<RowBands> bands_of(const Entry& entry) const;

  const Source* source_;
  std::vector<Entry> entries_;
  ImportReport report_;
};

}  // namespace cutaway::weights
