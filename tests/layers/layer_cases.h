#pragma once

#include <doctest/doctest.h>

#include <string>

#include "tests/support/layer_check.h"

namespace cutaway::tests {

/// Around one, eight and sixteen lanes, where padding begins and ends.
inline constexpr std::int64_t kChannels[] = {1, 3, 5, 16, 17, 24, 33};

/// Runs every check of tests/support/layer_check.h.
inline void expect_good(const LayerCase& c) {
  std::string text = std::string(c.layer->type());
  const Attributes attributes = c.layer->attributes();
  for (const auto& [name, value] : attributes.values()) {
    const auto* word = std::get_if<std::string>(&value);
    text += " " + name + (word != nullptr ? " " + *word : "");
  }
  for (const Shape& s : c.inputs) text += ", input " + to_string(s);
  for (const std::string& f : check_layer(c)) text += "\n  " + f;
  INFO(text);
  CHECK(text.find('\n') == std::string::npos);
}

/// Of one input, at every channel count.
template <class Make>
void expect_good_at_all_channels(const Make& make, std::int64_t h, std::int64_t w) {
  for (const std::int64_t channels : kChannels) {
    LayerCase c = make(channels);
    c.inputs = {{1, channels, h, w}};
    expect_good(c);
  }
}

/// The kind of error of inferring these inputs; fails when they are accepted.
inline ErrorKind refusal_of(const Layer& layer, const std::vector<Shape>& inputs) {
  try {
    (void)layer.infer(inputs);
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("accepted by " << layer.type());
  return ErrorKind::kInternal;
}

}  // namespace cutaway::tests
