#include "runtime/tensor.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <utility>

#include "runtime/error.h"

#if defined(__SANITIZE_ADDRESS__)
// Impossible requests are meant to fail here, not to end the program.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
#endif

using namespace cutaway;

namespace {

template <class F>
ErrorKind kind_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("nothing was thrown");
  return ErrorKind::kInternal;
}

bool aligned(const void* p, std::uintptr_t to) {
  return reinterpret_cast<std::uintptr_t>(p) % to == 0;
}

}  // namespace

TEST_CASE("buffer: alignment, moving, nothing, and more than there is") {
  Buffer small(kCpuDevice, 100), large(kCpuDevice, 5 << 20);
  CHECK(aligned(small.data(), 256));
  CHECK(aligned(large.data(), 2 << 20));
  CHECK(small.bytes() == 100);
  std::memset(large.data(), 1, large.bytes());
  std::byte* at = large.data();
  Buffer moved(std::move(large));
  CHECK(moved.data() == at);
  CHECK(large.data() == nullptr);  // NOLINT(bugprone-use-after-move): what is left is defined
  small = std::move(moved);
  CHECK(small.data() == at);
  CHECK(small.bytes() == 5 << 20);
  const Buffer nothing(kCpuDevice, 0);
  CHECK(nothing.data() == nullptr);
  CHECK(kind_of([] { Buffer b(kCpuDevice, SIZE_MAX); }) == ErrorKind::kMemory);
  CHECK(kind_of([] { Buffer b(kCpuDevice, SIZE_MAX / 4); }) == ErrorKind::kMemory);
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1536) == "1.5 KiB");
  CHECK(format_bytes(std::size_t{3} << 30) == "3.0 GiB");
}

TEST_CASE("tensor: shapes, layouts, copies") {
  Tensor t(kCpuDevice, DType::kF32, {2, 3, 4, 5}, kBlocked16);
  CHECK(t.bytes() == 2 * 16 * 20 * sizeof(float));
  CHECK(t.f32().size() == 2 * 16 * 20);
  CHECK(t.layout() == kBlocked16);
  CHECK_FALSE(t.empty());
  CHECK(Tensor().empty());
  Tensor z = zeros({1, 2, 2, 2});
  for (const float v : z.f32()) CHECK(v == 0.0f);
  const float values[] = {1, 2, 3, 4};
  const Tensor v = tensor_of({1, 1, 2, 2}, values);
  CHECK(v.ref().in().at(0, 0, 1, 0) == 3.0f);
  Tensor copy = v.clone();
  copy.f32()[0] = 9.0f;
  CHECK(v.f32()[0] == 1.0f);
  CHECK(to_device(Tensor(), kCpuDevice).empty());
  CHECK(kind_of([&] { (void)tensor_of({1, 1, 2, 3}, values); }) == ErrorKind::kShape);
  CHECK(kind_of([] { (void)zeros({1, 0, 2, 3}); }) == ErrorKind::kShape);
  CHECK(kind_of([] { (void)zeros({INT64_MAX, 2, 2, 3}); }) == ErrorKind::kShape);
}

TEST_CASE("tensor: element types are checked") {
  const Tensor bytes(kCpuDevice, DType::kU8, {1, 3, 4, 5});
  CHECK(bytes.bytes() == 60);
  CHECK(kind_of([&] { (void)bytes.f32(); }) == ErrorKind::kInternal);
  CHECK(kind_of([&] { (void)bytes.ref().in(); }) == ErrorKind::kInternal);
  CHECK_NOTHROW((void)bytes.ref().view<const std::uint8_t>());
  const Tensor ints(kCpuDevice, DType::kI32, {1, 3, 1, 1});
  CHECK(kind_of([&] { (void)ints.ref().view<float>(); }) == ErrorKind::kInternal);
  const TensorRef none;
  CHECK_FALSE(static_cast<bool>(none));
  const TensorRef ref(ints.ref().view<std::int32_t>());
  CHECK(ref.dtype() == DType::kI32);
  CHECK(ref.shape() == Shape{1, 3, 1, 1});
  CHECK(ref.data() == ints.ref().data());
}

TEST_CASE("device: names and what is not one") {
  CHECK(parse_device("cpu") == kCpuDevice);
  CHECK(to_string(kCpuDevice) == "cpu");
  CHECK(to_string(Device{Device::Kind::kCuda, 3}) == "cuda:3");
  for (const char* text : {"", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:1x",
                           "cuda:99999999999999", " cpu", "cuda0"}) {
    CAPTURE(text);
    CHECK(kind_of([&] { (void)parse_device(text); }) == ErrorKind::kUsage);
  }
  CHECK(kind_of([] { (void)parse_device("cuda:4096"); }) == ErrorKind::kDevice);
  CHECK_NOTHROW((void)parse_device("auto"));
  const CudaStatus status = cuda_status();
  CHECK((status.count > 0 || !status.reason.empty()));
  if (status.count == 0) {
    CHECK(parse_device("auto") == kCpuDevice);
    CHECK(kind_of([] { (void)parse_device("cuda"); }) == ErrorKind::kDevice);
    CHECK(kind_of([] { (void)make_stream({Device::Kind::kCuda, 0}); }) == ErrorKind::kDevice);
  }
}

TEST_CASE("stream: threads") {
  CHECK(CpuStream(3).threads() == 3);
  CHECK(CpuStream().threads() >= 1);
  CHECK(device_of(make_stream(kCpuDevice, 2)) == kCpuDevice);
  CHECK(kind_of([] { CpuStream s(-1); }) == ErrorKind::kUsage);
  CHECK(kind_of([] { CpuStream s(5000); }) == ErrorKind::kUsage);
}
