#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "explain/explanation.h"
#include "explain/report/named_values.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

using Record = nlohmann::ordered_json;

/// What each method did: the options of its first map, and of options that differ from map to map
/// (residuals) the least and the greatest.
class MethodRecords {
 public:
  /// Notes one explanation. `fresh` becomes the record of a method seen for the first time,
  /// otherwise null; returned are the options that differ from that record.
  [[nodiscard]] Record observe(const Explanation& e, Record& fresh);
  /// What was measured on image n of a noted explanation (residuals); empty: nothing. Its extremes
  /// join the method's entry.
  [[nodiscard]] Record measure(const Explanation& e, std::size_t n);
  /// The same from a log: a method's record, or the differing options of one map.
  void restore(const Record& method);
  void restore(const std::string& method, const std::string& layer, const Record& varies);

  struct Entry {
    std::string method, layer, rules;
    Record options;
    struct Range {
      std::string name;
      double least, most;
    };
    std::vector<Range> ranges;
    /// Options, then NAME_least and NAME_most of those that differ.
    [[nodiscard]] NamedValues fields() const;
  };
  [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  Entry* find(const std::string& method, const std::string& layer);
  static void widen(Entry& entry, const Record& varies);

  std::vector<Entry> entries_;
};

}  // namespace cutaway::explain

#pragma GCC visibility pop
