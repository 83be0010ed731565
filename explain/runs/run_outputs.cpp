#include "explain/runs/run_outputs.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <set>
#include <utility>

#include "explain/pictures/write_image.h"
#include "explain/runs/named_record.h"
#include "explain/runs/report_pages.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/folder.h"
#include "runtime/files/npy.h"

namespace cutaway::explain {
namespace {

namespace fs = std::filesystem;

// What an end of the process without warning costs.
constexpr std::int64_t kRowsAPart = 256;

std::vector<std::int64_t> part_numbers(const std::string& folder) {
  std::vector<std::int64_t> numbers;
  std::error_code code;
  for (fs::directory_iterator it(folder, code), last; !code && it != last; it.increment(code)) {
    const std::string stem = it->path().stem().string();
    std::int64_t n = 0;
    const auto r = std::from_chars(stem.data(), stem.data() + stem.size(), n);
    const bool whole = r.ec == std::errc{} && r.ptr == stem.data() + stem.size();
    if (whole && it->path().extension() == ".h5") numbers.push_back(n);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

void RunOutputs::write_files(ImageOutcome& outcome) {
  if (job_.pack) {
    for (MapCell& cell : outcome.spooled.cells)
      if (!cell.values.empty()) cell.file = "maps.h5";
    return;
  }
  if (!job_.raw && !job_.pictures) return;
  folder_.make_room_for(outcome.stem);
  std::vector<MapCell>& cells = outcome.spooled.cells;
  const std::vector<std::string> bases = names_.of(outcome.stem, cells);
  std::set<std::string> written;  // two targets of one class are one file
  for (std::size_t i = 0; i < cells.size(); ++i) {
    MapCell& cell = cells[i];
    if (cell.values.empty()) continue;
    const bool fresh = written.insert(bases[i]).second;
    if (job_.raw) {
      const std::vector<std::int64_t> extents{cell.channels, cell.height, cell.width};
      const std::vector<std::uint8_t> bytes = files::npy_bytes(extents, cell.values);
      cell.file = bases[i] + ".npy";
      cell.file_bytes = bytes.size();
      if (fresh)
        files::write_file_atomically(folder_.file(cell.file), bytes, files::Durability::kRename);
    }
    if (!job_.pictures) continue;
    if (!job_.raw) cell.picture = bases[i] + ".png";
    if (!fresh) continue;
    const Image& photo = outcome.spooled.row.photo;
    const Painted painted = paint(cell, photo, package_.preprocess, job_.paint);
    files::write_file_atomically(folder_.file(bases[i] + ".png"),
                                 encode_png(figure(painted, photo, job_.paint), {1}),
                                 files::Durability::kRename);
  }
}

Record RunOutputs::line_of(const ImageOutcome& o) const {
  Record line{{"image", o.number}, {"name", o.entry.name}};
  if (o.entry.label) line["label"] = *o.entry.label;
  if (!o.spooled.row.error.empty()) {
    line["error"] = o.spooled.row.error;
    return line;
  }
  line["correct"] = o.spooled.row.correct ? Record(*o.spooled.row.correct) : Record(nullptr);
  Record predictions = Record::array();
  for (const auto& [name, p] : o.predictions) predictions.push_back({name, p});
  line["predictions"] = std::move(predictions);
  Record maps = Record::array();
  for (const MapCell& cell : o.spooled.cells) {
    Record map{{"method", cell.method}, {"layer", cell.layer}, {"target", cell.target}};
    if (cell.values.empty()) {
      map["missing"] = cell.warning;
      if (cell.refused) map["refused"] = true;
    } else {
      map["class"] = cell.class_index;
      map["class_name"] = cell.class_name;
      if (!cell.note.empty()) map["note"] = cell.note;
      if (!cell.varies.empty()) map["varies"] = record_of(cell.varies);
      if (!cell.warning.empty()) map[cell.refused ? "doubt" : "warning"] = cell.warning;
      if (!cell.file.empty()) map["file"] = cell.file;
      if (!cell.picture.empty()) map["picture"] = cell.picture;
      if (cell.file_bytes > 0) map["bytes"] = cell.file_bytes;
    }
    maps.push_back(std::move(map));
  }
  line["maps"] = std::move(maps);
  return line;
}

void RunOutputs::add(ImageOutcome& outcome) {
  const bool good = outcome.spooled.row.error.empty();
  if (good) write_files(outcome);
  if (job_.pack && good) {
    if (!part_) {
      files::make_folder(parts_folder());
      part_name_ = parts_folder() + "/" + std::to_string(outcome.number) + ".h5";
      part_ = std::make_unique<PackWriter>(part_name_);
    }
    part_->add(outcome.number, valid_utf8(outcome.entry.name), outcome.spooled.cells);
  }
  const std::int64_t wanted =
      std::max(job_.report ? job_.report_rows : 0, job_.pictures ? kSheetRows : 0);
  if (outcome.number < wanted) spool_.put(outcome.number, outcome.spooled);
  lines_.push_back(line_of(outcome));
}

std::vector<Record> RunOutputs::commit(bool last) {
  if (part_ && (last || part_->rows() >= kRowsAPart)) {
    part_->close();
    part_.reset();
  }
  if (part_) return {};
  return std::exchange(lines_, {});
}

void RunOutputs::drop_parts(std::int64_t first) const {
  for (const std::int64_t n : part_numbers(parts_folder())) {
    std::error_code ignored;
    if (n >= first) fs::remove(parts_folder() + "/" + std::to_string(n) + ".h5", ignored);
  }
}

void RunOutputs::merge_parts() const {
  const std::vector<std::int64_t> numbers = part_numbers(parts_folder());
  if (numbers.empty()) return;
  std::vector<std::string> parts;
  std::vector<std::int64_t> ends;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    parts.push_back(parts_folder() + "/" + std::to_string(numbers[i]) + ".h5");
    ends.push_back(i + 1 < numbers.size() ? numbers[i + 1]
                                          : std::numeric_limits<std::int64_t>::max());
  }
  merge_packs(parts, ends, folder_.claim("maps.h5"));
}

void RunOutputs::clean() const {
  std::error_code ignored;
  fs::remove_all(parts_folder(), ignored);
  spool_.remove();
}

bool RunOutputs::files_are_there(const Record& line, const std::string& out) {
  if (!line.contains("maps")) return true;
  for (const Record& map : line["maps"]) {
    if (!map.contains("bytes")) continue;
    std::error_code code;
    const auto size = fs::file_size(out + "/" + map["file"].get<std::string>(), code);
    if (code || size != map["bytes"].get<std::uint64_t>()) return false;
  }
  return true;
}

}  // namespace cutaway::explain
