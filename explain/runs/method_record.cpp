#include "explain/runs/method_record.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "explain/runs/named_record.h"

namespace cutaway::explain {
namespace {

std::optional<double> number_of(const AnyValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return std::nullopt;
}

}  // namespace

NamedValues MethodRecords::Entry::fields() const {
  NamedValues all;
  if (!rules.empty()) all.push_back({"rules", rules});
  all.insert(all.end(), options.begin(), options.end());
  for (const Range& range : ranges) {
    all.push_back({range.name + "_least", range.least});
    all.push_back({range.name + "_most", range.most});
  }
  return all;
}

MethodRecords::Entry* MethodRecords::find(const std::string& method, const std::string& layer) {
  const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) {
    return e.method == method && e.layer == layer;
  });
  return at == entries_.end() ? nullptr : &*at;
}

void MethodRecords::widen(Entry& entry, const NamedValues& varies) {
  for (const NamedValue& option : varies) {
    const auto v = number_of(option.value);
    if (!v) continue;
    auto range = std::find_if(entry.ranges.begin(), entry.ranges.end(),
                              [&](const Entry::Range& r) { return r.name == option.name; });
    if (range == entry.ranges.end()) {
      const AnyValue* known = find_value(entry.options, option.name);
      const double first = known != nullptr ? number_of(*known).value_or(*v) : *v;
      entry.ranges.push_back({option.name, first, first});
      range = entry.ranges.end() - 1;
    }
    range->least = std::min(range->least, *v);
    range->most = std::max(range->most, *v);
  }
}

NamedValues MethodRecords::observe(const Explanation& e, bool& fresh) {
  const NamedValues options = named_values(e.options);
  Entry* entry = find(e.method, e.layer);
  fresh = entry == nullptr;
  if (fresh) {
    entries_.push_back({e.method, e.layer, e.rules, options, {}});
    return {};
  }
  NamedValues varies;
  for (const NamedValue& option : options) {
    const AnyValue* known = find_value(entry->options, option.name);
    if (known == nullptr || *known != option.value) varies.push_back(option);
  }
  widen(*entry, varies);
  return varies;
}

NamedValues MethodRecords::measure(const Explanation& e, std::size_t n) {
  if (n >= e.measures.size()) return {};
  NamedValues measured = named_values(e.measures[n]);
  if (Entry* entry = find(e.method, e.layer)) widen(*entry, measured);
  return measured;
}

void MethodRecords::restore(const Record& line) {
  const std::string name = line.value("method", "");
  const std::string layer = line.value("layer", "");
  if (find(name, layer) != nullptr) return;
  const bool any = line.contains("options") && line["options"].is_object();
  entries_.push_back({name,
                      layer,
                      line.value("rules", ""),
                      any ? named_values(line["options"]) : NamedValues{},
                      {}});
}

void MethodRecords::restore(const std::string& method,
                            const std::string& layer,
                            const NamedValues& varies) {
  if (Entry* entry = find(method, layer)) widen(*entry, varies);
}

Record record_of(const MethodRecords::Entry& entry) {
  return {{"method", entry.method},
          {"layer", entry.layer},
          {"rules", entry.rules},
          {"options", record_of(entry.options)}};
}

}  // namespace cutaway::explain
