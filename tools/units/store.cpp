#include "tools/units/store.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

#include "runtime/error.h"
#include "weights/hdf5_handle.h"

namespace cutaway::tools {
namespace {

namespace hdf5 = weights::hdf5;
using hdf5::Handle;
using hdf5::Session;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::kInternal, "cannot write the file")
      .at(path + ":" + what)
      .hint(hdf5::last_message());
}

void write_text_attribute(hid_t object, const char* name, const std::string& text) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), std::max<std::size_t>(text.size(), 1));
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(
      H5Acreate2(object, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (attribute) H5Awrite(attribute.get(), type.get(), text.empty() ? "" : text.c_str());
}

std::vector<hsize_t> extents_of(std::initializer_list<std::int64_t> extents) {
  std::vector<hsize_t> out;
  for (const std::int64_t e : extents) out.push_back(static_cast<hsize_t>(e));
  return out;
}

/// A dataset of tiles: one chunk a tile, deflated.
Handle make_tiles(hid_t group,
                  const char* name,
                  hid_t type,
                  const std::vector<hsize_t>& extents,
                  const void* fill) {
  std::vector<hsize_t> chunk = extents;
  chunk[0] = chunk[1] = 1;
  const Handle space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
                     H5Sclose);
  const Handle plist(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(plist.get(), false);
  H5Pset_chunk(plist.get(), static_cast<int>(chunk.size()), chunk.data());
  H5Pset_fill_value(plist.get(), type, fill);
  H5Pset_shuffle(plist.get());
  H5Pset_deflate(plist.get(), 1);
  const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  H5Pset_chunk_cache(access.get(), 1, 0, 1.0);  // every tile is written once and read once
  return {H5Dcreate2(group, name, type, space.get(), H5P_DEFAULT, plist.get(), access.get()),
          H5Dclose};
}

template <class T>
void write_table(const std::string& path,
                 hid_t group,
                 const char* name,
                 hid_t stored,
                 hid_t memory,
                 const std::vector<hsize_t>& extents,
                 const std::vector<T>& values) {
  const Handle space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
                     H5Sclose);
  const Handle plist(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(plist.get(), false);
  const Handle set(
      H5Dcreate2(group, name, stored, space.get(), H5P_DEFAULT, plist.get(), H5P_DEFAULT),
      H5Dclose);
  if (!set || H5Dwrite(set.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
    fail(path, name);
}

}  // namespace

struct UnitStore::State {
  std::string path, temporary;
  Handle file;
  struct Layer {
    UnitLayerShape shape;
    Handle projections, patches;
  };
  std::vector<Layer> layers;

  /// Runs `move` (H5Dwrite or H5Dread) on one tile.
  template <class Move>
  bool at_tile(hid_t set, std::int64_t map, std::int64_t place, const Move& move) const {
    const Handle space(H5Dget_space(set), H5Sclose);
    std::array<hsize_t, 5> extents{};
    H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
    const std::array<hsize_t, 5> start{static_cast<hsize_t>(map), static_cast<hsize_t>(place), 0, 0,
                                       0};
    extents[0] = extents[1] = 1;
    if (H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, extents.data(),
                            nullptr) < 0)
      return false;
    const Handle memory(H5Screate_simple(5, extents.data(), nullptr), H5Sclose);
    return move(memory.get(), space.get()) >= 0;
  }
};

UnitStore::UnitStore(std::string path) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.path = std::move(path);
  s.temporary = s.path + ".tmp-" + std::to_string(::getpid());
  const Session session;
  const Handle plist(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  s.file =
      Handle(H5Fcreate(s.temporary.c_str(), H5F_ACC_TRUNC, plist.get(), H5P_DEFAULT), H5Fclose);
  if (!s.file) throw Error(ErrorKind::kUsage, "cannot write the file").at(s.path);
  const Handle root(H5Gcreate2(s.file.get(), "/layers", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                    H5Gclose);
}

UnitStore::~UnitStore() {
  const Session session;
  state_->layers.clear();
  if (!state_->file) return;
  state_->file = Handle();
  ::unlink(state_->temporary.c_str());
}

std::size_t UnitStore::add_layer(const UnitLayerShape& shape,
                                 const explain::TopActivations& best,
                                 std::span<const std::int64_t> maps) {
  State& s = *state_;
  const Session session;
  std::string name = shape.name;
  std::replace(name.begin(), name.end(), '/', '_');
  const Handle group(
      H5Gcreate2(s.file.get(), ("/layers/" + name).c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      H5Gclose);
  if (!group) fail(s.path, name);
  write_text_attribute(group.get(), "layer", shape.name);
  write_text_attribute(group.get(), "rules", shape.rules);
  const float nothing = std::numeric_limits<float>::quiet_NaN();
  const std::uint8_t gray = 128;
  State::Layer layer{
      shape,
      make_tiles(group.get(), "projections", H5T_IEEE_F32LE,
                 extents_of({shape.maps, shape.most, shape.channels, shape.height, shape.width}),
                 &nothing),
      make_tiles(group.get(), "patches", H5T_STD_U8LE,
                 extents_of({shape.maps, shape.most, shape.height, shape.width, 3}), &gray)};
  if (!layer.projections || !layer.patches) fail(s.path, name);
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
  write_table(s.path, group.get(), "value", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, extents, values);
  write_table(s.path, group.get(), "image", H5T_STD_I64LE, H5T_NATIVE_INT64, extents, images);
  write_table(s.path, group.get(), "row", H5T_STD_I64LE, H5T_NATIVE_INT64, extents, rows);
  write_table(s.path, group.get(), "column", H5T_STD_I64LE, H5T_NATIVE_INT64, extents, columns);
  write_table(s.path, group.get(), "map", H5T_STD_I64LE, H5T_NATIVE_INT64, extents_of({shape.maps}),
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
  const bool good = state_->at_tile(l.projections.get(), map, place, [&](hid_t memory, hid_t file) {
    return H5Dwrite(l.projections.get(), H5T_NATIVE_FLOAT, memory, file, H5P_DEFAULT,
                    tile.projection.data());
  }) && state_->at_tile(l.patches.get(), map, place, [&](hid_t memory, hid_t file) {
    return H5Dwrite(l.patches.get(), H5T_NATIVE_UINT8, memory, file, H5P_DEFAULT,
                    tile.patch.data());
  });
  if (!good) fail(state_->path, l.shape.name);
}

UnitTile UnitStore::read(std::size_t layer, std::int64_t map, std::int64_t place) const {
  const State::Layer& l = state_->layers.at(layer);
  const auto plane = static_cast<std::size_t>(l.shape.height * l.shape.width);
  UnitTile tile{std::vector<float>(plane * static_cast<std::size_t>(l.shape.channels)),
                std::vector<std::uint8_t>(3 * plane)};
  const Session session;
  const bool good = state_->at_tile(l.projections.get(), map, place, [&](hid_t memory, hid_t file) {
    return H5Dread(l.projections.get(), H5T_NATIVE_FLOAT, memory, file, H5P_DEFAULT,
                   tile.projection.data());
  }) && state_->at_tile(l.patches.get(), map, place, [&](hid_t memory, hid_t file) {
    return H5Dread(l.patches.get(), H5T_NATIVE_UINT8, memory, file, H5P_DEFAULT, tile.patch.data());
  });
  if (!good) throw hdf5::failure(state_->path, l.shape.name, "a tile cannot be read");
  return tile;
}

const UnitLayerShape& UnitStore::shape(std::size_t layer) const {
  return state_->layers.at(layer).shape;
}

void UnitStore::close() {
  State& s = *state_;
  {
    const Session session;
    s.layers.clear();
    const bool flushed = H5Fflush(s.file.get(), H5F_SCOPE_GLOBAL) >= 0;
    s.file = Handle();
    if (!flushed) {
      ::unlink(s.temporary.c_str());
      fail(s.path, "flush");
    }
  }
  if (std::rename(s.temporary.c_str(), s.path.c_str()) != 0) {
    ::unlink(s.temporary.c_str());
    throw Error(ErrorKind::kInternal, "cannot write the file").at(s.path);
  }
}

}  // namespace cutaway::tools
