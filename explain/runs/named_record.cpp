#include "explain/runs/named_record.h"

#include <algorithm>
#include <variant>

namespace cutaway::explain {
namespace {

AnyValue value_of(const Record& v) {
  if (v.is_boolean()) return v.get<bool>();
  if (v.is_number_integer()) return v.get<std::int64_t>();
  if (v.is_number()) return v.get<double>();
  if (v.is_string()) return v.get<std::string>();
  if (v.is_array() && !v.empty()) {
    const auto each = [&](auto is) { return std::all_of(v.begin(), v.end(), is); };
    if (each([](const Record& x) { return x.is_number_integer(); }))
      return v.get<std::vector<std::int64_t>>();
    if (each([](const Record& x) { return x.is_number(); })) return v.get<std::vector<double>>();
    if (each([](const Record& x) { return x.is_string(); }))
      return v.get<std::vector<std::string>>();
  }
  return v.dump();
}

}  // namespace

Record record_of(const NamedValues& values) {
  Record record = Record::object();
  for (const NamedValue& field : values)
    std::visit([&](const auto& v) { record[field.name] = v; }, field.value);
  return record;
}

NamedValues named_values(const Record& record) {
  NamedValues values;
  for (const auto& [name, value] : record.items()) values.push_back({name, value_of(value)});
  return values;
}

}  // namespace cutaway::explain
