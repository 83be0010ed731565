#include "explain/training/run/train_log.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "runtime/error.h"
#include "runtime/files/atomic_file.h"

namespace cutaway::training {
namespace {

using Json = nlohmann::ordered_json;

double number(const Json& line, const char* name) {
  const auto found = line.find(name);
  return found != line.end() && found->is_number() ? found->get<double>()
                                                   : std::numeric_limits<double>::quiet_NaN();
}

std::int64_t integer(const Json& line, const char* name) {
  const auto found = line.find(name);
  return found != line.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

EpochRecord record_of(const Json& line) {
  EpochRecord r;
  r.epoch = integer(line, "epoch_done");
  r.steps = integer(line, "steps");
  r.loss = number(line, "loss");
  r.accuracy = number(line, "accuracy");
  r.held_back_loss = number(line, "held_back_loss");
  r.held_back_accuracy = number(line, "held_back_accuracy");
  r.rate = number(line, "rate");
  r.weight_norm = number(line, "weight_norm");
  r.dead_filters = integer(line, "dead_filters");
  r.filters = integer(line, "filters");
  r.images_per_second = number(line, "images_per_second");
  return r;
}

}  // namespace

void TrainLog::begin(const std::string& path) {
  path_ = path;
  epochs_.clear();
  pending_.clear();
  files::write_file_atomically(path_, std::string_view());
}

void TrainLog::go_on(std::int64_t steps, std::int64_t epochs) {
  std::ifstream file(path_);
  if (!file) throw Error(ErrorKind::kInput, "the log of the stopped run is missing").at(path_);
  std::string kept, text;
  std::int64_t updates = 0;
  epochs_.clear();
  while (std::getline(file, text)) {
    const Json line = Json::parse(text, nullptr, false);
    if (line.is_discarded() || !line.is_object()) break;  // cut off by a kill
    if (line.contains("step")) {
      if (integer(line, "step") > steps) break;
      ++updates;
    } else if (integer(line, "epoch_done") > epochs) {
      break;
    } else {
      epochs_.push_back(record_of(line));
    }
    kept += text + "\n";
  }
  if (updates != steps || static_cast<std::int64_t>(epochs_.size()) != epochs) {
    throw Error(ErrorKind::kInput, "the log does not reach to the checkpoint")
        .at(path_)
        .expected(std::to_string(steps) + " updates")
        .got(std::to_string(updates));
  }
  file.close();
  pending_.clear();
  files::write_file_atomically(path_, kept);
}

void TrainLog::add(std::int64_t step,
                   std::int64_t epoch,
                   const Trainer& trainer,
                   const Trainer::Result& r,
                   std::int64_t batch) {
  Json line{{"step", step},
            {"epoch", epoch},
            {"loss", r.loss},
            {"accuracy", static_cast<double>(r.correct) / static_cast<double>(batch)},
            {"rate", static_cast<double>(r.rate)}};
  if (r.gradient_norm > 0.0) line["gradient_norm"] = r.gradient_norm;
  for (std::size_t i = 0; i < trainer.losses().size(); ++i) {
    const Loss& loss = *trainer.losses()[i];
    const std::string kind(loss.kind());
    if (trainer.losses().size() > 1) line[kind] = r.parts[i];
    for (const auto& [name, value] : loss.figures()) line[kind + "." + name] = value;
  }
  append(line.dump());
}

void TrainLog::add(const EpochRecord& r) {
  epochs_.push_back(r);
  append(Json{{"epoch_done", r.epoch},
              {"steps", r.steps},
              {"loss", r.loss},
              {"accuracy", r.accuracy},
              {"held_back_loss", r.held_back_loss},
              {"held_back_accuracy", r.held_back_accuracy},
              {"rate", r.rate},
              {"weight_norm", r.weight_norm},
              {"dead_filters", r.dead_filters},
              {"filters", r.filters},
              {"images_per_second", r.images_per_second}}
             .dump());
}

void TrainLog::append(std::string_view line) {
  pending_ += line;
  pending_ += '\n';
}

void TrainLog::save() {
  std::ofstream file(path_, std::ios::app | std::ios::binary);
  file.write(pending_.data(), static_cast<std::streamsize>(pending_.size()));
  file.flush();
  if (!file) {
    throw Error(ErrorKind::kInternal, "cannot write the log").at(path_).got(std::strerror(errno));
  }
  pending_.clear();
}

}  // namespace cutaway::training
