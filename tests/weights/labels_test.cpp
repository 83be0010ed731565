#include "weights/labels.h"

#include "tests/weights/scratch.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

std::vector<std::string> labels_of(const std::string& text) {
  const Scratch scratch;
  write_file(scratch.path("labels.txt"), text);
  return read_labels(scratch.path("labels.txt"));
}

using Labels = std::vector<std::string>;

}  // namespace

TEST_CASE("a mark of UTF-8 is no part of the first label") {
  CHECK(labels_of("\xEF\xBB\xBFtench\nshark\n") == Labels{"tench", "shark"});
  CHECK(message_of([] { (void)labels_of(std::string("\xFF\xFEt\0e\0", 6)); }).find("UTF-16") !=
        std::string::npos);
}

TEST_CASE("labels as dictionaries of Python and JSON") {
  CHECK(labels_of("{0: 'tench, Tinca tinca',\n 1: \"potter's wheel\",\n 2: 'a\\'b'}\n") ==
        Labels{"tench, Tinca tinca", "potter's wheel", "a'b"});
  CHECK(labels_of("0: 'tench'\n1: 'shark'\n") == Labels{"tench", "shark"});
  CHECK(labels_of("2: 'b'\n1: 'a'\n") == Labels{"a", "b"});
  CHECK(labels_of(R"({"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]})") ==
        Labels{"tench", "goldfish"});
  CHECK(labels_of(R"({"10":"k","9":"j","8":"i","7":"h","6":"g","5":"f","4":"e","3":"d","2":"c",)"
                  R"("1":"b","0":"a"})") ==
        Labels{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"});
  CHECK(labels_of(R"(["ant", "bee"])") == Labels{"ant", "bee"});
  CHECK_THROWS_AS((void)labels_of("0: 'a'\n2: 'b'\n"), Error);
  CHECK_THROWS_AS((void)labels_of("0: 'a'\n0: 'b'\n"), Error);
  CHECK_THROWS_AS((void)labels_of(R"({"a": 0, "b": 1})"), Error);
}

TEST_CASE("plain lines stay what they are") {
  CHECK(labels_of("n01440764 tench\r\n{odd\r\n3: no quotes\r\n") ==
        Labels{"n01440764 tench", "{odd", "3: no quotes"});
}
