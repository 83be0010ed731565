#include "weights/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "weights/hdf5_file.h"
#include "weights/json.h"
#include "weights/package_parts.h"
#include "weights/recipe_json.h"
#include "weights/xxh64.h"

namespace cutaway::weights {
namespace {

constexpr std::string_view kMagic = "cutaway checkpoint\n";
constexpr std::size_t kMostTensors = 1 << 20;

std::string user_block(const parts::Checked& c) {
  std::string text(kMagic);
  text += "format " + std::to_string(kCheckpointVersion) + "\nbytes " + std::to_string(c.bytes) +
          "\nxxh64 " + hex(c.checksum) + "\n";
  text.resize(parts::kBlock, '\0');
  return text;
}

std::string state_json(const TrainingState& s) {
  nlohmann::ordered_json json{{"steps", s.steps},
                              {"steps_per_epoch", s.steps_per_epoch},
                              {"average_updates", s.average_updates},
                              {"renormalized", s.renormalized},
                              {"bad_epochs", s.schedule.bad_epochs},
                              {"rate_factor", double{s.schedule.factor}},
                              {"note", s.note},
                              {"recipe", to_json(s.recipe)},
                              {"tensors", s.tensors.size()}};
  // JSON has no infinity: absent until an epoch has been watched.
  if (std::isfinite(s.schedule.best)) json["best"] = s.schedule.best;
  try {
    return json.dump(1);
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::kInput, "a text of the checkpoint is not UTF-8").hint(error.what());
  }
}

std::size_t take_state(std::string_view text, TrainingState& s) {
  constexpr std::int64_t kMost = std::int64_t{1} << 53;
  const Json json = parse_json(text);
  JsonObject o(json, "/state");
  s.steps = o.integer("steps", 0, kMost);
  s.steps_per_epoch = o.integer("steps_per_epoch", 1, kMost);
  s.average_updates = o.integer("average_updates", 0, kMost);
  s.renormalized = o.integer("renormalized", 0, kMost);
  s.schedule.bad_epochs = o.integer("bad_epochs", 0, kMost);
  s.schedule.factor = o.number("rate_factor");
  if (o.has("best")) {
    const Json& best = o.member("best");
    if (!best.is_number())
      throw Error(ErrorKind::kInput, "member 'best'").at("/state").expected("a number");
    s.schedule.best = best.get<double>();
  }
  s.note = o.text("note");
  s.recipe = recipe_from_json(o.text("recipe"));
  const auto tensors = o.integer("tensors", 0, kMostTensors);
  o.finish();
  return static_cast<std::size_t>(tensors);
}

std::string dataset_of(std::size_t i) {
  char name[32];
  std::snprintf(name, sizeof name, "/tensors/%06zu", i);
  return name;
}

void write_hdf5(const TrainingState& s, const std::string& path) {
  Hdf5File file = Hdf5File::create(path, parts::kBlock);
  file.write_text("/state", state_json(s));
  for (std::size_t i = 0; i < s.tensors.size(); ++i) {
    const Shape& shape = s.tensors[i].tensor.shape();
    const std::int64_t dims[4] = {shape.n, shape.c, shape.h, shape.w};
    file.write_f32(dataset_of(i), dims, s.tensors[i].tensor.f32());
    file.write_attribute(dataset_of(i), "name", s.tensors[i].name);
  }
  file.close();
}

/// Afterwards the file is what some save_checkpoint() wrote, but for a forged checksum.
void verify(const std::string& path) {
  std::string text(parts::kBlock, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorKind::kInput, "the checkpoint cannot be opened").at(path);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (!text.starts_with(kMagic)) throw Error(ErrorKind::kInput, "not a checkpoint").at(path);
  const std::string version = "format " + std::to_string(kCheckpointVersion) + "\n";
  if (text.compare(kMagic.size(), version.size(), version) != 0) {
    throw Error(ErrorKind::kInput, "format version of the checkpoint")
        .at(path)
        .expected(std::to_string(kCheckpointVersion))
        .hint("the checkpoint comes from another version of this program");
  }
  if (text.size() < parts::kBlock || text != user_block(parts::checksum_behind_block(path)))
    throw Error(ErrorKind::kInput, "the checkpoint is damaged or cut short").at(path);
}

NamedTensor read_tensor(const Hdf5File& file, const std::string& dataset) {
  constexpr std::size_t kMostName = 4096;
  const std::vector<std::int64_t> dims = file.describe(dataset).dims;
  if (dims.size() != 4) {
    throw Error(ErrorKind::kInput, "extents of a tensor")
        .at(dataset)
        .expected("4")
        .got(std::to_string(dims.size()));
  }
  const Shape shape{dims[0], dims[1], dims[2], dims[3]};
  validate(shape, "tensor");
  // No more than the file holds: describe() has held the extents against the storage behind them.
  NamedTensor t{file.read_attribute_text(dataset, "name", kMostName), {}};
  t.tensor = tensor_of(shape, file.read_f32(dataset, static_cast<std::size_t>(shape.count())));
  return t;
}

}  // namespace

void save_checkpoint(const TrainingState& state, const std::string& path) {
  files::AtomicFile target(path);
  write_hdf5(state, target.temporary());
  const std::string block = user_block(parts::checksum_behind_block(target.temporary()));
  target.write_at(0, std::as_bytes(std::span(block)));
  target.commit();
}

TrainingState load_checkpoint(const std::string& path) {
  verify(path);
  const Hdf5File file = Hdf5File::open(path);
  try {
    TrainingState s;
    const std::size_t tensors = take_state(file.read_text("/state", parts::kMostText), s);
    for (std::size_t i = 0; i < tensors; ++i) s.tensors.push_back(read_tensor(file, dataset_of(i)));
    return s;
  } catch (const Error& error) {
    if (error.where().starts_with(path)) throw;
    throw Error(error.kind(), error.what()).at(path);
  }
}

namespace {

constexpr std::string_view kPrefix = "checkpoint-", kSuffix = ".h5";

/// The checkpoints of a folder, newest first.
std::vector<std::filesystem::path> checkpoints_in(const std::string& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.size() != kPrefix.size() + 12 + kSuffix.size() || !name.starts_with(kPrefix) ||
        !name.ends_with(kSuffix)) {
      continue;
    }
    const std::string digits = name.substr(kPrefix.size(), 12);
    if (std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; }))
      found.push_back(entry.path());
  }
  std::ranges::sort(found, std::greater<>());
  return found;
}

}  // namespace

CheckpointFolder::CheckpointFolder(std::string folder, int keep)
    : folder_(std::move(folder)), keep_(std::max(2, keep)) {}

std::string CheckpointFolder::save(const TrainingState& state) const {
  char name[64];
  std::snprintf(name, sizeof name, "checkpoint-%012lld.h5", static_cast<long long>(state.steps));
  const std::string path = (std::filesystem::path(folder_) / name).string();
  save_checkpoint(state, path);
  std::vector<std::filesystem::path> all = checkpoints_in(folder_);
  std::error_code ignored;  // one that cannot be removed only takes room
  for (std::size_t i = static_cast<std::size_t>(keep_); i < all.size(); ++i)
    std::filesystem::remove(all[i], ignored);
  return path;
}

std::optional<CheckpointFolder::Loaded> CheckpointFolder::load_newest() const {
  std::string damaged;
  const auto all = checkpoints_in(folder_);
  for (const std::filesystem::path& path : all) {
    try {
      return Loaded{load_checkpoint(path.string()), path.string(), damaged};
    } catch (const Error& error) {
      damaged += (damaged.empty() ? "" : "\n") + std::string(error.what());
    }
  }
  if (all.empty()) return std::nullopt;
  throw Error(ErrorKind::kInput, "no checkpoint is whole").at(folder_).got(damaged);
}

}  // namespace cutaway::weights
