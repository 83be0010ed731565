#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/explanation.h"
#include "explain/report/named_values.h"
#include "explain/runs/journal.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// What each method did: the options of its first map, and of options that differ from map to map
/// (residuals) the least and the greatest.
class MethodRecords {
 public:
  struct Entry {
    std::string method, layer, rules;
    NamedValues options;
    struct Range {
      std::string name;
      double least, most;
    };
    std::vector<Range> ranges;
    /// Options, then NAME_least and NAME_most of those that differ.
    [[nodiscard]] NamedValues fields() const;
  };

  /// Notes one explanation; the options that differ from its method's entry. `fresh`: the entry is
  /// new.
  [[nodiscard]] NamedValues observe(const Explanation& e, bool& fresh);
  /// What was measured on image n of a noted explanation (residuals); empty: nothing. Its extremes
  /// join the method's entry.
  [[nodiscard]] NamedValues measure(const Explanation& e, std::size_t n);
  /// The same from a journal: an entry's line, or the differing options of one map.
  void restore(const Record& line);
  void restore(const std::string& method, const std::string& layer, const NamedValues& varies);

  [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  Entry* find(const std::string& method, const std::string& layer);
  static void widen(Entry& entry, const NamedValues& varies);

  std::vector<Entry> entries_;
};

/// An entry's line in the journal.
[[nodiscard]] Record record_of(const MethodRecords::Entry& entry);

}  // namespace cutaway::explain

#pragma GCC visibility pop
