#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "layers/model.h"
#include "weights/preprocess.h"

namespace cutaway::weights {

/// Where a model came from.
struct Provenance {
  std::string source_format;  ///< "caffe-hdf5", "trained", "initialized", ...
  std::string source_file;    ///< name only; save() drops directories
  std::string source_sha256;  ///< 64 hexadecimal digits, or empty
  std::string tool_version;   ///< save() fills in this version where it is empty
  std::string command;        ///< what made it, as the caller wants it told

  friend bool operator==(const Provenance&, const Provenance&) = default;
};

/// Everything a net needs to be right: what it computes, with which numbers, on what pictures, and
/// what its outputs mean. `labels` may be empty; otherwise there is one for each channel of the
/// last node.
struct Package {
  Model model;
  Preprocess preprocess{};
  std::vector<std::string> labels{};
  Provenance provenance{};
};

/// Version of the file format that save() writes and load() reads.
inline constexpr int kPackageVersion = 1;

/// Writes a package. The file is HDF5 behind a user block of 512 bytes, so h5ls and h5py read it:
///
///   first 512 bytes   text: "cutaway model package", format version, file size, XXH64 of all that
///                     follows
///   /graph            JSON text (weights/graph_json.h)
///   /preprocess       JSON text (weights/preprocess_json.h)
///   /labels           text, a line a class, with attribute sha256; absent without labels
///   /provenance       JSON text
///   /parameters/<node>/<name>
///                     float32, contiguous; a '/' in a node's name makes nested groups. Weights
///                     have their four extents (O x I x kh x kw), other parameters are vectors
///
/// Equal packages give equal bytes. Atomic: the file appears whole or not at all, an older one
/// under that name stays until then. Throws kInput when it cannot be written, when node names do
/// not make distinct paths, when the labels do not number the classes, and when the preprocessing
/// does not fit the input's channels.
void save(const Package& package, const std::string& path);

/// Takes a parameter's values in pieces, in order.
using PutValues = std::function<void(std::span<const float> piece)>;
/// Hands all values of parameter `index` of `node` (in the order of Graph::parameters) to `put`.
using ParameterFill = std::function<void(NodeId node, std::size_t index, const PutValues& put)>;
/// save(), but the parameters are asked for one after the other, in the order of nodes; those of
/// `header.model` are not looked at. Its provenance is written last, so that `fill` may still
/// change it, if its texts do not grow. An exception of `fill` goes through, and nothing is left on
/// disk. Finite values are the caller's to see to; load() refuses others. Throws kInternal when
/// `fill` hands over more or fewer values than the parameter has, or the provenance grows.
void save_streamed(const Package& header, const std::string& path, const ParameterFill& fill);

/// Reads a package. Before HDF5 sees any of it the size and the checksum are verified, so damage
/// anywhere is found (a forged checksum is not: XXH64 is no signature). Then everything must be
/// there and nothing else: an unknown version, missing or extra objects, other shapes or types,
/// labels that differ from their hash, and parameters that are not finite throw kInput naming the
/// file and the node. Memory is bounded by the file's size.
[[nodiscard]] Package load(const std::string& path);

/// True when the file begins as packages do. False when it cannot be read.
[[nodiscard]] bool is_package(const std::string& path) noexcept;

/// A digest of all parameters with the names of their nodes, 16 hexadecimal digits: equal exactly
/// (but for 2^-64) when the numbers are equal bit for bit, whatever file they came from.
[[nodiscard]] std::string weights_hash(const Model& model);

/// Throws kInput where save() would: names, labels, preprocessing.
void validate(const Package& package);

}  // namespace cutaway::weights
