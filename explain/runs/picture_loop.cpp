#include "explain/runs/picture_loop.h"

#include <algorithm>

#include "explain/runs/run_resume.h"
#include "runtime/files/atomic_file.h"
#include "runtime/progress.h"
#include "runtime/stopwatch.h"

namespace cutaway::explain {
namespace {

class Loop {
 public:
  Loop(const LoopPlan& plan,
       RunFolder* folder,
       ImageSource& source,
       PictureTask& task,
       const RunContext& context)
      : plan_(plan),
        folder_(folder),
        source_(source),
        task_(task),
        observer_(context.observer),
        estimate_(observer_, "pictures") {
    total_ = source.count().value_or(0);
    if (plan.most > 0) total_ = total_ > 0 ? std::min(total_, plan.most) : plan.most;
  }

  LoopOutcome run() {
    try {
      begin();
      if (!outcome_.complete_before) work_all();
    } catch (const Cancelled&) {
      append(task_.flush());
      if (journal_) {
        journal_->sync();
        observer_.info("continue with the same command and --resume");
      }
      throw;
    }
    return outcome_;
  }

 private:
  void begin() {
    const bool resuming = plan_.journaled && plan_.resume && folder_->stopped();
    if (resuming) {
      follow_journal();
      outcome_.resumed = outcome_.pictures;
      observer_.info("resumed: " + std::to_string(outcome_.resumed) + " images were there");
    } else if (plan_.journaled) {
      journal_.emplace(Journal::create(folder_->journal(), plan_.identity));
    }
    skip();
    task_.restored();
    outcome_.complete_before = !fill() && resuming && folder_->finished();
    if (folder_ != nullptr && !outcome_.complete_before) folder_->begin();
  }

  void follow_journal() {
    try {
      read_journal();
    } catch (const Record::exception&) {
      throw Error(ErrorKind::kInput, "a line that no run wrote")
          .at(folder_->journal())
          .hint("begin anew with --overwrite");
    }
  }

  void read_journal() {
    JournalReader reader(folder_->journal());
    check_same_run(reader, plan_.identity, folder_->path());
    files::remove_abandoned_files(folder_->path());
    std::uint64_t whole = reader.offset();
    while (const auto line = reader.next()) {
      throw_if_cancelled(observer_);
      const std::int64_t n = outcome_.pictures;
      if (!line->contains("image")) {
        task_.restore(*line);
      } else {
        if (line->value("image", std::int64_t{-1}) != n) break;
        if (!task_.holds(n, *line)) break;
        ImageEntry entry = follow(*line, source_, task_.wants(n));
        task_.restore(n, *line, entry);
        ++outcome_.pictures;
      }
      whole = reader.offset();
    }
    journal_.emplace(Journal::reopen(folder_->journal(), whole));
  }

  void skip() {
    ImageEntry entry;
    while (outcome_.pictures < plan_.skip && source_.next(entry, false)) ++outcome_.pictures;
    outcome_.resumed = std::max(outcome_.resumed, outcome_.pictures);
  }

  /// Fills the next batch; false when there is nothing left.
  bool fill() {
    const auto has = [&] { return static_cast<std::int64_t>(batch_.size()); };
    ImageEntry entry;
    std::size_t held = 0;
    while (has() < plan_.batch && held < kMostHeldBytes &&
           (plan_.most == 0 || outcome_.pictures + has() < plan_.most) && source_.next(entry)) {
      held += held_bytes(entry);
      batch_.push_back(std::move(entry));
      entry = {};
    }
    return !batch_.empty();
  }

  void work_all() {
    Progress progress(observer_, plan_.task, total_, outcome_.pictures);
    while (fill()) {
      throw_if_cancelled(observer_);
      const auto start = Clock::now();
      const auto count = static_cast<std::int64_t>(batch_.size());
      append(task_.work(outcome_.pictures, batch_));
      batch_.clear();
      outcome_.pictures += count;
      if (outcome_.pictures == outcome_.resumed + count) estimate(seconds_since(start), count);
      progress.add(count);
    }
    throw_if_cancelled(observer_);
    append(task_.flush());
    if (journal_) journal_->sync();
  }

  /// After the first batch.
  void estimate(double seconds, std::int64_t count) {
    const std::int64_t left = total_ - outcome_.pictures;
    Estimate& told = plan_.estimate != nullptr ? *plan_.estimate : estimate_;
    told.tell(seconds * static_cast<double>(left) / static_cast<double>(count), left,
              count == 1 ? "the first" : "the first " + std::to_string(count));
  }

  void append(const std::vector<Record>& lines) {
    if (journal_ && !lines.empty()) journal_->append(lines);
  }

  const LoopPlan& plan_;
  RunFolder* folder_;
  ImageSource& source_;
  PictureTask& task_;
  Observer& observer_;
  Estimate estimate_;
  std::int64_t total_{0};
  std::optional<Journal> journal_;
  std::vector<ImageEntry> batch_;
  LoopOutcome outcome_;
};

}  // namespace

LoopOutcome run_pictures(const LoopPlan& plan,
                         RunFolder* folder,
                         ImageSource& source,
                         PictureTask& task,
                         const RunContext& context) {
  return Loop(plan, folder, source, task, context).run();
}

}  // namespace cutaway::explain
