#include "explain/runs/steps.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "explain/runs/run_resume.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "weights/xxh64.h"

namespace cutaway::explain {
namespace {

std::string sum_of(const std::string& bytes) {
  weights::Xxh64 sum;
  sum.update(std::as_bytes(std::span(bytes.data(), bytes.size())));
  return weights::hex(sum.digest());
}

/// A checksum does not say who wrote a line.
void check_types(const Record& line, const std::string& path) {
  const auto is = [&line](const char* name, bool (Record::*type)() const noexcept) {
    return line.contains(name) && (line[name].*type)();
  };
  if (is("step", &Record::is_string) && is("bytes", &Record::is_number_unsigned) &&
      is("value", &Record::is_string)) {
    return;
  }
  throw Error(ErrorKind::kInput, "a line that no run wrote")
      .at(path)
      .hint("begin anew with --overwrite");
}

}  // namespace

Steps::Steps(RunFolder& folder, bool resume, Record identity, Observer& observer)
    : folder_(&folder), identity_(std::move(identity)) {
  if (!resume || !folder.stopped()) return;
  reader_.emplace(folder.journal());
  check_same_run(*reader_, identity_, folder.path());
  complete_before_ = folder.finished();
  if (complete_before_) {
    folder.end();
    observer.info("nothing is left to do");
    return;
  }
  whole_ = reader_->offset();
  values_.open(folder.steps(), std::ios::binary);
  read_ahead();
  observer.info("resumed: what the stopped run has computed is taken over");
}

void Steps::read_ahead() {
  ahead_.reset();
  if (auto line = reader_->next()) ahead_ = {std::move(*line), reader_->offset()};
}

std::optional<std::string> Steps::next(const std::string& name, bool must) {
  if (!reader_) return std::nullopt;
  std::string bytes;
  bool whole = false;
  if (ahead_) {
    check_types(ahead_->line, folder_->journal());
    const std::string known = ahead_->line.value("step", "");
    if (known != name && !must) return std::nullopt;
    if (known != name) {
      throw Error(ErrorKind::kUsage, "the inputs are not those of the run that was stopped")
          .at(folder_->journal())
          .expected(known)
          .got(name)
          .hint("give the same inputs in the same order, or begin anew with --overwrite");
    }
    std::error_code code;
    const std::uintmax_t there = std::filesystem::file_size(folder_->steps(), code);
    const auto size = ahead_->line.value("bytes", std::uint64_t{0});
    if (!code && size <= there && offset_ <= there - size) {
      bytes.resize(size);
      values_.read(bytes.data(), static_cast<std::streamsize>(size));
      whole = values_.good() && ahead_->line.value("value", "") == sum_of(bytes);
    }
  }
  if (!whole) {
    begin_appending();
    return std::nullopt;
  }
  offset_ += bytes.size();
  whole_ = ahead_->end;
  read_ahead();
  return bytes;
}

void Steps::begin_appending() {
  folder_->begin();
  if (reader_) {
    reader_.reset();
    ahead_.reset();
    values_.close();
    journal_.emplace(Journal::reopen(folder_->journal(), whole_));
  } else {
    journal_.emplace(Journal::create(folder_->journal(), identity_));
  }
  const std::string path = folder_->steps();
  std::ofstream(path, std::ios::binary | std::ios::app).close();
  std::error_code code;
  std::filesystem::resize_file(path, offset_, code);
  if (code) throw files::write_error(path, code.value());
  out_.open(path, std::ios::binary | std::ios::app);
}

void Steps::append(const std::string& name, const std::string& bytes) {
  if (!journal_) begin_appending();
  errno = 0;
  out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out_.flush();
  if (!out_) throw files::write_error(folder_->steps(), errno);
  offset_ += bytes.size();
  journal_->append({Record{{"step", name}, {"bytes", bytes.size()}, {"value", sum_of(bytes)}}});
}

void Steps::stopped(Observer& observer) {
  if (!journal_ && !reader_) return;
  if (journal_) journal_->sync();
  observer.info("continue with the same command and --resume");
}

}  // namespace cutaway::explain
