#include "explain/runs/run_folder.h"

#include <filesystem>
#include <system_error>

#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/folder.h"

namespace cutaway::explain {

Existing existing(bool resume, bool overwrite) {
  if (resume) return Existing::kResume;
  return overwrite ? Existing::kOverwrite : Existing::kRefuse;
}

void RunFolder::open(Existing what) const {
  if (what == Existing::kRefuse && finished()) {
    throw Error(ErrorKind::kUsage, "the folder already holds a finished run")
        .at(path_)
        .hint("choose another --out, or --overwrite");
  }
  if (what == Existing::kRefuse && stopped()) {
    throw Error(ErrorKind::kUsage, "the folder holds a run that was stopped")
        .at(path_)
        .hint("go on with --resume, begin anew with --overwrite, or choose another --out");
  }
  files::make_folder(path_);
}

void RunFolder::begin() const {
  std::error_code ignored;
  std::filesystem::remove(last(), ignored);
  files::remove_abandoned_files(path_);
}

bool RunFolder::finished() const {
  std::error_code ignored;
  return std::filesystem::exists(last(), ignored);
}

bool RunFolder::stopped() const {
  std::error_code ignored;
  return std::filesystem::exists(journal(), ignored);
}

}  // namespace cutaway::explain
