#include "explain/units/run/store.h"

#include <algorithm>
#include <limits>

#include "runtime/error.h"
#include "weights/hdf5_output.h"

namespace cutaway::explain {
namespace {

namespace hdf5 = weights::hdf5;
using hdf5::Handle;
using hdf5::Session;

std::vector<hsize_t> extents_of(std::initializer_list<std::int64_t> extents) {
  std::vector<hsize_t> out;
  for (const std::int64_t e : extents) out.push_back(static_cast<hsize_t>(e));
  return out;
}

/// A dataset of tiles: one chunk a tile, deflated. Every tile is written once and read once.
Handle make_tiles(hid_t group,
                  const char* name,
                  hid_t type,
                  const std::vector<hsize_t>& extents,
                  const void* fill) {
  std::vector<hsize_t> chunk = extents;
  chunk[0] = chunk[1] = 1;
  return hdf5::make_dataset(
      group, name,
      {.type = type, .extents = extents, .most = {}, .chunk = chunk, .fill = fill, .deflate = 1});
}

template <class T>
void write_table(const hdf5::OutputFile& file,
                 hid_t group,
                 const char* name,
                 hid_t stored,
                 hid_t memory,
                 const std::vector<hsize_t>& extents,
                 const std::vector<T>& values) {
  const Handle set = hdf5::make_dataset(
      group, name, {.type = stored, .extents = extents, .most = {}, .chunk = {}});
  if (!set || H5Dwrite(set.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
    file.fail(name);
}

/// One tile of a dataset.
hdf5::Block tile_at(std::int64_t map, std::int64_t place) { return {{map, place}, {1, 1}}; }

}  // namespace

struct [[gnu::visibility("hidden")]] UnitStore::State {
  explicit State(std::string path) : file(std::move(path)) {}

  hdf5::OutputFile file;
  struct Layer {
    UnitLayerShape shape;
    std::string group;  // below /layers
    Handle projections, patches;
  };
  std::vector<Layer> layers;
};

UnitStore::UnitStore(std::string path) : state_(std::make_unique<State>(std::move(path))) {
  const Session session;
  (void)state_->file.make_group(state_->file.get(), "/layers");
}

UnitStore::~UnitStore() {
  const Session session;
  state_->layers.clear();
}

std::size_t UnitStore::add_layer(const UnitLayerShape& shape,
                                 const TopActivations& best,
                                 std::span<const std::int64_t> maps) {
  State& s = *state_;
  const Session session;
  std::string name = shape.name;
  std::replace(name.begin(), name.end(), '/', '_');
  const auto taken = [&] {
    return std::any_of(s.layers.begin(), s.layers.end(),
                       [&](const State::Layer& l) { return l.group == name; });
  };
  while (taken()) name += "-" + std::to_string(s.layers.size());
  const Handle group = s.file.make_group(s.file.get(), "/layers/" + name);
  s.file.write_text_attribute(group.get(), "layer", shape.name);
  s.file.write_text_attribute(group.get(), "rules", shape.rules);
  const float nothing = std::numeric_limits<float>::quiet_NaN();
  const std::uint8_t gray = 128;
  State::Layer layer{
      shape, name,
      make_tiles(group.get(), "projections", H5T_IEEE_F32LE,
                 extents_of({shape.maps, shape.most, shape.channels, shape.height, shape.width}),
                 &nothing),
      make_tiles(group.get(), "patches", H5T_STD_U8LE,
                 extents_of({shape.maps, shape.most, shape.height, shape.width, 3}), &gray)};
  if (!layer.projections || !layer.patches) s.file.fail(name);
  const auto count = static_cast<std::size_t>(shape.maps * shape.most);
  std::vector<float> values(count, nothing);
  std::vector<std::int64_t> images(count, -1), rows(count, -1), columns(count, -1);
  for (std::size_t m = 0; m < maps.size(); ++m) {
    const auto entries = best.of(maps[m]);
    for (std::size_t k = 0; k < entries.size() && k < static_cast<std::size_t>(shape.most); ++k) {
      const std::size_t at = m * static_cast<std::size_t>(shape.most) + k;
      values[at] = entries[k].value;
      images[at] = entries[k].image;
      rows[at] = entries[k].row;
      columns[at] = entries[k].column;
    }
  }
  const auto extents = extents_of({shape.maps, shape.most});
  write_table(s.file, group.get(), "value", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, extents, values);
  write_table(s.file, group.get(), "image", H5T_STD_I64LE, H5T_NATIVE_INT64, extents, images);
  write_table(s.file, group.get(), "row", H5T_STD_I64LE, H5T_NATIVE_INT64, extents, rows);
  write_table(s.file, group.get(), "column", H5T_STD_I64LE, H5T_NATIVE_INT64, extents, columns);
  write_table(s.file, group.get(), "map", H5T_STD_I64LE, H5T_NATIVE_INT64, extents_of({shape.maps}),
              std::vector<std::int64_t>(maps.begin(), maps.end()));
  s.layers.push_back(std::move(layer));
  return s.layers.size() - 1;
}

void UnitStore::write(std::size_t layer,
                      std::int64_t map,
                      std::int64_t place,
                      const UnitTile& tile) {
  State::Layer& l = state_->layers.at(layer);
  const Session session;
  const bool good =
      hdf5::write_block(l.projections.get(), tile_at(map, place), H5T_NATIVE_FLOAT,
                        tile.projection.data()) &&
      hdf5::write_block(l.patches.get(), tile_at(map, place), H5T_NATIVE_UINT8, tile.patch.data());
  if (!good) state_->file.fail(l.shape.name);
}

UnitTile UnitStore::read(std::size_t layer, std::int64_t map, std::int64_t place) const {
  const State::Layer& l = state_->layers.at(layer);
  const auto plane = static_cast<std::size_t>(l.shape.height * l.shape.width);
  UnitTile tile{std::vector<float>(plane * static_cast<std::size_t>(l.shape.channels)),
                std::vector<std::uint8_t>(3 * plane)};
  const Session session;
  const bool good =
      hdf5::read_block(l.projections.get(), tile_at(map, place), H5T_NATIVE_FLOAT,
                       tile.projection.data()) &&
      hdf5::read_block(l.patches.get(), tile_at(map, place), H5T_NATIVE_UINT8, tile.patch.data());
  if (!good) throw hdf5::failure(state_->file.path(), l.shape.name, "a tile cannot be read");
  return tile;
}

const UnitLayerShape& UnitStore::shape(std::size_t layer) const {
  return state_->layers.at(layer).shape;
}

void UnitStore::close() {
  {
    const Session session;
    state_->layers.clear();
  }
  state_->file.close();
}

}  // namespace cutaway::explain
