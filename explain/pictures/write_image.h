#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/pictures/image.h"

namespace cutaway::explain {

struct PngOptions {
  /// Of zlib, 0 (store) to 9. Level 1 takes less than half the time of 6, for files some 10 %
  /// larger.
  int level{6};
};

struct JpegOptions {
  int quality{90};          ///< 1 to 100
  bool full_chroma{false};  ///< 4:4:4 instead of 4:2:0: crisp colour edges, larger files
};

/// The picture as a file's bytes. Throws kShape on a bad picture or one too large for the format
/// (JPEG: 65500 a side), kUsage on options out of range. Bytes depend on nothing but the arguments.
[[nodiscard]] std::vector<std::uint8_t> encode_png(const Image& image,
                                                   const PngOptions& options = {});
[[nodiscard]] std::vector<std::uint8_t> encode_jpeg(const Image& image,
                                                    const JpegOptions& options = {});

/// Encodes and writes atomically (runtime/files/atomic_write.h).
void write_png(const std::string& path, const Image& image, const PngOptions& options = {});
void write_jpeg(const std::string& path, const Image& image, const JpegOptions& options = {});

/// By the extension: .png, .jpg or .jpeg (any case), with the default options. Throws kUsage
/// otherwise.
void write_image(const std::string& path, const Image& image);

}  // namespace cutaway::explain
