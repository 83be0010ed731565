#include "tools/program/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "tools/program/console.h"

namespace cutaway::tools {
namespace {

// Reading from what was closed finds nothing, writing messages to it is not missed, and writing
// results to it fails, as it did before.
void take_closed_descriptors() {
  for (const int wanted : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(wanted, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest that is free, which is this one.
    const int got = ::open("/dev/null", wanted == STDERR_FILENO ? O_WRONLY : O_RDONLY);
    if (got > STDERR_FILENO) ::close(got);
  }
}

bool is_control(unsigned char byte) { return (byte < 0x20 && byte != '\t') || byte == 0x7F; }

/// As harmless(); `half` carries the first byte of U+0080 to U+009F from one piece to the next.
std::string filtered(std::string_view text, bool newlines, bool& half) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (half) {
      half = false;
      if (byte >= 0x80 && byte < 0xA0) {
        out += '?';
        continue;
      }
      out += '\xC2';
    }
    half = byte == 0xC2;
    if (half) continue;
    out += is_control(byte) && !(newlines && c == '\n') ? '?' : c;
  }
  return out;
}

}  // namespace

std::string harmless(std::string_view text, bool newlines) {
  bool half = false;
  std::string out = filtered(text, newlines, half);
  if (half) out += '\xC2';
  return out;
}

StandardStreams::StandardStreams() {
  take_closed_descriptors();
  std::fflush(stdout);
  cookie_io_functions_t how{};
  how.write = &StandardStreams::write;
  filtered_ = ::fopencookie(this, "w", how);
  if (filtered_ == nullptr) return;  // no memory: unfiltered, then
  // Whoever watches wants whole lines at once; a pipe or a file takes more at a time.
  if (::isatty(STDOUT_FILENO) != 0) (void)std::setvbuf(filtered_, nullptr, _IOLBF, BUFSIZ);
  before_ = stdout;
  stdout = filtered_;
}

StandardStreams::~StandardStreams() {
  if (filtered_ == nullptr) return;
  stdout = before_;
  (void)std::fclose(filtered_);
}

ssize_t StandardStreams::write(void* self, const char* bytes, std::size_t count) {
  auto& streams = *static_cast<StandardStreams*>(self);
  const std::string text = filtered({bytes, count}, true, streams.half_);
  for (std::size_t done = 0; done < text.size() && streams.failure_ == 0;) {
    const ssize_t put = ::write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      streams.failure_ = errno;
      // Nobody reads the results any more: there is no use in making them.
      if (errno == EPIPE) Console::stop_run();
    } else {
      done += static_cast<std::size_t>(put);
    }
  }
  return static_cast<ssize_t>(count);
}

int StandardStreams::finish() {
  std::fflush(stdout);
  return failure_;
}

}  // namespace cutaway::tools
