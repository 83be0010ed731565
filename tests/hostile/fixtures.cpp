#include "tests/hostile/fixtures.h"

#include <png.h>
#include <tiffio.h>
#include <webp/encode.h>
#include <zlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "explain/pictures/write_image.h"
#include "tests/support/tiny_net.h"
#include "weights/hdf5_output.h"
#include "weights/package.h"

namespace cutaway::hostile {
namespace {

namespace fs = std::filesystem;
namespace hdf5 = weights::hdf5;
using explain::Image;
using Bytes = std::vector<std::uint8_t>;

Image speckled(int seed, int width = 40, int height = 36) {
  Image image = explain::make_image(width, height);
  std::uint32_t state = static_cast<std::uint32_t>(seed) + 1;
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    state = state * 1664525U + 1013904223U;
    // Smooth with a little noise: as compressible as a photograph.
    image.rgb[i] = static_cast<std::uint8_t>(i / 13 + (state >> 28U));
  }
  return image;
}

void put(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

void put(const std::string& path, const Bytes& bytes) {
  put(path, std::string(bytes.begin(), bytes.end()));
}

void write_webp(const std::string& path, const Image& image, bool lossless) {
  std::uint8_t* out = nullptr;
  const std::size_t size = lossless ? WebPEncodeLosslessRGB(image.rgb.data(), image.width,
                                                            image.height, 3 * image.width, &out)
                                    : WebPEncodeRGB(image.rgb.data(), image.width, image.height,
                                                    3 * image.width, 80.0F, &out);
  put(path, Bytes(out, out + size));
  WebPFree(out);
}

void write_tiff(const std::string& path, const Image& image, int compression) {
  TIFF* tiff = TIFFOpen(path.c_str(), "w");
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, image.width);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, image.height);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 8);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 3);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, compression);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 8);
  for (int y = 0; y < image.height; ++y) {
    Bytes row(
        image.rgb.begin() + static_cast<std::ptrdiff_t>(image.offset(0, y)),
        image.rgb.begin() + static_cast<std::ptrdiff_t>(image.offset(0, y)) + 3 * image.width);
    TIFFWriteScanline(tiff, row.data(), static_cast<std::uint32_t>(y), 0);
  }
  TIFFClose(tiff);
}

void write_interlaced_png(const std::string& path, const Image& image) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  std::FILE* file = std::fopen(path.c_str(), "wb");
  png_init_io(png, file);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width),
               static_cast<png_uint_32>(image.height), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_ADAM7,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  std::vector<png_bytep> rows;
  for (int y = 0; y < image.height; ++y)
    rows.push_back(const_cast<png_bytep>(image.rgb.data() + image.offset(0, y)));
  png_set_rows(png, info, rows.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  std::fclose(file);
}

void write_bmp(const std::string& path, const Image& image) {
  Bytes b{'B', 'M'};
  const auto number = [&b](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) b.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  };
  number(0, 4);
  number(0, 4);
  number(54, 4);
  number(40, 4);
  number(static_cast<std::uint32_t>(image.width), 4);
  number(static_cast<std::uint32_t>(image.height), 4);
  number(1, 2);
  number(24, 2);
  for (int i = 0; i < 6; ++i) number(0, 4);
  const std::size_t stride = (3 * static_cast<std::size_t>(image.width) + 3) / 4 * 4;
  b.resize(54 + stride * static_cast<std::size_t>(image.height), 7);
  put(path, b);
}

/// A ustar archive of those files.
std::string tar_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string all;
  for (const auto& [name, content] : files) {
    char header[512] = {};
    std::snprintf(header, 100, "%s", name.c_str());
    std::snprintf(header + 100, 8, "0000644");
    std::snprintf(header + 124, 12, "%011zo", content.size());
    header[156] = '0';
    std::memcpy(header + 257, "ustar\00000", 8);
    std::memset(header + 148, ' ', 8);
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    std::snprintf(header + 148, 8, "%06o", sum);
    all.append(header, sizeof header);
    all += content;
    all.append((512 - content.size() % 512) % 512, '\0');
  }
  return all + std::string(1024, '\0');
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_pictures_hdf5(const std::string& path) {
  hdf5::OutputFile file(path);
  {
    const hdf5::Session session;
    hdf5::Storage storage{};
    storage.type = H5T_STD_U8LE;
    storage.extents = {3, 32, 32, 3};
    storage.chunk = {1, 32, 32, 3};
    storage.cache_slots = 7;
    storage.cache_bytes = 1 << 20;
    storage.deflate = 4;
    const hdf5::Handle set = hdf5::make_dataset(file.get(), "images", storage);
    for (std::int64_t n = 0; n < 3; ++n) {
      const Image image = speckled(static_cast<int>(n), 32, 32);
      hdf5::Block block{};
      block.start[0] = n;
      block.count[0] = 1;
      (void)hdf5::write_block(set.get(), block, H5T_NATIVE_UINT8, image.rgb.data());
    }
  }
  file.close();
}

}  // namespace

void write_small_net(const std::string& folder) {
  fs::create_directories(folder);
  weights::save(tests::tiny_net(), folder + "/net.h5");
  std::string list = "file,label\n";
  for (int i = 0; i < 3; ++i) {
    const std::string name = std::to_string(i) + ".png";
    explain::write_image(folder + "/" + name, speckled(i));
    list += name + "," + std::to_string(i) + "\n";
  }
  put(folder + "/list.csv", list);
}

void write_all_formats(const std::string& folder) {
  write_small_net(folder);
  const Image image = speckled(5, 48, 40);
  put(folder + "/plain.jpg", explain::encode_jpeg(image, {90, false}));
  put(folder + "/progressive.jpg", explain::encode_jpeg(image, {90, true}));
  explain::write_image(folder + "/plain.png", image);
  write_interlaced_png(folder + "/adam7.png", image);
  write_webp(folder + "/lossless.webp", image, true);
  write_webp(folder + "/lossy.webp", image, false);
  write_tiff(folder + "/lzw.tif", image, COMPRESSION_LZW);
  write_tiff(folder + "/deflate.tif", image, COMPRESSION_ADOBE_DEFLATE);
  write_bmp(folder + "/plain.bmp", image);
  const std::string tar = tar_of({{"a.png", bytes_of(folder + "/plain.png")},
                                  {"d/b.jpg", bytes_of(folder + "/plain.jpg")},
                                  {"notes.txt", "nothing"}});
  put(folder + "/pictures.tar", tar);
  gzFile zipped = gzopen((folder + "/pictures.tar.gz").c_str(), "wb6");
  (void)gzwrite(zipped, tar.data(), static_cast<unsigned>(tar.size()));
  gzclose(zipped);
  write_pictures_hdf5(folder + "/pictures.h5");
  put(folder + "/labels.txt", "ant\nbee\ncat\ndog\n");
  put(folder + "/labels.json",
      R"({"0": ["n1", "ant"], "1": ["n2", "bee"], "2": "cat", "3": "dog"})");
  put(folder + "/truth.json",
      R"([{"file": "0.png", "label": 1, "boxes": [[2, 2, 20, 20]]}, {"file": "1.png", "label": 0}])");
  put(folder + "/truth.csv", "file,label,x1,y1,x2,y2\n0.png,1,2,2,20,20\n1.png,0,1,1,9,9\n");
}

}  // namespace cutaway::hostile
