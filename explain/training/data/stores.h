#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "explain/training/data/labelled.h"

namespace cutaway::training {

/// Pictures in files of their own.
class FileStore final : public PictureStore {
 public:
  /// Returns the new picture's place.
  std::int64_t add(std::string path);
  [[nodiscard]] explain::Image read(std::int64_t place) const override;

 private:
  std::vector<std::string> paths_;
};

/// A file of bytes that is read at any place by any thread.
class ByteFile {
 public:
  /// Throws kInput when it cannot be opened.
  static std::shared_ptr<ByteFile> open(const std::string& path);
  /// A new one without a name in the folder for temporary files; it goes with this object. `of`
  /// stands in errors. Throws kInternal where there is no room for it.
  static std::shared_ptr<ByteFile> temporary(std::string of);
  ~ByteFile();
  ByteFile(const ByteFile&) = delete;
  ByteFile& operator=(const ByteFile&) = delete;

  [[nodiscard]] std::uint64_t size() const;
  /// Throws kInput when the file ends before.
  void read(std::uint64_t offset, std::span<std::uint8_t> to) const;
  /// Returns where they begin. Throws kInternal when the disk is full.
  std::uint64_t append(std::span<const std::uint8_t> bytes);
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  ByteFile(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}

  int descriptor_;
  std::string name_;
  std::uint64_t end_{0};
};

/// Pictures that are parts of larger files.
class RecordStore final : public PictureStore {
 public:
  enum class Coding : std::uint8_t {
    kEncoded,  ///< JPEG or PNG
    kGrey,     ///< a byte a pixel
    kRgb,      ///< three bytes a pixel
    kPlanes    ///< all reds, all greens, all blues (CIFAR)
  };
  struct Record {
    std::uint64_t offset{0}, bytes{0};
    std::int32_t width{0}, height{0};  ///< but for kEncoded
    Coding coding{Coding::kEncoded};
    std::uint32_t file{0};
  };

  /// Returns the file's number for records.
  std::uint32_t add_file(std::shared_ptr<const ByteFile> file);
  /// Returns the new picture's place.
  std::int64_t add(const Record& record);
  [[nodiscard]] explain::Image read(std::int64_t place) const override;

 private:
  std::vector<std::shared_ptr<const ByteFile>> files_;
  std::vector<Record> records_;
};

}  // namespace cutaway::training
