#include "weights/import/formats.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "runtime/error.h"
#include "weights/hdf5_vet.h"
#include "weights/import/binary_file.h"
#include "weights/import/readers.h"

namespace cutaway::weights {
namespace {

constexpr std::size_t kHeadBytes = 4096;

// One line a format, tried in this order: the particular before the general.
constexpr std::array kFormats{
    Format{"caffe-hdf5", "Caffe's HDF5 snapshots (/data/<layer>/0)", detect_caffe_hdf5,
           read_caffe_hdf5},
    Format{"caffe", "Caffe's .prototxt and .caffemodel (or HDF5)", detect_caffe, read_caffe},
    Format{"matconvnet", "MatConvNet's .mat (SimpleNN and DagNN)", detect_matconvnet,
           read_matconvnet},
    Format{"keras-hdf5", "Keras' .h5, models and weights", detect_keras_hdf5, read_keras_hdf5,
           read_keras_hdf5_output},
    Format{"keras", "Keras 3's .keras archives", detect_keras_zip, read_keras_zip,
           read_keras_zip_output},
    Format{"onnx", "ONNX models of the CNN operators, opset 7 to 27", detect_onnx, read_onnx,
           read_onnx_output},
    Format{"pytorch", "PyTorch's .pt/.pth archives", detect_torch_zip, read_torch_zip},
    Format{"pytorch-legacy", "PyTorch's .pth before 1.6", detect_torch_legacy, read_torch_legacy},
    Format{"safetensors", "safetensors with PyTorch's names", detect_safetensors, read_safetensors},
    Format{"hdf5", "other HDF5 files: <node>/weight, <node>.weight, or --map", detect_plain_hdf5,
           read_plain_hdf5},
};

bool has_hdf5_signature(const BinaryFile& file) {
  constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);
  // At 0 or behind a user block of 512, 1024, 2048, ... bytes.
  for (std::uint64_t at = 0; file.holds(at, 8) && at <= (std::uint64_t{1} << 24);
       at = at == 0 ? 512 : at * 2) {
    if (file.text_at(at, 8) == kSignature) return true;
  }
  return false;
}

std::string likeness(const Candidate& c) {
  if (c.bytes == 0) return "empty";
  if (c.hdf5) return "HDF5";
  if (c.head.starts_with("PK\x03\x04")) return "a zip archive";
  const bool text = std::all_of(c.head.begin(), c.head.end(), [](char ch) {
    return std::isprint(static_cast<unsigned char>(ch)) != 0 || ch == '\n' || ch == '\t' ||
           ch == '\r';
  });
  return text ? "text" : "binary data";
}

}  // namespace

bool Candidate::named(const char* extension) const {
  const std::string_view end(extension);
  return path.size() >= end.size() &&
         std::equal(
             end.begin(), end.end(), path.end() - static_cast<std::ptrdiff_t>(end.size()),
             [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

std::span<const Format> formats() { return kFormats; }

Candidate look_at(const std::string& path) {
  const BinaryFile file = BinaryFile::open(path);
  Candidate c;
  c.path = path;
  c.bytes = file.size();
  c.head = file.text_at(0, std::min<std::uint64_t>(kHeadBytes, file.size()));
  c.hdf5 = has_hdf5_signature(file);
  return c;
}

void vet(std::span<const Candidate> files, const std::function<void()>& reader) {
  for (const Candidate& c : files) {
    if (c.hdf5) vet_hdf5(c.path, {}, reader);
  }
}

namespace {

Source read_candidates(const std::vector<std::string>& files,
                       std::span<const Candidate> candidates,
                       const std::string& format,
                       const std::string& output) {
  std::string known;
  for (const Format& f : kFormats) {
    known += (known.empty() ? "" : ", ") + std::string(f.name);
    if (!(format.empty() ? f.detect(candidates) : format == f.name)) continue;
    try {
      if (output.empty()) return f.read(candidates);
      if (f.read_output != nullptr) return f.read_output(candidates, output);
    } catch (const Error& error) {
      throw error.located(files.front());  // parsers that know bytes only name no file
    }
    throw Error(ErrorKind::kUsage, "--output for files of " + std::string(f.name))
        .at(files.front())
        .hint("only models of Keras and ONNX name several outputs");
  }
  if (!format.empty()) {
    throw Error(ErrorKind::kUsage, "unknown format '" + format.substr(0, 64) + "'").expected(known);
  }
  std::string seen;
  for (const Candidate& c : candidates) seen += (seen.empty() ? "" : " + ") + likeness(c);
  throw Error(ErrorKind::kInput, "not in a format that can be imported")
      .at(files.empty() ? "" : files.front())
      .expected("one of " + known)
      .got(seen);
}

}  // namespace

Source open_source(const std::vector<std::string>& files,
                   const std::string& format,
                   const std::string& output) {
  std::vector<Candidate> candidates;
  for (const std::string& path : files) candidates.push_back(look_at(path));
  const auto read = [&] { return read_candidates(files, candidates, format, output); };
  vet(candidates, [&read] { (void)read(); });
  return read();
}

}  // namespace cutaway::weights
