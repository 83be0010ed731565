#pragma once

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

using Record = nlohmann::ordered_json;

/// The log of a run, index.jsonl: a JSON object a line. The first says what the run is ({"run":
/// {...}}), the others what was finished, in order. Every line begins with a checksum of what
/// follows in it, so that a line that was cut off or never reached the disk is known.
///
/// Appends whole lines. Several lines of one append() are one write, so that an end of the process
/// leaves all of them or none as a rule, and at worst a valid beginning.
class Journal {
 public:
  /// Begins a new log; throws kUsage when it cannot be written.
  static Journal create(const std::string& path, const Record& run);
  /// Opens one for appending behind its first `bytes` bytes; what follows them is dropped.
  static Journal reopen(const std::string& path, std::uint64_t bytes);

  ~Journal();
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&&) = delete;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Throws kInternal when the disk is full.
  void append(const std::vector<Record>& records);
  /// Brings everything to the disk.
  void sync();

 private:
  Journal(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_;
};

/// Reads a log line by line, up to the first line that is damaged.
class JournalReader {
 public:
  /// Throws kInput when there is no such file or its first line is not that of a run.
  explicit JournalReader(const std::string& path);
  [[nodiscard]] const Record& run() const noexcept { return run_; }
  /// The next record; empty at the end of what is whole.
  [[nodiscard]] std::optional<Record> next();
  /// Bytes of the lines read so far.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

 private:
  std::string path_;
  std::ifstream file_;
  Record run_;
  std::uint64_t offset_{0};
};

/// Names of the members in which two runs differ, with both values: "methods: [\"cam\"] there,
/// [\"gradcam\"] here".
[[nodiscard]] std::string differences(const Record& there, const Record& here);

/// A record's line, and back; empty when the line is damaged.
[[nodiscard]] std::string journal_line(const Record& record);
[[nodiscard]] std::optional<Record> parse_journal_line(const std::string& line);

}  // namespace cutaway::explain

#pragma GCC visibility pop
