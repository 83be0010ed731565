#include "explain/pictures/draw.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <string>

namespace cutaway::explain {
namespace {

// Strokes are drawn this many times as large and averaged down: OpenCV's own antialiasing of lines
// one pixel wide is uneven at the sizes used for captions.
constexpr int kOversample = 8;
// Height of a Hershey Simplex capital at scale 1.
constexpr double kCapital = 21.0;
// Longest line drawn; a caption never needs more.
constexpr std::size_t kLongest = 400;

double font_scale(int size) { return size * kOversample / kCapital; }
int stroke(int size) { return std::max(1, size * kOversample / 8); }

struct Code {
  char32_t point;
  std::size_t bytes;
};

// The first code point of non-empty UTF-8; a byte that starts none counts as one unknown sign.
Code first_code(std::string_view s) {
  const auto byte = [&s](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char lead = byte(0);
  const std::size_t n = lead < 0x80    ? 1
                        : lead >= 0xF0 ? 4
                        : lead >= 0xE0 ? 3
                        : lead >= 0xC0 ? 2
                                       : 1;
  if (n == 1) return {lead < 0x80 ? static_cast<char32_t>(lead) : U'\0', 1};
  if (s.size() < n) return {U'\0', s.size()};
  char32_t point = lead & (0x7FU >> n);
  for (std::size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {U'\0', i};
    point = (point << 6U) | (byte(i) & 0x3FU);
  }
  return {point, n};
}

char nearest_ascii(char32_t point) {
  if (point >= 0x20 && point < 0x7F) return static_cast<char>(point);
  switch (point) {
    case 0x09:
    case 0xA0:
      return ' ';
    case 0xB7:
    case 0x2022:
      return '-';
    case 0xD7:
      return 'x';
    case 0x2018:
    case 0x2019:
      return '\'';
    case 0x201C:
    case 0x201D:
      return '"';
    case 0x2010:
    case 0x2011:
    case 0x2012:
    case 0x2013:
    case 0x2014:
    case 0x2212:
      return '-';
    default:
      return '?';
  }
}

std::string to_ascii(std::string_view text) {
  std::string out;
  while (!text.empty() && out.size() < kLongest) {
    const Code code = first_code(text);
    out += nearest_ascii(code.point);
    text.remove_prefix(code.bytes);
  }
  return out;
}

int ascii_width(const std::string& text, int size) {
  if (text.empty()) return 0;
  int baseline = 0;
  const cv::Size box =
      cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, font_scale(size), stroke(size), &baseline);
  return (box.width + kOversample - 1) / kOversample;
}

}  // namespace

int text_width(std::string_view text, int size) {
  return ascii_width(to_ascii(text), std::max(size, 1));
}

int line_height(int size) { return static_cast<int>(std::ceil(1.7 * std::max(size, 1))); }

void blend_pixel(Image& target, int x, int y, Rgb colour, float alpha) {
  if (x < 0 || y < 0 || x >= target.width || y >= target.height) return;
  const Rgb old = target.at(x, y);
  const auto mix = [alpha](std::uint8_t a, std::uint8_t b) {
    const float v = (1.0F - alpha) * static_cast<float>(a) + alpha * static_cast<float>(b);
    return static_cast<std::uint8_t>(v + 0.5F);
  };
  target.set(x, y, {mix(old.r, colour.r), mix(old.g, colour.g), mix(old.b, colour.b)});
}

void draw_text(Image& target, int x, int y, std::string_view text, int size, Rgb colour) {
  size = std::max(size, 1);
  const std::string line = to_ascii(text);
  const int width = ascii_width(line, size);
  if (width == 0) return;
  const int height = line_height(size);
  // One sample for every kOversample x kOversample square after the averaging below.
  cv::Mat large(height * kOversample, width * kOversample, CV_8UC1, cv::Scalar(0));
  const int baseline = static_cast<int>(1.25 * size * kOversample);
  cv::putText(large, line, cv::Point(0, baseline), cv::FONT_HERSHEY_SIMPLEX, font_scale(size),
              cv::Scalar(255), stroke(size), cv::LINE_8);
  cv::Mat mask;
  cv::resize(large, mask, cv::Size(width, height), 0, 0, cv::INTER_AREA);
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      const auto coverage = static_cast<float>(mask.at<std::uint8_t>(row, column)) / 255.0F;
      if (coverage > 0.0F) blend_pixel(target, x + column, y + row, colour, coverage);
    }
  }
}

std::string fit_text(std::string_view text, int size, int width) {
  std::string line = to_ascii(text);
  if (ascii_width(line, size) <= width) return line;
  while (!line.empty() && ascii_width(line + "...", size) > width) line.pop_back();
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line.empty() ? std::string() : line + "...";
}

void draw_rect(Image& target, const Rect& where, int thickness, Rgb colour) {
  const int t = std::max(1, std::min({thickness, where.width, where.height}));
  fill(target, {where.x, where.y, where.width, t}, colour);
  fill(target, {where.x, where.y + where.height - t, where.width, t}, colour);
  fill(target, {where.x, where.y, t, where.height}, colour);
  fill(target, {where.x + where.width - t, where.y, t, where.height}, colour);
}

}  // namespace cutaway::explain
