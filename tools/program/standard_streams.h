#pragma once

#include <atomic>
#include <cstdio>
#include <string>
#include <string_view>

namespace cutaway::tools {

/// Text without the control characters that command a terminal (C0, DEL and C1), which become '?':
/// names of files come from anywhere. Tabs stay, and line feeds where `newlines` says so.
[[nodiscard]] std::string harmless(std::string_view text, bool newlines);

/// Standard input, output and error while the program runs.
///
/// Descriptors 0 to 2 that whoever started the program has closed are taken, so that no file that
/// is opened later becomes standard error. What is printed passes through harmless(), and what
/// cannot be written is remembered: printf tells nobody.
class StandardStreams {
 public:
  StandardStreams();
  ~StandardStreams();
  StandardStreams(const StandardStreams&) = delete;
  StandardStreams& operator=(const StandardStreams&) = delete;

  /// Writes what is pending. The system's reason if anything that was printed could not be written;
  /// 0 otherwise.
  [[nodiscard]] int finish();

 private:
  static ssize_t write(void* self, const char* bytes, std::size_t count);

  std::FILE* before_{};
  std::FILE* filtered_{};
  int failure_{0};
  bool half_{false};  // the last byte was the first of two of a C1 control
};

}  // namespace cutaway::tools
