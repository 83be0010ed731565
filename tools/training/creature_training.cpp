#include "tools/training/creature_training.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>

#include "explain/localization/box.h"
#include "explain/network.h"
#include "explain/pictures/preprocess.h"
#include "explain/session.h"
#include "explain/tensor_math.h"
#include "layers/training/trainer.h"
#include "runtime/error.h"
#include "runtime/philox.h"
#include "runtime/progress.h"
#include "tools/creatures/creatures.h"
#include "weights/fold.h"
#include "weights/zoo/zoo.h"

namespace cutaway::tools {

using namespace explain;
namespace {

Image picture(const creatures::Creature& c) { return {c.size, c.size, c.rgb}; }

/// Rendered pictures as bytes: 12,000 of 96 pixels take 332 MB.
struct Pictures {
  int size{0};
  std::vector<std::uint8_t> rgb;
  std::vector<std::int32_t> labels;
};

Pictures render_all(int size, std::uint64_t seed, std::int64_t count, const Context& context) {
  Pictures all;
  all.size = size;
  const auto bytes = static_cast<std::size_t>(3 * size * size);
  all.rgb.resize(bytes * static_cast<std::size_t>(count));
  all.labels.resize(static_cast<std::size_t>(count));
  creatures::Options options;
  options.size = size;
  options.seed = seed;
  Progress progress(context.observer(), "render", count);
  const int threads = CpuStream(context.common.threads).threads();
#pragma omp parallel for schedule(dynamic, 16) num_threads(threads)
  for (std::int64_t i = 0; i < count; ++i) {
    const creatures::Creature c = creatures::render(options, static_cast<std::uint64_t>(i));
    std::ranges::copy(c.rgb, all.rgb.begin() + static_cast<std::ptrdiff_t>(bytes) * i);
    all.labels[static_cast<std::size_t>(i)] = c.label;
#pragma omp critical
    progress.add();
  }
  return all;
}

/// Moves and mirrors a picture: shift up to 8 pixels with repeated edges, mirrored half of the
/// time.
Image augmented(const Pictures& all,
                std::size_t index,
                const Philox& random,
                std::uint64_t counter) {
  const Philox::Block b = random.block(counter);
  const int size = all.size;
  const bool mirror = (b.v[0] & 1u) != 0;
  const int dx = static_cast<int>(b.v[1] % 17u) - 8;
  const int dy = static_cast<int>(b.v[2] % 17u) - 8;
  const std::uint8_t* from = all.rgb.data() + static_cast<std::size_t>(3 * size * size) * index;
  Image image = make_image(size, size);
  for (int y = 0; y < size; ++y) {
    const int sy = std::clamp(y + dy, 0, size - 1);
    for (int x = 0; x < size; ++x) {
      const int moved = std::clamp(x + dx, 0, size - 1);
      const int sx = mirror ? size - 1 - moved : moved;
      const std::uint8_t* p = from + 3 * (sy * size + sx);
      image.set(x, y, {p[0], p[1], p[2]});
    }
  }
  return image;
}

/// The order of an epoch: Fisher-Yates with counter-based numbers.
std::vector<std::size_t> shuffled(std::size_t count, const Philox& random) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = count - 1; i > 0; --i) {
    std::swap(order[i], order[random.word(i) % (i + 1)]);
  }
  return order;
}

/// Returns the number of updates.
std::int64_t fit(Trainer& trainer,
                 const Pictures& all,
                 const weights::Preprocess& rule,
                 const Shape& shape,
                 const CreatureTraining& o,
                 const Context& context,
                 const std::function<void(std::int64_t)>& after_epoch) {
  const auto batch = static_cast<std::size_t>(o.batch);
  const std::int64_t per_epoch = static_cast<std::int64_t>(all.labels.size() / batch);
  const std::int64_t total = per_epoch * o.epochs;
  const int threads = CpuStream(context.common.threads).threads();
  Progress progress(context.observer(), "train", total);
  Tensor input = zeros(shape);
  std::vector<std::int32_t> labels(batch);
  std::int64_t updates = 0;
  double smooth_loss = 0.0;
  for (std::int64_t epoch = 0; epoch < o.epochs; ++epoch) {
    const auto e = static_cast<std::uint64_t>(epoch);
    const std::vector<std::size_t> order =
        shuffled(all.labels.size(), {context.common.seed, 1000 + 2 * e});
    const Philox random{context.common.seed, 1001 + 2 * e};
    for (std::int64_t step = 0; step < per_epoch; ++step) {
      throw_if_cancelled(context.observer());
#pragma omp parallel for schedule(static) num_threads(threads)
      for (std::size_t i = 0; i < batch; ++i) {
        const std::size_t index = order[static_cast<std::size_t>(step) * batch + i];
        fill_input(augmented(all, index, random, index), rule, input.ref().out(),
                   static_cast<std::int64_t>(i));
        labels[i] = all.labels[index];
      }
      const float rate =
          cosine_rate(updates, total, std::min<std::int64_t>(100, total / 10), o.rate);
      const Trainer::Result r = trainer.step(input, labels, rate);
      smooth_loss = updates == 0 ? r.loss : 0.98 * smooth_loss + 0.02 * r.loss;
      ++updates;
      char note[64];
      std::snprintf(note, sizeof note, "epoch %lld, loss %.3f", static_cast<long long>(epoch + 1),
                    smooth_loss);
      progress.add(1, note);
    }
    after_epoch(epoch + 1);
  }
  return updates;
}

}  // namespace

CreatureScore score_on_creatures(const weights::Package& package,
                                 std::uint64_t seed,
                                 std::uint64_t first,
                                 std::int64_t count,
                                 const Context& context) {
  Shape shape = package.model.graph.node(0).shape;
  shape.n = std::min<std::int64_t>(32, count);
  std::vector<MethodPtr> methods;
  methods.push_back(make_method("cam"));
  Session session(package.model, std::move(methods), shape, context.stream());
  creatures::Options options;
  options.size = static_cast<int>(shape.h);
  options.seed = seed;
  const int threads = CpuStream(context.common.threads).threads();
  std::int64_t right = 0;
  std::int64_t found = 0;
  for (std::int64_t at = 0; at < count; at += shape.n) {
    throw_if_cancelled(context.observer());
    const std::int64_t now = std::min(shape.n, count - at);
    Tensor input = zeros(shape);
    std::vector<creatures::Creature> truth(static_cast<std::size_t>(now));
    std::vector<std::int64_t> targets(static_cast<std::size_t>(shape.n), 0);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (std::int64_t i = 0; i < now; ++i) {
      auto& c = truth[static_cast<std::size_t>(i)];
      c = creatures::render(options, first + static_cast<std::uint64_t>(at + i));
      fill_input(resize_and_crop(picture(c), package.preprocess), package.preprocess,
                 input.ref().out(), i);
      targets[static_cast<std::size_t>(i)] = c.label;
    }
    const Tensor& scores = session.forward(std::move(input));
    for (std::int64_t i = 0; i < now; ++i) {
      right += arg_max(scores, i) == targets[static_cast<std::size_t>(i)] ? 1 : 0;
    }
    const auto maps = session.explain(targets);
    const Tensor large = upsample(maps[0].map, shape.h, shape.w);
    const auto plane = static_cast<std::size_t>(shape.plane());
    for (std::int64_t i = 0; i < now; ++i) {
      const auto& c = truth[static_cast<std::size_t>(i)];
      const Map map{large.f32().subspan(static_cast<std::size_t>(i) * plane, plane),
                    static_cast<int>(shape.h), static_cast<int>(shape.w)};
      const auto box = largest_component(map, 0.2f);
      found += box && iou(*box, {c.x1, c.y1, c.x2, c.y2}) >= 0.5 ? 1 : 0;
    }
  }
  const double all = static_cast<double>(count);
  return {static_cast<double>(right) / all, static_cast<double>(found) / all};
}

TrainedNet train_on_creatures(const CreatureTraining& o, const Context& context) {
  const auto start = std::chrono::steady_clock::now();
  weights::ZooNet net = weights::build_zoo(
      o.architecture, {static_cast<std::int64_t>(creatures::class_names().size())});
  Shape shape = net.graph.node(0).shape;
  if (shape.c != 3 || shape.h != shape.w || shape.h > 1024) {
    throw Error(ErrorKind::kUnsupported, "creatures are square colour pictures")
        .at(o.architecture)
        .got(to_string(shape));
  }
  shape.n = o.batch;
  Model model(std::move(net.graph));
  model.parameters = Parameters::initialized(model.graph, context.common.seed);
  const Pictures all = render_all(static_cast<int>(shape.h), context.common.seed,
                                  std::max(o.images, o.batch), context);

  Trainer::Options options;
  options.batch = o.batch;
  options.optimizer.nesterov = true;
  options.optimizer.weight_decay = o.weight_decay;
  options.label_smoothing = o.smoothing;
  options.filter_radius = o.filter_radius;
  options.seed = context.common.seed;
  options.engines = context.engines();
  Trainer trainer(model, logits_node(model.graph), options, context.stream());
  std::string command = "cutaway";
  for (const std::string& word : context.argv) command += " " + word;
  const auto package_now = [&]() -> weights::Package {
    model.parameters = trainer.parameters();
    return {weights::fold_batch_norm(model),
            net.preprocess,
            creatures::class_names(),
            {"trained", "creatures", {}, {}, command}};
  };
  const std::int64_t updates =
      fit(trainer, all, net.preprocess, shape, o, context, [&](std::int64_t epoch) {
        const bool wanted =
            std::find(o.checkpoints.begin(), o.checkpoints.end(), epoch) != o.checkpoints.end();
        if (wanted && o.checkpoint) o.checkpoint(package_now(), epoch);
      });
  TrainedNet result{package_now(), o.held_out, updates, trainer.renormalized(), 0, 0, 0};
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const CreatureScore score = score_on_creatures(
      result.package, context.common.seed, CreatureTraining::kHeldOutFirst, o.held_out, context);
  result.accuracy = score.accuracy;
  result.localization = score.localization;
  return result;
}

}  // namespace cutaway::tools
