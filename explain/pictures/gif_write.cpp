#include "explain/pictures/gif_write.h"

#include <algorithm>
#include <array>

#include "runtime/error.h"
#include "runtime/files/atomic_file.h"

namespace cutaway::explain {
namespace {

constexpr std::size_t kBins = 1U << 15U;  // 5 bits a channel

std::size_t bin_of(const std::uint8_t* p) {
  return static_cast<std::size_t>(p[0] >> 3U) << 10U | static_cast<std::size_t>(p[1] >> 3U) << 5U |
         static_cast<std::size_t>(p[2] >> 3U);
}
int channel_of(std::size_t bin, int c) {
  return static_cast<int>(bin >> static_cast<unsigned>(10 - 5 * c)) & 31;
}

/// A box of the colour cube: some of the bins that occur.
struct Box {
  std::vector<std::size_t> bins;
  std::uint64_t count{0};
  int axis{0}, spread{0};

  void measure(const std::vector<std::uint64_t>& histogram) {
    count = 0;
    spread = -1;
    for (const std::size_t bin : bins) count += histogram[bin];
    for (int c = 0; c < 3; ++c) {
      int low = 31, high = 0;
      for (const std::size_t bin : bins) {
        low = std::min(low, channel_of(bin, c));
        high = std::max(high, channel_of(bin, c));
      }
      if (high - low > spread) {
        spread = high - low;
        axis = c;
      }
    }
  }
  [[nodiscard]] double urgency() const { return static_cast<double>(count) * spread * spread; }
};

struct Palette {
  std::vector<Rgb> colors;
  std::vector<std::uint8_t> index;  // of every bin that occurs
};

Palette median_cut(const std::vector<std::uint64_t>& histogram) {
  std::vector<Box> boxes(1);
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    if (histogram[bin] > 0) boxes[0].bins.push_back(bin);
  }
  boxes[0].measure(histogram);
  while (boxes.size() < 256) {
    const auto widest =
        std::max_element(boxes.begin(), boxes.end(),
                         [](const Box& a, const Box& b) { return a.urgency() < b.urgency(); });
    if (widest->spread < 1) break;
    Box& box = *widest;
    std::stable_sort(box.bins.begin(), box.bins.end(), [&](std::size_t a, std::size_t b) {
      return channel_of(a, box.axis) < channel_of(b, box.axis);
    });
    std::uint64_t seen = 0;
    std::size_t cut = 0;
    while (cut + 1 < box.bins.size() && 2 * seen < box.count) seen += histogram[box.bins[cut++]];
    cut = std::max<std::size_t>(cut, 1);
    Box upper;
    upper.bins.assign(box.bins.begin() + static_cast<std::ptrdiff_t>(cut), box.bins.end());
    box.bins.resize(cut);
    box.measure(histogram);
    upper.measure(histogram);
    boxes.push_back(std::move(upper));
  }
  Palette palette{{}, std::vector<std::uint8_t>(kBins, 0)};
  for (const Box& box : boxes) {
    std::array<std::uint64_t, 3> sum{};
    for (const std::size_t bin : box.bins) {
      palette.index[bin] = static_cast<std::uint8_t>(palette.colors.size());
      for (int c = 0; c < 3; ++c) {
        sum[static_cast<std::size_t>(c)] +=
            histogram[bin] * static_cast<std::uint64_t>(channel_of(bin, c));
      }
    }
    const auto mean = [&](std::size_t c) {
      return static_cast<std::uint8_t>((sum[c] * 255 / 31 + box.count / 2) /
                                       std::max<std::uint64_t>(box.count, 1));
    };
    palette.colors.push_back({mean(0), mean(1), mean(2)});
  }
  return palette;
}

class Writer {
 public:
  std::vector<std::uint8_t> bytes;

  void text(const char* s) {
    while (*s != '\0') bytes.push_back(static_cast<std::uint8_t>(*s++));
  }
  void byte(int v) { bytes.push_back(static_cast<std::uint8_t>(v)); }
  void word(int v) {
    byte(v & 255);
    byte(v >> 8);
  }

  /// LZW with codes of 9 to 12 bits for 8-bit pixels, in blocks of up to 255 bytes.
  void lzw(const std::vector<std::uint8_t>& pixels) {
    constexpr int kClear = 256, kEnd = 257;
    byte(8);
    std::vector<std::int16_t> next(4096 * 256, -1);  // code of (prefix, pixel)
    int codes = kEnd + 1, width = 9;
    put(kClear, width);
    int prefix = pixels[0];
    for (std::size_t i = 1; i < pixels.size(); ++i) {
      auto& entry = next[static_cast<std::size_t>(prefix) * 256 + pixels[i]];
      if (entry >= 0) {
        prefix = entry;
        continue;
      }
      put(prefix, width);
      if (codes < 4096) {
        entry = static_cast<std::int16_t>(codes);
        if (codes == 1 << width && width < 12) ++width;
        ++codes;
      } else {
        put(kClear, width);
        std::fill(next.begin(), next.end(), std::int16_t{-1});
        codes = kEnd + 1;
        width = 9;
      }
      prefix = pixels[i];
    }
    put(prefix, width);
    // The decoder has made one more code by now.
    if (codes == 1 << width && width < 12) ++width;
    put(kEnd, width);
    if (bits_ > 0) block_.push_back(static_cast<std::uint8_t>(buffer_));
    buffer_ = 0;
    bits_ = 0;
    flush(true);
    byte(0);
  }

 private:
  void put(int code, int width) {
    buffer_ |= static_cast<std::uint32_t>(code) << static_cast<unsigned>(bits_);
    bits_ += width;
    while (bits_ >= 8) {
      block_.push_back(static_cast<std::uint8_t>(buffer_ & 255U));
      buffer_ >>= 8U;
      bits_ -= 8;
    }
    flush(false);
  }
  void flush(bool all) {
    while (block_.size() >= 255 || (all && !block_.empty())) {
      const std::size_t size = std::min<std::size_t>(block_.size(), 255);
      byte(static_cast<int>(size));
      bytes.insert(bytes.end(), block_.begin(), block_.begin() + static_cast<std::ptrdiff_t>(size));
      block_.erase(block_.begin(), block_.begin() + static_cast<std::ptrdiff_t>(size));
    }
  }

  std::vector<std::uint8_t> block_;
  std::uint32_t buffer_{0};
  int bits_{0};
};

}  // namespace

std::vector<std::uint8_t> encode_gif(std::span<const Image> frames, int delay) {
  if (frames.empty()) throw Error(ErrorKind::kShape, "an animation without frames");
  const int width = frames[0].width, height = frames[0].height;
  std::vector<std::uint64_t> histogram(kBins, 0);
  for (const Image& frame : frames) {
    validate(frame, "frame");
    if (frame.width != width || frame.height != height || width > 65535 || height > 65535) {
      throw Error(ErrorKind::kShape, "frames of an animation")
          .expected("one size, at most 65535 a side");
    }
    for (std::size_t i = 0; i < frame.rgb.size(); i += 3) ++histogram[bin_of(&frame.rgb[i])];
  }
  const Palette palette = median_cut(histogram);
  Writer w;
  w.text("GIF89a");
  w.word(width);
  w.word(height);
  w.byte(0xF7);  // a global palette of 256 colours of 8 bits
  w.word(0);
  for (std::size_t i = 0; i < 256; ++i) {
    const Rgb c = i < palette.colors.size() ? palette.colors[i] : Rgb{};
    w.byte(c.r);
    w.byte(c.g);
    w.byte(c.b);
  }
  w.byte(0x21);  // repeat for ever
  w.byte(0xFF);
  w.byte(11);
  w.text("NETSCAPE2.0");
  w.byte(3);
  w.byte(1);
  w.word(0);
  w.byte(0);
  for (std::size_t k = 0; k < frames.size(); ++k) {
    w.byte(0x21);
    w.byte(0xF9);
    w.byte(4);
    w.byte(4);  // leave the frame in place
    w.word(std::clamp(k + 1 == frames.size() ? 4 * delay : delay, 0, 65535));
    w.byte(0);
    w.byte(0);
    w.byte(0x2C);
    w.word(0);
    w.word(0);
    w.word(width);
    w.word(height);
    w.byte(0);
    std::vector<std::uint8_t> pixels;
    pixels.reserve(frames[k].rgb.size() / 3);
    for (std::size_t i = 0; i < frames[k].rgb.size(); i += 3) {
      pixels.push_back(palette.index[bin_of(&frames[k].rgb[i])]);
    }
    w.lzw(pixels);
  }
  w.byte(0x3B);
  return w.bytes;
}

void write_gif(const std::string& path, std::span<const Image> frames, int delay) {
  files::write_file_atomically(path, encode_gif(frames, delay));
}

}  // namespace cutaway::explain
