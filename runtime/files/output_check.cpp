#include "runtime/files/output_check.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "runtime/error.h"

namespace cutaway::files {
namespace {

namespace fs = std::filesystem;

/// Links resolved as far as the path is there; no '/' at the end.
fs::path real_path(const std::string& path) {
  std::error_code code;
  fs::path real = fs::weakly_canonical(fs::absolute(path, code), code);
  if (code) real = fs::absolute(path, code).lexically_normal();
  return real.has_filename() || real == real.root_path() ? real : real.parent_path();
}

bool counts(const std::string& path) { return !path.empty() && path != "-"; }

void check_file(const std::string& path, bool overwrite) {
  std::error_code code;
  const fs::file_status status = fs::symlink_status(path, code);
  if (!fs::exists(status)) return;
  if (fs::is_symlink(status)) {
    throw Error(ErrorKind::kUsage, "the output is a symbolic link")
        .at(path)
        .hint("name the file that it leads to, or another one");
  }
  if (!fs::is_regular_file(status)) {
    throw Error(ErrorKind::kUsage, "the output is there and is no file")
        .at(path)
        .hint("name a file");
  }
  if (overwrite) return;
  throw Error(ErrorKind::kUsage, "the output exists")
      .at(path)
      .hint("choose another name, or --overwrite");
}

void check_folder(const std::string& path) {
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (!fs::exists(status) && fs::is_symlink(fs::symlink_status(path, code))) {
    throw Error(ErrorKind::kUsage, "the folder for the results is a link to nothing").at(path);
  }
  if (fs::exists(status) && !fs::is_directory(status)) {
    throw Error(ErrorKind::kUsage, "the results need a folder, and this is a file").at(path);
  }
}

}  // namespace

bool same_place(const std::string& a, const std::string& b) {
  std::error_code code;
  if (fs::equivalent(a, b, code) && !code) return true;
  return real_path(a) == real_path(b);
}

bool lies_in(const std::string& path, const std::string& folder) {
  const fs::path whole = real_path(path), part = real_path(folder);
  const auto [end, at] = std::mismatch(part.begin(), part.end(), whole.begin(), whole.end());
  return end == part.end();
}

void check_outputs(const PathUse& use) {
  for (std::size_t i = 0; i < use.writes.size(); ++i) {
    const std::string& path = use.writes[i];
    if (!counts(path)) continue;
    for (const std::string& read : use.reads) {
      if (!counts(read) || !same_place(path, read)) continue;
      throw Error(ErrorKind::kUsage, "the output would replace a file that is read")
          .at(path)
          .hint("choose another name for the output");
    }
    for (std::size_t k = 0; k < i; ++k) {
      if (!counts(use.writes[k]) || !same_place(path, use.writes[k])) continue;
      throw Error(ErrorKind::kUsage, "two outputs would be one file").at(path);
    }
    check_file(path, use.overwrite);
  }
  for (const std::string& folder : use.folders) {
    if (!counts(folder)) continue;
    check_folder(folder);
    for (const std::string& read : use.reads) {
      if (!counts(read) || !lies_in(read, folder)) continue;
      throw Error(ErrorKind::kUsage, "the folder for the results holds what is read")
          .at(folder)
          .got(read)
          .hint("choose a folder of its own for the results");
    }
  }
}

}  // namespace cutaway::files
