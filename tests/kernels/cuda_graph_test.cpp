#include "runtime/config.h"

#if CUTAWAY_HAVE_CUDA

#include <doctest/doctest.h>

#include <string>

#include "kernels/conv.h"
#include "kernels/cuda/cudnn_graph.h"
#include "kernels/cuda/late_library.h"
#include "runtime/device.h"
#include "runtime/error.h"

// cuDNN checks the wiring of an operation graph when it is finalised, and needs no device for that.
namespace {

using namespace cutaway::kernels;
using cutaway::Shape;

/// conv4_2 of VGG-16.
ConvGraphSpec vgg(ConvPass pass) {
  ConvGeometry g;
  g.kernel_h = g.kernel_w = 3;
  g.pad_h = g.pad_w = 1;
  return ConvGraphSpec::dense(pass, {8, 512, 28, 28}, {8, 512, 28, 28}, g);
}

TEST_CASE("every function of cuBLAS and cuDNN that is called late is there") {
#define CUTAWAY_NAME(name) #name,
  for (const char* name : {CUTAWAY_LATE_FUNCTIONS(CUTAWAY_NAME)}) {
    CAPTURE(name);
    CHECK(late_symbol(name) != nullptr);
  }
#undef CUTAWAY_NAME
  CHECK_THROWS_AS((void)late_symbol("cudnnNoSuchFunction"), cutaway::Error);
}

TEST_CASE("plain convolution graphs finalise in all passes") {
  for (const ConvPass pass :
       {ConvPass::kForward, ConvPass::kBackwardData, ConvPass::kBackwardWeights}) {
    CAPTURE(static_cast<int>(pass));
    CHECK(ConvGraph(vgg(pass)).engine_count() > 0);
  }
}

TEST_CASE("convolution, bias and ReLU finalise as one graph") {
  for (const bool bias : {false, true}) {
    for (const bool relu : {false, true}) {
      ConvGraphSpec spec = vgg(ConvPass::kForward);
      spec.bias = bias;
      spec.relu = relu;
      CAPTURE(bias);
      CAPTURE(relu);
      CHECK(ConvGraph(spec).engine_count() > 0);
    }
  }
}

TEST_CASE("data gradient and ReLU mask finalise as one graph") {
  ConvGraphSpec spec = vgg(ConvPass::kBackwardData);
  spec.relu_mask = true;
  CHECK(ConvGraph(spec).engine_count() > 0);
}

TEST_CASE("strides, dilation, groups and padded channels reach cuDNN") {
  ConvGeometry g;
  g.kernel_h = 7;
  g.kernel_w = 5;
  g.stride_h = 2;
  g.stride_w = 3;
  g.pad_h = 3;
  g.dilation_w = 2;
  const Shape x{2, 16, 40, 50};
  const Shape y{2, 24, conv_extent(40, 7, 2, 3, 1), conv_extent(50, 5, 3, 0, 2)};
  for (const std::int32_t groups : {1, 2}) {
    g.groups = groups;
    for (const ConvPass pass :
         {ConvPass::kForward, ConvPass::kBackwardData, ConvPass::kBackwardWeights}) {
      CHECK(ConvGraph(ConvGraphSpec::dense(pass, x, y, g)).engine_count() > 0);
    }
  }
}

TEST_CASE("a graph whose shapes do not fit together is refused with cuDNN's words") {
  ConvGraphSpec spec = vgg(ConvPass::kForward);
  spec.y.h = 27;
  try {
    const ConvGraph graph(spec);
    FAIL("accepted");
  } catch (const cutaway::Error& e) {
    CHECK(e.kind() == cutaway::ErrorKind::kDevice);
    CHECK(std::string(e.what()).find("cuDNN") != std::string::npos);
  }
}

TEST_CASE("the cuDNN engine declines with the reason") {
  ConvProblem p;
  p.x = {1, 16, 8, 8};
  p.y = {1, 16, 8, 8};
  p.x_layout = p.y_layout = cutaway::kBlocked16;
  std::string declined;
  if (cutaway::cuda_status().count == 0) {
    CHECK(make_conv_cudnn(p, declined) == nullptr);
    CHECK(declined.find("no CUDA device") != std::string::npos);
  }
  p.x_layout = cutaway::kPlain;
  CHECK(make_conv_cudnn(p, declined) == nullptr);
  CHECK(declined.find("channels-last") != std::string::npos);
}

}  // namespace

#endif
