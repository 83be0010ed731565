#include "runtime/error.h"

#include <doctest/doctest.h>

#include "runtime/log.h"

using namespace cutaway;

TEST_CASE("error: the text is where, what, expected, got, hint, and absent parts are left out") {
  CHECK(std::string(Error(ErrorKind::kShape, "rows").what()) == "rows");
  const Error full = Error(ErrorKind::kShape, "channels")
                         .at("conv1")
                         .expected("64")
                         .got("32")
                         .hint("look at conv0");
  CHECK(std::string(full.what()) == "conv1: channels: expected 64, got 32; hint: look at conv0");
  CHECK(full.kind() == ErrorKind::kShape);
  CHECK(full.where() == "conv1");
  const Error got = Error(ErrorKind::kInput, "label").got("-1");
  CHECK(std::string(got.what()) == "label: got -1");
  const Error expected = Error(ErrorKind::kInput, "label").expected("0 to 9");
  CHECK(std::string(expected.what()) == "label: expected 0 to 9");
  const Error hint = Error(ErrorKind::kUsage, "no").hint("yes");
  CHECK(std::string(hint.what()) == "no; hint: yes");
}

TEST_CASE("error: located() puts places in front and keeps everything else") {
  const Error inner = Error(ErrorKind::kInput, "size").got("4");
  const Error once = inner.located("norm1");
  const Error twice = once.located("model.h5");
  CHECK(std::string(once.what()) == "norm1: size: got 4");
  CHECK(std::string(twice.what()) == "model.h5: norm1: size: got 4");
  CHECK(twice.kind() == ErrorKind::kInput);
  CHECK(std::string(inner.what()) == "size: got 4");
  // Thrown and caught as what it is, and as a standard exception.
  try {
    throw Error(ErrorKind::kMemory, "much").at("here");
  } catch (const std::exception& e) {
    CHECK(std::string(e.what()) == "here: much");
  }
}

TEST_CASE("error: check() throws kInternal") {
  CHECK_NOTHROW(check(true, "fine"));
  try {
    check(false, "broken");
    FAIL("nothing was thrown");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::kInternal);
  }
}

TEST_CASE("log: levels, and a logger without a sink") {
  std::string text;
  const auto sink = [&](LogLevel, std::string_view component, std::string_view message) {
    text += std::string(component) + ":" + std::string(message) + ";";
  };
  const Logger log(sink);
  log(LogLevel::kDebug, "a", "1");
  log(LogLevel::kInfo, "b", "2");
  log(LogLevel::kWarning, "c", "3");
  CHECK(text == "b:2;c:3;");
  const Logger nowhere;
  CHECK_FALSE(nowhere.wants(LogLevel::kWarning));
  CHECK_NOTHROW(nowhere(LogLevel::kWarning, "a", "b"));
}
