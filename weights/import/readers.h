#pragma once

#include <memory>
#include <span>

#include "weights/import/binary_file.h"
#include "weights/import/formats.h"

/// The readers behind formats(), one format a file; private to weights/import.
namespace cutaway::weights {

bool detect_caffe_hdf5(std::span<const Candidate> files);
Source read_caffe_hdf5(std::span<const Candidate> files);

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

}  // namespace cutaway::weights
