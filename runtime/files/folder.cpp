#include "runtime/files/folder.h"

#include <filesystem>
#include <system_error>

#include "runtime/error.h"
#include "runtime/files/atomic_file.h"

namespace cutaway::files {

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  // Where a file stands in the way, some libraries report no error.
  if (!error && !std::filesystem::is_directory(path, error) && !error) {
    error = std::make_error_code(std::errc::not_a_directory);
  }
  if (error) {
    const ErrorKind kind = write_error(path, error.value()).kind();
    throw Error(kind, "cannot make the folder").at(path).got(error.message());
  }
}

}  // namespace cutaway::files
