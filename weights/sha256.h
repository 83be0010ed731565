#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cutaway::weights {

/// SHA-256 (FIPS 180-4), for telling which file a model came from. About 0.3 GB/s, 1.4 with the
/// processor's own instructions; parameters, which are checked at every load, use xxh64 instead.
class Sha256 {
 public:
  Sha256();
  /// Without the processor's own instructions, whether it has them or not: for tests.
  [[nodiscard]] static Sha256 portable();

  void update(std::span<const std::byte> bytes);
  /// 64 hexadecimal digits. The object is spent afterwards.
  [[nodiscard]] std::string finish();

 private:
  void blocks(const std::byte* data, std::size_t count);
  void one_block(const std::byte* data);  // without the processor's instructions

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> pending_{};
  std::size_t filled_{0};
  std::uint64_t length_{0};
  bool by_processor_;
};

[[nodiscard]] std::string sha256(std::string_view text);
/// Of a file's contents; throws kInput when it cannot be read.
[[nodiscard]] std::string sha256_of_file(const std::string& path);

}  // namespace cutaway::weights
