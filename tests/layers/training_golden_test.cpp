// Trainings, schedules and losses against PyTorch (float64; means of Adam part there from float32),
// recorded in tests/golden/training.h5.

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "layers/batch_norm.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/global_pool.h"
#include "layers/max_pool.h"
#include "layers/relu.h"
#include "layers/training/trainer.h"
#include "tests/support/source_dir.h"
#include "weights/hdf5_file.h"

using namespace cutaway;
using Json = nlohmann::json;

namespace {

const weights::Hdf5File& bundle() {
  static const auto file = weights::Hdf5File::open(source_dir() + "/tests/golden/training.h5");
  return file;
}

std::vector<float> values(const std::string& path) { return bundle().read_f32(path, 1 << 20); }

Json options_of(const std::string& group, const char* attribute = "options") {
  return Json::parse(bundle().read_attribute_text(group, attribute, 1000));
}

/// Groups below `group`, in order.
std::vector<std::string> groups(const std::string& group) {
  std::vector<std::string> names;
  for (const weights::Hdf5Child& child : bundle().children(group)) {
    if (child.kind == weights::Hdf5Kind::kGroup) names.push_back(child.name);
  }
  return names;
}

std::vector<std::int32_t> labels_at(const std::string& path) {
  const std::vector<float> stored = values(path);
  return {stored.begin(), stored.end()};
}

Model recorded_net(bool conv2_bias) {
  const kernels::ConvGeometry three{3, 3, 1, 1, 1, 1, 1, 1, 1};
  Graph g({1, 1, 8, 8});
  g.add("conv1", std::make_shared<Conv>(6, three, false));
  g.add("norm1", std::make_shared<BatchNorm>());
  g.add("relu1", std::make_shared<Relu>());
  g.add("pool1", std::make_shared<MaxPool>(kernels::PoolGeometry{2, 2, 2, 2, 0, 0}, false));
  g.add("conv2", std::make_shared<Conv>(10, three, conv2_bias));
  g.add("norm2", std::make_shared<BatchNorm>());
  g.add("relu2", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(4));
  Model m(std::move(g));
  m.parameters = Parameters::zeroed(m.graph);
  for (NodeId id = 0; id < m.graph.size(); ++id) {
    const auto specs = m.graph.parameters(id);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const std::map<std::string, std::string> names{
          {"weight", "weight"}, {"bias", "bias"},         {"gamma", "weight"},
          {"beta", "bias"},     {"mean", "running_mean"}, {"variance", "running_var"}};
      const std::vector<float> w =
          values("/net/" + m.graph.node(id).name + "." + names.at(specs[i].name));
      const std::span<float> to = m.parameters.of(id)[i].f32();
      REQUIRE(w.size() == to.size());
      std::copy(w.begin(), w.end(), to.begin());
    }
  }
  return m;
}

Recipe recipe_of(const std::string& name, const Json& o) {
  Recipe r;
  r.epochs = 200;  // of one update
  r.batch = 16;
  r.optimizer.kind = name == "adam"    ? OptimizerOptions::Kind::kAdam
                     : name == "adamw" ? OptimizerOptions::Kind::kAdamW
                                       : OptimizerOptions::Kind::kSgd;
  r.optimizer.momentum = o["momentum"];
  r.optimizer.nesterov = o.value("nesterov", false);
  r.optimizer.weight_decay = o["decay"][0];
  r.optimizer.bias_decay = o["decay"][1];
  r.optimizer.norm_decay = o["decay"][2];
  r.optimizer.clip_norm = o.value("clip_norm", 0.0f);
  r.optimizer.clip_value = o.value("clip_value", 0.0f);
  r.losses[0].settings.set("smoothing", o.value("smoothing", 0.0));
  r.freeze_batch_norm = o.value("freeze_batch_norm", false);
  r.freeze = o.value("freeze", std::vector<std::string>{});
  r.schedule.kind =
      o.contains("schedule") ? ScheduleOptions::Kind::kCosine : ScheduleOptions::Kind::kConstant;
  r.schedule.rate = o["rate"];
  return r;
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(d <= worst)) worst = d;
  }
  return worst;
}

}  // namespace

TEST_CASE("training golden: 200 losses of every optimiser are PyTorch's to 1e-3") {
  const std::vector<float> images = values("/data/images");
  const std::vector<std::int32_t> labels = labels_at("/data/labels");
  const std::vector<std::string> names = groups("/trainings");
  REQUIRE(names.size() >= 10);
  for (const std::string& name : names) {
    CAPTURE(name);
    const std::string path = "/trainings/" + name;
    const Json options = options_of(path);
    const Model model = recorded_net(options.value("conv2_bias", true));
    Trainer trainer(model, recipe_of(name, options), 1, CpuStream(1));
    const std::vector<float> want = values(path + "/losses");
    double worst = 0.0;
    for (std::size_t step = 0; step < want.size(); ++step) {
      Tensor batch = zeros({16, 1, 8, 8});
      std::vector<std::int32_t> own;
      for (std::size_t i = 0; i < 16; ++i) {
        const std::size_t at = (step * 16 + i) % labels.size();
        std::copy_n(images.begin() + static_cast<std::ptrdiff_t>(at * 64), 64,
                    batch.f32().begin() + static_cast<std::ptrdiff_t>(i * 64));
        own.push_back(labels[at]);
      }
      const double loss = trainer.step(batch, own).loss;
      const double error = std::fabs(loss - static_cast<double>(want[step]));
      if (!(error <= worst)) worst = error;
    }
    CHECK(worst <= 1e-3);
    const Parameters p = trainer.parameters();
    const auto of = [&](const char* node, std::size_t i) {
      return p.of(model.graph.find(node))[i].f32();
    };
    // Weights and running statistics after 200 updates; of the order of 1.
    CHECK(largest_difference(of("fc", 0), values(path + "/fc")) <= 2e-3);
    CHECK(largest_difference(of("norm2", 2), values(path + "/mean2")) <= 2e-3);
    CHECK(largest_difference(of("norm2", 3), values(path + "/variance2")) <= 2e-3);
  }
}

TEST_CASE("training golden: schedules give the rates of torch.optim.lr_scheduler") {
  const std::map<std::string, ScheduleOptions::Kind> kinds{
      {"constant", ScheduleOptions::Kind::kConstant},
      {"step", ScheduleOptions::Kind::kStep},
      {"cosine", ScheduleOptions::Kind::kCosine},
      {"one_cycle", ScheduleOptions::Kind::kOneCycle},
      {"plateau", ScheduleOptions::Kind::kPlateau}};
  const std::vector<float> watched = values("/schedules/watched");
  const std::vector<std::string> names = groups("/schedules");
  REQUIRE(names.size() >= 8);
  for (const std::string& name : names) {
    CAPTURE(name);
    const Json o = options_of("/schedules/" + name);
    ScheduleOptions s;
    s.kind = kinds.at(o["kind"].get<std::string>());
    s.rate = o["rate"];
    s.warmup = o.value("warmup", 0.0);
    s.factor = o.value("factor", s.factor);
    s.every = o.value("every", s.every);
    s.milestones = o.value("milestones", s.milestones);
    s.final_rate = o.value("final_rate", s.final_rate);
    s.rise = o.value("rise", s.rise);
    s.start_divisor = o.value("start_divisor", s.start_divisor);
    s.final_divisor = o.value("final_divisor", s.final_divisor);
    s.patience = o.value("patience", s.patience);
    s.threshold = o.value("threshold", s.threshold);
    const std::vector<float> want = values("/schedules/" + name + "/rates");
    Schedule schedule(s, 10, 8);
    for (std::size_t step = 0; step < want.size(); ++step) {
      CAPTURE(step);
      CHECK(std::fabs(schedule.rate(static_cast<std::int64_t>(step)) - want[step]) <=
            1e-6f * s.rate);
      if (step % 10 == 9) schedule.observe(static_cast<double>(watched[step / 10]));
    }
  }
}

TEST_CASE("training golden: losses on maps and their gradients are those of autograd") {
  const std::vector<std::int32_t> labels = labels_at("/losses/labels");
  const Tensor maps = tensor_of({8, 5, 4, 3}, values("/losses/maps"));
  Graph g({1, 5, 4, 3});
  g.add("maps", std::make_shared<Conv>(5, kernels::ConvGeometry{}, false));
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(4));
  Parameters p = Parameters::zeroed(g);
  const std::vector<float> head = values("/losses/head");
  std::copy(head.begin(), head.end(), p.of(3)[0].f32().begin());
  const std::vector<std::string> names = groups("/losses");
  REQUIRE(names.size() >= 11);
  for (const std::string& name : names) {
    CAPTURE(name);
    const std::string path = "/losses/" + name;
    LossSpec spec;
    spec.kind = bundle().read_attribute_text(path, "kind", 100);
    const Json settings = options_of(path, "settings");
    for (const auto& [key, value] : settings.items()) {
      if (value.is_string()) spec.settings.set(key, value.get<std::string>());
      if (value.is_boolean()) spec.settings.set(key, value.get<bool>());
      if (value.is_number()) spec.settings.set(key, value.get<double>());
    }
    const LossPtr loss = make_loss(spec, g, 3);
    REQUIRE(loss->reads() == std::vector<NodeId>{1});
    if (spec.kind == "centre") {
      std::vector<NamedTensor> centres;
      centres.push_back({"centres", tensor_of({4, 5, 1, 1}, values("/losses/centres"))});
      loss->restore(centres);
    }
    // The gradient is added to what is there, times the weight; maps in blocks of channels.
    Tensor value(kCpuDevice, DType::kF32, maps.shape(), kBlocked16);
    Tensor gradient = zeros(maps.shape(), kBlocked16);
    Stream stream = CpuStream(2);
    for (std::int64_t n = 0; n < 8; ++n) {
      for (std::int64_t c = 0; c < 5; ++c) {
        for (std::int64_t i = 0; i < 12; ++i) {
          value.ref().out().at(n, c, i / 3, i % 3) = maps.ref().in().at(n, c, i / 3, i % 3);
          gradient.ref().out().at(n, c, i / 3, i % 3) = 1.0f;
        }
      }
    }
    const TensorRef in = value.ref(), out = gradient.ref();
    const double got =
        loss->evaluate({stream, {&in, 1}, {&out, 1}, {labels, {}, {}}, p, 100.0, 0.5f});
    const double want = static_cast<double>(values(path + "/value")[0]);
    CHECK(std::fabs(got - want) <= 2e-6 * std::fabs(want));
    const std::vector<float> derivative = values(path + "/gradient");
    double worst = 0.0, largest = 0.0;
    for (std::int64_t k = 0; k < 8 * 5 * 12; ++k) {
      const std::int64_t n = k / 60, c = k / 12 % 5, i = k % 12;
      const double d = 2.0 * (static_cast<double>(out.in().at(n, c, i / 3, i % 3)) - 1.0);
      const auto expected = static_cast<double>(derivative[static_cast<std::size_t>(k)]);
      largest = std::max(largest, std::fabs(expected));
      if (!(std::fabs(d - expected) <= worst)) worst = std::fabs(d - expected);
    }
    // 1 + gradient / 2 in float32 is off by 6e-8, twice that for the gradient.
    CHECK(worst <= 3e-7);
    CHECK(largest > 5e-3);
  }
}
