#include "weights/package.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <set>

#include "runtime/config.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "weights/checked_writer.h"
#include "weights/graph_json.h"
#include "weights/hdf5_file.h"
#include "weights/labels.h"
#include "weights/package_parts.h"
#include "weights/preprocess_json.h"
#include "weights/xxh64.h"

namespace cutaway::weights {
namespace {

constexpr std::string_view kMagic = "cutaway model package\nformat ";

Provenance completed(Provenance p) {
  p.source_file = p.source_file.substr(p.source_file.find_last_of('/') + 1);
  if (p.tool_version.empty()) p.tool_version = "cutaway " CUTAWAY_VERSION;
  return p;
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

const Tensor& tensor_at(const Model& model, const parts::Place& place) {
  const std::span<const Tensor> tensors = model.parameters.of(place.node);
  check(place.index < tensors.size() && tensors[place.index].shape() == place.spec.shape,
        "a model's parameters do not belong to its graph");
  return tensors[place.index];
}

// Verifies size, version and checksum; afterwards the file is what some save() wrote.
void verify(const std::string& path) {
  std::array<char, parts::kBlock> block{};
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorKind::kInput, "the package cannot be opened").at(path);
  file.read(block.data(), block.size());
  const std::string_view text(block.data(), static_cast<std::size_t>(file.gcount()));
  if (!text.starts_with(kMagic)) {
    throw Error(ErrorKind::kInput, "not a model package")
        .at(path)
        .hint(text.starts_with("\x89HDF") ? "this is HDF5 without a package's header: import it"
                                          : "packages begin with 'cutaway model package'");
  }
  const std::string_view rest = text.substr(kMagic.size());
  const std::string version(rest.substr(0, std::min<std::size_t>(rest.find('\n'), 16)));
  if (version != std::to_string(kPackageVersion)) {
    throw Error(ErrorKind::kInput, "format version of the package")
        .at(path)
        .expected(std::to_string(kPackageVersion))
        .got("'" + version + "'")
        .hint("the package comes from another version of this program");
  }
  if (text.size() < parts::kBlock)
    throw Error(ErrorKind::kInput, "the package is cut short").at(path);
  const parts::Checked found = parts::checksum_behind_block(path);
  if (text != parts::user_block(found.bytes, found.checksum)) {
    const std::string size = "\nbytes " + std::to_string(found.bytes) + "\n";
    throw Error(ErrorKind::kInput, text.find(size) == std::string_view::npos
                                       ? "the package is cut short or has bytes added"
                                       : "the package is damaged: its checksum does not match")
        .at(path)
        .hint("copy or make it again; a package cannot be edited in place");
  }
}

// All objects of the file against what the graph asks for.
void check_objects(const Hdf5File& file, const std::vector<parts::Place>& places) {
  std::set<std::string> wanted{"/graph", "/preprocess", "/provenance"};
  for (const parts::Place& place : places) wanted.insert(place.dataset);
  for (const std::string& found : file.datasets("/")) {
    if (wanted.erase(found) == 0 && found != "/labels") {
      throw Error(ErrorKind::kInput, "an object that the graph does not ask for")
          .at(file.path() + ":" + found);
    }
  }
  if (!wanted.empty()) {
    throw Error(
        ErrorKind::kInput,
        "missing" + (wanted.size() > 1 ? ", with " + std::to_string(wanted.size() - 1) + " more"
                                       : std::string()))
        .at(file.path() + ":" + *wanted.begin());
  }
}

void check_dataset(const Hdf5File& file, const parts::Place& place) {
  const Hdf5Dataset info = file.describe(place.dataset);
  const std::int64_t bytes = place.spec.shape.count() * std::int64_t{sizeof(float)};
  if (info.dims != place.dims) {
    const auto text = [](const std::vector<std::int64_t>& dims) {
      std::string joined;
      for (const std::int64_t d : dims) joined += (joined.empty() ? "" : "x") + std::to_string(d);
      return joined.empty() ? "a scalar" : joined;
    };
    throw Error(ErrorKind::kInput, "extents of the parameter")
        .at(file.path() + ":" + place.dataset)
        .expected(text(place.dims))
        .got(text(info.dims));
  }
  if (info.dtype != "float32" || info.filtered || info.storage_bytes != bytes) {
    throw Error(ErrorKind::kInput, "storage of the parameter")
        .at(file.path() + ":" + place.dataset)
        .expected("uncompressed float32")
        .got(info.dtype + (info.filtered ? ", compressed" : ""));
  }
}

// The exponent alone tells, and in integers the loop needs no branch and no floating-point mode.
bool all_finite(std::span<const float> values) {
  std::uint32_t bad = 0;
  for (const float v : values) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &v, sizeof bits);
    bad |= static_cast<std::uint32_t>((bits & 0x7f800000U) == 0x7f800000U);
  }
  return bad == 0;
}

Parameters read_parameters(const Hdf5File& file,
                           const Graph& graph,
                           const std::vector<parts::Place>& places) {
  // Every extent is in the file, so this allocates no more than the file's size.
  for (const parts::Place& place : places) check_dataset(file, place);
  Parameters parameters = Parameters::zeroed(graph);
  for (const parts::Place& place : places) {
    const std::span<float> values = parameters.of(place.node)[place.index].f32();
    file.read_f32_into(place.dataset, values);
    if (!all_finite(values)) {
      throw Error(ErrorKind::kInput, "a parameter is not a finite number")
          .at(file.path() + ":" + place.dataset);
    }
  }
  return parameters;
}

std::vector<std::string> read_own_labels(const Hdf5File& file) {
  if (!file.contains("/labels")) return {};
  std::vector<std::string> labels = split_labels(file.read_text("/labels", parts::kMostText));
  if (file.read_attribute_text("/labels", "sha256", 64) != labels_hash(labels)) {
    throw Error(ErrorKind::kInput, "the labels or their order were changed").at("/labels");
  }
  return labels;
}

Package read(const Hdf5File& file) {
  const auto text = [&](const char* name) { return file.read_text(name, parts::kMostText); };
  Graph graph = graph_from_json(text("/graph"));
  const std::vector<parts::Place> places = parts::places(graph);
  check_objects(file, places);
  Preprocess preprocess = preprocess_from_json(text("/preprocess"));
  std::vector<std::string> labels = read_own_labels(file);
  parts::check_fit(graph, preprocess, labels);
  Provenance provenance = parts::provenance_from_json(text("/provenance"));
  Parameters parameters = read_parameters(file, graph, places);
  return {Model(std::move(graph), std::move(parameters)), preprocess, std::move(labels),
          std::move(provenance)};
}

void require_finite(const parts::Place& place, std::span<const float> values) {
  if (all_finite(values)) return;
  throw Error(ErrorKind::kInput, "a parameter is not a finite number").at(place.dataset);
}

// Where everything will lie, with all texts. The provenance is the last in the file.
struct Layout {
  std::vector<std::uint64_t> parameters;
  std::uint64_t provenance{0};
};

Layout lay_out(const Package& package,
               const std::vector<parts::Place>& places,
               const std::string& provenance,
               const std::string& path) {
  Hdf5File file = Hdf5File::create(path, parts::kBlock);
  file.write_text("/graph", to_json(package.model.graph));
  file.write_text("/preprocess", to_json(package.preprocess));
  if (!package.labels.empty()) {
    file.write_text("/labels", join_labels(package.labels));
    file.write_attribute("/labels", "sha256", labels_hash(package.labels));
  }
  Layout layout;
  for (const parts::Place& place : places) {
    layout.parameters.push_back(file.reserve_f32(place.dataset, place.dims));
  }
  layout.provenance = file.write_text("/provenance", provenance);
  file.close();
  return layout;
}

// What `write` needs to be true of everything but the parameters.
std::vector<parts::Place> checked_places(const Package& package) {
  std::vector<parts::Place> places = parts::places(package.model.graph);
  validate(package.preprocess);
  (void)join_labels(package.labels);
  parts::check_fit(package.model.graph, package.preprocess, package.labels);
  return places;
}

void write_whole(const Package& package, const std::string& path, const ParameterFill& fill) {
  files::AtomicFile target(path);
  const std::vector<parts::Place> places = parts::places(package.model.graph);
  const std::string before = parts::to_json(completed(package.provenance));
  const Layout layout = lay_out(package, places, before, target.temporary());
  CheckedWriter writer(target, parts::kBlock);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const parts::Place& place = places[i];
    const auto count = static_cast<std::size_t>(place.spec.shape.count());
    std::size_t done = 0;
    fill(place.node, place.index, [&](std::span<const float> piece) {
      check(piece.size() <= count - done, "more values than the parameter has");
      writer.write(layout.parameters[i] + done * sizeof(float), std::as_bytes(piece));
      done += piece.size();
    });
    check(done == count, "fewer values than the parameter has");
  }
  std::string provenance = parts::to_json(completed(package.provenance));
  check(provenance.size() <= before.size(), "the provenance became longer");
  provenance.resize(before.size(), '\0');
  writer.write(layout.provenance, bytes_of(provenance));
  const parts::Checked written = writer.finish();
  target.write_at(0, bytes_of(parts::user_block(written.bytes, written.checksum)));
  target.commit();
}

}  // namespace

void validate(const Package& package) {
  for (const parts::Place& place : checked_places(package)) {
    require_finite(place, tensor_at(package.model, place).f32());
  }
}

void save(const Package& package, const std::string& path) {
  validate(package);
  write_whole(package, path, [&](NodeId node, std::size_t index, const PutValues& put) {
    put(package.model.parameters.of(node)[index].f32());
  });
}

void save_streamed(const Package& header, const std::string& path, const ParameterFill& fill) {
  (void)checked_places(header);
  write_whole(header, path, fill);
}

Package load(const std::string& path) {
  verify(path);
  const Hdf5File file = Hdf5File::open(path);
  try {
    return read(file);
  } catch (const Error& error) {
    // Errors from deeper down may name the node alone.
    if (error.where().starts_with(path)) throw;
    throw Error(error.kind(), error.what()).at(path);
  }
}

bool is_package(const std::string& path) noexcept {
  try {
    std::ifstream file(path, std::ios::binary);
    std::array<char, kMagic.size()> start{};
    file.read(start.data(), start.size());
    return file && std::string_view(start.data(), start.size()) == kMagic;
  } catch (...) {
    return false;
  }
}

std::string weights_hash(const Model& model) {
  Xxh64 hash;
  for (const parts::Place& place : parts::places(model.graph)) {
    // NUL ends each text, so that no two lists of texts run together alike.
    for (const std::string& text : {place.dataset, to_string(place.spec.shape)}) {
      hash.update(bytes_of({text.c_str(), text.size() + 1}));
    }
    hash.update(std::as_bytes(tensor_at(model, place).f32()));
  }
  return hex(hash.digest());
}

}  // namespace cutaway::weights
