#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "explain/pictures/source.h"
#include "explain/runs/estimate.h"
#include "explain/runs/journal.h"
#include "explain/runs/run_context.h"
#include "explain/runs/run_folder.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// What a run does with its pictures; run_pictures() does the rest. Pictures are counted 0, 1, 2 ...
/// in the order of the inputs, those that cannot be read among them.
class PictureTask {
 public:
  PictureTask() = default;
  PictureTask(const PictureTask&) = delete;
  PictureTask& operator=(const PictureTask&) = delete;
  virtual ~PictureTask() = default;

  /// The next batch, which begins with picture `first`; entries may be moved from. Returns lines of
  /// the journal: of pictures whose results are on the disk, in order, perhaps of earlier batches.
  virtual std::vector<Record> work(std::int64_t first, std::vector<ImageEntry>& batch) = 0;
  /// The lines that wait; called when there are no more pictures, and before a cancelled run ends.
  virtual std::vector<Record> flush() { return {}; }

  /// Of a run that is resumed: whether what the journal says of picture `n` holds. Where it does
  /// not, because a file is gone, the run goes on from this picture.
  [[nodiscard]] virtual bool holds(std::int64_t /*n*/, const Record& /*line*/) const {
    return true;
  }
  /// Whether restore() wants the picture's content.
  [[nodiscard]] virtual bool wants(std::int64_t /*n*/) const { return false; }
  /// What the journal says of picture `n`, in order.
  virtual void restore(std::int64_t /*n*/, const Record& /*line*/, ImageEntry& /*entry*/) {}
  /// A line that is about no picture.
  virtual void restore(const Record& /*line*/) {}
  /// The journal has nothing more, or nothing that holds; the next call is work().
  virtual void restored() {}
};

/// How a run goes through its pictures.
struct LoopPlan {
  std::string task;             ///< its name in progress
  std::int64_t batch{1};        ///< pictures at a time
  std::int64_t most{0};         ///< pictures; 0: all
  std::int64_t skip{0};         ///< pictures that are not read, at the beginning
  bool journaled{true};         ///< keeps index.jsonl and can be resumed
  bool resume{false};           ///< goes on where the journal ends, if there is one
  Record identity{};            ///< what the run is: all that decides what it writes
  Estimate* estimate{nullptr};  ///< of the task, which may have told already; none: the loop's own
};

struct LoopOutcome {
  std::int64_t pictures{0};     ///< all, those that were there already or skipped too
  std::int64_t resumed{0};      ///< pictures that were there
  bool complete_before{false};  ///< a finished run was resumed and nothing was left
};

/// Goes through all pictures: begins the journal or follows the one that is there, hands batches to
/// the task, writes its lines, tells the observer how far it is and, before a long run, about how
/// long it will take, and ends early when the observer says so: then flushed, and with a hint how
/// to go on. `folder` is open; of a resumed and finished run it stays as it is when nothing is left
/// to do. Throws kUsage, saying what differs, when the journal is that of another run or the inputs
/// are others.
LoopOutcome run_pictures(const LoopPlan& plan,
                         RunFolder* folder,
                         ImageSource& source,
                         PictureTask& task,
                         const RunContext& context);

}  // namespace cutaway::explain

#pragma GCC visibility pop
