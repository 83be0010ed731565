#include "capi/json_options.h"

#include "runtime/error.h"

namespace cutaway::capi {

using Json = nlohmann::json;

Options::Options(const char* text, const char* call) : call_(call) {
  if (text == nullptr || *text == '\0') return;
  json_ = Json::parse(text, nullptr, false);
  if (!json_.is_object()) {
    throw Error(ErrorKind::kUsage, "options of " + call_)
        .expected("a JSON object")
        .got(json_.is_discarded() ? "no JSON" : json_.type_name());
  }
}

const Json* Options::find(const char* name) {
  read_.insert(name);
  const auto found = json_.find(name);
  return found == json_.end() ? nullptr : &*found;
}

void Options::wrong(const char* name, const char* expected) const {
  throw Error(ErrorKind::kUsage, "option '" + std::string(name) + "' of " + call_)
      .expected(expected)
      .got(json_[name].dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80));
}

std::string Options::text(const char* name, const std::string& otherwise) {
  const Json* found = find(name);
  if (found == nullptr) return otherwise;
  if (!found->is_string()) wrong(name, "a text");
  return *found;
}

bool Options::flag(const char* name, bool otherwise) {
  const Json* found = find(name);
  if (found == nullptr) return otherwise;
  if (!found->is_boolean()) wrong(name, "true or false");
  return *found;
}

std::int64_t Options::integer(const char* name,
                              std::int64_t otherwise,
                              std::int64_t least,
                              std::int64_t most) {
  const Json* found = find(name);
  if (found == nullptr) return otherwise;
  const std::string range = std::to_string(least) + " to " + std::to_string(most);
  if (!found->is_number_integer() || *found < least || *found > most) wrong(name, range.c_str());
  return *found;
}

double Options::number(const char* name, double otherwise) {
  const Json* found = find(name);
  if (found == nullptr) return otherwise;
  if (!found->is_number()) wrong(name, "a number");
  return *found;
}

std::vector<std::string> Options::texts(const char* name) {
  std::vector<std::string> all;
  const Json* found = find(name);
  if (found == nullptr) return all;
  if (found->is_string()) return {found->get<std::string>()};
  if (!found->is_array()) wrong(name, "a text, or an array of texts");
  for (const Json& item : *found) {
    if (!item.is_string()) wrong(name, "a text, or an array of texts");
    all.push_back(item);
  }
  return all;
}

std::string Options::target(const char* name, const std::string& otherwise) {
  const Json* found = find(name);
  if (found == nullptr) return otherwise;
  if (found->is_number_integer()) return found->dump();
  if (!found->is_string()) wrong(name, "a class: a number or a text");
  return *found;
}

Attributes Options::attributes(const char* name) {
  Attributes all;
  const Json* found = find(name);
  if (found == nullptr) return all;
  if (!found->is_object()) wrong(name, "an object");
  for (const auto& [key, value] : found->items()) {
    if (value.is_boolean()) {
      all.set(key, value.get<bool>());
    } else if (value.is_number_integer()) {
      all.set(key, value.get<std::int64_t>());
    } else if (value.is_number()) {
      all.set(key, value.get<double>());
    } else if (value.is_string()) {
      all.set(key, value.get<std::string>());
    } else {
      wrong(name, "an object of numbers, texts and truth values");
    }
  }
  return all;
}

void Options::expect_all_read() const {
  for (const auto& [name, value] : json_.items()) {
    if (read_.contains(name)) continue;
    std::string known;
    for (const std::string& r : read_) known += (known.empty() ? "" : ", ") + r;
    throw Error(ErrorKind::kUsage, "unknown option of " + call_)
        .expected(known)
        .got("'" + name + "'");
  }
}

}  // namespace cutaway::capi
