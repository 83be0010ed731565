#include "explain/runs/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "weights/xxh64.h"

namespace cutaway::explain {
namespace {

// One image's line holds a few hundred bytes a map.
constexpr std::size_t kMostLine = std::size_t{1} << 24U;
constexpr std::string_view kStart = "{\"sum\":\"";
constexpr std::size_t kDigits = 16;

std::string sum_of(std::string_view text) {
  weights::Xxh64 sum;
  sum.update(std::as_bytes(std::span(text.data(), text.size())));
  return weights::hex(sum.digest());
}

[[noreturn]] void fail(const std::string& path, int code) { throw files::write_error(path, code); }

/// A line of at most kMostLine bytes with its line feed; false at the end of the file or of what is
/// bearable.
bool read_line(std::ifstream& file, std::string& line) {
  line.clear();
  for (int c = file.get(); c != std::ifstream::traits_type::eof(); c = file.get()) {
    if (c == '\n') return true;
    if (line.size() == kMostLine) return false;
    line += static_cast<char>(c);
  }
  return false;  // a line without its end was never finished
}

/// What the lines of all journals share; a checksum does not say who wrote them.
void check_types(const Record& line, const std::string& path) {
  const auto good = [&line](const char* name, bool (*is)(const Record&)) {
    return !line.contains(name) || is(line[name]);
  };
  const auto integer = [](const Record& v) { return v.is_number_integer(); };
  const auto text = [](const Record& v) { return v.is_string(); };
  if (good("image", integer) && good("name", text) && good("error", text)) return;
  throw Error(ErrorKind::kInput, "a line that no run wrote")
      .at(path)
      .hint("begin anew with --overwrite");
}

}  // namespace

std::string journal_line(const Record& record) {
  const std::string body = record.dump(-1, ' ', false, Record::error_handler_t::replace).substr(1);
  return std::string(kStart) + sum_of(body) + "\"," + body + "\n";
}

std::optional<Record> parse_journal_line(const std::string& line) {
  const std::size_t body_at = kStart.size() + kDigits + 2;
  if (line.size() <= body_at || line.compare(0, kStart.size(), kStart) != 0 ||
      line.compare(body_at - 2, 2, "\",") != 0) {
    return std::nullopt;
  }
  const std::string body = line.substr(body_at);
  if (line.substr(kStart.size(), kDigits) != sum_of(body)) return std::nullopt;
  Record record = Record::parse("{" + body, nullptr, false);
  if (!record.is_object()) return std::nullopt;
  return record;
}

Journal Journal::create(const std::string& path, const Record& run) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) fail(path, errno);
  Journal journal(path, fd);
  if (::ftruncate(fd, 0) != 0) fail(path, errno);
  journal.append({Record{{"run", run}}});
  return journal;
}

Journal Journal::reopen(const std::string& path, std::uint64_t bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) fail(path, errno);
  Journal journal(path, fd);
  if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0) fail(path, errno);
  return journal;
}

Journal::~Journal() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Journal::Journal(Journal&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

void Journal::append(const std::vector<Record>& records) {
  std::string text;
  for (const Record& record : records) text += journal_line(record);
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t n = ::write(descriptor_, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path_, errno);
    left.remove_prefix(static_cast<std::size_t>(n));
  }
}

void Journal::sync() {
  if (::fsync(descriptor_) != 0 && errno != EINVAL) fail(path_, errno);
}

JournalReader::JournalReader(const std::string& path) : path_(path), file_(path, std::ios::binary) {
  const auto first = next();
  if (!first || !first->contains("run") || !(*first)["run"].is_object()) {
    throw Error(ErrorKind::kInput, "no run to resume")
        .at(path)
        .hint("run without --resume, into a folder of its own");
  }
  run_ = (*first)["run"];
}

std::optional<Record> JournalReader::next() {
  std::string line;
  if (!read_line(file_, line)) return std::nullopt;
  auto record = parse_journal_line(line);
  if (record) check_types(*record, path_);
  if (record) offset_ += line.size() + 1;
  return record;
}

std::string differences(const Record& there, const Record& here) {
  std::string text;
  const auto say = [&text](const std::string& name, const std::string& a, const std::string& b) {
    const auto brief = [](const std::string& v) {
      return v.size() > 120 ? v.substr(0, 117) + "..." : v;
    };
    text += (text.empty() ? "" : "; ") + name + ": " + brief(a) + " there, " + brief(b) + " here";
  };
  for (const auto& [name, value] : there.items()) {
    const std::string other = here.contains(name) ? here.at(name).dump() : "nothing";
    if (value.dump() != other) say(name, value.dump(), other);
  }
  for (const auto& [name, value] : here.items()) {
    if (!there.contains(name)) say(name, "nothing", value.dump());
  }
  return text;
}

}  // namespace cutaway::explain
