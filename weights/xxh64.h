#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace cutaway::weights {

/// XXH64 (Y. Collet, the xxHash specification, seed 0): a 64-bit checksum at memory speed in
/// portable code. Chosen over CRC-32C for its 64 bits and because it needs no special instructions;
/// like it, it detects damage, not forgery.
class Xxh64 {
 public:
  void update(std::span<const std::byte> bytes);
  [[nodiscard]] std::uint64_t digest() const;

 private:
  std::array<std::uint64_t, 4> lanes_{0x60EA27EEADC0B5D6ULL, 0xC2B2AE3D27D4EB4FULL, 0,
                                      0x61C8864E7A143579ULL};
  std::array<std::byte, 32> pending_{};
  std::size_t filled_{0};
  std::uint64_t length_{0};
};

/// 16 hexadecimal digits.
[[nodiscard]] std::string hex(std::uint64_t value);

}  // namespace cutaway::weights
