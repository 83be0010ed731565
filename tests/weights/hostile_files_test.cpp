#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "tests/support/source_dir.h"
#include "tests/weights/import_support.h"
#include "tests/weights/torch_support.h"
#include "weights/package.h"
#include "weights/preprocess_presets.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kMemoryTells = false;  // nearly all of it is the sanitizer's own
#else
constexpr bool kMemoryTells = true;
#endif
// KiB, beyond what the process had before. Nearly always 25 MiB; HDF5 may take what a damaged file,
// or whatever it finds in its own memory for want of one, asks for: the process that looks first
// stops it at 256 MiB (weights/hdf5_vet.h).
constexpr long kMostMemory = 320 << 10;
constexpr unsigned kMostSeconds = 10;

std::string keras(const char* name) { return source_dir() + "/tests/golden/keras/" + name; }

/// A format, and the smallest files that show what it can do. The last one is damaged.
struct Row {
  std::string format;
  std::vector<std::string> files;
};

std::vector<Row> table(const Scratch& scratch) {
  write_file(scratch.path("net.prototxt"), R"(
    input: 'data' input_shape { dim: 1 dim: 3 dim: 4 dim: 4 }
    layer { name: 'fc' type: 'InnerProduct' bottom: 'data' top: 'fc' inner_product_param { num_output: 5 } }
    layer { name: 'prob' type: 'Softmax' bottom: 'fc' top: 'prob' })");
  Wire layer;
  layer.bytes(1, "fc").bytes(2, "InnerProduct");
  layer.message(7, Wire().message(7, Wire().packed(1, {5, 48})).floats(5, counting(240)));
  layer.message(7, Wire().message(7, Wire().packed(1, {5})).floats(5, counting(5)));
  write_file(scratch.path("net.caffemodel"), Wire().bytes(1, "net").message(100, layer).text());
  {
    Hdf5File file = Hdf5File::create(scratch.path("net.caffe.h5"));
    file.write_f32("/data/fc/0", Extents{5, 48}, counting(240),
                   9);  // compressed: HDF5 trusts it most
    file.write_f32("/data/fc/1", Extents{5}, counting(5));
    file.close();
  }
  const Graph graph = tiny_graph();
  {
    Hdf5File file = Hdf5File::create(scratch.path("plain.h5"));
    for (NodeId id = 0; id < graph.size(); ++id) {
      for (const ParameterSpec& spec : graph.parameters(id)) {
        const Extents extents = parameter_extents(graph.node(id).layer->kind(), spec).front();
        file.write_f32("/" + graph.node(id).name + "/" + spec.name, extents,
                       counting(count_of(extents)));
      }
    }
    file.close();
  }
  save({Model(graph, Parameters::initialized(graph, 7)),
        preprocess_preset("torchvision", graph.node(0).shape),
        {},
        {}},
       scratch.path("package.h5"));
  const std::string text = scratch.path("net.prototxt");
  return {{"safetensors", {golden("tiny.safetensors")}},
          {"pytorch", {golden("tiny.pth")}},
          {"pytorch-legacy", {golden("tiny_legacy.pth")}},
          {"onnx", {golden("operators.onnx")}},
          {"onnx, external data", {golden("external.onnx")}},
          {"keras-hdf5", {keras("sequential.h5")}},
          {"keras", {keras("sequential.keras")}},
          {"caffe, prototxt", {scratch.path("net.caffemodel"), text}},
          {"caffe, caffemodel", {text, scratch.path("net.caffemodel")}},
          {"caffe-hdf5", {text, scratch.path("net.caffe.h5")}},
          {"matconvnet", {golden("simple5.mat")}},
          {"matconvnet, DagNN", {golden("dag5.mat")}},
          {"matconvnet, 7.3", {golden("simple73.mat")}},
          {"hdf5", {scratch.path("plain.h5")}},
          {"package", {scratch.path("package.h5")}}};
}

/// The kinds of damage, each in as many places as tell something.
std::vector<std::pair<std::string, std::vector<std::string>>> damages(const std::string& good,
                                                                      const std::string& other) {
  const std::size_t size = good.size();
  const auto with = [&](std::size_t at, const std::string& bytes) {
    std::string bad = good;
    bad.replace(at, std::min(bytes.size(), size - at), bytes.substr(0, size - at));
    return bad;
  };
  std::vector<std::string> cut, flipped, large, negative, zeros, foreign;
  for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{64}})
    cut.push_back(good.substr(0, std::min(n, size - 1)));
  for (std::size_t k = 1; k < 16; ++k) cut.push_back(good.substr(0, size * k / 16));
  cut.push_back(good.substr(0, size - 1));
  for (std::size_t k = 0; k < 48; ++k) {
    std::string bad = good;
    bad[size * k / 48] = static_cast<char>(bad[size * k / 48] ^ (1 << k % 8));
    flipped.push_back(bad);
  }
  // Lengths that claim too much: in the header, where most of them are, and everywhere.
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at < std::min<std::size_t>(size, 128); at += 8) places.push_back(at);
  for (std::size_t k = 0; k < 24; ++k) places.push_back(size * k / 24);
  for (const std::size_t at : places) {
    large.push_back(with(at, std::string("\xff\xff\xff\x7f\x00\x00\x00\x00", 8)));
    large.push_back(with(at, "\xff\xff\xff\xff\xff\xff\xff\x3f"));
    negative.push_back(with(at, std::string(8, '\xff')));
    zeros.push_back(with(at, std::string(16, '\0')));
  }
  foreign.push_back(other);
  foreign.push_back(other.substr(0, 64) + good);
  foreign.push_back(good.substr(0, size / 2) + other);
  foreign.push_back(good + good);
  foreign.push_back(good + std::string(1 << 20, '\0'));
  for (auto* files : {&large, &negative, &zeros}) std::erase(*files, good);
  return {{"cut short", cut},
          {"bits flipped", flipped},
          {"lengths too large", large},
          {"lengths of ones", negative},
          {"holes", zeros},
          {"another file's", foreign}};
}

enum Outcome : int { kRead = 10, kRefused = 11, kNamedNothing = 12 };

/// What `cutaway convert` (for packages: everything else) does with the files, without an end.
int read(const Row& row, const std::string& target) {
  try {
    if (row.format == "package") {
      (void)load(row.files[0]);
      return kRead;
    }
    const Source source = open_source(row.files);
    Graph graph = source.graph ? *source.graph : tiny_graph();
    const Bindings bindings = source.bind(graph, "");
    const Preprocess preprocess = preprocess_preset("none", graph.node(0).shape);
    (void)import_into_package(source, {Model(std::move(graph)), preprocess, {}, {}}, bindings, {},
                              target);
    return kRead;
  } catch (const Error& error) {
    const std::string message = error.what();
    const auto named = [&](const std::string& file) { return has(message, file); };
    return std::any_of(row.files.begin(), row.files.end(), named) ? kRefused : kNamedNothing;
  }
}

struct Took {
  int status{0};
  long memory{0};  // KiB
  double seconds{0};
};

/// In a process of its own, so that a crash, an endless loop and memory are its own.
template <class Action>
Took apart(const Action& action) {
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(kMostSeconds);
    int status = 99;
    try {
      status = action();
    } catch (...) {
    }
    ::_exit(status);
  }
  Took took;
  rusage usage{};
  REQUIRE(::wait4(child, &took.status, 0, &usage) == child);
  took.memory = usage.ru_maxrss;
  took.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return took;
}

}  // namespace

TEST_CASE("every format and every damage: an error or a net, little memory, no waiting") {
  const Scratch scratch;
  const std::vector<Row> rows = table(scratch);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    Row row = rows[r];
    INFO(row.format);
    const std::string good = read_file(row.files.back());
    const std::string other = read_file(rows[(r + 3) % rows.size()].files.back());
    row.files.back() = scratch.path("damaged");
    write_file(row.files.back(), good);
    write_file(scratch.path("external.bin"), read_file(golden("external.bin")));
    const long before = apart([] { return int{kRead}; }).memory;
    CHECK(apart([&] { return read(row, scratch.path("out.h5")); }).status == kRead << 8);
    std::filesystem::remove(scratch.path("out.h5"));
    std::string figures;
    double longest = 0;
    long most = 0;
    for (const auto& [damage, files] : damages(good, other)) {
      INFO(damage);
      int refused = 0;
      for (std::size_t i = 0; i < files.size(); ++i) {
        CAPTURE(i);
        write_file(row.files.back(), files[i]);
        const Took took = apart([&] { return read(row, scratch.path("out.h5")); });
        REQUIRE(WIFEXITED(took.status));
        const int outcome = WEXITSTATUS(took.status);
        REQUIRE((outcome == kRead || outcome == kRefused));
        refused += outcome == kRefused ? 1 : 0;
        CHECK(std::filesystem::remove(scratch.path("out.h5")) ==
              (outcome == kRead && row.format != "package"));
        if (kMemoryTells) CHECK(took.memory - before < kMostMemory);
        longest = std::max(longest, took.seconds);
        most = std::max(most, took.memory - before);
      }
      figures += "; " + damage + " " + std::to_string(refused) + " of " +
                 std::to_string(files.size()) + " refused";
      if (damage == "cut short" || row.format == "package")
        CHECK(refused + 1 >= static_cast<int>(files.size()));
    }
    CHECK(longest < kMostSeconds);
    MESSAGE(row.format << figures << "; at most " << longest << " s, " << (kMemoryTells ? most : 0)
                       << " KiB");
  }
}
