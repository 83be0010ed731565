#include <random>

#include "layers/dense.h"
#include "layers/relu.h"
#include "runtime/files/atomic_file.h"
#include "tests/weights/scratch.h"
#include "weights/checked_writer.h"
#include "weights/graph_json.h"
#include "weights/hdf5_file.h"
#include "weights/labels.h"
#include "weights/package.h"
#include "weights/package_parts.h"
#include "weights/preprocess_json.h"
#include "weights/xxh64.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

Package package_of(const std::string& name, const ZooOptions& options = {}) {
  ZooNet net = build_zoo(name, options);
  Package package{Model(std::move(net.graph)), net.preprocess};
  package.model.parameters = Parameters::initialized(package.model.graph, 5);
  return package;
}

Package lenet() {
  Package package = package_of("lenet");
  for (int i = 0; i < 10; ++i) package.labels.push_back("digit " + std::to_string(i));
  package.provenance = {"initialized", "some/where/seed.h5", std::string(64, 'a'), "",
                        "made by a test"};
  return package;
}

// A net of some hundred bytes, so that every byte of its file can be tried.
Package tiny() {
  Graph g(Shape{1, 3, 1, 1});
  g.add("block/fc", std::make_shared<Dense>(4));
  g.add("relu", std::make_shared<Relu>());
  Package package{Model(std::move(g))};
  package.model.parameters = Parameters::initialized(package.model.graph, 2);
  package.labels = {"a", "b", "c", "d"};
  return package;
}

void poke(const std::string& path, std::size_t at, char byte) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
}

// Makes the header of a file that was changed on purpose agree with it again.
void seal(const std::string& path) {
  const parts::Checked found = parts::checksum_behind_block(path);
  std::string bytes = read_file(path);
  bytes.replace(0, parts::kBlock, parts::user_block(found.bytes, found.checksum));
  write_file(path, bytes);
}

// A sealed package put together freely.
struct Pieces {
  std::string graph, preprocess, provenance, labels, labels_sha;
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> parameters;
  float value{0.5f};
  int gzip{0};
};

Pieces pieces_of(const Package& package) {
  Pieces p{to_json(package.model.graph),       to_json(package.preprocess),
           parts::to_json(package.provenance), join_labels(package.labels),
           labels_hash(package.labels),        {}};
  for (const parts::Place& place : parts::places(package.model.graph)) {
    p.parameters.emplace_back(place.dataset, place.dims);
  }
  return p;
}

void put_together(const Pieces& pieces, const std::string& path) {
  Hdf5File file = Hdf5File::create(path, parts::kBlock);
  if (!pieces.graph.empty()) file.write_text("/graph", pieces.graph);
  file.write_text("/preprocess", pieces.preprocess);
  file.write_text("/provenance", pieces.provenance);
  file.write_text("/labels", pieces.labels);
  file.write_attribute("/labels", "sha256", pieces.labels_sha);
  for (const auto& [name, dims] : pieces.parameters) {
    std::int64_t count = 1;
    for (const std::int64_t d : dims) count *= d;
    file.write_f32(name, dims, std::vector<float>(static_cast<std::size_t>(count), pieces.value),
                   pieces.gzip);
  }
  file.close();
  seal(path);
}

std::string load_message(const Pieces& pieces, const Scratch& scratch) {
  put_together(pieces, scratch.path("changed"));
  const std::string message = message_of([&] { (void)load(scratch.path("changed")); });
  CHECK(has(message, scratch.path("changed")));
  return message;
}

}  // namespace

TEST_CASE("a package comes back bit for bit") {
  const Scratch scratch;
  const Package before = lenet();
  save(before, scratch.path("p.cutaway"));
  CHECK(scratch.files() == 1);
  CHECK(is_package(scratch.path("p.cutaway")));
  const Package after = load(scratch.path("p.cutaway"));
  CHECK(to_json(after.model.graph) == to_json(before.model.graph));
  CHECK(same_parameters(after.model, before.model));
  CHECK(after.preprocess == before.preprocess);
  CHECK(after.labels == before.labels);
  CHECK(after.provenance.source_file == "seed.h5");
  CHECK(after.provenance.source_format == "initialized");
  CHECK(after.provenance.command == "made by a test");
  CHECK(has(after.provenance.tool_version, "cutaway "));
  CHECK(weights_hash(after.model) == weights_hash(before.model));

  save(after, scratch.path("q.cutaway"));
  CHECK(read_file(scratch.path("p.cutaway")) == read_file(scratch.path("q.cutaway")));
}

TEST_CASE("every architecture makes a package, slashes in names included") {
  const Scratch scratch;
  for (const char* name : {"gap-small", "googlenet-caffe", "squeezenet1.0-caffe"}) {
    const Package before = package_of(name);
    save(before, scratch.path(name));
    const Package after = load(scratch.path(name));
    CHECK(same_parameters(after.model, before.model));
    CHECK(after.model.graph.aliases() == before.model.graph.aliases());
  }
  const Hdf5File file = Hdf5File::open(scratch.path("googlenet-caffe"));
  CHECK(file.describe("/parameters/inception_3a/1x1/weight").dims ==
        std::vector<std::int64_t>{64, 192, 1, 1});
  CHECK(file.describe("/parameters/inception_3a/1x1/bias").dims == std::vector<std::int64_t>{64});
}

TEST_CASE("the digest of the weights depends on the numbers and on nothing else") {
  const Scratch scratch;
  Package a = lenet();
  const std::string digest = weights_hash(a.model);
  a.labels.clear();
  a.model.graph.alias("other", 1);
  CHECK(weights_hash(a.model) == digest);
  float& one = a.model.parameters.of(1)[0].f32()[3];
  one = std::nextafter(one, 10.0f);
  CHECK(weights_hash(a.model) != digest);
}

TEST_CASE("every flipped byte of a package is found") {
  const Scratch scratch;
  save(tiny(), scratch.path("p"));
  const std::string good = read_file(scratch.path("p"));
  std::mt19937 random(11);
  // All of the header and of the start, then a sample: flips of one bit, of all bits, and of a
  // random byte.
  std::size_t tried = 0;
  for (std::size_t at = 0; at < good.size(); at += at < 1024 ? 1 : 1 + random() % 16) {
    for (const unsigned mask : {1U, 255U, 1U + static_cast<unsigned>(random() % 255)}) {
      INFO("byte " << at);
      poke(scratch.path("p"), at, static_cast<char>(static_cast<unsigned char>(good[at]) ^ mask));
      REQUIRE_THROWS_AS((void)load(scratch.path("p")), Error);
      poke(scratch.path("p"), at, good[at]);
      ++tried;
    }
  }
  CHECK(tried > 2000);
  CHECK_NOTHROW((void)load(scratch.path("p")));
}

TEST_CASE("packages that are cut short or grown") {
  const Scratch scratch;
  save(lenet(), scratch.path("p"));
  const std::string good = read_file(scratch.path("p"));
  for (std::size_t i = 0; i < 50; ++i) {
    write_file(scratch.path("bad"), good.substr(0, good.size() * i / 50));
    REQUIRE_THROWS_AS((void)load(scratch.path("bad")), Error);
  }
  write_file(scratch.path("bad"), good.substr(0, good.size() - 1));
  CHECK(has(message_of([&] { (void)load(scratch.path("bad")); }), "cut short or has bytes added"));
  write_file(scratch.path("bad"), good + "x");
  CHECK(has(message_of([&] { (void)load(scratch.path("bad")); }), "cut short or has bytes added"));
  std::string flipped = good;
  flipped[good.size() / 2] ^= 4;
  write_file(scratch.path("bad"), flipped);
  CHECK(has(message_of([&] { (void)load(scratch.path("bad")); }), "checksum does not match"));
}

TEST_CASE("files that are no packages") {
  const Scratch scratch;
  const auto message = [&](const std::string& bytes) {
    write_file(scratch.path("bad"), bytes);
    CHECK(!is_package(scratch.path("bad")));
    return message_of([&] { (void)load(scratch.path("bad")); });
  };
  CHECK(has(message(""), "not a model package"));
  CHECK(has(message("just a text"), "not a model package"));
  CHECK(has(message("\x89HDF\r\n\x1a\n" + std::string(2000, '\0')), "import it"));
  CHECK(has(message_of([&] { (void)load(scratch.path("absent")); }), "cannot be opened"));
  CHECK_THROWS_AS((void)load(scratch.path("")), Error);
}

TEST_CASE("an unknown version is named as such") {
  const Scratch scratch;
  save(tiny(), scratch.path("p"));
  std::string bytes = read_file(scratch.path("p"));
  bytes.replace(bytes.find("format 1"), 8, "format 2");
  write_file(scratch.path("p"), bytes);
  CHECK(has(message_of([&] { (void)load(scratch.path("p")); }),
            "format version of the package: expected 1, got '2'"));
}

TEST_CASE("what is missing, too much or of another shape, under a right checksum") {
  const Scratch scratch;
  const Pieces good = pieces_of(lenet());
  put_together(good, scratch.path("fine"));
  CHECK_NOTHROW((void)load(scratch.path("fine")));

  Pieces p = good;
  p.parameters.pop_back();
  CHECK(has(load_message(p, scratch), "/parameters/ip2/bias: missing"));
  p = good;
  p.parameters.emplace_back("/parameters/ip3/weight", std::vector<std::int64_t>{2, 2});
  CHECK(has(load_message(p, scratch),
            "/parameters/ip3/weight: an object that the graph does not ask for"));
  p = good;
  p.parameters.emplace_back("/else", std::vector<std::int64_t>{2});
  CHECK(has(load_message(p, scratch), "/else: an object"));
  p = good;
  p.parameters[0].second = {20, 1, 5, 4};
  CHECK(has(load_message(p, scratch),
            "/parameters/conv1/weight: extents of the parameter: expected 20x1x5x5, got 20x1x5x4"));
  p = good;
  p.parameters[0].second = {20, 25};
  CHECK(has(load_message(p, scratch), "expected 20x1x5x5, got 20x25"));
  p = good;
  p.gzip = 1;
  CHECK(has(load_message(p, scratch), "uncompressed float32"));
  p = good;
  p.value = std::numeric_limits<float>::quiet_NaN();
  CHECK(has(load_message(p, scratch),
            "/parameters/conv1/weight: a parameter is not a finite number"));
  p = good;
  p.graph.clear();
  CHECK(has(load_message(p, scratch), "/graph"));
  p = good;
  p.labels = "one\ntwo\n";
  CHECK(has(load_message(p, scratch), "labels or their order were changed"));
  p.labels_sha = labels_hash(std::vector<std::string>{"one", "two"});
  CHECK(has(load_message(p, scratch), "number of labels: expected 10, the classes of prob, got 2"));
  p = good;
  p.preprocess = to_json(Preprocess{});
  CHECK(has(load_message(p, scratch), "does not fit the net's input"));
  p = good;
  p.provenance = "{}";
  CHECK(has(load_message(p, scratch), "provenance"));
}

TEST_CASE("a graph that asks for more than the file holds allocates nothing") {
  const Scratch scratch;
  Pieces p = pieces_of(lenet());
  // 2^20 x 20 x 1000 x 1000 weights would be 80 TB.
  const std::size_t at = p.graph.find("\"channels\": 50");
  REQUIRE(at != std::string::npos);
  p.graph.replace(at, 14, "\"channels\": 1000000");
  CHECK(has(load_message(p, scratch), "extents of the parameter"));
}

TEST_CASE("a package that could not be read back is not written") {
  const Scratch scratch;
  const auto refuse = [&](const Package& package, const char* part) {
    CHECK(has(message_of([&] { save(package, scratch.path("p")); }), part));
    CHECK(scratch.files() == 0);
  };
  Package package = lenet();
  package.labels.pop_back();
  refuse(package, "number of labels");
  package = lenet();
  package.labels[3] = "two\nlines";
  refuse(package, "label 3");
  package = lenet();
  package.preprocess.order = ColorOrder::kRgb;
  refuse(package, "does not fit");
  package = lenet();
  package.model.parameters.of(1)[0].f32()[0] = std::numeric_limits<float>::infinity();
  refuse(package, "not a finite number");
  for (const char* name : {"a//b", "/a", "a/", "..", "a/./b"}) {
    Graph g(Shape{1, 3, 1, 1});
    g.add(name, std::make_shared<Dense>(2));
    Package bad{Model(std::move(g))};
    bad.model.parameters = Parameters::zeroed(bad.model.graph);
    refuse(bad, "cannot be a path");
  }
  Graph g(Shape{1, 3, 1, 1});
  g.add("a", std::make_shared<Dense>(2));
  g.add("a/weight", std::make_shared<Dense>(2));
  Package collision{Model(std::move(g))};
  collision.model.parameters = Parameters::zeroed(collision.model.graph);
  refuse(collision, "collides");
}

TEST_CASE("a checksum taken while writing is that of the file") {
  const Scratch scratch;
  const std::string path = scratch.path("file");
  const std::vector<std::byte> piece(300'000, std::byte{7});
  for (const bool in_order : {true, false}) {
    CAPTURE(in_order);
    files::AtomicFile file(path);
    const std::vector<std::byte> before(1'000'000, std::byte{1});  // what others wrote
    file.write_at(0, before);
    CheckedWriter writer(file, parts::kBlock);
    writer.write(parts::kBlock + 40, piece);
    writer.write(in_order ? 600'000 : 100'000, piece);
    writer.write(900'000, piece);  // beyond the end
    const parts::Checked found = writer.finish();
    file.commit();
    const parts::Checked expected = parts::checksum_behind_block(path);
    CHECK(found.bytes == 1'200'000);
    CHECK(found.bytes == expected.bytes);
    CHECK(found.checksum == expected.checksum);
  }
}

TEST_CASE("writing is all or nothing") {
  const Scratch scratch;
  CHECK_THROWS_AS(save(tiny(), scratch.path("no/such/directory")), Error);
  CHECK(scratch.files() == 0);
  // The target is a directory: the temporary file is written whole and cannot be renamed over it.
  std::filesystem::create_directory(scratch.path("d"));
  write_file(scratch.path("d") + "/inside", "x");
  CHECK_THROWS_AS(save(tiny(), scratch.path("d")), Error);
  CHECK(scratch.files() == 1);
  // An older file stays what it was until the new one is complete, and is replaced then.
  write_file(scratch.path("p"), "old");
  Package broken = tiny();
  broken.labels.pop_back();
  CHECK_THROWS_AS(save(broken, scratch.path("p")), Error);
  CHECK(read_file(scratch.path("p")) == "old");
  save(tiny(), scratch.path("p"));
  CHECK_NOTHROW((void)load(scratch.path("p")));
  CHECK(scratch.files() == 2);
}
