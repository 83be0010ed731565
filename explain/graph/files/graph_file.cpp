#include "explain/graph/files/graph_file.h"

#include <filesystem>
#include <set>

#include "explain/graph/files/graph_json.h"
#include "explain/graph/files/sealed_file.h"
#include "runtime/config.h"
#include "runtime/error.h"

namespace cutaway::explain {
namespace {

using Json = nlohmann::ordered_json;
using namespace graph;
using weights::Hdf5File;

constexpr Seal kGraph{"cutaway explanatory graph", 1};
constexpr Seal kCheckpoint{"cutaway graph checkpoint", 1};
constexpr Seal kPositions{"cutaway graph positions", 1};
constexpr std::size_t kMostText = std::size_t{16} << 20U;

std::string group_of(std::size_t layer) { return "/layer" + std::to_string(layer); }

void write_vector(Hdf5File& file, const std::string& name, const std::vector<float>& values) {
  if (values.empty()) return;
  const std::int64_t dims[] = {static_cast<std::int64_t>(values.size())};
  file.write_f32(name, dims, values);
}

void write_pairs(Hdf5File& file,
                 const std::string& name,
                 const std::vector<float>& h,
                 const std::vector<float>& w) {
  std::vector<float> both;
  for (std::size_t i = 0; i < h.size(); ++i) both.insert(both.end(), {h[i], w[i]});
  if (both.empty()) return;
  const std::int64_t dims[] = {static_cast<std::int64_t>(h.size()), 2};
  file.write_f32(name, dims, both);
}

/// All the numbers of a layer; those that are not there yet are left out.
void write_layer(Hdf5File& file, const std::string& group, const Layer& layer) {
  file.make_groups(group);
  write_pairs(file, group + "/mu", layer.mu_h, layer.mu_w);
  write_pairs(file, group + "/mean", layer.mean_h, layer.mean_w);
  write_vector(file, group + "/delta", layer.delta);
  write_vector(file, group + "/mean_total", layer.mean_total);
  write_vector(file, group + "/rank", layer.rank);
  if (layer.parents > 0) {
    const std::vector<float> edges(layer.edges.begin(), layer.edges.end());
    const std::int64_t dims[] = {layer.count(), layer.parents};
    file.write_f32(group + "/edges", dims, edges);
  }
  if (!layer.sigma.empty()) {
    const std::int64_t dims[] = {layer.spec.filters, layer.spec.size, layer.spec.size};
    file.write_f32(group + "/sigma", dims, layer.sigma);
  }
}

Json layer_json(const Layer& layer) {
  Json json = to_json(layer.spec);
  json["parents"] = layer.parents;
  json["score_unit"] = layer.score_unit;
  return json;
}

std::vector<float> read_vector(const Hdf5File& file, const std::string& name, std::int64_t count) {
  if (!file.contains(name)) return {};
  return file.read_f32(name, static_cast<std::size_t>(count));
}

void read_pairs(const Hdf5File& file,
                const std::string& name,
                std::int64_t count,
                std::vector<float>& h,
                std::vector<float>& w) {
  const std::vector<float> both = read_vector(file, name, 2 * count);
  for (std::size_t i = 0; i + 1 < both.size(); i += 2) {
    h.push_back(both[i]);
    w.push_back(both[i + 1]);
  }
}

Layer read_layer(const Hdf5File& file, const std::string& group, const Json& json) {
  Layer layer;
  layer.spec = spec_from_json(json);
  validate(layer.spec);
  layer.parents = json.at("parents").get<std::int64_t>();
  layer.score_unit = json.at("score_unit").get<double>();
  if (layer.parents < 0 || layer.parents > 256)
    throw Error(ErrorKind::kInput, "number of parents").at(group);
  const std::int64_t n = layer.count();
  read_pairs(file, group + "/mu", n, layer.mu_h, layer.mu_w);
  read_pairs(file, group + "/mean", n, layer.mean_h, layer.mean_w);
  layer.delta = read_vector(file, group + "/delta", n);
  layer.mean_total = read_vector(file, group + "/mean_total", n);
  layer.rank = read_vector(file, group + "/rank", n);
  for (const float e : read_vector(file, group + "/edges", n * layer.parents)) {
    // What is no whole number leads nowhere; validate() says so.
    const bool whole =
        e >= -1 && e < 16777216.0f && e == static_cast<float>(static_cast<std::int32_t>(e));
    layer.edges.push_back(whole ? static_cast<std::int32_t>(e) : -2);
  }
  layer.sigma =
      read_vector(file, group + "/sigma", layer.spec.filters * layer.spec.size * layer.spec.size);
  return layer;
}

void write_rows(Hdf5File& file, const std::string& name, const Rows& rows, double scale = 1) {
  std::vector<float> values;
  for (std::int64_t n = 0; n < rows.nodes(); ++n) {
    for (std::int64_t i = 0; i < rows.images(); ++i) {
      values.push_back(static_cast<float>(static_cast<double>(rows.at(n, i)) * scale));
    }
  }
  const std::int64_t dims[] = {rows.nodes(), rows.images()};
  file.write_f32(name, dims, values);
}

void write_records(Hdf5File& file,
                   const std::string& group,
                   const Records& records,
                   double scale = 1) {
  write_rows(file, group + "/h", records.h);
  write_rows(file, group + "/w", records.w);
  write_rows(file, group + "/peak", records.peak, scale);
  write_rows(file, group + "/total", records.total, scale);
}

Records read_records(const Hdf5File& file,
                     const std::string& group,
                     std::int64_t nodes,
                     std::int64_t images) {
  // Held against the file before anything is allocated for it.
  if (nodes < 0 || images < 0 || file.describe(group + "/h").count != nodes * images) {
    throw Error(ErrorKind::kInput, "extents").at(group);
  }
  Records records(nodes, images);
  for (const auto& [name, rows] :
       {std::pair{"/h", &Records::h}, std::pair{"/w", &Records::w},
        std::pair{"/peak", &Records::peak}, std::pair{"/total", &Records::total}}) {
    const std::vector<float> values =
        file.read_f32(group + name, static_cast<std::size_t>(nodes * images));
    if (static_cast<std::int64_t>(values.size()) != nodes * images) {
      throw Error(ErrorKind::kInput, "extents").at(group + name);
    }
    for (std::int64_t n = 0; n < nodes; ++n) {
      std::copy_n(values.begin() + n * images, images, (records.*rows).row(n));
    }
  }
  return records;
}

/// Calls read(json of /about) and turns every failure into one that names the file.
template <class F>
auto read_about(const Hdf5File& file, const F& read) {
  try {
    return read(Json::parse(file.read_text("/about", kMostText)));
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::kInput, error.what()).at(file.path() + ":/about");
  } catch (const Error& error) {
    throw Error(ErrorKind::kInput, error.what()).at(file.path());
  }
}

void refuse_strangers(const Hdf5File& file, std::size_t layers) {
  const std::set<std::string> known{"mu", "mean", "delta", "mean_total", "rank", "edges", "sigma"};
  for (const std::string& name : file.datasets("/")) {
    bool good = name == "/about";
    for (std::size_t l = 0; l < layers; ++l) {
      const std::string group = group_of(l) + "/";
      good = good || (name.starts_with(group) && known.contains(name.substr(group.size())));
    }
    if (!good) throw Error(ErrorKind::kInput, "an object that no graph has").at(name);
  }
}

}  // namespace

void save_graph(const GraphPackage& package, const std::string& path) {
  validate(package.graph);
  const GraphOrigin& o = package.origin;
  Json about{{"model", std::filesystem::path(o.model_file).filename().string()},
             {"model_hash", o.model_hash},
             {"category", o.category},
             {"images", o.images},
             {"negatives", o.negatives},
             {"command", o.command},
             {"tool_version", o.tool_version.empty() ? "cutaway " CUTAWAY_VERSION : o.tool_version},
             {"config", to_json(package.graph.config)},
             {"layers", Json::array()}};
  for (const Layer& layer : package.graph.layers) about["layers"].push_back(layer_json(layer));
  write_sealed(path, kGraph, [&](Hdf5File& file) {
    file.write_text("/about", about.dump(1, ' ', false, Json::error_handler_t::replace));
    for (std::size_t l = 0; l < package.graph.layers.size(); ++l) {
      write_layer(file, group_of(l), package.graph.layers[l]);
    }
  });
}

GraphPackage load_graph(const std::string& path) {
  const Hdf5File file = open_sealed(path, kGraph);
  return read_about(file, [&](const Json& about) {
    GraphPackage package;
    GraphOrigin& o = package.origin;
    o.model_file = about.at("model").get<std::string>();
    o.model_hash = about.at("model_hash").get<std::string>();
    o.category = about.at("category").get<std::string>();
    o.images = about.at("images").get<std::int64_t>();
    o.negatives = about.at("negatives").get<std::int64_t>();
    o.command = about.at("command").get<std::string>();
    o.tool_version = about.at("tool_version").get<std::string>();
    package.graph.config = config_from_json(about.at("config"));
    const Json& layers = about.at("layers");
    if (layers.size() > 64) throw Error(ErrorKind::kInput, "more than 64 layers");
    refuse_strangers(file, layers.size());
    for (std::size_t l = 0; l < layers.size(); ++l) {
      package.graph.layers.push_back(read_layer(file, group_of(l), layers[l]));
    }
    validate(package.graph);
    return package;
  });
}

void save_checkpoint(const Snapshot& s, const std::string& fingerprint, const std::string& path) {
  Json about{{"fingerprint", fingerprint},
             {"layer", s.layer},
             {"pass", s.pass},
             {"restart", s.restart},
             {"best_score", s.best_score},
             {"mirror", s.mirror},
             {"best_mirror", s.best_mirror},
             {"layers", Json::array()},
             {"best_layer", layer_json(s.best_layer)},
             {"records", Json::array()},
             {"current", Json::array()},
             {"best", Json::array()}};
  for (const Layer& layer : s.layers) about["layers"].push_back(layer_json(layer));
  const auto images_of = [](const std::vector<Records>& shards) {
    Json images = Json::array();
    for (const Records& r : shards) images.push_back(r.images());
    return images;
  };
  for (const auto& shards : s.records) about["records"].push_back(images_of(shards));
  about["current"] = images_of(s.current);
  about["best"] = images_of(s.best_records);
  write_sealed(path, kCheckpoint, [&](Hdf5File& file) {
    file.write_text("/about", about.dump());
    const auto write = [&](const std::string& group, const std::vector<Records>& shards) {
      for (std::size_t k = 0; k < shards.size(); ++k) {
        if (shards[k].images() > 0)
          write_records(file, group + "/shard" + std::to_string(k), shards[k]);
      }
    };
    for (std::size_t l = 0; l < s.layers.size(); ++l) {
      write_layer(file, group_of(l), s.layers[l]);
      write(group_of(l) + "/records", s.records[l]);
    }
    write("/current", s.current);
    if (s.best_layer.count() > 0) write_layer(file, "/best", s.best_layer);
    write("/best/records", s.best_records);
  });
}

Snapshot load_checkpoint(const std::string& path, const std::string& fingerprint) {
  const Hdf5File file = open_sealed(path, kCheckpoint);
  return read_about(file, [&](const Json& about) {
    if (about.at("fingerprint").get<std::string>() != fingerprint) {
      throw Error(ErrorKind::kInput, "the checkpoint belongs to other pictures, layers or options")
          .hint("remove it, or repeat the command it was made by");
    }
    Snapshot s;
    s.layer = about.at("layer").get<std::int64_t>();
    s.pass = about.at("pass").get<std::int64_t>();
    s.restart = about.at("restart").get<std::int64_t>();
    s.best_score = about.at("best_score").get<double>();
    s.mirror = about.at("mirror").get<std::vector<std::vector<std::uint8_t>>>();
    s.best_mirror = about.at("best_mirror").get<std::vector<std::vector<std::uint8_t>>>();
    const auto read = [&](const std::string& group, const Json& images, std::int64_t nodes) {
      std::vector<Records> shards;
      for (std::size_t k = 0; k < images.size(); ++k) {
        const auto count = images[k].get<std::int64_t>();
        shards.push_back(
            count > 0 ? read_records(file, group + "/shard" + std::to_string(k), nodes, count)
                      : Records());
      }
      return shards;
    };
    const Json& layers = about.at("layers");
    for (std::size_t l = 0; l < layers.size(); ++l) {
      s.layers.push_back(read_layer(file, group_of(l), layers[l]));
      s.records.push_back(
          read(group_of(l) + "/records", about.at("records").at(l), s.layers[l].count()));
    }
    if (s.layer >= static_cast<std::int64_t>(s.layers.size()))
      throw Error(ErrorKind::kInput, "layer of the checkpoint");
    const std::int64_t nodes =
        s.layer >= 0 ? s.layers[static_cast<std::size_t>(s.layer)].count() : 0;
    s.current = read("/current", about.at("current"), nodes);
    if (about.at("best_layer").at("filters").get<std::int64_t>() > 0) {
      s.best_layer = read_layer(file, "/best", about.at("best_layer"));
      s.best_records = read("/best/records", about.at("best"), s.best_layer.count());
    }
    return s;
  });
}

void save_positions(const ExplanatoryGraph& graph,
                    const std::vector<Records>& records,
                    const std::vector<std::string>& names,
                    const std::string& path) {
  Json about{{"pictures", names}, {"layers", Json::array()}};
  for (const Layer& layer : graph.layers) about["layers"].push_back(layer_json(layer));
  write_sealed(path, kPositions, [&](Hdf5File& file) {
    file.write_text("/about", about.dump(1, ' ', false, Json::error_handler_t::replace));
    for (std::size_t l = 0; l < records.size(); ++l) {
      write_records(file, group_of(l), records[l], 1 / graph.layers[l].score_unit);
    }
  });
}

}  // namespace cutaway::explain
