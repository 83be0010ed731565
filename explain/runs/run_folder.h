#pragma once

#include <cstdint>
#include <string>

namespace cutaway::explain {

/// What a run does about a folder that holds one already.
enum class Existing : std::uint8_t {
  kRefuse,    ///< it is left alone
  kResume,    ///< the same run goes on where it was stopped
  kOverwrite  ///< it begins anew
};
/// As users say it; resuming wins.
[[nodiscard]] Existing existing(bool resume, bool overwrite);

/// The folder that a run writes to. The file that is written last, manifest.json as a rule, says
/// that the run is complete; a journal (explain/runs/journal.h) without it, that it was stopped.
class RunFolder {
 public:
  explicit RunFolder(std::string path, std::string last = "manifest.json")
      : path_(std::move(path)), last_(std::move(last)) {}

  /// Makes the folder. Throws kUsage when it holds a run and `what` is kRefuse, and when it cannot
  /// be made.
  void open(Existing what) const;
  /// From now on the run is not complete: removes the last file, and what killed writers left.
  void begin() const;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::string last() const { return file(last_); }
  [[nodiscard]] std::string journal() const { return file("index.jsonl"); }
  [[nodiscard]] bool finished() const;
  [[nodiscard]] bool stopped() const;  ///< has a journal, finished or not

 private:
  std::string path_, last_;
};

}  // namespace cutaway::explain
