#pragma once

#include <memory>
#include <span>

#include "weights/import/binary_file.h"
#include "weights/import/formats.h"
#include "weights/import/keras/keras_config.h"
#include "weights/import/zip_directory.h"

/// The readers behind formats(), one format a file; private to weights/import.
namespace cutaway::weights {

bool detect_caffe_hdf5(std::span<const Candidate> files);
Source read_caffe_hdf5(std::span<const Candidate> files);

/// A prototxt with a .caffemodel or HDF5 file, in either order; or a .caffemodel alone.
bool detect_caffe(std::span<const Candidate> files);
Source read_caffe(std::span<const Candidate> files);

bool detect_keras_hdf5(std::span<const Candidate> files);
Source read_keras_hdf5(std::span<const Candidate> files);
Source read_keras_hdf5_output(std::span<const Candidate> files, const std::string& output);
bool detect_keras_zip(std::span<const Candidate> files);
Source read_keras_zip(std::span<const Candidate> files);
Source read_keras_zip_output(std::span<const Candidate> files, const std::string& output);
/// What an archive of Keras 3 holds beside the weights, and where these are.
struct KerasArchive {
  KerasGraph net;
  ZipMember weights;
};
[[nodiscard]] KerasArchive keras_archive(const BinaryFile& archive, const std::string& output = {});

bool detect_matconvnet(std::span<const Candidate> files);
Source read_matconvnet(std::span<const Candidate> files);
/// The same of bytes anywhere, for tests.
Source matconvnet_source(std::shared_ptr<const BinaryFile> file);

bool detect_plain_hdf5(std::span<const Candidate> files);
Source read_plain_hdf5(std::span<const Candidate> files);

bool detect_safetensors(std::span<const Candidate> files);
Source read_safetensors(std::span<const Candidate> files);
/// The same of bytes anywhere, for tests.
Source safetensors_source(std::shared_ptr<const BinaryFile> file);

bool detect_torch_zip(std::span<const Candidate> files);
Source read_torch_zip(std::span<const Candidate> files);
bool detect_torch_legacy(std::span<const Candidate> files);
Source read_torch_legacy(std::span<const Candidate> files);
/// The same of bytes anywhere, for tests.
Source torch_zip_source(std::shared_ptr<const BinaryFile> file);
Source torch_legacy_source(std::shared_ptr<const BinaryFile> file);

bool detect_onnx(std::span<const Candidate> files);
Source read_onnx(std::span<const Candidate> files);
Source read_onnx_output(std::span<const Candidate> files, const std::string& output);
/// The same of bytes anywhere, for tests. External data is looked for beside the file's path.
Source onnx_source(std::shared_ptr<const BinaryFile> file, const std::string& output = {});

}  // namespace cutaway::weights
