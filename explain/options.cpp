#include "explain/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "layers/graph.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

using Value = Attributes::Value;

std::string number_text(double v) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, v);
  return {text, end.ptr};
}

/// "a, b or c".
std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return text;
}

bool unbounded(const OptionFact& fact) { return std::isinf(fact.least) && std::isinf(fact.most); }

/// "1 to 50", "above 0", "0 or more", "above 0 and below 1".
std::string interval_text(const OptionFact& fact) {
  const std::string least = number_text(fact.least), most = number_text(fact.most);
  if (std::isinf(fact.most)) return fact.above_least ? "above " + least : least + " or more";
  if (std::isinf(fact.least)) return fact.below_most ? "below " + most : most + " or less";
  if (!fact.above_least && !fact.below_most) return least + " to " + most;
  return (fact.above_least ? "above " + least : least + " or more") + " and " +
         (fact.below_most ? "below " + most : "at most " + most);
}

bool within(const OptionFact& fact, double v) {
  const bool low = fact.above_least ? v > fact.least : v >= fact.least;
  const bool high = fact.below_most ? v < fact.most : v <= fact.most;
  return low && high && std::isfinite(v);
}

bool is_word(const OptionFact& fact, const std::string& text) {
  return std::ranges::find(fact.words, text) != fact.words.end();
}

/// Finite numbers separated by commas, at least one.
bool is_numbers(const std::string& text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    float value = 0.0f;
    const auto r = std::from_chars(at, end, value);
    if (r.ec != std::errc() || !std::isfinite(value)) return false;
    if (r.ptr == end) return true;
    if (*r.ptr != ',') return false;
    at = r.ptr + 1;
  }
}

/// The value as the option's type holds it; empty when it does not belong to the option.
std::optional<Value> converted(const OptionFact& fact, const Value& value) {
  const auto* whole = std::get_if<std::int64_t>(&value);
  const auto* real = std::get_if<double>(&value);
  const auto* text = std::get_if<std::string>(&value);
  const bool number = whole != nullptr || real != nullptr;
  switch (fact.type) {
    case OptionType::kInteger:
      if (whole != nullptr && within(fact, static_cast<double>(*whole))) return value;
      break;
    case OptionType::kNumber: {
      if (!number) break;
      const double v = whole != nullptr ? static_cast<double>(*whole) : *real;
      if (within(fact, v)) return v;
      break;
    }
    case OptionType::kFlag:
      if (std::holds_alternative<bool>(value)) return value;
      break;
    case OptionType::kWord:
      if (text != nullptr && is_word(fact, *text)) return value;
      break;
    case OptionType::kText:
      return text != nullptr ? value : Value(value_text(value));
    case OptionType::kPerChannel: {
      if (std::holds_alternative<bool>(value)) break;
      // Nine digits hold a float.
      char digits[32];
      std::snprintf(digits, sizeof digits, "%.9g",
                    whole != nullptr  ? static_cast<double>(*whole)
                    : real != nullptr ? *real
                                      : 0.0);
      const std::string values = text != nullptr ? *text : digits;
      if (is_word(fact, values) || is_numbers(values)) return values;
      break;
    }
  }
  return std::nullopt;
}

Error unknown_option(std::span<const OptionFact> facts,
                     const std::string& name,
                     const std::string& owner) {
  Error error = Error(ErrorKind::kUsage, "no option '" + name + "'").at(owner);
  if (facts.empty()) return std::move(error).hint("it takes none");
  std::vector<std::string> names;
  std::string all;
  for (const OptionFact& fact : facts) {
    names.push_back(fact.name);
    all += (all.empty() ? "" : ", ") + fact.name;
  }
  std::string hint = "did you mean";
  const std::vector<std::string> near = nearest_names(name, names);
  for (std::size_t i = 0; i < near.size(); ++i) hint += (i == 0 ? " '" : ", '") + near[i] + "'";
  return std::move(error).hint(hint + "? There are " + all);
}

Error wrong_value(const OptionFact& fact, const Value& value, const std::string& owner) {
  const std::string otherwise = default_text(fact);
  std::string expected = range_text(fact);
  if (!otherwise.empty()) expected += " (default " + otherwise + ")";
  return Error(ErrorKind::kUsage, "option '" + fact.name + "'")
      .at(owner)
      .expected(expected)
      .got(value_text(value))
      .hint(fact.help);
}

void append(std::string& text, double v) {
  char part[32];
  std::snprintf(part, sizeof part, "%s%.9g", text.empty() ? "" : ",", v);
  text += part;
}

std::string joined(const std::vector<double>& values) {
  std::string text;
  for (const double v : values) append(text, v);
  return text;
}

}  // namespace

OptionFact integer_option(std::string name,
                          std::int64_t otherwise,
                          std::int64_t least,
                          std::int64_t most,
                          std::string help) {
  OptionFact fact;
  fact.name = std::move(name);
  fact.type = OptionType::kInteger;
  fact.otherwise = otherwise;
  fact.least = static_cast<double>(least);
  fact.most = static_cast<double>(most);
  fact.help = std::move(help);
  return fact;
}

OptionFact number_option(
    std::string name, double otherwise, double least, double most, std::string help) {
  OptionFact fact;
  fact.name = std::move(name);
  fact.type = OptionType::kNumber;
  fact.otherwise = otherwise;
  fact.least = least;
  fact.most = most;
  fact.help = std::move(help);
  return fact;
}

OptionFact flag_option(std::string name, bool otherwise, std::string help) {
  OptionFact fact;
  fact.name = std::move(name);
  fact.type = OptionType::kFlag;
  fact.otherwise = otherwise;
  fact.help = std::move(help);
  return fact;
}

OptionFact word_option(std::string name, std::vector<std::string> words, std::string help) {
  OptionFact fact;
  fact.name = std::move(name);
  fact.type = OptionType::kWord;
  fact.otherwise = words.at(0);
  fact.words = std::move(words);
  fact.help = std::move(help);
  return fact;
}

OptionFact text_option(std::string name, std::string otherwise, std::string help) {
  OptionFact fact;
  fact.name = std::move(name);
  fact.type = OptionType::kText;
  fact.otherwise = std::move(otherwise);
  fact.help = std::move(help);
  return fact;
}

OptionFact channels_option(std::string name,
                           std::optional<std::string> otherwise,
                           std::vector<std::string> words,
                           std::string help) {
  OptionFact fact;
  fact.name = std::move(name);
  fact.type = OptionType::kPerChannel;
  if (otherwise) fact.otherwise = *std::move(otherwise);
  fact.words = std::move(words);
  fact.help = std::move(help);
  return fact;
}

std::string value_text(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
  if (const auto* real = std::get_if<double>(&value)) return number_text(*real);
  return std::get<std::string>(value);
}

std::string range_text(const OptionFact& fact) {
  switch (fact.type) {
    case OptionType::kInteger:
      return unbounded(fact) ? "an integer" : "an integer, " + interval_text(fact);
    case OptionType::kNumber:
      return unbounded(fact) ? "a number" : "a number, " + interval_text(fact);
    case OptionType::kFlag:
      return "true or false";
    case OptionType::kWord:
      return listed(fact.words);
    case OptionType::kText:
      return "a text";
    case OptionType::kPerChannel:
      return (fact.words.empty() ? "" : listed(fact.words) + ", or ") +
             std::string("numbers separated by commas, one a channel or one for all");
  }
  return {};
}

std::string default_text(const OptionFact& fact) {
  return fact.otherwise ? value_text(*fact.otherwise) : std::string();
}

std::string option_line(const OptionFact& fact) {
  return fact.name + "=" + (fact.otherwise ? default_text(fact) : "...") + ": " + fact.help + " (" +
         range_text(fact) + ")";
}

Options::Options(std::span<const OptionFact> facts,
                 const Attributes& given,
                 const std::string& owner) {
  for (const auto& [name, value] : given.values()) {
    const auto fact = std::ranges::find(facts, name, &OptionFact::name);
    if (fact == facts.end()) throw unknown_option(facts, name, owner);
    const std::optional<Value> held = converted(*fact, value);
    if (!held) throw wrong_value(*fact, value, owner);
    all_.set(name, *held);
    given_.insert(name);
  }
  for (const OptionFact& fact : facts) {
    if (fact.otherwise && !given_.contains(fact.name)) all_.set(fact.name, *fact.otherwise);
  }
}

template <class T>
const T& Options::get(const std::string& name) const {
  const auto found = all_.values().find(name);
  const T* value = found == all_.values().end() ? nullptr : std::get_if<T>(&found->second);
  if (value == nullptr) throw Error(ErrorKind::kInternal, "option '" + name + "' is not stated so");
  return *value;
}

std::int64_t Options::integer(const std::string& name) const { return get<std::int64_t>(name); }
double Options::number(const std::string& name) const { return get<double>(name); }
bool Options::flag(const std::string& name) const { return get<bool>(name); }
const std::string& Options::text(const std::string& name) const { return get<std::string>(name); }

void set_pixel_options(std::span<const OptionFact> facts,
                       const PixelRange& pixels,
                       Attributes& options) {
  const auto given = [&](const OptionFact& fact) { return options.values().contains(fact.name); };
  bool box_given = false;
  for (const OptionFact& fact : facts) {
    const bool box = fact.pixel == PixelFact::kLow || fact.pixel == PixelFact::kHigh;
    box_given = box_given || (box && given(fact));
  }
  for (const OptionFact& fact : facts) {
    if (fact.pixel == PixelFact::kLow && !box_given) options.set(fact.name, joined(pixels.low));
    if (fact.pixel == PixelFact::kHigh && !box_given) options.set(fact.name, joined(pixels.high));
    if (fact.pixel != PixelFact::kGreyLevel || !given(fact)) continue;
    if (options.values().at(fact.name) == Attributes::Value(std::string("grey_level")))
      options.set(fact.name, joined(pixels.grey_level));
  }
}

}  // namespace cutaway::explain
