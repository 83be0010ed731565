// Caffe's LeNet, its architecture read from the prototxt, on the 10,000 test digits of MNIST.

#include <doctest/doctest.h>

#include <algorithm>

#include "explain/pictures/idx.h"
#include "explain/pictures/preprocess.h"
#include "layers/executor.h"
#include "tests/support/shared_data.h"
#include "tests/support/skip.h"
#include "weights/import/formats.h"
#include "weights/import/importer.h"
#include "weights/zoo/zoo.h"

using namespace cutaway;

TEST_CASE("LeNet reads 99.09 % of MNIST's test digits") {
  const std::string data = tests::shared_data();
  if (data.empty()) return;
  std::string digits;
  for (const char* end : {"", ".gz"}) {
    const std::string name = data + "/images/mnist/t10k-images-idx3-ubyte" + end;
    if (std::filesystem::exists(name)) digits = name;
  }
  if (digits.empty()) {
    tests::skip_case("no MNIST in " + data);
    return;
  }
  std::string classes = digits;
  classes.replace(classes.find("images-idx3"), 11, "labels-idx1");
  const explain::IdxArray images = explain::read_idx(digits);
  const explain::IdxArray labels = explain::read_idx(classes);
  const std::string folder = data + "/models/lenet_mnist/";
  const weights::Source source =
      weights::open_source({folder + "deploy.prototxt", folder + "weights.caffe.h5"});
  const weights::Imported lenet =
      weights::import_weights(source, source.graph.value(), source.bind(*source.graph, ""));
  const weights::Preprocess rule = weights::build_zoo("lenet").preprocess;
  constexpr std::int64_t kBatch = 500;
  PlanRequest request;
  request.input = {kBatch, 1, 28, 28};
  Executor executor(lenet.model, request, CpuStream(2));
  Tensor input = zeros(request.input);
  std::int64_t right = 0;
  for (std::int64_t first = 0; first < 10'000; first += kBatch) {
    for (std::int64_t n = 0; n < kBatch; ++n) {
      explain::fill_input(explain::idx_image(images, first + n), rule, input.ref().out(), n);
    }
    executor.set_input(input);
    executor.forward();
    const Tensor y = executor.read(executor.output());
    for (std::int64_t n = 0; n < kBatch; ++n) {
      const auto row = y.f32().subspan(static_cast<std::size_t>(n * 10), 10);
      const auto best = std::max_element(row.begin(), row.end()) - row.begin();
      right += best == labels.values[static_cast<std::size_t>(first + n)] ? 1 : 0;
    }
  }
  MESSAGE(right << " of 10000 right");
  CHECK(right == 9909);
}
