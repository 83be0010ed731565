#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "explain/pictures/codec.h"
#include "explain/pictures/jpeg_guard.h"
#include "runtime/error.h"

namespace cutaway::explain::codec {
namespace {

/// Counts the scans of a progressive file (ReadOptions::max_scanned).
struct ScanLimit {
  jpeg_progress_mgr base{};  // first: libjpeg hands back a pointer to it
  std::int64_t most{0};
};

std::int64_t most_scans(const jpeg_decompress_struct& info, const ReadOptions& options) {
  constexpr std::int64_t kMost = 100, kUsual = 16;
  const std::int64_t pixels =
      std::max<std::int64_t>(static_cast<std::int64_t>(info.image_width) * info.image_height, 1);
  return std::clamp(options.max_scanned / pixels, kUsual, kMost);
}

void stop_after_many_scans(j_common_ptr common) {
  const auto& info = *reinterpret_cast<j_decompress_ptr>(common);
  if (info.input_scan_number > reinterpret_cast<ScanLimit*>(info.progress)->most) {
    auto* errors = reinterpret_cast<JpegErrors*>(common->err);
    std::strcpy(errors->message, "more scans than a picture of this size has");
    std::longjmp(errors->jump, 1);
  }
}

/// Owns the decompressor.
class Decompressor {
 public:
  explicit Decompressor(std::span<const std::uint8_t> bytes) {
    install(errors_);
    info_.err = &errors_.base;
    auto create = [&] {
      jpeg_create_decompress(&info_);
      jpeg_mem_src(&info_, bytes.data(), static_cast<unsigned long>(bytes.size()));
      jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xFFFF);
    };
    run(create);
  }
  ~Decompressor() { jpeg_destroy_decompress(&info_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  template <class Body>
  void run(Body& body) {
    if (guarded(errors_, body)) return;
    throw Error(ErrorKind::kInput, "damaged or truncated JPEG").got(errors_.message);
  }
  /// Once the header is known.
  void limit_scans(const ReadOptions& options) {
    limit_.most = most_scans(info_, options);
    limit_.base.progress_monitor = stop_after_many_scans;
    info_.progress = &limit_.base;
  }
  [[nodiscard]] jpeg_decompress_struct& info() { return info_; }

 private:
  JpegErrors errors_{};
  ScanLimit limit_{};
  jpeg_decompress_struct info_{};
};

// Every 8x8 block costs at least one bit (Huffman codes are never empty), so extents that the file
// cannot fill are found before memory is taken for them. 16: slack for subsampled components.
void check_plausible(const jpeg_decompress_struct& info, std::size_t bytes) {
  const std::uint64_t blocks =
      (std::uint64_t{info.image_width} + 7) / 8 * ((std::uint64_t{info.image_height} + 7) / 8);
  if (info.arith_code == 0 && blocks > std::uint64_t{bytes} * 8 * 16) {
    throw Error(ErrorKind::kInput, "damaged or truncated JPEG")
        .got("a header that promises more pixels than the file can hold");
  }
}

int orientation_of(const jpeg_decompress_struct& info) {
  constexpr std::array<std::uint8_t, 6> kExif{'E', 'x', 'i', 'f', 0, 0};
  for (const jpeg_marker_struct* m = info.marker_list; m != nullptr; m = m->next) {
    const std::span<const std::uint8_t> data(m->data, m->data_length);
    if (m->marker == JPEG_APP0 + 1 && data.size() > kExif.size() &&
        std::equal(kExif.begin(), kExif.end(), data.begin())) {
      return exif_orientation(data.subspan(kExif.size()));
    }
  }
  return 1;
}

// libjpeg holds the coefficients of a file with several scans, two bytes each, until it has all.
std::int64_t coefficient_bytes(jpeg_decompress_struct& info) {
  if (jpeg_has_multiple_scans(&info) == FALSE) return 0;
  int most_h = 1, most_v = 1;
  for (int i = 0; i < info.num_components; ++i) {
    most_h = std::max(most_h, info.comp_info[i].h_samp_factor);
    most_v = std::max(most_v, info.comp_info[i].v_samp_factor);
  }
  const auto blocks = [](std::int64_t side, int factor, int most) {
    return (side * factor / most + 7) / 8 + factor;
  };
  std::int64_t bytes = 0;
  for (int i = 0; i < info.num_components; ++i) {
    const jpeg_component_info& c = info.comp_info[i];
    bytes += blocks(info.image_width, c.h_samp_factor, most_h) *
             blocks(info.image_height, c.v_samp_factor, most_v) * 64 * 2;
  }
  return bytes;
}

// Adobe's inverted CMYK to RGB with Pillow's rounding: n = K (inverted), r = n - C n / 255.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::size_t pixels, std::uint8_t* rgb) {
  for (std::size_t i = 0; i < pixels; ++i) {
    const int n = cmyk[4 * i + 3];
    for (std::size_t k = 0; k < 3; ++k) {
      const int product = (255 - cmyk[4 * i + k]) * n + 128;
      rgb[3 * i + k] =
          static_cast<std::uint8_t>(std::clamp(n - (((product >> 8) + product) >> 8), 0, 255));
    }
  }
}

}  // namespace

Decoded decode_jpeg(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  Decompressor reader(bytes);
  jpeg_decompress_struct& info = reader.info();
  auto read_header = [&] { jpeg_read_header(&info, TRUE); };
  reader.run(read_header);
  check_extents(info.image_width, info.image_height, options);
  check_plausible(info, bytes.size());
  reader.limit_scans(options);
  const bool cmyk = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  Decoded out;
  // The saved markers go away with jpeg_finish_decompress.
  out.orientation = orientation_of(info);
  // Turning takes a second picture.
  const std::int64_t each = options.apply_orientation && out.orientation > 1 ? 6 : 3;
  const std::int64_t fixed = coefficient_bytes(info);
  info.scale_num = 1;
  info.scale_denom =
      static_cast<unsigned>(reduction(info.image_width, info.image_height, fixed, each, options));
  jpeg_calc_output_dimensions(&info);
  out.claim = options.memory->take(fixed + each * static_cast<std::int64_t>(info.output_width) *
                                               info.output_height);
  auto start = [&] { jpeg_start_decompress(&info); };
  reader.run(start);

  out.image.width = static_cast<int>(info.output_width);
  out.image.height = static_cast<int>(info.output_height);
  const std::size_t row = 3 * std::size_t{info.output_width};
  std::vector<std::uint8_t>& rgb = out.image.rgb;
  // Reserved, not filled: pages are touched as rows arrive.
  rgb.reserve(row * info.output_height);
  std::vector<std::uint8_t> line(cmyk ? 4 * std::size_t{info.output_width} : 0);
  auto read_rows = [&] {
    while (info.output_scanline < info.output_height) {
      rgb.resize(rgb.size() + row);
      JSAMPROW target = cmyk ? line.data() : rgb.data() + (rgb.size() - row);
      jpeg_read_scanlines(&info, &target, 1);
      if (cmyk) cmyk_to_rgb(line.data(), info.output_width, rgb.data() + (rgb.size() - row));
    }
    jpeg_finish_decompress(&info);
  };
  reader.run(read_rows);
  return out;
}

}  // namespace cutaway::explain::codec
