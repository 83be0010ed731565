#include "explain/runs/method_record.h"

#include <algorithm>
#include <cmath>
#include <variant>

namespace cutaway::explain {
namespace {

Record record_of(const Attributes& attributes) {
  Record record = Record::object();
  for (const auto& [name, value] : attributes.values()) {
    std::visit([&, &key = name](const auto& v) { record[key] = v; }, value);
  }
  return record;
}

AnyValue value_of(const Record& v) {
  if (v.is_boolean()) return v.get<bool>();
  if (v.is_number_integer()) return v.get<std::int64_t>();
  if (v.is_number()) return v.get<double>();
  if (v.is_string()) return v.get<std::string>();
  return v.dump();
}

}  // namespace

NamedValues MethodRecords::Entry::fields() const {
  NamedValues all;
  if (!rules.empty()) all.push_back({"rules", rules});
  for (const auto& [name, value] : options.items()) all.push_back({name, value_of(value)});
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

void MethodRecords::widen(Entry& entry, const Record& varies) {
  for (const auto& [name, value] : varies.items()) {
    if (!value.is_number()) continue;
    const double v = value.get<double>();
    auto range = std::find_if(entry.ranges.begin(), entry.ranges.end(),
                              [&, &key = name](const Entry::Range& r) { return r.name == key; });
    if (range == entry.ranges.end()) {
      const bool known = entry.options.contains(name) && entry.options[name].is_number();
      const double first = known ? entry.options[name].get<double>() : v;
      entry.ranges.push_back({name, first, first});
      range = entry.ranges.end() - 1;
    }
    range->least = std::min(range->least, v);
    range->most = std::max(range->most, v);
  }
}

Record MethodRecords::observe(const Explanation& e, Record& fresh) {
  const Record options = record_of(e.options);
  Entry* entry = find(e.method, e.layer);
  fresh = nullptr;
  if (entry == nullptr) {
    entries_.push_back({e.method, e.layer, e.rules, options, {}});
    fresh = {{"method", e.method}, {"layer", e.layer}, {"rules", e.rules}, {"options", options}};
    return Record::object();
  }
  Record varies = Record::object();
  for (const auto& [name, value] : options.items()) {
    if (!entry->options.contains(name) || entry->options[name] != value) varies[name] = value;
  }
  widen(*entry, varies);
  return varies;
}

Record MethodRecords::measure(const Explanation& e, std::size_t n) {
  if (n >= e.measures.size()) return Record::object();
  const Record measured = record_of(e.measures[n]);
  if (Entry* entry = find(e.method, e.layer)) widen(*entry, measured);
  return measured;
}

void MethodRecords::restore(const Record& method) {
  const std::string name = method.value("method", "");
  const std::string layer = method.value("layer", "");
  if (find(name, layer) != nullptr) return;
  entries_.push_back({name,
                      layer,
                      method.value("rules", ""),
                      method.contains("options") ? method["options"] : Record::object(),
                      {}});
}

void MethodRecords::restore(const std::string& method,
                            const std::string& layer,
                            const Record& varies) {
  if (Entry* entry = find(method, layer)) widen(*entry, varies);
}

}  // namespace cutaway::explain
