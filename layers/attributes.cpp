#include "layers/attributes.h"

#include <cmath>

#include "runtime/error.h"

namespace cutaway {

const Attributes::Value* Attributes::find(const std::string& name) const {
  read_.insert(name);
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

std::int64_t Attributes::integer(const std::string& name,
                                 std::int64_t least,
                                 std::int64_t most) const {
  const Value* value = find(name);
  if (value == nullptr) throw Error(ErrorKind::kInput, "missing attribute '" + name + "'");
  const auto* i = std::get_if<std::int64_t>(value);
  if (i == nullptr) {
    throw Error(ErrorKind::kInput, "attribute '" + name + "'").expected("an integer");
  }
  if (*i < least || *i > most) {
    throw Error(ErrorKind::kInput, "attribute '" + name + "'")
        .expected(std::to_string(least) + " to " + std::to_string(most))
        .got(std::to_string(*i));
  }
  return *i;
}

std::int64_t Attributes::integer(const std::string& name,
                                 std::int64_t otherwise,
                                 std::int64_t least,
                                 std::int64_t most) const {
  return find(name) == nullptr ? otherwise : integer(name, least, most);
}

double Attributes::number(const std::string& name, double otherwise) const {
  const Value* value = find(name);
  if (value == nullptr) return otherwise;
  double result = 0;
  if (const auto* d = std::get_if<double>(value)) {
    result = *d;
  } else if (const auto* i = std::get_if<std::int64_t>(value)) {
    result = static_cast<double>(*i);
  } else {
    throw Error(ErrorKind::kInput, "attribute '" + name + "'").expected("a number");
  }
  if (!std::isfinite(result)) {
    throw Error(ErrorKind::kInput, "attribute '" + name + "'").expected("a finite number");
  }
  return result;
}

bool Attributes::flag(const std::string& name, bool otherwise) const {
  const Value* value = find(name);
  if (value == nullptr) return otherwise;
  if (const auto* b = std::get_if<bool>(value)) return *b;
  throw Error(ErrorKind::kInput, "attribute '" + name + "'").expected("true or false");
}

std::string Attributes::text(const std::string& name, const std::string& otherwise) const {
  const Value* value = find(name);
  if (value == nullptr) return otherwise;
  if (const auto* s = std::get_if<std::string>(value)) return *s;
  throw Error(ErrorKind::kInput, "attribute '" + name + "'").expected("a text");
}

void Attributes::expect_all_read() const {
  for (const auto& [name, value] : values_) {
    if (!read_.contains(name)) {
      throw Error(ErrorKind::kInput, "unknown attribute '" + name + "'")
          .hint("the file may come from a newer version");
    }
  }
}

}  // namespace cutaway
