#include "weights/checkpoint.h"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "layers/batch_norm.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/global_pool.h"
#include "layers/relu.h"
#include "layers/training/sampler.h"
#include "layers/training/trainer.h"
#include "runtime/error.h"
#include "weights/recipe_json.h"

using namespace cutaway;
using namespace cutaway::weights;

namespace {

/// Its own empty folder, removed at the end.
class Folder {
 public:
  Folder() {
    static int number = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("cutaway_checkpoint_test_" + std::to_string(++number));
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

Model small_net() {
  Graph g({1, 1, 6, 6});
  g.add("conv", std::make_shared<Conv>(8, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}, false));
  g.add("norm", std::make_shared<BatchNorm>());
  g.add("relu", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("drop", std::make_shared<Dropout>(0.2f));
  g.add("fc", std::make_shared<Dense>(3));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 5);
  return m;
}

/// All that has a state: momenta, averages, centres, a plateau, dropout, mixup-like randomness.
Recipe busy_recipe() {
  Recipe r;
  r.epochs = 4;
  r.batch = 6;
  r.seed = 9;
  r.optimizer.kind = OptimizerOptions::Kind::kAdamW;
  r.optimizer.weight_decay = 0.01f;
  r.optimizer.clip_norm = 1.0f;
  r.schedule.kind = ScheduleOptions::Kind::kPlateau;
  r.schedule.rate = 0.01f;
  r.schedule.patience = 0;
  r.losses = {LossSpec{}, LossSpec{"centre", 0.01f, {}},
              LossSpec{"pull_push", 0.1f, {{"warmup_epochs", 1.0}}}};
  r.cutout = 2;
  r.average_decay = 0.9f;
  r.filter_radius = 0.3;
  return r;
}

struct Data {
  Tensor images = zeros({30, 1, 6, 6});
  std::vector<std::int32_t> labels;
  Data() {
    std::mt19937 random(4);
    std::normal_distribution<float> noise;
    for (float& v : images.f32()) v = noise(random);
    for (int i = 0; i < 30; ++i) labels.push_back(static_cast<std::int32_t>(random() % 3));
  }
};

/// Runs updates until `steps` are done; true while the training is not over.
void run(Trainer& trainer, const Data& data, std::int64_t steps) {
  const BatchOrder order = BatchOrder::shuffled(30, 6, trainer.recipe().seed);
  while (trainer.steps() < steps) {
    const auto pictures = order.pictures(trainer.epoch(), trainer.batch_of_epoch());
    Tensor batch = zeros({6, 1, 6, 6});
    std::vector<std::int32_t> labels;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      const auto from = data.images.f32().subspan(static_cast<std::size_t>(pictures[i]) * 36, 36);
      std::copy(from.begin(), from.end(),
                batch.f32().begin() + static_cast<std::ptrdiff_t>(i * 36));
      labels.push_back(data.labels[static_cast<std::size_t>(pictures[i])]);
    }
    const double loss = trainer.step(batch, labels).loss;
    if (trainer.batch_of_epoch() == 0) trainer.observe(loss);
  }
}

bool same_bits(const TrainingState& a, const TrainingState& b) {
  if (a.tensors.size() != b.tensors.size() || a.steps != b.steps || !(a.schedule == b.schedule) ||
      a.average_updates != b.average_updates || a.renormalized != b.renormalized ||
      a.note != b.note || to_json(a.recipe) != to_json(b.recipe)) {
    return false;
  }
  for (std::size_t i = 0; i < a.tensors.size(); ++i) {
    const Tensor &x = a.tensors[i].tensor, &y = b.tensors[i].tensor;
    if (a.tensors[i].name != b.tensors[i].name || !(x.shape() == y.shape()) ||
        std::memcmp(x.ref().data(), y.ref().data(), x.bytes()) != 0) {
      return false;
    }
  }
  return true;
}

void damage(const std::string& path, std::uintmax_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(byte ^ 0x40));
}

}  // namespace

TEST_CASE("checkpoints: a training that is stopped anywhere ends with the same bits") {
  const Model model = small_net();
  const Data data;
  Trainer whole(model, busy_recipe(), 5, CpuStream(2));
  run(whole, data, 20);
  const TrainingState want = whole.state();
  CHECK(want.tensors.size() > 15);
  Folder folder;
  for (const std::int64_t stop : {1, 5, 7, 19}) {
    CAPTURE(stop);
    const std::string path = folder.file("stopped.h5");
    {
      Trainer first(model, busy_recipe(), 5, CpuStream(1));
      run(first, data, stop);
      save_checkpoint(first.state(), path);
    }
    // From a net with other weights: all of them come from the checkpoint.
    Model other = small_net();
    other.parameters = Parameters::initialized(other.graph, 77);
    Trainer second(other, load_checkpoint(path), CpuStream(3));
    CHECK(second.steps() == stop);
    run(second, data, 20);
    CHECK(same_bits(second.state(), want));
  }
  CHECK_FALSE(same_bits(Trainer(model, busy_recipe(), 5, CpuStream(1)).state(), want));
}

TEST_CASE("checkpoints: frozen layers come from the checkpoint too") {
  const Model model = small_net();
  const Data data;
  Recipe recipe = busy_recipe();
  recipe.freeze = {"conv", "norm"};
  Trainer whole(model, recipe, 5, CpuStream(1));
  run(whole, data, 10);
  Folder folder;
  Trainer first(model, recipe, 5, CpuStream(1));
  run(first, data, 4);
  save_checkpoint(first.state(), folder.file("a.h5"));
  Model other = small_net();
  other.parameters = Parameters::initialized(other.graph, 77);
  Trainer second(other, load_checkpoint(folder.file("a.h5")), CpuStream(1));
  run(second, data, 10);
  CHECK(same_bits(second.state(), whole.state()));
  CHECK(std::ranges::equal(whole.parameters().of(1)[0].f32(), model.parameters.of(1)[0].f32()));
}

TEST_CASE("checkpoints: written and read bit for bit, equal bytes for equal states") {
  Trainer trainer(small_net(), busy_recipe(), 5, CpuStream(1));
  run(trainer, Data(), 6);
  TrainingState state = trainer.state();
  state.note = "sha256 of the data: \"abc\"\n";
  Folder folder;
  save_checkpoint(state, folder.file("a.h5"));
  save_checkpoint(state, folder.file("b.h5"));
  CHECK(same_bits(load_checkpoint(folder.file("a.h5")), state));
  const auto bytes = [&](const char* name) {
    std::ifstream file(folder.file(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  CHECK(bytes("a.h5") == bytes("b.h5"));
  CHECK(folder.count() == 2);       // no temporary file is left
  state.schedule.best = 0.1 + 0.2;  // no short decimal
  save_checkpoint(state, folder.file("a.h5"));
  CHECK(load_checkpoint(folder.file("a.h5")).schedule.best == 0.1 + 0.2);
}

TEST_CASE("checkpoints: damage anywhere is found, and the one before is taken") {
  Folder folder;
  const CheckpointFolder checkpoints(folder.path());
  CHECK_FALSE(checkpoints.load_newest());
  Trainer trainer(small_net(), busy_recipe(), 5, CpuStream(1));
  const Data data;
  std::vector<std::string> paths;
  for (const std::int64_t steps : {2, 4, 6}) {
    run(trainer, data, steps);
    paths.push_back(checkpoints.save(trainer.state()));
  }
  CHECK(folder.count() == 2);  // the oldest is gone
  CHECK_FALSE(std::filesystem::exists(paths[0]));
  auto newest = checkpoints.load_newest();
  REQUIRE(newest);
  CHECK(newest->state.steps == 6);
  CHECK(newest->damaged.empty());
  // What is no checkpoint is left alone.
  std::ofstream(folder.file("checkpoint-x.h5")) << "x";
  std::ofstream(folder.file("notes.txt")) << "x";
  const auto size = std::filesystem::file_size(paths[2]);
  for (const std::uintmax_t at :
       {std::uintmax_t{3}, std::uintmax_t{60}, std::uintmax_t{600}, size / 2, size - 1}) {
    CAPTURE(at);
    damage(paths[2], at);
    newest = checkpoints.load_newest();
    REQUIRE(newest);
    CHECK(newest->state.steps == 4);
    CHECK(newest->damaged.find(paths[2]) != std::string::npos);
    damage(paths[2], at);  // the bit back
  }
  CHECK(checkpoints.load_newest()->state.steps == 6);
  std::filesystem::resize_file(paths[2], size - 100);
  CHECK(checkpoints.load_newest()->state.steps == 4);
  std::filesystem::resize_file(paths[2], 0);
  CHECK(checkpoints.load_newest()->state.steps == 4);
  std::filesystem::resize_file(paths[1], 100);
  CHECK_THROWS_AS((void)checkpoints.load_newest(), Error);
}

TEST_CASE("checkpoints: of another net, or a folder that is not there") {
  Folder folder;
  Trainer trainer(small_net(), busy_recipe(), 5, CpuStream(1));
  TrainingState state = trainer.state();
  Graph g({1, 1, 6, 6});
  g.add("conv", std::make_shared<Conv>(4, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}, false));
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(3));
  Model other(std::move(g));
  other.parameters = Parameters::initialized(other.graph, 1);
  try {
    Trainer wrong(other, state, CpuStream(1));
    FAIL("took the state of another net");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    CHECK(error.where() == "parameters/conv/weight");
  }
  CHECK_THROWS_AS((void)CheckpointFolder(folder.file("none")).save(state), Error);
  CHECK_THROWS_AS((void)load_checkpoint(folder.file("none.h5")), Error);
  CHECK_FALSE(CheckpointFolder(folder.file("none")).load_newest());
}
