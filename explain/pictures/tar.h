#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cutaway::explain {

/// One member of a tar archive.
struct TarMember {
  std::string name;
  std::uint64_t size{0};
  bool regular{false};  ///< a file with content; links, folders and devices are not
};

/// Reads a tar archive (POSIX ustar and pax, GNU's long names; plain or compressed with gzip) from
/// its beginning to its end, in a fixed amount of memory, and writes nothing anywhere: names are
/// only names, links lead nowhere. Strict: a wrong checksum, a number that is none, a header that
/// claims too much or an archive that ends early throw kInput naming the archive and the offset.
class TarReader {
 public:
  /// Longest member name, and largest pax header, in bytes.
  static constexpr std::size_t kMostName = 4096;
  static constexpr std::size_t kMostHeader = std::size_t{1} << 16U;

  /// Throws kInput when the file is missing or no regular file.
  explicit TarReader(const std::string& path);
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;

  /// The next member; the content of the last one is skipped where it was not read. False at the
  /// end of the archive.
  bool next(TarMember& member);
  /// The first bytes of the member's content, `most` or as many as it has; content() gives the rest.
  [[nodiscard]] std::vector<std::uint8_t> content_up_to(std::uint64_t most);
  /// The content of the member; at most once. Throws kInput when it is cut short, kMemory beyond
  /// `most` bytes.
  [[nodiscard]] std::vector<std::uint8_t> content(std::uint64_t most);

 private:
  struct File;

  [[nodiscard]] bool read_block(std::uint8_t* block);
  std::size_t read(std::uint8_t* to, std::size_t size);
  void skip_rest();
  [[nodiscard]] std::string read_text(std::uint64_t size);
  void apply_pax(const std::string& text);
  [[noreturn]] void fail(const std::string& what) const;

  std::string path_;
  std::unique_ptr<File> file_;
  std::uint64_t offset_{0}, left_{0}, padding_{0};
  bool ended_{false};
  // What an extended header says about the member that follows it.
  std::string long_name_;
  bool has_size_{false}, sparse_{false};
  std::uint64_t long_size_{0};
};

}  // namespace cutaway::explain
