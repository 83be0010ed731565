#include "explain/runs/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "explain/runs/journal.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/folder.h"
#include "runtime/files/output_check.h"

namespace cutaway::explain {
namespace {

namespace fs = std::filesystem;

/// Names that a JSON value holds, whatever else it holds.
void add_names(const Record& names, std::vector<std::string>& all) {
  if (names.is_string()) all.push_back(names.get<std::string>());
  if (!names.is_array()) return;
  for (const Record& name : names) {
    if (name.is_string()) all.push_back(name.get<std::string>());
  }
}

}  // namespace

Existing existing(bool resume, bool overwrite) {
  if (resume) return Existing::kResume;
  return overwrite ? Existing::kOverwrite : Existing::kRefuse;
}

bool stays_inside(const std::string& name) {
  const fs::path path = name;
  if (name.empty() || path.is_absolute()) return false;
  return std::find(path.begin(), path.end(), "..") == path.end();
}

void RunFolder::open(Existing what, const std::vector<std::string>& reads) {
  files::check_outputs({.reads = reads, .writes = {}, .folders = {path_}, .overwrite = true});
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
  made_ = !fs::exists(path_);
  files::make_folder(path_);
  lock();
  if (what == Existing::kOverwrite) remove_old_run();
  for (const std::string& name : files_of_old_run()) claimed_.insert(name);
}

void RunFolder::lock() {
  if (lock_ >= 0) return;
  lock_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(lock_);
  lock_ = -1;
  throw Error(ErrorKind::kUsage, "another run is writing into this folder")
      .at(path_)
      .hint("wait until it has ended, or choose another --out");
}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
  std::error_code ignored;
  if (made_) fs::remove(path_, ignored);  // an empty folder only
}

void RunFolder::begin() {
  std::error_code ignored;
  // The list first: what a run leaves behind must be known whenever it ends.
  std::string names;
  for (const std::string& name : claimed_) names += name + "\n";
  if (!names.empty()) files::write_file_atomically(list(), names, files::Durability::kRename);
  fs::remove(last(), ignored);
  files::remove_abandoned_files(path_);
}

void RunFolder::make_room_for(const std::string& name) const {
  std::error_code code;
  fs::path folder = path_;
  for (const fs::path& part : fs::path(name).parent_path()) {
    folder /= part;
    const fs::file_status status = fs::symlink_status(folder, code);
    if (fs::is_symlink(status)) {
      throw Error(ErrorKind::kUsage, "a folder for results is a symbolic link")
          .at(folder.string())
          .hint("remove it, or choose another --out");
    }
    if (!fs::exists(status)) files::make_folder(folder.string());
  }
}

std::string RunFolder::claim(const std::string& name) {
  check(stays_inside(name) && name.find('\n') == std::string::npos, "a file outside its folder");
  make_room_for(name);
  std::error_code code;
  if (fs::is_symlink(fs::symlink_status(file(name), code))) {
    throw Error(ErrorKind::kUsage, "the output is a symbolic link")
        .at(file(name))
        .hint("remove it, or choose another --out");
  }
  if (claimed_.insert(name).second) {
    std::ofstream names(list(), std::ios::app | std::ios::binary);
    names << name << "\n";
    names.close();
    if (!names) throw Error(ErrorKind::kInternal, "cannot write the file").at(list());
  }
  return file(name);
}

bool RunFolder::finished() const {
  std::error_code ignored;
  return fs::exists(last(), ignored);
}

bool RunFolder::stopped() const {
  std::error_code ignored;
  return fs::exists(journal(), ignored);
}

NamedValue RunFolder::files() const {
  return {"files", std::vector<std::string>(claimed_.begin(), claimed_.end())};
}

void RunFolder::end() const {
  std::error_code ignored;
  fs::remove(list(), ignored);
  fs::remove(steps(), ignored);
}

std::vector<std::string> RunFolder::files_of_old_run() const {
  std::vector<std::string> names;
  std::ifstream list_file(list(), std::ios::binary);
  for (std::string name; std::getline(list_file, name);) names.push_back(name);
  std::ifstream manifest(last(), std::ios::binary);
  const Record root = Record::parse(manifest, nullptr, false);
  if (root.is_object() && root.contains("extra") && root["extra"].is_object() &&
      root["extra"].contains("files")) {
    add_names(root["extra"]["files"], names);
  }
  std::erase_if(names, [](const std::string& name) { return !stays_inside(name); });
  return names;
}

void RunFolder::remove_old_run() const {
  std::vector<std::string> names = files_of_old_run();
  if (stopped()) {
    try {
      for (JournalReader reader(journal()); const auto line = reader.next();) {
        if (line->contains("files")) add_names((*line)["files"], names);
        if (!line->contains("maps") || !(*line)["maps"].is_array()) continue;
        for (const Record& map : (*line)["maps"]) {
          if (!map.is_object()) continue;
          if (map.contains("picture")) add_names(map["picture"], names);
          if (!map.contains("file")) continue;
          add_names(map["file"], names);
          if (names.back().ends_with(".npy"))  // its picture stands beside it
            names.push_back(names.back().substr(0, names.back().size() - 4) + ".png");
        }
      }
    } catch (const Error&) {
      // A journal that nobody can read names nothing that could be removed.
    }
  }
  std::error_code ignored;
  fs::remove(last(), ignored);  // from here on no finished run
  for (const std::string& name : names) {
    const fs::path path = file(name);
    const bool own = stays_inside(name) && files::lies_in(path.parent_path().string(), path_) &&
                     fs::is_regular_file(fs::symlink_status(path, ignored));
    if (!own) continue;
    fs::remove(path, ignored);
    if (path.parent_path() != fs::path(path_)) fs::remove(path.parent_path(), ignored);  // if empty
  }
  fs::remove(journal(), ignored);
  fs::remove(steps(), ignored);
  fs::remove(list(), ignored);
}

}  // namespace cutaway::explain
