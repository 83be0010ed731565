#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "layers/attributes.h"
#include "weights/preprocess.h"

namespace cutaway::explain {

/// What a parameter may be. Write std::int64_t{3} for integers.
using AnyValue = std::variant<bool,
                              std::int64_t,
                              double,
                              std::string,
                              std::vector<std::int64_t>,
                              std::vector<double>,
                              std::vector<std::string>>;

/// A named value; lists of them keep their order.
struct NamedValue {
  std::string name;
  AnyValue value;
  friend bool operator==(const NamedValue&, const NamedValue&) = default;
};
using NamedValues = std::vector<NamedValue>;

/// The value of that name; null where there is none.
[[nodiscard]] const AnyValue* find_value(const NamedValues& values, std::string_view name);
/// Replaces the value of that name, or adds it behind the others.
void set_value(NamedValues& values, NamedValue value);
/// Hyper-parameters of a layer or options of a method, as everything that reports them takes them.
[[nodiscard]] NamedValues named_values(const Attributes& attributes);

/// For people: true / 12 / 0.5 / text / "1, 2, 3"; doubles with up to six significant digits.
[[nodiscard]] std::string to_text(const AnyValue& value);

/// Preprocessing by the names of its members; what a rule does not read is left out.
[[nodiscard]] NamedValues fields_of(const weights::Preprocess& rule);

/// `text` with every byte that is not part of well-formed UTF-8 replaced by U+FFFD.
[[nodiscard]] std::string valid_utf8(const std::string& text);

}  // namespace cutaway::explain
