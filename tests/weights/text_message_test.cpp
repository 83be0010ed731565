#include "weights/import/caffe/text_message.h"
#include "tests/weights/scratch.h"

using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

TextMessage parse(const std::string& text) { return TextMessage::parse(text, "net.prototxt"); }
std::string refused(const std::string& text) {
  return message_of([&] { (void)parse(text); });
}

}  // namespace

TEST_CASE("protobuf text: scalars, messages, lists, strings, comments") {
  const TextMessage m = parse(
      "name: \"a\" 'b' # comment\n"
      "number: -3; ratio: 1.5e-1, on: true\n"
      "inner { x: 1 } inner < x: 2 >\n"
      "list: [1, 2, 3] list: 4 empty: []\n"
      "escaped: \"q\\\"\\n\" kind: MAX");
  CHECK(m.text("name", "") == "ab");
  CHECK(m.integer("number", 0, -5, 5) == -3);
  CHECK(m.number("ratio", 0) == doctest::Approx(0.15));
  CHECK(m.flag("on", false));
  CHECK(m.messages("inner").size() == 2);
  CHECK(m.messages("inner")[1]->integer("x", 0, 0, 9) == 2);
  CHECK(m.integers("list", 0, 9) == std::vector<std::int64_t>{1, 2, 3, 4});
  CHECK(m.integers("empty", 0, 9).empty());
  CHECK(m.text("escaped", "") == "q\"\n");
  CHECK(m.text("absent", "default") == "default");
  CHECK(m.unread() == std::vector<std::string>{"kind (line 5)"});
  CHECK(m.message("nothing").integer("x", 7, 0, 9) == 7);
}

TEST_CASE("protobuf text: damage is refused with its line") {
  CHECK(has(refused("a: 1\nb { c: 2"), "net.prototxt:2"));
  CHECK(has(refused("a: \"x"), "does not end"));
  CHECK(has(refused("a: }"), "value expected"));
  CHECK(has(refused("1a: 2"), "name expected"));
  CHECK(has(refused("a 3"), "':' or '{' expected"));
  CHECK(has(refused("a: [1, 2"), "']' expected"));
  CHECK(has(refused("}"), "name expected"));
  CHECK(has(refused(std::string("a: \"x\0y\"", 8)), "NUL"));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "a{";
  CHECK(has(refused(deep), "too deeply"));
  std::string many;
  for (std::size_t i = 0; i <= TextMessage::kMostFields; ++i) many += "a:1 ";
  CHECK(has(refused(many), "too many fields"));
  CHECK(has(refused(std::string(TextMessage::kMostBytes + 1, ' ')), "too long"));
}

TEST_CASE("protobuf text: values are checked where they are read") {
  const TextMessage m = parse("a: 1 a: 2\nb: \"3\"\nc: 99\nd: nan\ne { }\nf: maybe");
  CHECK(has(message_of([&] { (void)m.integer("a", 0, 0, 9); }), "more than once"));
  CHECK(has(message_of([&] { (void)m.integer("b", 0, 0, 9); }), "net.prototxt:2"));
  CHECK(has(message_of([&] { (void)m.integer("c", 0, 0, 9); }), "from 0 to 9"));
  CHECK(has(message_of([&] { (void)m.number("d", 0); }), "a number"));
  CHECK(has(message_of([&] { (void)m.text("e", ""); }), "must be a value"));
  CHECK(has(message_of([&] { (void)m.messages("c"); }), "must be a message"));
  CHECK(has(message_of([&] { (void)m.flag("f", true); }), "true or false"));
}
