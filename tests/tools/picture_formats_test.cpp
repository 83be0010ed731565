// WebP, TIFF and BMP, and what hostile pictures may take of memory and time.
#include <png.h>
#include <tiffio.h>
#include <webp/encode.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include <jpeglib.h>

#include "explain/pictures/list.h"
#include "explain/pictures/preprocess.h"
#include "explain/pictures/read_image.h"
#include "explain/pictures/read_seen.h"
#include "explain/pictures/resample.h"
#include "explain/pictures/source.h"
#include "explain/pictures/write_image.h"
#include "tests/tools/image_test_support.h"

using namespace cutaway;
using namespace cutaway::explain;
using namespace cutaway::explain::test;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes webp_of(const Image& image) {
  std::uint8_t* out = nullptr;
  const std::size_t size =
      WebPEncodeLosslessRGB(image.rgb.data(), image.width, image.height, 3 * image.width, &out);
  Bytes bytes(out, out + size);
  WebPFree(out);
  return bytes;
}

Bytes file_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct TiffKind {
  int bits{8}, samples{3}, compression{COMPRESSION_LZW};
  int orientation{ORIENTATION_TOPLEFT};
  std::uint32_t kind{0};
};

/// `row(y)` gives the bytes of a row.
template <class Row>
Bytes tiff_of(const std::string& path, int width, int height, const TiffKind& k, const Row& row) {
  TIFF* tiff = TIFFOpen(path.c_str(), "w");
  REQUIRE(tiff != nullptr);
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, width);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, height);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, k.bits);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, k.samples);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, k.compression);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC,
               k.samples == 1 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, k.orientation);
  TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 8);
  if (k.kind != 0) TIFFSetField(tiff, TIFFTAG_SUBFILETYPE, k.kind);
  for (int y = 0; y < height; ++y) {
    Bytes line = row(y);
    REQUIRE(TIFFWriteScanline(tiff, line.data(), static_cast<std::uint32_t>(y), 0) == 1);
  }
  TIFFClose(tiff);
  return file_bytes(path);
}

Bytes row_of(const Image& image, int y) {
  const auto at = image.rgb.begin() + static_cast<std::ptrdiff_t>(image.offset(0, y));
  return {at, at + 3 * image.width};
}

void put_number(Bytes& to, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

/// A bitmap of 24 bits, from the bottom to the top unless `height` is negative.
Bytes bmp_of(const Image& image, bool top_down, std::uint32_t compression = 0) {
  Bytes b{'B', 'M'};
  const std::size_t stride = (3 * static_cast<std::size_t>(image.width) + 3) / 4 * 4;
  put_number(b, static_cast<std::uint32_t>(54 + stride * static_cast<std::size_t>(image.height)),
             4);
  put_number(b, 0, 4);
  put_number(b, 54, 4);
  put_number(b, 40, 4);
  put_number(b, static_cast<std::uint32_t>(image.width), 4);
  put_number(b, static_cast<std::uint32_t>(top_down ? -image.height : image.height), 4);
  put_number(b, 1, 2);
  put_number(b, 24, 2);
  put_number(b, compression, 4);
  for (int i = 0; i < 5; ++i) put_number(b, 0, 4);
  for (int i = 0; i < image.height; ++i) {
    const int y = top_down ? i : image.height - 1 - i;
    for (int x = 0; x < image.width; ++x) {
      const Rgb p = image.at(x, y);
      b.insert(b.end(), {p.b, p.g, p.r});
    }
    b.resize(b.size() + stride - 3 * static_cast<std::size_t>(image.width));
  }
  return b;
}

/// A progressive JPEG that brings `scans` scans: coefficients one by one.
Bytes many_scans(const Image& image, int scans) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &out, &size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  std::vector<jpeg_scan_info> script(static_cast<std::size_t>(scans));
  script[0] = {3, {0, 1, 2, 0}, 0, 0, 0, 0};
  for (int i = 1; i < scans; ++i) {
    const int k = (i - 1) / 3 + 1;
    script[static_cast<std::size_t>(i)] = {1, {(i - 1) % 3, 0, 0, 0}, k, k, 0, 0};
  }
  info.scan_info = script.data();
  info.num_scans = scans;
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    Bytes line = row_of(image, static_cast<int>(info.next_scanline));
    JSAMPROW row = line.data();
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  Bytes bytes(out, out + size);
  jpeg_destroy_compress(&info);
  std::free(out);
  return bytes;
}

Bytes write_bytes(const std::string& path, const Bytes& bytes) {
  put(path, std::string(bytes.begin(), bytes.end()));
  return bytes;
}

}  // namespace

TEST_CASE("WebP, TIFF and BMP give the pixels that were written") {
  const Folder f;
  const Image image = noise(37, 23);
  CHECK(decode_image(webp_of(image), "x") == image);
  for (const int compression : {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE}) {
    const Bytes tiff =
        tiff_of(f / "a.tif", 37, 23, {8, 3, compression}, [&](int y) { return row_of(image, y); });
    CHECK(decode_image(tiff, "x") == image);
  }
  CHECK(decode_image(bmp_of(image, false), "x") == image);
  CHECK(decode_image(bmp_of(image, true), "x") == image);
  CHECK(read_image((write_bytes(f / "b.jpg", webp_of(image)), f / "b.jpg")) == image);
}

TEST_CASE("16-bit and grey TIFFs are scaled to 8 bits; orientation turns them") {
  const Folder f;
  const Bytes grey = tiff_of(f / "g.tif", 2, 1, {16, 1}, [](int) {
    return Bytes{0xFF, 0xFF, 0x80, 0x80};
  });
  const Image image = decode_image(grey, "g");
  CHECK(image.at(0, 0) == Rgb{255, 255, 255});
  CHECK(image.at(1, 0) == Rgb{128, 128, 128});
  TiffKind turned;
  turned.orientation = ORIENTATION_RIGHTTOP;  // 6: turn clockwise
  const Bytes tiff =
      tiff_of(f / "t.tif", 2, 1, turned, [](int) { return Bytes{255, 0, 0, 0, 255, 0}; });
  const Image upright = decode_image(tiff, "t");
  CHECK(upright.width == 1);
  CHECK(upright.height == 2);
  CHECK(upright.at(0, 0) == Rgb{255, 0, 0});
}

TEST_CASE("a preview in a raw file is not taken for the picture") {
  const Folder f;
  TiffKind preview;
  preview.kind = FILETYPE_REDUCEDIMAGE;
  const Bytes tiff = tiff_of(f / "p.tif", 2, 1, preview, [](int) { return Bytes(6); });
  CHECK(error_of([&] { (void)decode_image(tiff, "p"); }).kind() == ErrorKind::kUnsupported);
}

TEST_CASE("damage and truncation of WebP, TIFF and BMP are errors, never crashes") {
  const Folder f;
  const Image image = noise(24, 18);
  const std::vector<Bytes> all{
      webp_of(image), tiff_of(f / "a.tif", 24, 18, {}, [&](int y) { return row_of(image, y); }),
      tiff_of(f / "d.tif", 24, 18, {8, 3, COMPRESSION_ADOBE_DEFLATE},
              [&](int y) { return row_of(image, y); }),
      bmp_of(image, false)};
  ReadOptions small;
  small.max_pixels = 1 << 20;
  std::uint32_t state = 7;
  const auto next = [&state] { return state = state * 1664525U + 1013904223U, state >> 8U; };
  std::size_t errors = 0, whole = 0;
  for (const Bytes& good : all) {
    for (int round = 0; round < 400; ++round) {
      Bytes bad = good;
      if (round % 4 == 0) {
        bad.resize(next() % good.size());
      } else {
        // Mostly the headers.
        const std::size_t span =
            round % 2 == 0 ? std::min<std::size_t>(200, bad.size()) : bad.size();
        for (int k = 0; k < 1 + round % 3; ++k)
          bad[next() % span] = static_cast<std::uint8_t>(next());
      }
      try {
        explain::validate(decode_image(bad, "bad", small), "bad");
        ++whole;
      } catch (const Error& error) {
        CHECK(concerns_picture(error.kind()));
        ++errors;
      }
    }
  }
  CHECK(errors > 400);
  CHECK(whole > 50);
}

TEST_CASE("a folder does not shrink: what is not read is an entry that fails") {
  const Folder f;
  write_png(f / "a.png", noise(4, 4));
  put(f / "b.gif", "GIF89a....");
  put(f / "c.heic", std::string("\0\0\0\x18", 4) + "ftypheic....");
  write_bytes(f / "d.webp", webp_of(noise(4, 4)));
  put(f / "notes.txt", "no picture");
  const auto entries = list_folder(f.str());
  REQUIRE(entries.size() == 4);
  CHECK_NOTHROW((void)read_entry(entries[0]));
  CHECK(contains(error_of([&] { (void)read_entry(entries[1]); }).what(),
                 "GIF pictures are not read"));
  CHECK(contains(error_of([&] { (void)read_entry(entries[2]); }).what(),
                 "HEIF pictures are not read"));
  CHECK_NOTHROW((void)read_entry(entries[3]));
}

TEST_CASE("the scans of a progressive JPEG are bounded by its size") {
  const Image image = noise(64, 64);
  const Bytes jpeg = many_scans(image, 85);
  CHECK_NOTHROW((void)decode_image(jpeg, "x"));
  ReadOptions options;
  options.max_scanned = 64 * 64 * 20;
  const Error error = error_of([&] { (void)decode_image(jpeg, "x", options); });
  CHECK(error.kind() == ErrorKind::kInput);
  CHECK(contains(error.what(), "scans"));
  options.max_scanned = 0;  // the usual number is always read
  CHECK_NOTHROW((void)decode_image(many_scans(image, 16), "x", options));
}

TEST_CASE("what does not fit the memory is refused, or shrunk where less is enough") {
  const Image image = noise(160, 120);
  PictureMemory memory(20'000);  // the picture takes 57,600
  ReadOptions options;
  options.memory = &memory;
  for (const Bytes& bytes :
       {encode_png(image), encode_jpeg(image), webp_of(image), bmp_of(image, false)}) {
    CHECK(error_of([&] { (void)decode_image(bytes, "x", options); }).kind() == ErrorKind::kMemory);
  }
  options.enough = 50;
  const Image half = decode_image(encode_png(image), "x", options);
  CHECK(half.width == 80);
  CHECK(half.height == 60);
  for (int k = 0; k < 3; ++k) {  // means of squares
    const auto v = [&](int x, int y) {
      return static_cast<int>(image.rgb[image.offset(x, y) + static_cast<std::size_t>(k)]);
    };
    const int mean = (v(2, 4) + v(3, 4) + v(2, 5) + v(3, 5) + 2) / 4;
    CHECK(half.rgb[half.offset(1, 2) + static_cast<std::size_t>(k)] == mean);
  }
  CHECK(decode_image(encode_jpeg(image), "x", options).width == 80);
  options.enough = 100;  // a half has 60 rows only
  CHECK(error_of([&] { (void)decode_image(encode_png(image), "x", options); }).kind() ==
        ErrorKind::kMemory);
  CHECK(memory.peak() <= 20'000);
}

TEST_CASE("threads wait for one another's memory") {
  PictureMemory memory(100);
  std::atomic<int> inside{0}, most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k) {
        const PictureMemory::Claim claim = memory.take(40);
        const int now = ++inside;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(most <= 2);
  CHECK(memory.peak() <= 100);
}

TEST_CASE("shrinking a long picture holds a few rows of it") {
  // 300,000 rows of one pixel: between the passes they would be 800 MB.
  const Image image = make_image(1, 300'000, {9, 8, 7});
  for (const Resample how : {Resample::kBilinear, Resample::kBilinearMatlab, Resample::kCubicPil}) {
    const Image small = resize(image, 224, 224, how);
    CHECK(small.at(100, 100) == Rgb{9, 8, 7});
  }
}
