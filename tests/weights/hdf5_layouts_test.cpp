// One net, LeNet with random weights, in every HDF5 layout in which people have weights: the same
// parameters, bit for bit.

#include <functional>

#include "tests/weights/torch_support.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;
using namespace cutaway::weights;
using namespace cutaway::weights::testing;

namespace {

using Values = std::vector<float>;
using Dims = std::vector<std::int64_t>;

struct Part {
  const char *name, *container;
  int number;    // in Keras 0.x, where padding and pooling count
  Shape maps{};  // what is flattened before it
};
const std::vector<Part> kParts{{"conv1", "conv2d", 0},
                               {"conv2", "conv2d_1", 3},
                               {"ip1", "dense", 6, {1, 50, 4, 4}},
                               {"ip2", "dense_1", 8}};

struct Kernel {
  Dims dims;
  Values values;
};

/// H x W x I x O, and I x O with features in H, W, C order.
Kernel tensorflow(const Tensor& w, const Shape& maps) {
  const Shape& s = w.shape();
  Kernel k;
  k.values.reserve(w.f32().size());
  if (s.plane() > 1) {
    k.dims = {s.h, s.w, s.c, s.n};
    for (std::int64_t p = 0; p < s.plane(); ++p) {
      for (std::int64_t i = 0; i < s.c; ++i) {
        for (std::int64_t o = 0; o < s.n; ++o)
          k.values.push_back(w.f32()[static_cast<std::size_t>((o * s.c + i) * s.plane() + p)]);
      }
    }
    return k;
  }
  k.dims = {s.c, s.n};
  const std::int64_t plane = maps.c > 0 ? maps.plane() : 1;
  for (std::int64_t row = 0; row < s.c; ++row) {
    const std::int64_t channels = s.c / plane;
    const std::int64_t column = row % channels * plane + row / channels;
    for (std::int64_t o = 0; o < s.n; ++o)
      k.values.push_back(w.f32()[static_cast<std::size_t>(o * s.c + column)]);
  }
  return k;
}

/// O x I x H x W turned by 180 degrees, and I x O in C, H, W order.
Kernel theano(const Tensor& w) {
  const Shape& s = w.shape();
  if (s.plane() == 1) return tensorflow(w, {});
  Kernel k{{s.n, s.c, s.h, s.w}, {w.f32().begin(), w.f32().end()}};
  for (auto at = k.values.begin(); at != k.values.end(); at += s.plane())
    std::reverse(at, at + s.plane());
  return k;
}

Kernel caffe(const Tensor& w) {
  const Shape& s = w.shape();
  return {s.plane() > 1 ? Dims{s.n, s.c, s.h, s.w} : Dims{s.n, s.c},
          {w.f32().begin(), w.f32().end()}};
}

struct Style {
  const char* name;
  /// What says which layout it is.
  std::function<void(Hdf5File&)> mark;
  std::function<Kernel(const Tensor& w, const Part& part)> kernel;
  /// Where a parameter stands; index 0 is the weight.
  std::function<std::string(const Part& part, int index)> place;
};

Kernel as_tensorflow(const Tensor& w, const Part& part) { return tensorflow(w, part.maps); }
Kernel as_caffe(const Tensor& w, const Part&) { return caffe(w); }

std::string variable(const Part& part, int index) {
  return std::string("/") + part.name + "/" + part.name + (index == 0 ? "/kernel:0" : "/bias:0");
}

std::string torch(const Part& part, int index) {
  return std::string(part.name) + (index == 0 ? ".weight" : ".bias");
}

void nothing(Hdf5File&) {}

// The layouts that frameworks write, but for MatConvNet's, which mat_import_test has.
const std::vector<Style> kLayouts{
    {"Keras 2, save_weights",
     [](Hdf5File& f) {
       f.write_attribute("/", "layer_names",
                         std::vector<std::string>{"conv1", "conv2", "ip1", "ip2"});
       f.write_attribute("/", "backend", "tensorflow");
       f.write_attribute("/", "keras_version", "2.2.4");
     },
     as_tensorflow, variable},
    {"Keras 2, names in parts",
     [](Hdf5File& f) {
       f.write_attribute("/", "layer_names0", std::vector<std::string>{"conv1", "conv2"});
       f.write_attribute("/", "layer_names1", std::vector<std::string>{"ip1", "ip2"});
     },
     as_tensorflow, variable},
    {"Keras 2, whole model",
     [](Hdf5File& f) {
       f.write_f32("/optimizer_weights/Adam/iterations:0", Dims{1}, Values{7});
       f.write_f32("/optimizer_weights/Adam/conv1/kernel/m:0", Dims{5, 5, 1, 20}, Values(500));
     },
     as_tensorflow, [](const Part& p, int i) { return "/model_weights" + variable(p, i); }},
    {"keras-applications 0.1",
     [](Hdf5File& f) {
       f.write_attribute("/", "layer_names",
                         std::vector<std::string>{"conv1", "conv2", "ip1", "ip2"});
     },
     as_tensorflow,
     [](const Part& p, int i) {
       return std::string("/") + p.name + "/" + p.name + (i == 0 ? "_W_1:0" : "_b_1:0");
     }},
    {"Keras 0.x", [](Hdf5File& f) { f.write_attribute("/", "nb_layers", std::int64_t{9}); },
     [](const Tensor& w, const Part&) { return theano(w); },
     [](const Part& p, int i) {
       return "/layer_" + std::to_string(p.number) + "/param_" + std::to_string(i);
     }},
    {"Keras 3", nothing, as_tensorflow,
     [](const Part& p, int i) {
       return std::string("/layers/") + p.container + "/vars/" + std::to_string(i);
     }},
    {"Keras 2.13", nothing, as_tensorflow,
     [](const Part& p, int i) {
       return std::string("/_layer_checkpoint_dependencies/") + p.container + "/vars/" +
              std::to_string(i);
     }},
    {"Caffe", nothing, as_caffe,
     [](const Part& p, int i) { return std::string("/data/") + p.name + "/" + std::to_string(i); }},
    {"Caffe with gradients",
     [](Hdf5File& f) {
       f.write_f32("/diff/conv1/0", Dims{20, 1, 5, 5}, Values(500));
     },
     as_caffe,
     [](const Part& p, int i) { return std::string("/data/") + p.name + "/" + std::to_string(i); }},
    {"PyTorch, flat", nothing, as_caffe, [](const Part& p, int i) { return "/" + torch(p, i); }},
    {"PyTorch, groups", nothing, as_caffe,
     [](const Part& p, int i) {
       return std::string("/") + p.name + (i == 0 ? "/weight" : "/bias");
     }},
    {"PyTorch, wrapped", nothing, as_caffe,
     [](const Part& p, int i) { return "/state_dict/module." + torch(p, i); }}};

void write(const Style& layout, const Model& model, const std::string& path) {
  Hdf5File file = Hdf5File::create(path);
  for (const Part& part : kParts) {
    const auto own = model.parameters.of(model.graph.find(part.name));
    const Kernel k = layout.kernel(own[0], part);
    file.write_f32(layout.place(part, 0), k.dims, k.values);
    file.write_f32(layout.place(part, 1), Dims{own[1].shape().c}, own[1].f32());
  }
  layout.mark(file);
  file.close();
}

Model random_lenet() {
  Model model(build_zoo("lenet").graph);
  model.parameters = Parameters::initialized(model.graph, 3);
  for (const Part& part : kParts) {
    const std::span<float> bias = model.parameters.of(model.graph.find(part.name))[1].f32();
    for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = 0.01F * static_cast<float>(i) - 0.1F;
  }
  return model;
}

}  // namespace

TEST_CASE("every HDF5 layout gives the same parameters, bit for bit") {
  const Scratch scratch;
  const Model lenet = random_lenet();
  for (const Style& layout : kLayouts) {
    CAPTURE(layout.name);
    const std::string path = scratch.path("w.h5");
    write(layout, lenet, path);
    try {
      const Source source = open_source({path});
      Graph graph = lenet.graph;
      const Bindings bindings = source.bind(graph, "lenet");
      const Imported imported = import_weights(source, std::move(graph), bindings);
      CHECK(imported.report.rows.size() == 8);
      for (const Part& part : kParts) {
        CAPTURE(part.name);
        const auto want = lenet.parameters.of(lenet.graph.find(part.name));
        const auto got = imported.model.parameters.of(lenet.graph.find(part.name));
        for (std::size_t i = 0; i < 2; ++i) CHECK(same_bits(want[i].f32(), got[i].f32()));
      }
    } catch (const Error& error) {
      FAIL_CHECK(error.what());
    }
  }
}

TEST_CASE("in every HDF5 layout a lost, renamed or misshapen tensor is an error that names it") {
  const Scratch scratch;
  const Model lenet = random_lenet();
  const std::string path = scratch.path("w.h5");
  enum class Change { kLose, kRename, kTurn };
  for (const Style& layout : kLayouts) {
    CAPTURE(layout.name);
    for (const Change change : {Change::kLose, Change::kRename, Change::kTurn}) {
      CAPTURE(static_cast<int>(change));
      Style changed = layout;
      if (change != Change::kTurn) {
        changed.place = [&](const Part& p, int i) {
          const bool this_one = i == 1 && std::string(p.name) == "ip1";
          return layout.place(p, i) + (this_one ? "_else" : "");
        };
      } else {
        changed.kernel = [&](const Tensor& w, const Part& p) {
          Kernel k = layout.kernel(w, p);
          if (std::string(p.name) == "ip1") std::reverse(k.dims.begin(), k.dims.end());
          return k;
        };
      }
      write(changed, lenet, path);
      const std::string message = message_of([&] {
        const Source source = open_source({path});
        ImportOptions options;
        if (change == Change::kLose) options.allow_unused = {"*_else"};
        (void)import_weights(source, lenet.graph, source.bind(lenet.graph, "lenet"), options);
      });
      CAPTURE(message);
      CHECK(message.find("ip1") != std::string::npos);
    }
  }
}
