#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace cutaway {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning };

/// Where messages go. The library itself never prints: an empty sink drops everything.
using LogSink = std::function<void(LogLevel, std::string_view component, std::string_view message)>;

/// A place to log to, passed to those who may have something to say.
class Logger {
 public:
  Logger() = default;
  explicit Logger(LogSink sink, LogLevel least = LogLevel::kInfo)
      : sink_(std::move(sink)), least_(least) {}

  [[nodiscard]] bool wants(LogLevel level) const noexcept { return sink_ && level >= least_; }
  void operator()(LogLevel level, std::string_view component, std::string_view message) const {
    if (wants(level)) sink_(level, component, message);
  }

 private:
  LogSink sink_;
  LogLevel least_{LogLevel::kInfo};
};

}  // namespace cutaway
