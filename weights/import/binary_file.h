#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cutaway::weights {

/// The bytes of a file, read in pieces at any offset: parsers of foreign formats never hold a whole
/// file. A file that shrinks while it is read gives an error, not a crash. Movable, thread-safe for
/// reading.
class BinaryFile {
 public:
  /// Throws kInput, with the system's reason, when it is not a readable regular file.
  static BinaryFile open(const std::string& path);
  /// The same interface over bytes in memory; `name` stands in errors.
  static BinaryFile over(std::string name, std::vector<std::byte> bytes);

  BinaryFile(BinaryFile&& other) noexcept;
  BinaryFile& operator=(BinaryFile&& other) noexcept;
  BinaryFile(const BinaryFile&) = delete;
  BinaryFile& operator=(const BinaryFile&) = delete;
  ~BinaryFile();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// Fills `to` from `offset`. Throws kInput when that range is not inside the file.
  void read_at(std::uint64_t offset, std::span<std::byte> to) const;
  /// `count` bytes from `offset` as text. The caller bounds `count`.
  [[nodiscard]] std::string text_at(std::uint64_t offset, std::uint64_t count) const;
  /// True when [offset, offset + count) lies inside the file; does not overflow.
  [[nodiscard]] bool holds(std::uint64_t offset, std::uint64_t count) const noexcept {
    return offset <= size_ && count <= size_ - offset;
  }

 private:
  BinaryFile() = default;

  std::string path_;
  int descriptor_{-1};
  std::uint64_t size_{0};
  std::vector<std::byte> bytes_;
};

}  // namespace cutaway::weights
