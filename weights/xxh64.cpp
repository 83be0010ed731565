#include "weights/xxh64.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace cutaway::weights {
namespace {

static_assert(std::endian::native == std::endian::little, "lanes are read as little-endian words");

constexpr std::uint64_t kP1 = 0x9E3779B185EBCA87ULL;
constexpr std::uint64_t kP2 = 0xC2B2AE3D27D4EB4FULL;
constexpr std::uint64_t kP3 = 0x165667B19E3779F9ULL;
constexpr std::uint64_t kP4 = 0x85EBCA77C2B2AE63ULL;
constexpr std::uint64_t kP5 = 0x27D4EB2F165667C5ULL;

template <class T>
T load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

constexpr std::uint64_t mix(std::uint64_t lane, std::uint64_t input) {
  return std::rotl(lane + input * kP2, 31) * kP1;
}

constexpr std::uint64_t merge(std::uint64_t hash, std::uint64_t lane) {
  return (hash ^ mix(0, lane)) * kP1 + kP4;
}

// A compiler would make one vector of the four lanes, and wait for its multiplication of 64-bit
// words, which takes 15 cycles where that of one word takes 3.
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("no-tree-vectorize")))
#endif
void stripes(std::array<std::uint64_t, 4>& lanes, const std::byte* p, std::size_t count) {
  std::uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
  for (; count > 0; --count, p += 32) {
    a = mix(a, load<std::uint64_t>(p));
    b = mix(b, load<std::uint64_t>(p + 8));
    c = mix(c, load<std::uint64_t>(p + 16));
    d = mix(d, load<std::uint64_t>(p + 24));
  }
  lanes = {a, b, c, d};
}

}  // namespace

void Xxh64::update(std::span<const std::byte> bytes) {
  length_ += bytes.size();
  if (filled_ > 0) {
    const std::size_t take = std::min(bytes.size(), 32 - filled_);
    std::memcpy(pending_.data() + filled_, bytes.data(), take);
    filled_ += take;
    bytes = bytes.subspan(take);
    if (filled_ < 32) return;
    stripes(lanes_, pending_.data(), 1);
    filled_ = 0;
  }
  stripes(lanes_, bytes.data(), bytes.size() / 32);
  bytes = bytes.subspan(bytes.size() / 32 * 32);
  if (bytes.empty()) return;
  std::memcpy(pending_.data(), bytes.data(), bytes.size());
  filled_ = bytes.size();
}

std::uint64_t Xxh64::digest() const {
  std::uint64_t hash = kP5;
  if (length_ >= 32) {
    hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
           std::rotl(lanes_[3], 18);
    for (const std::uint64_t lane : lanes_) hash = merge(hash, lane);
  }
  hash += length_;
  const std::byte* p = pending_.data();
  std::size_t left = filled_;
  for (; left >= 8; left -= 8, p += 8) {
    hash = std::rotl(hash ^ mix(0, load<std::uint64_t>(p)), 27) * kP1 + kP4;
  }
  if (left >= 4) {
    hash = std::rotl(hash ^ load<std::uint32_t>(p) * kP1, 23) * kP2 + kP3;
    left -= 4;
    p += 4;
  }
  for (; left > 0; --left, ++p) {
    hash = std::rotl(hash ^ std::to_integer<std::uint64_t>(*p) * kP5, 11) * kP1;
  }
  hash = (hash ^ hash >> 33) * kP2;
  hash = (hash ^ hash >> 29) * kP3;
  return hash ^ hash >> 32;
}

std::string hex(std::uint64_t value) {
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[value >> shift & 15];
  return text;
}

}  // namespace cutaway::weights
