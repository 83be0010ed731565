#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace cutaway::weights {

/// A part of a file whose CRC-32 the file itself stores.
struct StoredSum {
  std::string name;
  std::uint64_t offset{0}, bytes{0};
  std::uint32_t crc{0};  ///< 0: the writer computed none
};

/// SHA-256 of a file, in 64 hexadecimal digits, and on the way a check of the sums that it stores
/// of parts of itself; these must not overlap. Throws kInput when the file cannot be read, a part
/// lies outside of it or a sum differs. `until`: how many bytes may be read by now, for those who
/// raise (and notify) it as they get on with something else, 0 to give up, which throws; null: all.
[[nodiscard]] std::string digest_of_file(const std::string& path,
                                         std::vector<StoredSum> sums,
                                         const std::atomic<std::uint64_t>* until = nullptr);

}  // namespace cutaway::weights
