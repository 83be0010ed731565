#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "explain/report/named_values.h"

namespace cutaway::explain {

/// What a run does about a folder that holds one already.
enum class Existing : std::uint8_t {
  kRefuse,    ///< it is left alone
  kResume,    ///< the same run goes on where it was stopped
  kOverwrite  ///< its files are removed, and the run begins anew
};
/// As users say it; resuming wins.
[[nodiscard]] Existing existing(bool resume, bool overwrite);

/// The folder that a run writes to. The file that is written last, manifest.json as a rule, says
/// that the run is complete; a journal (explain/runs/journal.h) without it, that it was stopped.
///
/// The folder knows which files are the run's: those that were claimed, and those that the
/// journal's lines name as "file". A later run that overwrites removes these and no others. While
/// the run goes on, the claimed names stand in .files; then in the manifest.
class RunFolder {
 public:
  explicit RunFolder(std::string path, std::string last = "manifest.json")
      : path_(std::move(path)), last_(std::move(last)) {}
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  /// A folder that open() made for a run that came to nothing goes again.
  ~RunFolder();

  /// Makes the folder; with kOverwrite removes the files of the run that it holds. Throws kUsage
  /// when it holds a run and `what` is kRefuse, when it cannot be made, and when another run, of this
  /// process or another one, has it open. `reads`: what the run reads, see files::check_outputs.
  void open(Existing what, const std::vector<std::string>& reads);
  /// From now on the run is not complete: removes the last file, and what killed writers left.
  void begin();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// The path of a file that the run will write; makes the sub-folder it lies in. Throws kUsage
  /// when that sub-folder, or the file, is a link: nothing is written through one.
  std::string claim(const std::string& name);
  /// The sub-folder of a file alone: for files that the journal names.
  void make_room_for(const std::string& name) const;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::string last() const { return file(last_); }
  [[nodiscard]] std::string journal() const { return file("index.jsonl"); }
  /// Values that a run goes on from (explain/runs/steps.h); gone when the run is complete.
  [[nodiscard]] std::string steps() const { return file(".steps"); }
  [[nodiscard]] bool finished() const;
  [[nodiscard]] bool stopped() const;  ///< has a journal, finished or not
  /// Claimed names in order, for the manifest: "files".
  [[nodiscard]] NamedValue files() const;
  /// The last file is there: .files and steps() are not needed any more.
  void end() const;

 private:
  /// One run a folder at a time; the lock goes with this object, or with the process.
  void lock();
  [[nodiscard]] std::string list() const { return file(".files"); }
  [[nodiscard]] std::vector<std::string> files_of_old_run() const;
  void remove_old_run() const;

  std::string path_, last_;
  std::set<std::string> claimed_;
  bool made_{false};
  int lock_{-1};
};

/// What a folder's names may be: relative, and not leading out of it.
[[nodiscard]] bool stays_inside(const std::string& name);

}  // namespace cutaway::explain
