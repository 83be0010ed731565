#include "explain/graph/features/scratch_memory.h"
#include "explain/pictures/objects.h"
#include "runtime/error.h"
#include "tests/tools/run_support.h"

using namespace cutaway;
using namespace cutaway::explain;

TEST_CASE("graph objects: lists of both kinds, boxes, categories") {
  const test::Folder folder;
  test::put(
      folder / "parts.json",
      R"([{"file":"a.jpg","name":"cat","size":[99,99],"box":[10,10,69,89],"head":[10,10,39,49],"front_legs":null},
                  {"file":"b.jpg","name":"dog","size":[99,99],"box":[10,10,19,19],"head":null,"front_legs":null}])");
  ObjectQuery query;
  query.data = folder / "";
  const auto cats = read_objects(query);
  REQUIRE(cats.size() == 1);  // the dog is too small
  CHECK(cats[0].category == "cat");
  CHECK(part_names(cats) == std::vector<std::string>{"head"});
  const PixelBox head = in_cutting(cats[0].parts[0].box, cats[0].box, 60, 160);
  CHECK(head.x1 == doctest::Approx(0));
  CHECK(head.x2 == doctest::Approx(29));
  CHECK(head.y2 == doctest::Approx(79));
  query.category = "fish";
  CHECK_THROWS_AS((void)read_objects(query), Error);
  for (const char* damaged : {"[", "[{}]", R"([{"file":"a","box":[1,2,3]}])",
                              R"([{"file":"a","box":[1,2,3,1e300]}])", "7"}) {
    test::put(folder / "parts.json", damaged);
    CHECK_THROWS_AS((void)read_objects(query), Error);
  }
  CHECK_THROWS_AS((void)scratch_memory("/no/such/folder", 4096), Error);
  const auto memory = scratch_memory("", 8192);
  CHECK(memory.get()[8191] == std::byte{0});
}

TEST_CASE("graph objects: boxes over the edge, outside and turned round") {
  const test::Folder folder;
  test::put(folder / "parts.json",
            R"([{"file":"over.png","name":"cat","box":[-20.4,10.6,79.5,120],"head":[-10,20,29,59]},
                  {"file":"turned.png","name":"cat","box":[80,90,10,10],"head":[59,20,20,59]},
                  {"file":"outside.png","name":"cat","box":[500,500,700,700]},
                  {"file":"edge.png","name":"cat","box":[0.4,0.4,100,80],"head":[50,60,90,140]}])");
  ObjectQuery query;
  query.data = folder / "";
  auto objects = read_objects(query);
  REQUIRE(objects.size() == 4);  // a turned box has an area, too
  // What was cut out of 100 x 80 pixels is what the way back starts from.
  ObjectEntry& over = objects[0];
  settle(over, 100, 80);
  CHECK(over.box == PixelBox{0, 11, 80, 79});
  CHECK(over.parts[0].box == PixelBox{0, 20, 29, 59});
  CHECK(over.parts[0].center_x == 14.5);
  CHECK(over.parts[0].seen);
  CHECK(over.mended.size() == 2);  // the object and its head
  CHECK(over.mended[0].find("over the edge") != std::string::npos);
  Image picture = make_image(100, 80, {0, 0, 0});
  for (int y = 20; y <= 59; ++y) {
    for (int x = 0; x <= 29; ++x) picture.set(x, y, {255, 255, 255});
  }
  const Image cut = cut_out(picture, over.box, 162, 138);  // twice as large
  const PixelBox head = in_cutting(over.parts[0].box, over.box, 162, 138);
  CHECK(head.x1 == doctest::Approx(0));
  CHECK(head.x2 == doctest::Approx(59));
  CHECK(head.y1 == doctest::Approx(18));
  CHECK(head.y2 == doctest::Approx(97));
  CHECK(cut.at(10, 16).r < 20);
  CHECK(cut.at(10, 19).r > 235);
  CHECK(cut.at(10, 96).r > 235);
  CHECK(cut.at(57, 50).r > 235);
  CHECK(cut.at(62, 50).r < 20);
  settle(objects[1], 100, 100);
  CHECK(objects[1].box == PixelBox{10, 10, 80, 90});
  CHECK(objects[1].parts[0].box == PixelBox{20, 20, 59, 59});
  CHECK(objects[1].mended.size() == 2);
  CHECK_THROWS_AS(settle(objects[2], 96, 96), Error);
  // One pixel beyond is how some lists end a box: cut, without a word. Its head goes on below.
  settle(objects[3], 100, 80);
  CHECK(objects[3].box == PixelBox{0, 0, 99, 79});
  CHECK(objects[3].mended.size() == 1);
  CHECK(objects[3].parts[0].box.y2 == 79);
  CHECK(objects[3].parts[0].center_y == 69.5);
  // Whole pictures: parts are in the picture's pixels, whatever size the net sees.
  ObjectEntry whole;
  whole.parts = {{"head", {100, 20, 149, 59}, 124.5, 39.5, true},
                 {"tail", {900, 20, 949, 59}, 924.5, 39.5, true}};
  settle(whole, 200, 100);
  CHECK(whole.box == PixelBox{0, 0, 199, 99});
  CHECK(in_cutting(whole.parts[0].box, whole.box, 50, 50).x1 == doctest::Approx(25));
  CHECK_FALSE(whole.parts[1].seen);
  CHECK(whole.mended.size() == 1);
}

TEST_CASE("graph objects: jitter takes a window inside of each box, the same for one seed") {
  const test::Folder folder;
  std::string list = "[";
  for (int k = 0; k < 20; ++k) {
    list += std::string(k > 0 ? "," : "") +
            R"({"file":"a.jpg","name":"cat","box":[10,20,109,69],"head":[10,20,39,49]})";
  }
  test::put(folder / "parts.json", list + "]");
  ObjectQuery query;
  query.data = folder / "";
  query.jitter = 0.2;
  query.seed = 3;
  const auto moved = read_objects(query);
  double least = 1e9;
  double most = 0;
  for (const ObjectEntry& o : moved) {
    CHECK(o.box.width() == doctest::Approx(80));
    CHECK(o.box.height() == doctest::Approx(40));
    CHECK(o.box.x1 >= 10);
    CHECK(o.box.x2 <= 109);
    CHECK(o.box.y1 >= 20);
    CHECK(o.box.y2 <= 69);
    CHECK(o.parts[0].box.x1 == 10);
    least = std::min(least, o.box.x1);
    most = std::max(most, o.box.x1);
  }
  CHECK(most - least > 8);
  CHECK(read_objects(query)[7].box.x1 == moved[7].box.x1);
  query.seed = 4;
  CHECK(read_objects(query)[7].box.x1 != moved[7].box.x1);
}
