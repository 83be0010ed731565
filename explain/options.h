#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "layers/attributes.h"

/// Options stated as data: name, type, range, default and help of each. Parsing, checking, `--help`,
/// documentation and forms of an interface all read the same facts.
namespace cutaway::explain {

enum class OptionType : std::uint8_t {
  kInteger,
  kNumber,     ///< a finite number; an integer will do
  kFlag,       ///< true or false
  kWord,       ///< one of OptionFact::words
  kText,       ///< a name, or names separated by commas; what it means is checked later
  kPerChannel  ///< one of `words`, or numbers separated by commas: one a channel or one for all
};

/// What the net's preprocessing knows about an option that is counted in the net's numbers.
enum class PixelFact : std::uint8_t {
  kNone,
  kLow,       ///< the least number that a pixel of a channel can take
  kHigh,      ///< the greatest number that a pixel of a channel can take
  kGreyLevel  ///< with the value "grey_level": the net's numbers for one grey level of 255
};

/// One option.
struct OptionFact {
  std::string name;
  OptionType type{OptionType::kFlag};
  /// Absent: the option has no value of its own unless it is given; `help` says what happens then.
  std::optional<Attributes::Value> otherwise;
  double least{-std::numeric_limits<double>::infinity()};  ///< of integers and numbers
  double most{std::numeric_limits<double>::infinity()};
  bool above_least{false}, below_most{false};  ///< the ends themselves do not belong to the range
  std::vector<std::string> words;
  PixelFact pixel{PixelFact::kNone};
  std::string help;  ///< one line
};

/// Shorthands. Of words the first is the default.
[[nodiscard]] OptionFact integer_option(std::string name,
                                        std::int64_t otherwise,
                                        std::int64_t least,
                                        std::int64_t most,
                                        std::string help);
[[nodiscard]] OptionFact number_option(
    std::string name, double otherwise, double least, double most, std::string help);
[[nodiscard]] OptionFact flag_option(std::string name, bool otherwise, std::string help);
[[nodiscard]] OptionFact word_option(std::string name,
                                     std::vector<std::string> words,
                                     std::string help);
[[nodiscard]] OptionFact text_option(std::string name, std::string otherwise, std::string help);
[[nodiscard]] OptionFact channels_option(std::string name,
                                         std::optional<std::string> otherwise,
                                         std::vector<std::string> words,
                                         std::string help);

/// "an integer, 1 to 1048576", "logit or probability": what values an option takes.
[[nodiscard]] std::string range_text(const OptionFact& fact);
/// The default as it is typed: "50", "zero", "true"; empty where there is none.
[[nodiscard]] std::string default_text(const OptionFact& fact);
/// "samples=50: noisy copies of the image (an integer, 1 to 1048576)", a line of help.
[[nodiscard]] std::string option_line(const OptionFact& fact);
/// A value as it is typed: "true", "12", "0.25", "zero". Numbers read back to the same number.
[[nodiscard]] std::string value_text(const Attributes::Value& value);

/// Values of options, checked against their facts and completed with the defaults.
class Options {
 public:
  Options() = default;
  /// Throws kUsage, located at `owner` ("method rise"), for a name that is not among the facts
  /// (with the nearest and with all there are) and for a value of another type or outside the range
  /// (with the range and the default). Integers will do for numbers, and numbers for texts and
  /// values a channel.
  Options(std::span<const OptionFact> facts, const Attributes& given, const std::string& owner);

  /// Of an option that has a default, or that was given; anything else is an internal error.
  [[nodiscard]] std::int64_t integer(const std::string& name) const;
  [[nodiscard]] double number(const std::string& name) const;
  [[nodiscard]] bool flag(const std::string& name) const;
  [[nodiscard]] const std::string& text(const std::string& name) const;
  /// Whether the caller gave it, rather than its default.
  [[nodiscard]] bool given(const std::string& name) const { return given_.contains(name); }

  /// All values: what was given and the defaults of the rest.
  [[nodiscard]] const Attributes& all() const noexcept { return all_; }

 private:
  template <class T>
  [[nodiscard]] const T& get(const std::string& name) const;

  Attributes all_;
  std::set<std::string> given_;
};

/// Numbers the net takes for pixels, one a channel: see PixelFact.
struct PixelRange {
  std::vector<double> low, high, grey_level;
};
/// Gives the options that are counted in the net's numbers what the preprocessing knows: those of
/// kLow and kHigh, unless one of them was given; those of kGreyLevel whose value is "grey_level".
/// Other options stay as they are.
void set_pixel_options(std::span<const OptionFact> facts,
                       const PixelRange& pixels,
                       Attributes& options);

}  // namespace cutaway::explain
