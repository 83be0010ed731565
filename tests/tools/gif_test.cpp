#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "explain/pictures/gif_write.h"
#include "runtime/error.h"

using namespace cutaway;
using explain::Image;
using explain::Rgb;

namespace {

/// A reader for what the writer makes, after the GIF89a specification: frames as pictures.
class Reader {
 public:
  explicit Reader(const std::vector<std::uint8_t>& bytes) : b_(bytes) {}

  std::vector<Image> frames() {
    REQUIRE(std::string(b_.begin(), b_.begin() + 6) == "GIF89a");
    width_ = word(6);
    height_ = word(8);
    at_ = 13 + 768;
    std::vector<Image> all;
    while (b_.at(at_) != 0x3B) {
      if (b_.at(at_) == 0x21) {
        at_ += 2;
        skip_blocks();
      } else {
        REQUIRE(b_.at(at_) == 0x2C);
        at_ += 10;
        all.push_back(picture());
      }
    }
    CHECK(at_ + 1 == b_.size());
    return all;
  }

 private:
  int word(std::size_t at) const { return b_.at(at) | b_.at(at + 1) << 8; }
  void skip_blocks() {
    while (b_.at(at_) != 0) at_ += b_.at(at_) + 1U;
    ++at_;
  }

  Image picture() {
    REQUIRE(b_.at(at_++) == 8);
    std::vector<std::uint8_t> data;
    while (b_.at(at_) != 0) {
      data.insert(data.end(), b_.begin() + static_cast<std::ptrdiff_t>(at_) + 1,
                  b_.begin() + static_cast<std::ptrdiff_t>(at_ + 1 + b_.at(at_)));
      at_ += b_.at(at_) + 1U;
    }
    ++at_;
    const std::vector<std::uint8_t> pixels = decode(data);
    REQUIRE(pixels.size() == static_cast<std::size_t>(width_ * height_));
    Image image = explain::make_image(width_, height_);
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      for (std::size_t c = 0; c < 3; ++c) image.rgb[3 * i + c] = b_.at(13 + 3U * pixels[i] + c);
    }
    return image;
  }

  static std::vector<std::uint8_t> decode(const std::vector<std::uint8_t>& data) {
    std::vector<std::vector<std::uint8_t>> table;
    const auto reset = [&] {
      table.assign(258, {});
      for (std::size_t i = 0; i < 256; ++i) table[i] = {static_cast<std::uint8_t>(i)};
    };
    std::vector<std::uint8_t> out, before;
    std::uint32_t buffer = 0;
    unsigned bits = 0, width = 9;
    reset();
    for (const std::uint8_t byte : data) {
      buffer |= static_cast<std::uint32_t>(byte) << bits;
      bits += 8;
      if (bits < width) continue;
      const std::size_t code = buffer & ((1U << width) - 1U);
      buffer >>= width;
      bits -= width;
      if (code == 257) return out;
      if (code == 256) {
        reset();
        width = 9;
        before.clear();
        continue;
      }
      std::vector<std::uint8_t> entry;
      if (code < table.size()) {
        entry = table[code];
      } else {
        REQUIRE(code == table.size());
        entry = before;
        entry.push_back(before.at(0));
      }
      out.insert(out.end(), entry.begin(), entry.end());
      if (!before.empty() && table.size() < 4096) {
        before.push_back(entry[0]);
        table.push_back(before);
      }
      if (table.size() == 1U << width && width < 12) ++width;
      before = entry;
    }
    FAIL("no end");
    return out;
  }

  const std::vector<std::uint8_t>& b_;
  std::size_t at_{0};
  int width_{0}, height_{0};
};

}  // namespace

TEST_CASE("GIF: few colours survive exactly, in every frame") {
  // Bins of 5 bits: multiples of 255 / 31 are their own palette colours.
  std::vector<Image> frames;
  std::uint32_t state = 1;
  for (int k = 0; k < 3; ++k) {
    Image f = explain::make_image(61, 47);
    for (int y = 0; y < 47; ++y) {
      for (int x = 0; x < 61; ++x) {
        state = state * 1664525U + 1013904223U;
        const bool noise = k == 1;
        f.set(
            x, y,
            noise ? Rgb{static_cast<std::uint8_t>((state >> 30U) * 64U), 0, 255} : Rgb{255, 0, 0});
      }
    }
    frames.push_back(f);
  }
  const auto read = Reader(explain::encode_gif(frames, 5)).frames();
  REQUIRE(read.size() == 3);
  CHECK(read[0] == frames[0]);
  CHECK(read[2] == frames[2]);
  for (std::size_t i = 0; i < read[1].rgb.size(); ++i) {
    CHECK(std::abs(int{read[1].rgb[i]} - int{frames[1].rgb[i]}) <= 8);
  }
}

TEST_CASE("GIF: many colours are close, long tables restart, the end is read at any length") {
  for (const int side : {1, 2, 3, 7, 16, 23, 97, 211}) {
    Image f = explain::make_image(side, side + 3);
    std::uint32_t state = 7;
    for (auto& v : f.rgb) {
      state = state * 1664525U + 1013904223U;
      v = static_cast<std::uint8_t>(state >> 24U);
    }
    const std::vector<Image> one{f};
    const auto read = Reader(explain::encode_gif(one, 5)).frames();
    REQUIRE(read.size() == 1);
    double error = 0.0;
    for (std::size_t i = 0; i < f.rgb.size(); ++i)
      error += std::abs(int{f.rgb[i]} - int{read[0].rgb[i]});
    CHECK(error / static_cast<double>(f.rgb.size()) < 20.0);  // 256 of 16 million random colours
  }
}

TEST_CASE("GIF: frames must be of one size") {
  const std::vector<Image> different{explain::make_image(2, 2), explain::make_image(2, 3)};
  CHECK_THROWS_AS((void)explain::encode_gif(different, 5), Error);
  CHECK_THROWS_AS((void)explain::encode_gif({}, 5), Error);
}
