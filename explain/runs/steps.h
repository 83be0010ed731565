#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "explain/runs/journal.h"
#include "explain/runs/run_folder.h"
#include "explain/runs/step_value.h"
#include "runtime/observer.h"

#pragma GCC visibility push(hidden)

namespace cutaway::explain {

/// What the expensive steps of a run have given, kept in its folder until the run is complete: of a
/// run that is stopped and gone on with, whatever is known is taken from there, in the order in
/// which it was made, and the rest is computed. For runs whose pictures do not stand by themselves;
/// the others keep a line a picture in the journal (explain/runs/picture_loop.h).
///
/// A step's line in the journal holds its name, and size and checksum of its value, which lies in
/// RunFolder::steps(). Both files only grow, the value first, so that an end of the process at any
/// moment leaves whole steps; the first one that is not whole ends what is known.
class Steps {
 public:
  /// Keeps nothing, knows nothing.
  Steps() = default;
  /// Of an open folder, which outlives this: follows the run that was stopped in it, with `resume`,
  /// or begins anew when the first step is kept: what fails before leaves nothing behind. Throws kUsage, saying what differs, when that was another run, and kInput when it is none.
  Steps(RunFolder& folder, bool resume, Record identity, Observer& observer);

  /// The folder's run was complete already, and there is nothing to do.
  [[nodiscard]] bool complete_before() const noexcept { return complete_before_; }

  /// The value of the next step: what an earlier run has kept, or else what `compute` gives, which is
  /// kept. Throws kUsage when the earlier run made another step here: its data were others.
  template <class T, class Compute>
  T step(const std::string& name, const Compute& compute) {
    T value{};
    if (const auto known = next(name, true)) {
      StepReader(*known).get(value);
      return value;
    }
    value = compute();
    keep(name, value);
    return value;
  }

  /// Keeps a state that later ones of the same name replace; see last().
  template <class T>
  void keep(const std::string& name, const T& value) {
    if (folder_ == nullptr || reader_) return;
    StepWriter writer;
    writer.put(value);
    append(name, writer.bytes());
  }
  /// Of the states of this name that an earlier run has kept one after the other, the last.
  template <class T>
  std::optional<T> last(const std::string& name) {
    std::optional<T> value;
    while (const auto known = next(name, false)) StepReader(*known).get(value.emplace());
    return value;
  }

  /// Does `work`; where the observer ends it, says how to go on with it.
  template <class Work>
  auto run(Observer& observer, const Work& work) {
    try {
      return work();
    } catch (const Cancelled&) {
      stopped(observer);
      throw;
    }
  }

 private:
  void stopped(Observer& observer);
  struct Known {
    Record line;
    std::uint64_t end{0};  ///< of the line in the journal
  };

  /// The bytes of the next known step. Empty when nothing more is known, from when on steps are
  /// appended; or, without `must`, when it has another name.
  std::optional<std::string> next(const std::string& name, bool must);
  void read_ahead();
  void begin_appending();
  void append(const std::string& name, const std::string& bytes);

  RunFolder* folder_{nullptr};
  Record identity_;
  std::optional<JournalReader> reader_;  // as long as steps are known
  std::optional<Known> ahead_;
  std::uint64_t whole_{0}, offset_{0};  // bytes of the journal and of the values that hold
  std::ifstream values_;
  std::optional<Journal> journal_;  // from when on steps are appended
  std::ofstream out_;
  bool complete_before_{false};
};

}  // namespace cutaway::explain

#pragma GCC visibility pop
