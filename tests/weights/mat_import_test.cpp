// MatConvNet's .mat: nets written here in the format, compressed and not; refusals and damage.

#include <hdf5.h>
#include <zlib.h>

#include <random>

#include "layers/executor.h"

#include "tests/weights/import_support.h"
#include "tests/weights/scratch.h"
#include "tests/weights/torch_support.h"
#include "weights/import/matconvnet/mat_file.h"
#include "weights/import/readers.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

/// A MAT-file element by element.
std::string word(std::uint32_t v) { return {reinterpret_cast<const char*>(&v), 4}; }

std::string element(std::uint32_t type, const std::string& data) {
  std::string out = word(type) + word(static_cast<std::uint32_t>(data.size())) + data;
  out.resize((out.size() + 7) / 8 * 8, '\0');
  return out;
}

std::string array(std::uint32_t array_class,
                  const std::vector<std::int32_t>& dims,
                  const std::string& name,
                  const std::string& rest) {
  const std::string extents(reinterpret_cast<const char*>(dims.data()), dims.size() * 4);
  return element(
      14, element(6, word(array_class) + word(0)) + element(5, extents) + element(1, name) + rest);
}

std::string numbers(const std::vector<std::int32_t>& dims,
                    const std::vector<float>& values,
                    const std::string& name = "") {
  return array(7, dims, name,
               element(7, {reinterpret_cast<const char*>(values.data()), values.size() * 4}));
}

std::string doubles(const std::vector<double>& values) {
  return array(6, {1, static_cast<std::int32_t>(values.size())}, "",
               element(9, {reinterpret_cast<const char*>(values.data()), values.size() * 8}));
}

std::string text(const std::string& value) {
  return array(4, {1, static_cast<std::int32_t>(value.size())}, "", element(16, value));
}

using NamedValues = std::vector<std::pair<std::string, std::string>>;

std::string structure(const NamedValues& fields, const std::string& name = "") {
  std::string names;
  std::string values;
  for (const auto& [field, value] : fields) {
    std::string padded = field;
    padded.resize(32, '\0');
    names += padded;
    values += value;
  }
  return array(2, {1, 1}, name, element(5, word(32)) + element(1, names) + values);
}

std::string cell(const std::vector<std::string>& values, const std::string& name = "") {
  std::string all;
  for (const std::string& v : values) all += v;
  return array(1, {1, static_cast<std::int32_t>(values.size())}, name, all);
}

std::string header() {
  std::string h = "MATLAB 5.0 MAT-file, written by a test";
  h.resize(124, ' ');
  return h + std::string("\x00\x01IM", 4);
}

std::string compressed(const std::string& variable) {
  uLongf size = compressBound(variable.size());
  std::string out(size, '\0');
  compress(reinterpret_cast<Bytef*>(out.data()), &size,
           reinterpret_cast<const Bytef*>(variable.data()), variable.size());
  out.resize(size);
  return word(15) + word(static_cast<std::uint32_t>(size)) + out;
}

std::string meta() {
  return structure({{"normalization", structure({{"imageSize", doubles({6, 5, 3})},
                                                 {"averageImage", numbers({1, 1, 3}, {10, 20, 30})},
                                                 {"interpolation", text("bicubic")}})},
                    {"classes", structure({{"description", cell({text("cat"), text("dog")})}})}},
                   "meta");
}

/// conv 2 @ 3x2 of 3 channels (two groups cannot be), pool, LRN, fully connected as a convolution.
std::string layers() {
  const std::string conv = structure(
      {{"name", text("conv1")},
       {"type", text("conv")},
       {"weights", cell({numbers({3, 2, 3, 4}, counting(72)), numbers({1, 4}, counting(4))})},
       {"stride", doubles({1})},
       {"pad", doubles({1, 0, 0, 1})}});
  const std::string pool = structure({{"name", text("pool1")},
                                      {"type", text("pool")},
                                      {"method", text("max")},
                                      {"pool", doubles({2, 2})},
                                      {"stride", doubles({2})},
                                      {"pad", doubles({0, 1, 0, 1})}});
  const std::string lrn = structure({{"name", text("norm1")},
                                     {"type", text("normalize")},
                                     {"param", doubles({5, 1, 2e-5, 0.75})}});
  const std::string fc = structure({{"name", text("fc2")},
                                    {"type", text("conv")},
                                    {"filters", numbers({3, 3, 2, 2}, counting(36))},
                                    {"biases", numbers({2, 1}, counting(2))}});
  return cell({conv, structure({{"name", text("relu1")}, {"type", text("relu")}}), pool, lrn, fc,
               structure({{"name", text("prob")}, {"type", text("softmax")}})},
              "layers");
}

Source source_of(const std::string& file) {
  std::vector<std::byte> bytes(file.size());
  std::memcpy(bytes.data(), file.data(), file.size());
  return matconvnet_source(
      std::make_shared<const BinaryFile>(BinaryFile::over("net.mat", std::move(bytes))));
}

}  // namespace

TEST_CASE("a SimpleNN net, plain and compressed") {
  const Scratch scratch;
  write_file(scratch.path("plain.mat"), header() + layers() + meta());
  write_file(scratch.path("packed.mat"), header() + compressed(layers()) + compressed(meta()));
  const Imported plain = imported_from({scratch.path("plain.mat")});
  const Imported packed = imported_from({scratch.path("packed.mat")});
  CHECK(same_parameters(plain.model, packed.model));
  CHECK(plain.report.format == "matconvnet");
  const Graph& g = plain.model.graph;
  CHECK(g.node(0).shape == Shape{1, 3, 6, 5});
  CHECK(g.node(g.find("conv1_pad")).shape == Shape{1, 3, 7, 6});
  CHECK(g.node(g.find("conv1")).shape == Shape{1, 4, 5, 5});
  CHECK(g.node(g.find("pool1")).shape == Shape{1, 4, 3, 3});
  CHECK(g.node(g.find("norm1")).layer->attributes().number("alpha", 0) == doctest::Approx(1e-4));
  CHECK(g.node(g.find("fc2")).layer->attributes().integer("groups", 1, 1, 9) == 2);
  CHECK(g.node(g.last()).shape == Shape{1, 2, 1, 1});
  // H x W x C x K, the first index fastest: element (o, i, h, w) is h + 3 w + 6 i + 18 o.
  const auto w = plain.model.parameters.of(g.find("conv1"))[0].f32();
  CHECK(w[static_cast<std::size_t>(((2 * 3 + 1) * 3 + 2) * 2 + 1)] == 2 + 3 * 1 + 6 * 1 + 18 * 2);
  CHECK(plain.model.parameters.of(g.find("fc2"))[1].f32()[1] == 1.0f);
}

TEST_CASE("a mean image that becomes one mean a channel is said; one of equal pixels is not") {
  const auto notes_of = [](const std::vector<float>& image) {
    const std::string meta_of_image =
        structure({{"normalization", structure({{"imageSize", doubles({6, 5, 3})},
                                                {"averageImage", numbers({1, 2, 3}, image)}})}},
                  "meta");
    return source_of(header() + layers() + meta_of_image);
  };
  CHECK(notes_of({10, 10, 20, 20, 30, 30}).notes.empty());
  const Source uneven = notes_of({10, 14, 20, 20, 30, 30});
  CHECK(uneven.preprocess->mean[0] == 12.0F);
  REQUIRE(uneven.notes.size() == 1);
  CHECK(has(uneven.notes[0], "mean"));
  CHECK(has(uneven.notes[0], "by up to 2 of 255"));
}

TEST_CASE("what surrounds the net travels along") {
  const Source source = source_of(header() + layers() + meta());
  REQUIRE(source.preprocess.has_value());
  CHECK(source.preprocess->order == ColorOrder::kRgb);
  CHECK(source.preprocess->mean[2] == 30.0f);
  CHECK(source.preprocess->height == 6);
  CHECK(source.preprocess->interpolation == Interpolation::kCubicMatlab);
  CHECK(source.labels == std::vector<std::string>{"cat", "dog"});
}

TEST_CASE("max pooling with rows behind that no rounding gives") {
  const auto pool = [](const char* method) {
    return header() +
           cell({structure({{"name", text("p")},
                            {"type", text("pool")},
                            {"method", text(method)},
                            {"pool", doubles({2, 2})},
                            {"stride", doubles({1})},
                            {"pad", doubles({0, 1, 0, 1})}})},
                "layers") +
           meta();
  };
  const Graph graph = source_of(pool("max")).graph.value();
  CHECK(graph.node(graph.find("p_pad")).layer->attributes().text("mode", "") == "edge");
  CHECK(graph.node(graph.find("p")).shape == Shape{1, 3, 6, 5});
  CHECK(has(message_of([&] { (void)source_of(pool("avg")); }), "pooling with this padding"));
}

TEST_CASE("MAT-files that are refused") {
  const auto refused = [](const std::string& file) {
    return message_of([&] { (void)source_of(file); });
  };
  CHECK(has(refused(header() + layers()), "imageSize"));
  CHECK(has(refused(header() + meta()), "no MatConvNet net"));
  CHECK(has(refused(header() + structure({{"name", text("conv1")}}, "layers") + meta()),
            "layer 'conv1' without inputs"));
  CHECK(has(refused(std::string(200, 'x')), "not a MAT-file"));
  CHECK(has(refused(header() +
                    cell({structure({{"name", text("a")}, {"type", text("bnorm")}}),
                          structure({{"name", text("b")}, {"type", text("custom")}})},
                         "layers") +
                    meta()),
            "2 thing(s)"));
  std::string lie = layers();  // an extent of 2^31 - 1 where there are a few numbers
  const std::string dims = word(3) + word(2) + word(3) + word(4);
  lie.replace(lie.find(dims), 4, word(0x7FFFFFFF));
  CHECK_FALSE(refused(header() + lie + meta()).empty());
  std::string deep = doubles({1});
  for (int i = 0; i < 40; ++i) deep = cell({deep}, "layers");
  CHECK(has(refused(header() + deep), "too deeply"));
  CHECK(has(refused(header() + compressed(array(9, {1, 1 << 27}, "x",
                                                element(2, std::string(1 << 27, '\0'))))),
            "inflates"));
}

namespace {

/// One layer of a DagNN as an element of `layers`, which here is an array of one struct.
std::string dag_of(const NamedValues& layer) { return structure(layer, "layers") + meta(); }

NamedValues dag_layer(const char* type,
                      const std::vector<std::string>& inputs,
                      const std::vector<std::string>& outputs) {
  const auto names = [](const std::vector<std::string>& all) {
    std::vector<std::string> cells;
    for (const std::string& name : all) cells.push_back(text(name));
    return cell(cells);
  };
  return {{"name", text("l")},
          {"type", text(type)},
          {"inputs", names(inputs)},
          {"outputs", names(outputs)}};
}

/// Outputs of one node for an input of zeros.
std::vector<float> at_zero(const Model& model, const char* node) {
  PlanRequest request;
  request.taps = {model.graph.find(node)};
  Executor executor(model, request, CpuStream(1));
  executor.set_input(zeros(model.graph.node(0).shape));
  executor.forward();
  const Tensor y = executor.read(executor.value(request.taps[0]));
  return {y.f32().begin(), y.f32().end()};
}

}  // namespace

TEST_CASE("MAT-files of SciPy and in the layout of -v7.3 hold the same SimpleNN") {
  const Imported five = imported_from({golden("simple5.mat")});
  const Imported seven = imported_from({golden("simple73.mat")});
  CHECK(same_parameters(five.model, seven.model));
  CHECK(seven.report.format == "matconvnet");
  const Graph& g = five.model.graph;
  CHECK(g.node(0).shape == Shape{1, 3, 8, 6});
  const auto w = five.model.parameters.of(g.find("conv1"))[0].f32();
  CHECK(w[static_cast<std::size_t>(((2 * 3 + 1) * 3 + 2) * 3 + 1)] == 2 + 3 * 1 + 9 * 1 + 27 * 2);
  const auto bn = five.model.parameters.of(g.find("bn1"));
  CHECK(bn[0].f32()[3] == 4.0f);
  CHECK(bn[2].f32()[2] == 5.0f);
  CHECK(bn[3].f32()[2] == 0.25f);
  // gain (bias of conv1 - mean) / deviation + bias, in the second row: the first has a border.
  const std::vector<float> y = at_zero(five.model, "bn1");
  for (const auto& [channel, value] : {std::pair{0, -0.5f}, {1, 0.0f}, {2, -16.0f}, {3, -13.0f}})
    CHECK(y[static_cast<std::size_t>(48 * channel + 9)] == doctest::Approx(value).epsilon(1e-5));
  const Source source = open_source({golden("simple73.mat")});
  REQUIRE(source.preprocess.has_value());
  CHECK(source.preprocess->mean[1] == 20.0f);
  CHECK(source.preprocess->interpolation == Interpolation::kCubicMatlab);
  CHECK(source.labels == std::vector<std::string>{"cat", "dog"});
}

TEST_CASE(
    "SimpleNN of older releases: filters and biases, normalization and classes of their own") {
  const Imported old = imported_from({golden("old5.mat")});
  const Imported now = imported_from({golden("simple5.mat")});
  const Graph& graph = old.model.graph;
  CHECK(graph.size() + 1 == now.model.graph.size());  // it had no batch normalisation
  for (const char* layer : {"conv1", "fc"}) {
    const std::span<const Tensor> a = old.model.parameters.of(graph.find(layer));
    const std::span<const Tensor> b = now.model.parameters.of(now.model.graph.find(layer));
    REQUIRE(a.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      const std::span<const float> x = a[i].f32(), y = b[i].f32();
      CHECK(std::vector(x.begin(), x.end()) == std::vector(y.begin(), y.end()));
    }
  }
  const Source source = open_source({golden("old5.mat")});
  REQUIRE(source.preprocess.has_value());
  CHECK(source.preprocess->mean[2] == 30.0f);
  CHECK(source.labels == std::vector<std::string>{"cat", "dog"});
}

TEST_CASE("DagNN nets: sums, concatenations, the head that is asked for, losses left out") {
  const Imported five = imported_from({golden("dag5.mat")});
  const Imported seven = imported_from({golden("dag73.mat")});
  CHECK(same_parameters(five.model, seven.model));
  const Graph& g = five.model.graph;
  CHECK(g.size() == 10);
  CHECK(g.node(g.find("both")).shape == Shape{1, 8, 8, 6});
  CHECK(g.node(g.last()).name == "prob");
  CHECK(g.node(g.find("sum")).inputs == std::vector<NodeId>{g.find("relu1"), g.find("conv2")});
  REQUIRE(five.report.unused.size() == 1);
  CHECK(five.report.unused[0].source == "auxf");
  CHECK(has(five.report.unused[0].reason, "of aux"));
  const auto w = five.model.parameters.of(g.find("conv2"))[0].f32();
  CHECK(w[4 * 2 + 1] == 4 * 2 + 1);
  // Zeros in: relu1 and conv2 behind it are zero in all channels but where bias wins; fc sees the
  // largest of conv1's biases 0, 1, 2, 3 in channels 4 to 7: 8 o + i weights, and its own bias o.
  const std::vector<float> fc = at_zero(five.model, "fc");
  CHECK(fc[0] == 5 * 1 + 6 * 2 + 7 * 3);
  CHECK(fc[1] == 13 * 1 + 14 * 2 + 15 * 3 + 1);
}

TEST_CASE("DagNN nets that are refused") {
  const auto refused = [](const std::string& file) {
    return message_of([&] { (void)source_of(header() + file); });
  };
  CHECK(has(refused(dag_of(dag_layer("dagnn.ReLU", {"x"}, {"x"}))), "circle"));
  CHECK(has(refused(dag_of(dag_layer("dagnn.Sum", {"a", "b"}, {"y"}))), "several inputs"));
  CHECK(has(refused(dag_of(dag_layer("dagnn.Sum", {"", "b"}, {"y"}))), "an input without a name"));
  CHECK(has(refused(dag_of(dag_layer("dagnn.ReLU", {"x"}, {"y", "z"}))), "one output"));
  CHECK(has(refused(dag_of(dag_layer("dagnn.Loss", {"x"}, {"y"}))), "losses only"));
  CHECK(has(refused(dag_of(dag_layer("dagnn.ConvTranspose", {"x"}, {"y"}))),
            "l (ConvTranspose): this type of layer is not supported"));
}

TEST_CASE("damaged MAT-files of version 7.3 end in an error or a net; circles end") {
  const Scratch scratch;
  const std::string good = read_file(golden("dag73.mat"));
  std::mt19937 random(5);
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    std::string bad = good;
    for (int flips = 1 + i % 8; flips > 0; --flips)
      bad[512 + random() % (bad.size() - 512)] = static_cast<char>(random() & 255U);
    if (i % 5 == 4) bad.resize(random() % bad.size());
    write_file(scratch.path("bad.mat"), bad);
    try {
      (void)imported_from({scratch.path("bad.mat")});
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 10);
  // A cell that holds itself.
  const std::string path = scratch.path("circle.mat");
  const hid_t plist = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_userblock(plist, 512);
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, plist, H5P_DEFAULT);
  const hid_t group = H5Gcreate2(file, "#refs#", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t two = 2;
  const hid_t space = H5Screate_simple(1, &two, nullptr);
  for (const char* name : {"#refs#/a", "layers"}) {
    const hid_t set =
        H5Dcreate2(file, name, H5T_STD_REF_OBJ, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hobj_ref_t to[2];
    for (hobj_ref_t& reference : to) H5Rcreate(&reference, file, "#refs#/a", H5R_OBJECT, -1);
    H5Dwrite(set, H5T_STD_REF_OBJ, H5S_ALL, H5S_ALL, H5P_DEFAULT, to);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 4);
    const hid_t one = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(set, "MATLAB_class", type, one, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, "cell");
    H5Aclose(attribute);
    H5Sclose(one);
    H5Tclose(type);
    H5Dclose(set);
  }
  H5Sclose(space);
  H5Gclose(group);
  H5Fclose(file);
  H5Pclose(plist);
  std::string bytes = read_file(path);
  bytes.replace(0, 19, "MATLAB 7.3 MAT-file");
  write_file(path, bytes);
  CHECK(has(message_of([&] { (void)open_source({path}); }), "too deeply"));
}

TEST_CASE("damaged MAT-files end in an error or a net") {
  const std::string good = header() + layers() + compressed(meta());
  std::mt19937 random(9);
  int refused = 0;
  for (int i = 0; i < 500; ++i) {
    std::string bad = good;
    for (int flips = 1 + i % 4; flips > 0; --flips)
      bad[128 + random() % (bad.size() - 128)] = static_cast<char>(random() & 255U);
    if (i % 5 == 4) bad.resize(random() % bad.size());
    try {
      const Source source = source_of(bad);
      for (std::size_t t = 0; t < source.tensors.size(); ++t) {
        std::vector<float> values(static_cast<std::size_t>(count_of(source.tensors[t].extents)));
        source.read(t, values);
      }
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 100);
}
