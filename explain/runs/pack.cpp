#include "explain/runs/pack.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>

#include "runtime/error.h"
#include "weights/hdf5_output.h"

namespace cutaway::explain {
namespace {

namespace hdf5 = weights::hdf5;
using hdf5::Handle;
using hdf5::Session;

constexpr std::size_t kChunkBytes = std::size_t{1} << 16U;
constexpr int kDeflate = 1;
// Rows wait until there are so many bytes or rows: HDF5 takes about 50 us a call, a small map less
// than that.
constexpr std::size_t kWaitingBytes = std::size_t{8} << 20U;
constexpr std::size_t kWaitingRows = 512;
constexpr std::size_t kReadBytes = std::size_t{1} << 20U;

std::string column_name(const MapCell& cell) {
  std::string name = cell.column();
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

const char* kind_name(MapKind kind) {
  switch (kind) {
    case MapKind::kHeat:
      return "heat";
    case MapKind::kScore:
      return "score";
    case MapKind::kSigned:
      return "signed";
    case MapKind::kReconstruction:
      return "reconstruction";
  }
  return "heat";
}

/// An extendible dataset of rows. Deflated unless it holds variable text.
Handle make_rows(hid_t parent,
                 const char* name,
                 hid_t type,
                 const std::vector<hsize_t>& row,
                 std::size_t row_bytes,
                 const void* fill) {
  hdf5::Storage s{.type = type, .extents = {0}, .most = {H5S_UNLIMITED}, .chunk = {}};
  s.extents.insert(s.extents.end(), row.begin(), row.end());
  s.most.insert(s.most.end(), row.begin(), row.end());
  s.chunk = s.extents;
  s.chunk[0] = std::clamp<hsize_t>(kChunkBytes / std::max<std::size_t>(row_bytes, 1), 1, 1024);
  s.fill = fill;
  s.deflate = fill != nullptr ? kDeflate : 0;
  // One chunk at a time is enough for rows in order, and a column more costs no megabyte.
  s.cache_slots = 7;
  s.cache_bytes = 2 * kChunkBytes;
  return hdf5::make_dataset(parent, name, s);
}

bool write_rows(hid_t set, std::int64_t at, std::int64_t count, hid_t type, const void* data) {
  return hdf5::write_block(set, {{at, 0}, {count, 0}}, type, data);
}

bool read_rows(hid_t set, std::int64_t at, std::int64_t count, hid_t type, void* data) {
  return hdf5::read_block(set, {{at, 0}, {count, 0}}, type, data);
}

}  // namespace

struct [[gnu::visibility("hidden")]] PackWriter::State {
  explicit State(std::string path) : file(std::move(path)) {}

  hdf5::OutputFile file;
  Handle images, maps, numbers, names;
  struct Column {
    Handle values, classes;
    std::array<std::int64_t, 3> shape;
    std::int64_t first{0};  // row of the first that waits
    std::vector<float> waiting;
    std::vector<std::int64_t> labels;
  };
  std::map<std::string, Column> columns;
  std::int64_t rows{0};
  // Rows that wait; their numbers and names are the last of `rows`. When they are written depends
  // on what was added alone, so that equal rows give equal files.
  std::vector<std::int64_t> waiting_numbers;
  std::vector<std::string> waiting_names;
  std::size_t waiting_bytes{0};

  Column& column(const std::string& name, const MapCell& like) {
    const std::array<std::int64_t, 3> shape{like.channels, like.height, like.width};
    const auto at = columns.find(name);
    if (at != columns.end()) {
      if (at->second.shape != shape) {
        throw Error(ErrorKind::kShape, "maps of two sizes in one column of the pack").at(name);
      }
      return at->second;
    }
    const Handle group = file.make_group(maps.get(), name);
    file.write_text_attribute(group.get(), "method", like.method);
    file.write_text_attribute(group.get(), "layer", like.layer);
    file.write_text_attribute(group.get(), "target", like.target);
    file.write_text_attribute(group.get(), "kind", kind_name(like.kind));
    const std::vector<hsize_t> row{static_cast<hsize_t>(shape[0]), static_cast<hsize_t>(shape[1]),
                                   static_cast<hsize_t>(shape[2])};
    const float nothing = std::numeric_limits<float>::quiet_NaN();
    const std::int64_t no_class = -1;
    const auto bytes = static_cast<std::size_t>(shape[0] * shape[1] * shape[2]) * sizeof(float);
    Column fresh{make_rows(group.get(), "values", H5T_IEEE_F32LE, row, bytes, &nothing),
                 make_rows(group.get(), "class", H5T_STD_I64LE, {}, sizeof no_class, &no_class),
                 shape,
                 0,
                 {},
                 {}};
    if (!fresh.values || !fresh.classes) file.fail(name);
    return columns.emplace(name, std::move(fresh)).first->second;
  }

  void begin_row(std::int64_t number, std::string name) {
    if (waiting_bytes >= kWaitingBytes || waiting_numbers.size() >= kWaitingRows) flush();
    ++rows;
    waiting_numbers.push_back(number);
    waiting_names.push_back(std::move(name));
  }

  void put(const std::string& name, const MapCell& like, std::int64_t label, const float* values) {
    Column& c = column(name, like);
    const auto waiting = static_cast<std::int64_t>(c.labels.size());
    if (waiting > 0 && c.first + waiting != rows - 1) flush(name, c);  // rows between have no map
    if (c.labels.empty()) c.first = rows - 1;
    const auto size = static_cast<std::size_t>(c.shape[0] * c.shape[1] * c.shape[2]);
    c.waiting.insert(c.waiting.end(), values, values + size);
    c.labels.push_back(label);
    waiting_bytes += size * sizeof(float);
  }

  void flush(const std::string& name, Column& c) {
    const auto count = static_cast<std::int64_t>(c.labels.size());
    if (count == 0) return;
    const std::int64_t end = c.first + count;
    const bool good =
        hdf5::extend(c.values.get(), end) && hdf5::extend(c.classes.get(), end) &&
        write_rows(c.values.get(), c.first, count, H5T_NATIVE_FLOAT, c.waiting.data()) &&
        write_rows(c.classes.get(), c.first, count, H5T_NATIVE_INT64, c.labels.data());
    if (!good) file.fail(name);
    c.waiting.clear();
    c.labels.clear();
  }

  void flush() {
    const auto count = static_cast<std::int64_t>(waiting_numbers.size());
    if (count == 0) return;
    const Handle text = hdf5::text_type();
    std::vector<const char*> texts;
    for (const std::string& n : waiting_names) texts.push_back(n.c_str());
    const bool good =
        hdf5::extend(numbers.get(), rows) && hdf5::extend(names.get(), rows) &&
        write_rows(numbers.get(), rows - count, count, H5T_NATIVE_INT64, waiting_numbers.data()) &&
        write_rows(names.get(), rows - count, count, text.get(),
                   static_cast<const void*>(texts.data()));
    if (!good) file.fail("/images");
    for (auto& [name, c] : columns) flush(name, c);
    waiting_numbers.clear();
    waiting_names.clear();
    waiting_bytes = 0;
  }

  void release() {
    columns.clear();
    numbers = Handle();
    names = Handle();
    images = Handle();
    maps = Handle();
  }
};

PackWriter::PackWriter(std::string path) : state_(std::make_unique<State>(std::move(path))) {
  State& s = *state_;
  const Session session;
  s.images = s.file.make_group(s.file.get(), "/images");
  s.maps = s.file.make_group(s.file.get(), "/maps");
  const Handle text = hdf5::text_type();
  const std::int64_t none = -1;
  s.numbers = make_rows(s.images.get(), "number", H5T_STD_I64LE, {}, sizeof none, &none);
  s.names = make_rows(s.images.get(), "name", text.get(), {}, sizeof(char*), nullptr);
  if (!s.numbers || !s.names) s.file.fail("/images");
}

PackWriter::~PackWriter() {
  const Session session;
  state_->release();
}

std::int64_t PackWriter::rows() const noexcept { return state_->rows; }

void PackWriter::add(std::int64_t number,
                     const std::string& name,
                     const std::vector<MapCell>& cells) {
  const Session session;
  state_->begin_row(number, name);
  // Every row has its cells in the same order, so that columns alike but for a slash get the same
  // numbers in all.
  std::map<std::string, std::vector<std::string>> alike;
  for (const MapCell& cell : cells) {
    std::string column = column_name(cell);
    std::vector<std::string>& known = alike[column];
    auto at = std::find(known.begin(), known.end(), cell.column());
    if (at == known.end()) at = known.insert(known.end(), cell.column());
    if (at != known.begin()) column += "-" + std::to_string(at - known.begin() + 1);
    if (!cell.values.empty()) state_->put(column, cell, cell.class_index, cell.values.data());
  }
}

void PackWriter::close() {
  State& s = *state_;
  {
    const Session session;
    s.flush();
    for (auto& [name, column] : s.columns) {
      if (!hdf5::extend(column.values.get(), s.rows) || !hdf5::extend(column.classes.get(), s.rows))
        s.file.fail(name);
    }
    s.release();
  }
  s.file.close();
}

namespace {

std::string read_text_attribute(hid_t object, const char* name) {
  const Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose);
  if (!attribute || !type || H5Tis_variable_str(type.get()) > 0) return {};
  std::string text(std::min<std::size_t>(H5Tget_size(type.get()), 1U << 16U), '\0');
  if (H5Aread(attribute.get(), type.get(), text.data()) < 0) return {};
  text.resize(std::min(text.find('\0'), text.size()));
  return text;
}

/// One part that is copied from.
struct Part {
  struct Column {
    std::string name;
    Handle values, classes;
    MapCell like;
    std::size_t row;                  // floats of one map
    std::int64_t first{0}, count{0};  // rows that are read
    std::vector<float> block;
    std::vector<std::int64_t> labels;  // of all rows
    /// Row r; reads those behind it too.
    const float* read(std::int64_t r, std::int64_t rows);
  };
  Handle file, numbers, names;
  std::vector<Column> columns;
  std::int64_t rows{0};
};

herr_t collect_name(hid_t, const char* name, const H5L_info_t*, void* data) {
  static_cast<std::vector<std::string>*>(data)->emplace_back(name);
  return 0;
}

const float* Part::Column::read(std::int64_t r, std::int64_t rows) {
  if (r < first || r >= first + count) {
    first = r;
    count = std::clamp<std::int64_t>(static_cast<std::int64_t>(kReadBytes / (row * sizeof(float))),
                                     1, rows - r);
    block.resize(static_cast<std::size_t>(count) * row);
    if (!read_rows(values.get(), first, count, H5T_NATIVE_FLOAT, block.data())) return nullptr;
  }
  return block.data() + static_cast<std::size_t>(r - first) * row;
}

Part open_part(const std::string& path) {
  Part part;
  part.file = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (!part.file) throw hdf5::failure(path, "", "a damaged part of the pack");
  part.numbers = hdf5::open_object(path, part.file.get(), "/images/number");
  part.names = hdf5::open_object(path, part.file.get(), "/images/name");
  const Handle space(H5Dget_space(part.numbers.get()), H5Sclose);
  part.rows = H5Sget_simple_extent_npoints(space.get());
  const Handle maps = hdf5::open_object(path, part.file.get(), "/maps");
  std::vector<std::string> names;
  H5Literate(maps.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, collect_name, &names);
  for (const std::string& name : names) {
    const Handle group = hdf5::open_object(path, part.file.get(), "/maps/" + name);
    Part::Column column{name,
                        hdf5::open_object(path, part.file.get(), "/maps/" + name + "/values"),
                        hdf5::open_object(path, part.file.get(), "/maps/" + name + "/class"),
                        {},
                        0,
                        0,
                        0,
                        {},
                        {}};
    column.like.method = read_text_attribute(group.get(), "method");
    column.like.layer = read_text_attribute(group.get(), "layer");
    column.like.target = read_text_attribute(group.get(), "target");
    const std::string kind = read_text_attribute(group.get(), "kind");
    for (const auto k : {MapKind::kScore, MapKind::kSigned, MapKind::kReconstruction}) {
      if (kind == kind_name(k)) column.like.kind = k;
    }
    hsize_t extents[4] = {};
    const Handle shape(H5Dget_space(column.values.get()), H5Sclose);
    if (H5Sget_simple_extent_ndims(shape.get()) != 4)
      throw hdf5::failure(path, name, "a damaged part of the pack");
    H5Sget_simple_extent_dims(shape.get(), extents, nullptr);
    column.like.channels = static_cast<std::int64_t>(extents[1]);
    column.like.height = static_cast<std::int64_t>(extents[2]);
    column.like.width = static_cast<std::int64_t>(extents[3]);
    column.row = static_cast<std::size_t>(extents[1] * extents[2] * extents[3]);
    const Handle count(H5Dget_space(column.classes.get()), H5Sclose);
    if (column.row == 0 || static_cast<std::int64_t>(extents[0]) != part.rows ||
        H5Sget_simple_extent_npoints(count.get()) != part.rows)
      throw hdf5::failure(path, name, "a damaged part of the pack");
    column.labels.resize(static_cast<std::size_t>(part.rows));
    if (part.rows > 0 &&
        !read_rows(column.classes.get(), 0, part.rows, H5T_NATIVE_INT64, column.labels.data()))
      throw hdf5::failure(path, name, "a damaged part of the pack");
    part.columns.push_back(std::move(column));
  }
  return part;
}

}  // namespace

void merge_packs(const std::vector<std::string>& parts,
                 const std::vector<std::int64_t>& ends,
                 const std::string& path) {
  PackWriter writer(path);
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const Session session;
    Part part = open_part(parts[k]);
    const Handle text = hdf5::text_type();
    for (std::int64_t r = 0; r < part.rows; ++r) {
      std::int64_t number = 0;
      char* name = nullptr;
      if (!read_rows(part.numbers.get(), r, 1, H5T_NATIVE_INT64, &number) ||
          !read_rows(part.names.get(), r, 1, text.get(), static_cast<void*>(&name))) {
        throw hdf5::failure(parts[k], "/images", "a damaged part of the pack");
      }
      std::string kept = name == nullptr ? "" : name;
      H5free_memory(name);
      if (number >= ends[k]) break;
      writer.state_->begin_row(number, std::move(kept));
      for (Part::Column& column : part.columns) {
        const std::int64_t label = column.labels[static_cast<std::size_t>(r)];
        if (label < 0) continue;
        const float* values = column.read(r, part.rows);
        if (values == nullptr)
          throw hdf5::failure(parts[k], column.name, "a damaged part of the pack");
        writer.state_->put(column.name, column.like, label, values);
      }
    }
  }
  writer.close();
}

}  // namespace cutaway::explain
