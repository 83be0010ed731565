#include "weights/package_parts.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>

#include "runtime/error.h"
#include "weights/json.h"
#include "weights/xxh64.h"

namespace cutaway::weights::parts {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// HDF5 would fold "a//b" and "a/./b" into "a/b".
bool makes_a_path(const std::string& name) {
  if (name.empty() || name.size() > 256 || name.find('\0') != std::string::npos) return false;
  std::size_t start = 0;
  while (true) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    const std::string part = name.substr(start, end - start);
    if (part.empty() || part == "." || part == "..") return false;
    if (end == name.size()) return true;
    start = end + 1;
  }
}

std::vector<std::int64_t> file_dims(const ParameterSpec& spec) {
  const Shape& s = spec.shape;
  if (spec.name != "weight" && s.n == 1 && s.h == 1 && s.w == 1) return {s.c};
  return {s.n, s.c, s.h, s.w};
}

}  // namespace

std::string user_block(std::uint64_t file_bytes, std::uint64_t checksum) {
  std::string text = "cutaway model package\nformat " + std::to_string(kPackageVersion) +
                     "\nbytes " + std::to_string(file_bytes) + "\nxxh64 " + hex(checksum) +
                     "\nHDF5 follows at byte 512\n";
  text.resize(kBlock, '\n');
  return text;
}

Checked checksum_behind_block(const std::string& path) {
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
  std::vector<std::byte> buffer(std::size_t{1} << 18);
  if (!file || std::setvbuf(file.get(), nullptr, _IONBF, 0) != 0 ||
      std::fseek(file.get(), static_cast<long>(kBlock), SEEK_SET) != 0) {
    throw Error(ErrorKind::kInput, "the file cannot be read").at(path);
  }
  Xxh64 hash;
  std::uint64_t bytes = kBlock;
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    hash.update(std::span(buffer).first(got));
    bytes += got;
  }
  if (std::ferror(file.get()) != 0)
    throw Error(ErrorKind::kInput, "the file cannot be read").at(path);
  return {bytes, hash.digest()};
}

std::vector<Place> places(const Graph& graph) {
  std::vector<Place> all;
  std::set<std::string> taken;
  for (NodeId id = 0; id < graph.size(); ++id) {
    const std::string& name = graph.node(id).name;
    std::size_t index = 0;
    for (ParameterSpec& spec : graph.parameters(id)) {
      if (!makes_a_path(name)) {
        throw Error(ErrorKind::kInput, "the node's name cannot be a path in a file")
            .at(name)
            .expected("at most 256 bytes, parts between '/' that are not empty, '.' or '..'");
      }
      Place place{id, index++, spec, "/parameters/" + name + "/" + spec.name, file_dims(spec)};
      taken.insert(place.dataset);
      all.push_back(std::move(place));
    }
  }
  // A dataset cannot also be a group: node "a/weight" next to the weight of node "a".
  for (const Place& place : all) {
    for (std::size_t i = place.dataset.find('/', 1); i != std::string::npos;
         i = place.dataset.find('/', i + 1)) {
      if (taken.contains(place.dataset.substr(0, i))) {
        throw Error(ErrorKind::kInput, "the node's name collides with another node's parameter")
            .at(graph.node(place.node).name);
      }
    }
  }
  return all;
}

std::string to_json(const Provenance& p) {
  return json_text({{"source_format", p.source_format},
                    {"source_file", p.source_file},
                    {"source_sha256", p.source_sha256},
                    {"tool_version", p.tool_version},
                    {"command", p.command}});
}

Provenance provenance_from_json(std::string_view text) {
  const Json json = parse_json(text);
  JsonObject object(json, "provenance");
  Provenance p;
  p.source_format = object.text("source_format");
  p.source_file = object.text("source_file");
  p.source_sha256 = object.text("source_sha256");
  p.tool_version = object.text("tool_version");
  p.command = object.text("command");
  object.finish();
  return p;
}

void check_fit(const Graph& graph,
               const Preprocess& preprocess,
               const std::vector<std::string>& labels) {
  const std::int64_t classes = graph.node(graph.last()).shape.c;
  if (!labels.empty() && static_cast<std::int64_t>(labels.size()) != classes) {
    throw Error(ErrorKind::kInput, "number of labels")
        .expected(std::to_string(classes) + ", the classes of " + graph.node(graph.last()).name)
        .got(std::to_string(labels.size()));
  }
  if (preprocess.declared && preprocess.channels() != graph.node(0).shape.c) {
    throw Error(ErrorKind::kInput, "the preprocessing does not fit the net's input")
        .expected(std::to_string(graph.node(0).shape.c) + " channels")
        .got(std::to_string(preprocess.channels()));
  }
}

}  // namespace cutaway::weights::parts
