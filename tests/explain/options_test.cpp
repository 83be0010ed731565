// Options as data: what is checked, what is completed, and what an error says.

#include "explain/options.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "explain/method.h"
#include "explain/methods/constant_image.h"
#include "runtime/error.h"

using namespace cutaway;
using namespace cutaway::explain;

namespace {

std::vector<OptionFact> facts() {
  OptionFact share = number_option("share", 0.5, 0.0, 1.0, "part that is kept");
  share.above_least = share.below_most = true;
  OptionFact low = channels_option("low", std::nullopt, {}, "least pixel");
  OptionFact high = channels_option("high", std::nullopt, {}, "greatest pixel");
  OptionFact unit = channels_option("unit", "1", {"grey_level"}, "what is counted");
  low.pixel = PixelFact::kLow;
  high.pixel = PixelFact::kHigh;
  unit.pixel = PixelFact::kGreyLevel;
  return {integer_option("samples", 50, 1, 100, "copies of the image"),
          share,
          flag_option("signed", false, "keep the sign"),
          word_option("output", {"logit", "probability"}, "the answer"),
          text_option("layer", "", "a layer"),
          low,
          high,
          unit};
}

Options checked(const Attributes& given) { return {facts(), given, "method test"}; }

std::string refusal(const Attributes& given) {
  try {
    (void)checked(given);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
    return error.what();
  }
  FAIL("nothing was refused");
  return {};
}

bool holds(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("options: values a channel, one for all, and what is no number") {
  CHECK(channel_values("baseline", "zero", 3) == std::vector<float>{0, 0, 0});
  CHECK(channel_values("baseline", "1.5", 3) == std::vector<float>{1.5F, 1.5F, 1.5F});
  CHECK(channel_values("baseline", "1,-2,3", 3) == std::vector<float>{1, -2, 3});
  for (const char* bad : {"", "1,2", "one", "1,2,3x", "inf", "1,nan,2", "1,,2"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS((void)channel_values("baseline", bad, 3), Error);
  }
}

TEST_CASE("options: defaults complete what is given; an option without one stays absent") {
  const Options none = checked({});
  CHECK(none.integer("samples") == 50);
  CHECK(none.number("share") == 0.5);
  CHECK_FALSE(none.flag("signed"));
  CHECK(none.text("output") == "logit");
  CHECK(none.all().values().size() == 6);
  CHECK_FALSE(none.all().values().contains("low"));
  CHECK_FALSE(none.given("samples"));
  const Options some = checked({{"samples", std::int64_t{7}}, {"signed", true}});
  CHECK(some.integer("samples") == 7);
  CHECK(some.given("samples"));
  CHECK(some.flag("signed"));
  CHECK(some.text("output") == "logit");
}

TEST_CASE("options: values take the type of the option") {
  const Options o = checked({{"layer", std::int64_t{12}},
                             {"low", -1.5},
                             {"high", std::int64_t{3}},
                             {"unit", std::string("1,2,0.25")}});
  CHECK(o.text("layer") == "12");
  CHECK(o.text("low") == "-1.5");
  CHECK(o.text("high") == "3");
  CHECK(o.text("unit") == "1,2,0.25");
  OptionFact wide = number_option("wide", 1.0, 0.0, 10.0, "");
  const Options whole(std::vector{wide}, {{"wide", std::int64_t{4}}}, "x");
  CHECK(whole.number("wide") == 4.0);
  CHECK(std::holds_alternative<double>(whole.all().values().at("wide")));
}

TEST_CASE("options: the ends of a range belong to it unless it is open") {
  CHECK_NOTHROW((void)checked({{"samples", std::int64_t{1}}}));
  CHECK_NOTHROW((void)checked({{"samples", std::int64_t{100}}}));
  CHECK(holds(refusal({{"samples", std::int64_t{0}}}), "expected an integer, 1 to 100"));
  CHECK(holds(refusal({{"samples", std::int64_t{101}}}), "got 101"));
  CHECK_NOTHROW((void)checked({{"share", 0.999}}));
  CHECK(holds(refusal({{"share", 0.0}}), "above 0 and below 1 (default 0.5)"));
  CHECK(holds(refusal({{"share", 1.0}}), "got 1"));
  CHECK(holds(refusal({{"share", std::nan("")}}), "share"));
}

TEST_CASE("options: a refusal names the option, the range, the default and what it is for") {
  const std::string wrong = refusal({{"samples", 0.5}});
  CHECK(wrong ==
        "method test: option 'samples': expected an integer, 1 to 100 (default 50), got 0.5; hint: "
        "copies of the image");
  CHECK(holds(refusal({{"output", std::string("maybe")}}),
              "expected logit or probability (default logit), got maybe"));
  CHECK(holds(refusal({{"signed", std::int64_t{1}}}), "true or false (default false)"));
  CHECK(holds(refusal({{"low", std::string("1,x")}}), "numbers separated by commas"));
  CHECK(holds(refusal({{"low", std::string("1,,2")}}), "got 1,,2"));
  CHECK(holds(refusal({{"low", std::string("1,")}}), "got 1,"));
  CHECK(holds(refusal({{"low", std::string("")}}), "low"));
  CHECK(holds(refusal({{"low", std::string("1e400")}}), "low"));
  CHECK(holds(refusal({{"low", true}}), "low"));
  CHECK(holds(refusal({{"unit", std::string("grey")}}), "grey_level, or numbers"));
}

TEST_CASE("options: an unknown name is refused with the nearest and with all there are") {
  const std::string wrong = refusal({{"sampels", std::int64_t{5}}});
  CHECK(holds(wrong, "method test: no option 'sampels'"));
  CHECK(holds(wrong, "did you mean 'samples'"));
  CHECK(holds(wrong, "samples, share, signed, output, layer, low, high, unit"));
  try {
    (void)Options(std::vector<OptionFact>{}, {{"a", true}}, "method bare");
    FAIL("nothing was refused");
  } catch (const Error& error) {
    CHECK(holds(error.what(), "it takes none"));
  }
}

TEST_CASE("options: a line of help") {
  const std::vector<OptionFact> all = facts();
  CHECK(option_line(all[0]) == "samples=50: copies of the image (an integer, 1 to 100)");
  CHECK(option_line(all[3]) == "output=logit: the answer (logit or probability)");
  CHECK(option_line(all[5]) ==
        "low=...: least pixel (numbers separated by commas, one a channel or one for all)");
  OptionFact open = number_option("alpha", 1e-6, 0.0, std::numeric_limits<double>::infinity(), "");
  CHECK(range_text(open) == "a number, 0 or more");
  CHECK(default_text(open) == "1e-06");
  open.above_least = true;
  CHECK(range_text(open) == "a number, above 0");
}

TEST_CASE("options: what the preprocessing knows fills options that are counted in its numbers") {
  const PixelRange pixels{{-2.0, -1.5}, {2.0, 1.5}, {0.25, 0.5}};
  Attributes none;
  set_pixel_options(facts(), pixels, none);
  CHECK(none.values() ==
        Attributes{{"low", std::string("-2,-1.5")}, {"high", std::string("2,1.5")}}.values());
  Attributes half{{"low", -1.0}, {"unit", std::string("grey_level")}};
  set_pixel_options(facts(), pixels, half);
  CHECK(half.values() == Attributes{{"low", -1.0}, {"unit", std::string("0.25,0.5")}}.values());
  Attributes own{{"high", 1.0}, {"unit", std::int64_t{2}}};
  set_pixel_options(facts(), pixels, own);
  CHECK(own.values() == Attributes{{"high", 1.0}, {"unit", std::int64_t{2}}}.values());
}

TEST_CASE("options: every default of every method lies in its own range") {
  std::size_t options = 0;
  for (const std::string& name : method_names()) {
    const MethodFacts& facts = method_facts(name);
    CAPTURE(name);
    CHECK(facts.name == name);
    CHECK_FALSE(facts.summary.empty());
    CHECK_FALSE(facts.source.empty());
    for (const OptionFact& fact : facts.options) {
      CAPTURE(fact.name);
      ++options;
      CHECK_FALSE(fact.help.empty());
      CHECK(fact.help.find('\n') == std::string::npos);
      if (!fact.otherwise) continue;
      CHECK_NOTHROW((void)make_method(name, {{fact.name, *fact.otherwise}}));
      const bool numeric = fact.type == OptionType::kInteger || fact.type == OptionType::kNumber;
      if (!numeric) continue;
      const auto beyond = [&](double v) {
        return fact.type == OptionType::kInteger ? Attributes::Value(static_cast<std::int64_t>(v))
                                                 : Attributes::Value(v);
      };
      CHECK_THROWS_AS((void)make_method(name, {{fact.name, beyond(fact.least - 1.0)}}), Error);
      // Beyond 2^53 the next number is the same.
      if (fact.most < 9e15)
        CHECK_THROWS_AS((void)make_method(name, {{fact.name, beyond(fact.most + 1.0)}}), Error);
    }
  }
  CHECK(options > 40);
}
