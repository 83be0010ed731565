#include "tests/parity/fixture.h"

#include <cstring>
#include <limits>
#include <utility>

#include "runtime/tensor.h"

namespace parity {
namespace {

constexpr std::size_t kCanary = 256;
constexpr std::byte kCanaryByte{0xa5};

std::size_t size_of(Type type) { return type == Type::kByte ? 1 : 4; }

template <class T>
T* as(std::byte* data) {
  return reinterpret_cast<T*>(data);
}

bool all_canary(const std::byte* data) {
  for (std::size_t i = 0; i < kCanary; ++i) {
    if (data[i] != kCanaryByte) return false;
  }
  return true;
}

}  // namespace

Fixture::Fixture(Device device, std::uint32_t seed, int variant)
    : device_(device), variant_(variant), random_(seed) {}

std::int32_t Fixture::draw(std::int32_t low, std::int32_t high) {
  return low + static_cast<std::int32_t>(random_() % static_cast<std::uint32_t>(high - low + 1));
}

Shape Fixture::shape() {
  const auto extent = [&](std::int32_t most) { return draw(0, 9) == 0 ? 1 : draw(1, most); };
  return {extent(3), extent(40), extent(19), extent(19)};
}

Layout Fixture::layout(std::int64_t c) const {
  switch (variant_ % 3) {
    case 0:
      return cutaway::channels_last(c);
    case 1:
      return cutaway::kPlain;
    default:
      return cutaway::kBlocked16;
  }
}

float Fixture::number(Values fill) {
  const float v = static_cast<float>(random_() >> 8) * 0x1p-23f - 1.0f;
  if (fill == Values::kPositive) return 0.5f * v + 0.6f;
  if (fill == Values::kSpecial) {
    switch (random_() % 32) {
      case 0:
        return std::numeric_limits<float>::quiet_NaN();
      case 1:
        return std::numeric_limits<float>::infinity();
      case 2:
        return -std::numeric_limits<float>::infinity();
      case 3:
        return 0.5f;  // ties
      default:
        break;
    }
  }
  return v;
}

std::byte* Fixture::add(Region region, std::vector<std::byte> initial, bool compared) {
  Memory memory;
  memory.region = std::move(region);
  memory.initial = std::move(initial);
  memory.buffer = cutaway::Buffer(device_, memory.initial.size() + 2 * kCanary);
  memory.compared = compared;
  upload(memory);
  memory_.push_back(std::move(memory));
  return memory_.back().buffer.data() + kCanary;
}

void Fixture::upload(const Memory& memory) const {
  std::vector<std::byte> bytes(kCanary, kCanaryByte);
  bytes.insert(bytes.end(), memory.initial.begin(), memory.initial.end());
  bytes.resize(bytes.size() + kCanary, kCanaryByte);
  cutaway::copy_bytes(memory.buffer.data(), device_, bytes.data(), cutaway::kCpuDevice,
                      bytes.size());
}

std::byte* Fixture::add_tensor(
    const char* name, const Shape& shape, Layout layout, Values fill, bool compared) {
  const auto count = static_cast<std::size_t>(stored_count(shape, layout));
  std::vector<std::byte> initial(count * sizeof(float));
  const View<float> v = dense_view(as<float>(initial.data()), shape, layout);
  for (std::int64_t n = 0; n < shape.n; ++n) {
    for (std::int64_t c = 0; c < shape.c; ++c) {
      for (std::int64_t h = 0; h < shape.h; ++h) {
        for (std::int64_t w = 0; w < shape.w; ++w) v.at(n, c, h, w) = number(fill);
      }
    }
  }
  return add({name, Type::kFloat, {}, shape, layout, true, false}, std::move(initial), compared);
}

std::byte* Fixture::add_poison(const char* name, Type type, const Shape& shape, Layout layout) {
  const std::size_t bytes = static_cast<std::size_t>(stored_count(shape, layout)) * size_of(type);
  std::vector<std::byte> initial(bytes, std::byte{0xee});
  for (std::size_t i = 0; type == Type::kFloat && i < bytes; i += 4) {
    std::memcpy(initial.data() + i, &kPoison, 4);
  }
  return add({name, type, {}, shape, layout, true, true}, std::move(initial), true);
}

View<const float> Fixture::input(const Shape& shape, Layout layout, Values fill) {
  return dense_view(as<const float>(add_tensor("input", shape, layout, fill, false)), shape,
                    layout);
}
View<float> Fixture::changing(const Shape& shape, Layout layout, Values fill) {
  return dense_view(as<float>(add_tensor("changing", shape, layout, fill, true)), shape, layout);
}
View<float> Fixture::output(const Shape& shape, Layout layout) {
  return dense_view(as<float>(add_poison("output", Type::kFloat, shape, layout)), shape, layout);
}
View<std::uint8_t> Fixture::byte_output(const Shape& shape, Layout layout) {
  return dense_view(as<std::uint8_t>(add_poison("bytes", Type::kByte, shape, layout)), shape,
                    layout);
}
View<std::int32_t> Fixture::int_output(const Shape& shape, Layout layout) {
  return dense_view(as<std::int32_t>(add_poison("ints", Type::kInt, shape, layout)), shape, layout);
}

const float* Fixture::numbers(std::int64_t count, Values fill) {
  return as<const float>(add_tensor("numbers", {1, count, 1, 1}, cutaway::kPlain, fill, false));
}
float* Fixture::changing_numbers(std::int64_t count, Values fill) {
  return as<float>(add_tensor("numbers", {1, count, 1, 1}, cutaway::kPlain, fill, true));
}
float* Fixture::result_numbers(std::int64_t count) {
  return as<float>(add_poison("results", Type::kFloat, {1, count, 1, 1}, cutaway::kPlain));
}
const std::int32_t* Fixture::labels(std::int64_t count, std::int32_t classes) {
  std::vector<std::byte> initial(static_cast<std::size_t>(count) * 4);
  for (std::int64_t i = 0; i < count; ++i)
    as<std::int32_t>(initial.data())[i] = draw(0, classes - 1);
  return as<const std::int32_t>(add({"labels", Type::kInt, {}, {1, count, 1, 1}, {}, true, false},
                                    std::move(initial), false));
}
std::byte* Fixture::add_bytes(std::vector<std::byte> bytes, bool compared) {
  const Shape shape{1, static_cast<std::int64_t>(bytes.size()), 1, 1};
  return add({"array", Type::kByte, {}, shape, {}, true, false}, std::move(bytes), compared);
}
std::byte* Fixture::scratch(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  std::vector<std::byte> initial(bytes, std::byte{0xff});
  const Shape shape{1, static_cast<std::int64_t>(bytes), 1, 1};
  return add({"scratch", Type::kByte, {}, shape, {}, true, false}, std::move(initial), false);
}

void Fixture::reset() {
  for (const Memory& memory : memory_) upload(memory);
}

std::vector<Region> Fixture::read() const {
  std::vector<Region> regions;
  for (const Memory& memory : memory_) {
    std::vector<std::byte> bytes(memory.buffer.bytes());
    cutaway::copy_bytes(bytes.data(), cutaway::kCpuDevice, memory.buffer.data(), device_,
                        bytes.size());
    Region region = memory.region;
    region.canaries = all_canary(bytes.data()) && all_canary(bytes.data() + bytes.size() - kCanary);
    const std::byte* first = bytes.data() + kCanary;
    const bool scratch = region.name == "scratch";
    if (!memory.compared && !scratch) {  // inputs stay as they were
      region.canaries =
          region.canaries && std::memcmp(first, memory.initial.data(), memory.initial.size()) == 0;
    }
    if (memory.compared) region.bytes.assign(first, first + memory.initial.size());
    regions.push_back(std::move(region));
  }
  return regions;
}

}  // namespace parity
