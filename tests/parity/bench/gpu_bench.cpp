// Times the convolution engines and the matrix product on one CUDA device, against ceilings
// measured in the same run: the largest matrix product, and a scaling of a tensor that fits no
// cache.
//   gpu_bench [images]      (default 16)
// Exit code 77 without a device.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/conv.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace {

using namespace cutaway;
using namespace cutaway::kernels;

constexpr Device kGpu{Device::Kind::kCuda, 0};

struct Timing {
  double median, fastest, slowest;  // milliseconds of one run
};

/// Median of 9 measurements, each of as many runs as take about 20 ms, after a warm-up.
Timing measure(const Stream& stream, const std::function<void()>& run_once) {
  const auto timed = [&](int runs) {
    synchronize(stream);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < runs; ++i) run_once();
    synchronize(stream);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    return took.count() / runs;
  };
  (void)timed(3);
  const int runs = std::clamp(static_cast<int>(20.0 / timed(3)), 1, 1000);
  std::vector<double> times;
  for (int i = 0; i < 9; ++i) times.push_back(timed(runs));
  std::sort(times.begin(), times.end());
  return {times[4], times.front(), times.back()};
}

/// Random numbers on the device: zeros would run faster than real data.
Tensor random_tensor(const Shape& shape, Layout layout) {
  Tensor host = zeros(shape, layout);
  std::minstd_rand random(1);
  const View<float> v = host.ref().out();
  for (std::int64_t n = 0; n < shape.n; ++n) {
    for (std::int64_t c = 0; c < shape.c; ++c) {
      for (std::int64_t h = 0; h < shape.h; ++h) {
        for (std::int64_t w = 0; w < shape.w; ++w) {
          v.at(n, c, h, w) = static_cast<float>(random() % 2048) / 1024.0f - 1.0f;
        }
      }
    }
  }
  return to_device(host, kGpu);
}

float* floats(const Tensor& t) { return static_cast<float*>(t.ref().data()); }

struct Ceilings {
  double tflops, gbytes;
};

Ceilings measure_ceilings(Stream& stream) {
  constexpr std::int64_t kSide = 8192;
  const Tensor a = random_tensor({1, kSide, kSide, 1}, kPlain);
  const Tensor b = random_tensor({1, kSide, kSide, 1}, kPlain);
  const Tensor c(kGpu, DType::kF32, {1, kSide, kSide, 1});
  Gemm g;
  g.m = g.n = g.k = g.lda = g.ldb = g.ldc = kSide;
  g.a = floats(a);
  g.b = floats(b);
  g.c = floats(c);
  const Timing product = measure(stream, [&] { run(stream, g); });
  const Scale scale{a.ref().in(), c.ref().out(), 1.5f};
  const Timing copy = measure(stream, [&] { run(stream, scale); });
  const double side = static_cast<double>(kSide);
  return {2.0 * side * side * side / product.median * 1e-9, 8.0 * side * side / copy.median * 1e-6};
}

struct Layer {
  const char* name;
  std::int64_t c, k, extent;
  std::int32_t kernel, stride, pad;
};
constexpr Layer kLayers[] = {
    {"vgg conv1_1", 3, 64, 224, 3, 1, 1},      {"vgg conv1_2", 64, 64, 224, 3, 1, 1},
    {"vgg conv2_2", 128, 128, 112, 3, 1, 1},   {"vgg conv3_2", 256, 256, 56, 3, 1, 1},
    {"vgg conv4_2", 512, 512, 28, 3, 1, 1},    {"vgg conv5_1", 512, 512, 14, 3, 1, 1},
    {"googlenet conv1", 3, 64, 224, 7, 2, 3},  {"googlenet 3a 1x1", 192, 64, 28, 1, 1, 0},
    {"googlenet 3a 5x5", 16, 32, 28, 5, 1, 2},
};

void bench_conv(Stream& stream,
                const Layer& layer,
                std::int64_t images,
                ConvPass pass,
                const char* engine,
                const Ceilings& ceilings) {
  ConvProblem p;
  p.pass = pass;
  p.g.kernel_h = p.g.kernel_w = layer.kernel;
  p.g.stride_h = p.g.stride_w = layer.stride;
  p.g.pad_h = p.g.pad_w = layer.pad;
  const std::int64_t out = conv_extent(layer.extent, layer.kernel, layer.stride, layer.pad, 1);
  p.x = {images, layer.c, layer.extent, layer.extent};
  p.y = {images, layer.k, out, out};
  p.x_layout = channels_last(layer.c);
  p.y_layout = channels_last(layer.k);
  p.bias = p.relu = pass == ConvPass::kForward;
  EngineOptions options;
  options.force = std::string("conv:") + engine;
  const char* pass_name = pass == ConvPass::kForward ? "forward" : "data grad";
  if (pass == ConvPass::kBackwardWeights) pass_name = "weight grad";
  std::unique_ptr<ConvPrimitive> primitive;
  try {
    primitive = make_conv(kGpu, p, options);
  } catch (const Error& e) {
    std::printf("%-17s %-11s %-14s declined: %s\n", layer.name, pass_name, engine, e.what());
    return;
  }
  const Tensor x = random_tensor(p.x, p.x_layout), y = random_tensor(p.y, p.y_layout);
  const Tensor w = random_tensor({layer.k, layer.c, layer.kernel, layer.kernel}, kPlain);
  const Tensor bias = random_tensor({1, layer.k, 1, 1}, kPlain);
  const Buffer prepared(kGpu, primitive->prepared_bytes()),
      scratch(kGpu, primitive->scratch_bytes());
  primitive->prepare(stream, floats(w), prepared.data());
  ConvArguments a;
  a.in = pass == ConvPass::kBackwardData ? y.ref().in() : x.ref().in();
  a.in2 = y.ref().in();
  a.out = pass == ConvPass::kBackwardData ? x.ref().out() : y.ref().out();
  a.w = a.dw = floats(w);
  a.bias = floats(bias);
  a.prepared = prepared.data();
  a.scratch = scratch.data();
  const Timing t = measure(stream, [&] { primitive->run(stream, a); });
  const double tflops = 2.0 * static_cast<double>(p.macs()) / t.median * 1e-9;
  std::printf("%-17s %-11s %-14s %8.3f ms [%.3f..%.3f]  %6.2f TFLOP/s  %3.0f %% of the ceiling\n",
              layer.name, pass_name, engine, t.median, t.fastest, t.slowest, tflops,
              100.0 * tflops / ceilings.tflops);
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t images = argc > 1 ? std::max(1, std::atoi(argv[1])) : 16;
  const CudaStatus status = cuda_status();
  if (status.count == 0) {
    std::printf("SKIPPED: no CUDA device (%s)\n", status.reason.c_str());
    return 77;
  }
  try {
    Stream stream = make_stream(kGpu);
    const Ceilings ceilings = measure_ceilings(stream);
    std::printf("ceilings: %.1f TFLOP/s (float32 product, 8192), %.0f GB/s (read and write)\n",
                ceilings.tflops, ceilings.gbytes);
    for (const Layer& layer : kLayers) {
      for (const ConvPass pass :
           {ConvPass::kForward, ConvPass::kBackwardData, ConvPass::kBackwardWeights}) {
        for (const char* engine : {"cudnn", "implicit_gemm"}) {
          bench_conv(stream, layer, images, pass, engine, ceilings);
        }
      }
    }
  } catch (const std::exception& e) {
    std::printf("FAILED: %s\n", e.what());
    return 1;
  }
  return 0;
}
