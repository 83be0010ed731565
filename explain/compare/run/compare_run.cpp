#include "explain/compare/run/compare_run.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "explain/compare/evidence.h"
#include "explain/compare/pca.h"
#include "explain/compare/run/collection.h"
#include "explain/compare/run/layer_set.h"
#include "explain/compare/run/plan.h"
#include "explain/compare/run/plots.h"
#include "explain/compare/run/rows.h"
#include "explain/compare/tsne.h"
#include "explain/evaluate/run/outputs.h"
#include "explain/network.h"
#include "explain/pictures/write_image.h"
#include "explain/render/panel.h"
#include "explain/render/render.h"
#include "explain/runs/load_network.h"
#include "explain/runs/run_folder.h"
#include "explain/runs/run_manifest.h"
#include "explain/runs/steps.h"
#include "explain/study/features.h"
#include "explain/study/run/page.h"
#include "runtime/error.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/output_check.h"

namespace cutaway::explain {
namespace {
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kMostPixels = std::int64_t{1} << 28;  // numbers of all inputs: 1 GiB
const std::vector<std::int64_t> kRecallAt{1, 5, 10};

Map map_of(const Tensor& t) {
  return {t.f32(), static_cast<int>(t.shape().h), static_cast<int>(t.shape().w)};
}

class CompareRun {
 public:
  CompareRun(const CompareJob& job, const weights::Package& package, const RunContext& context)
      : job_(job),
        package_(package),
        graph_(package.model.graph),
        context_(context),
        threads_(context.settings.cpu_threads()),
        folder_(job.out),
        page_("Pictures compared", job.model_path) {
    if (job.representations.empty() || job.distances.empty()) {
      throw Error(ErrorKind::kUsage, "no representation or distance is asked for");
    }
    requests_ = compare_requests(job, graph_);
  }

  CompareSummary run() {
    std::vector<std::string> reads = job_.inputs;
    reads.push_back(job_.model_path);
    folder_.open(existing(job_.resume, job_.overwrite), reads);
    // A dump that a stopped run left is that run's.
    files::check_outputs({.reads = reads,
                          .writes = {job_.dump},
                          .folders = {},
                          .overwrite = job_.overwrite || (job_.resume && folder_.stopped())});
    steps_.emplace(folder_, job_.resume, compare_identity(job_, package_, context_),
                   context_.observer);
    if (steps_->complete_before()) {
      summary_.complete_before = true;
      summary_.report = folder_.file("report.html");
      summary_.manifest = folder_.last();
      return std::move(summary_);
    }
    steps_->run(context_.observer, [&] { compare(); });
    return std::move(summary_);
  }

 private:
  void compare() {
    folder_.begin();
    set_ = collect(job_, package_, requests_, context_, *steps_, "features");
    if (set_.size() < 2) {
      throw Error(ErrorKind::kInput, "comparison")
          .at(job_.inputs.front())
          .expected("at least two pictures that can be read")
          .got(std::to_string(set_.size()));
    }
    summary_.images = set_.size();
    summary_.failed = static_cast<std::int64_t>(set_.failures.size());
    summary_.classes = set_.labelled() ? static_cast<std::int64_t>(set_.class_names.size()) : 0;
    measure_pixels();
    for (std::size_t k = 1; k < set_.features.size(); ++k) measure(k);  // 0: the pixels
    write_statistics();
    if (set_.size() == 2) {
      pair_report();
    } else {
      neighbors();
      striking();
      maps();
    }
    if (set_.size() > 2) against_layers();  // of two pictures, any two layers are alike
    if (!job_.dump.empty()) write_dump(job_.dump, set_, graph_);
    finish();
  }

  [[nodiscard]] const std::string& name_of(std::size_t k) const {
    return graph_.node(set_.features[k].request.layer).name;
  }

  void measure_pixels() {
    if (set_.features[0].vectors.rows * set_.features[0].vectors.columns > kMostPixels) {
      context_.observer.warn("too many pictures for distances of pixels: they are left out");
    } else {
      pixels_ = pairwise_distances(set_.features[0].vectors, DistanceKind::kEuclidean, threads_);
      add_row("input", "flat", "euclidean", pixels_);
    }
  }

  void add_row(const std::string& layer,
               const std::string& representation,
               const std::string& distance,
               const DistanceMatrix& matrix) {
    CompareRow row{layer, representation, distance, {}, kNaN, {}, {kNaN, kNaN}};
    if (summary_.classes > 0) {
      row.pairs = pair_statistics(matrix, set_.classes);
      row.silhouette = silhouette(matrix, set_.classes);
      row.retrieval = retrieval(matrix, set_.classes, kRecallAt);
    } else {
      row.pairs.ratio = row.pairs.auc = row.pairs.accuracy = kNaN;
      row.retrieval.recall.assign(kRecallAt.size(), kNaN);
      row.retrieval.mean_average_precision = kNaN;
    }
    if (pixels_.n > 0) row.pixels = correlate(matrix, pixels_);
    summary_.rows.push_back(std::move(row));
  }

  void measure(std::size_t k) {
    const LayerFeatures& f = set_.features[k];
    const char* representation = to_string(f.request.representation);
    const bool asked = std::ranges::find(job_.representations, f.request.representation) !=
                           job_.representations.end() ||
                       f.maps.plane() == 1;
    for (const DistanceKind d : job_.distances) {
      throw_if_cancelled(context_.observer);
      if (!compares_maps(d)) {
        if (asked) {
          add_row(name_of(k), representation, to_string(d),
                  pairwise_distances(f.vectors, d, threads_));
        }
      } else if (f.request.representation == Representation::kFlat && f.maps.plane() > 1) {
        const MapSet maps{f.vectors, f.maps, f.masks.rows > 0 ? &f.masks : nullptr};
        add_row(name_of(k), "maps", to_string(d),
                pairwise_distances(maps, d, threads_, context_.observer));
      }
    }
  }

  void write_statistics() {
    write("statistics.csv", statistics_csv(summary_.rows));
    page_.section(
        "Which layer knows the class",
        summary_.classes > 0
            ? "Within over across classes (below 1: classes hold together); area under the "
              "ROC curve of 'same class'; accuracy at equal error; silhouette; leave-one-out "
              "retrieval; rank correlation with the distance of the pixels."
            : "The pictures have no classes: only the correlation with the distance of the "
              "pixels is known.");
    page_.table({"layer", "ratio", "AUC", "accuracy", "silhouette", "recall@1", "mAP", "pixels"},
                statistics_table(summary_.rows));
  }

  /// The last layer that is not the class scores, in the first representation.
  [[nodiscard]] std::size_t deepest() const {
    const NodeId logits = logits_node(graph_);
    std::size_t best = 0;
    for (std::size_t k = 1; k < set_.features.size(); ++k) {
      const FeatureRequest& r = set_.features[k].request;
      if (r.layer == logits ||
          (set_.features[k].maps.plane() > 1 && r.representation != job_.representations.front())) {
        continue;
      }
      best = k;
    }
    return best;
  }

  [[nodiscard]] DistanceKind vector_distance() const {
    for (const DistanceKind d : job_.distances) {
      if (!compares_maps(d)) return d;
    }
    return DistanceKind::kCosine;
  }

  /// "17 (0.31), 4 (0.12)": what adds most to a likeness, or to a distance.
  [[nodiscard]] std::string why(const FeatureMatrix& vectors,
                                std::int64_t a,
                                std::int64_t b) const {
    const auto values = contributions(vectors.row(a), vectors.row(b), DistanceKind::kCosine);
    std::string text;
    for (const std::int64_t k : largest(values, 3)) {
      text += (text.empty() ? "" : ", ") + std::to_string(k) + " (" +
              format_number(values[static_cast<std::size_t>(k)]) + ")";
    }
    return text;
  }

  void neighbors() {
    const std::size_t k = deepest();
    const FeatureMatrix& vectors = set_.features[k].vectors;
    const DistanceMatrix matrix = pairwise_distances(vectors, vector_distance(), threads_);
    std::string csv = "picture,class,rank,neighbor,neighbor_class,distance,channels\n";
    const auto class_text = [&](std::int64_t i) {
      const std::int64_t c = set_.classes[static_cast<std::size_t>(i)];
      return c < 0 ? std::string() : set_.class_names[static_cast<std::size_t>(c)];
    };
    for (std::int64_t i = 0; i < set_.size(); ++i) {
      int rank = 0;
      for (const Neighbor& n : nearest(matrix, i, job_.neighbors)) {
        csv += csv_field(set_.names[static_cast<std::size_t>(i)]) + "," + csv_field(class_text(i)) +
               "," + std::to_string(++rank) + "," +
               csv_field(set_.names[static_cast<std::size_t>(n.index)]) + "," +
               csv_field(class_text(n.index)) + "," + csv_value(n.distance) + "," +
               csv_field(why(vectors, i, n.index)) + "\n";
      }
    }
    write("neighbors.csv", csv);
    page_.section("Nearest pictures",
                  "At " + name_of(k) + ", " + to_string(vector_distance()) +
                      ". Under each neighbour its distance, and the channels that add most to the "
                      "cosine; the heat says where in it that likeness lies (at " +
                      graph_.node(default_layer(graph_).node).name + ").");
    for (std::int64_t q = 0; q < std::min(job_.queries, set_.size()); ++q) {
      const std::int64_t i = q * set_.size() / std::min(job_.queries, set_.size());
      sheet(i, nearest(matrix, i, job_.neighbors), vectors);
    }
  }

  /// Pictures in full size with their maps.
  struct Seen {
    std::int64_t index;
    Image image;
    Tensor maps;
  };
  std::vector<Seen> look(const std::vector<std::int64_t>& indices) {
    if (!maps_at_) {
      maps_at_ = std::make_unique<Features>(
          package_.model, std::vector<NodeId>{default_layer(graph_).node},
          Evaluator::Resources{context_.settings.stream(), context_.settings.engines()});
    }
    std::vector<std::int64_t> places;
    for (const std::int64_t i : indices) places.push_back(set_.places[static_cast<std::size_t>(i)]);
    std::vector<Seen> seen(indices.size());
    revisit(job_, package_, places, context_,
            [&](std::size_t k, const Image& image, const Tensor& input) {
              seen[k] = {indices[k], image, std::move(maps_at_->of(input).at(0))};
            });
    for (const Seen& s : seen) {
      if (s.image.empty()) throw Error(ErrorKind::kInput, "a picture is gone").at(job_.inputs[0]);
    }
    return seen;
  }

  [[nodiscard]] std::string caption(std::int64_t i) const {
    const std::int64_t c = set_.classes[static_cast<std::size_t>(i)];
    return c < 0 ? set_.names[static_cast<std::size_t>(i)]
                 : set_.class_names[static_cast<std::size_t>(c)];
  }

  void sheet(std::int64_t query, const std::vector<Neighbor>& found, const FeatureMatrix& vectors) {
    std::vector<std::int64_t> indices{query};
    for (const Neighbor& n : found) indices.push_back(n.index);
    const std::vector<Seen> seen = look(indices);
    std::vector<Tile> tiles{{enlarged(seen[0].image), caption(query), "query"}};
    for (std::size_t k = 1; k < seen.size(); ++k) {
      const Tensor where = likeness_map(seen[k].maps, seen[0].maps);
      const Image shown = enlarged(overlay(seen[k].image, map_of(where)).image);
      tiles.push_back(
          {shown, caption(indices[k]),
           format_number(found[k - 1].distance) + ": " + why(vectors, query, indices[k])});
    }
    page_.picture(grid(tiles, static_cast<int>(tiles.size())),
                  set_.names[static_cast<std::size_t>(query)],
                  set_.names[static_cast<std::size_t>(query)]);
  }

  void striking() {
    if (summary_.classes == 0) return;
    const FeatureMatrix& vectors = set_.features[deepest()].vectors;
    const StrikingPairs pairs = striking_pairs(
        pairwise_distances(vectors, vector_distance(), threads_), set_.classes, job_.pairs);
    std::string csv = "sort,first,second,distance\n";
    const auto add = [&](const char* sort, const std::vector<PicturePair>& of,
                         const std::string& heading) {
      std::vector<Tile> tiles;
      for (const PicturePair& p : of) {
        csv += std::string(sort) + "," + csv_field(set_.names[static_cast<std::size_t>(p.first)]) +
               "," + csv_field(set_.names[static_cast<std::size_t>(p.second)]) + "," +
               csv_value(p.distance) + "\n";
        for (const Seen& s : look({p.first, p.second})) {
          tiles.push_back({enlarged(s.image), caption(s.index), format_number(p.distance)});
        }
      }
      if (tiles.empty()) return;
      page_.section(heading, "Two and two.");
      page_.picture(grid(tiles, 4), heading, "");
    };
    add("alike_across", pairs.alike_across, "Most alike across classes");
    add("unlike_within", pairs.unlike_within, "Least alike within a class");
    write("pairs.csv", csv);
  }

  void maps() {
    const FeatureMatrix& vectors = set_.features[deepest()].vectors;
    const Pca pca = principal_components(vectors, 2, threads_);
    summary_.divergence = summary_.trustworthiness = kNaN;
    PlaneEmbedding e;
    if (job_.tsne && set_.size() >= 5) {
      e = tsne(vectors, {}, threads_, context_.observer);
      summary_.divergence = e.divergence;
      const std::int64_t k = std::min<std::int64_t>(10, (set_.size() - 1) / 2);
      summary_.trustworthiness = trustworthiness(vectors, e.points, k, threads_);
    }
    std::string csv = "picture,class,pc1,pc2,tsne1,tsne2\n";
    for (std::int64_t i = 0; i < set_.size(); ++i) {
      csv += csv_field(set_.names[static_cast<std::size_t>(i)]) + "," + csv_field(caption(i));
      for (std::int64_t k = 0; k < 2; ++k) {
        csv += "," +
               csv_value(k < pca.scores.columns
                             ? static_cast<double>(pca.scores.row(i)[static_cast<std::size_t>(k)])
                             : kNaN);
      }
      for (std::size_t k = 0; k < 2; ++k) {
        csv += "," + csv_value(e.points.rows > 0 ? static_cast<double>(e.points.row(i)[k]) : kNaN);
      }
      csv += "\n";
    }
    write("maps.csv", csv);
    page_.section("Maps of the pictures", "At " + name_of(deepest()) + ".");
    if (pca.scores.columns == 2) {
      const std::string title =
          "principal components: " + format_number(100 * pca.variance_ratio[0]) + " and " +
          format_number(100 * pca.variance_ratio[1]) + " % of the variance";
      add_svg("pca.svg", scatter_svg(title, pca.scores, set_.classes, set_.thumbnails));
    }
    if (e.points.rows > 0) {
      const std::string title = "t-SNE: divergence " + format_number(e.divergence) +
                                ", perplexity " + format_number(e.perplexity) +
                                ", trustworthiness " + format_number(summary_.trustworthiness);
      add_svg("tsne.svg", scatter_svg(title, e.points, set_.classes, set_.thumbnails));
    }
  }

  void add_svg(const std::string& file, const std::string& svg) {
    write(file, svg + "\n");
    page_.charts({svg}, file);
  }

  /// Writes the CKA of layers against layers to a file and onto the page.
  void add_cka(const std::string& stem,
               const std::string& title,
               const LayerSet& rows,
               const LayerSet& columns) {
    const auto values =
        linear_cka_matrix(rows.vectors, columns.vectors, threads_, context_.observer);
    write(stem + ".csv", cka_csv(rows, columns, values));
    add_svg(stem + ".svg", matrix_svg(title, rows.names, columns.names, values, 0.0, 1.0));
  }

  /// The same pictures through another network, each as that one wants them.
  void against_other() {
    const weights::Package other = load_network(job_.other);
    std::vector<FeatureRequest> requests;
    for (const NodeId layer : compared_layers(other.model.graph)) {
      const bool plane = other.model.graph.node(layer).shape.plane() > 1;
      requests.push_back(
          {layer, plane ? job_.representations.front() : Representation::kGap, false});
    }
    const Collection theirs = collect(job_, other, requests, context_, *steps_, "other features");
    if (theirs.names != set_.names) {
      throw Error(ErrorKind::kInput, "the other network could not use the same pictures")
          .at(job_.other)
          .expected(std::to_string(set_.size()))
          .got(std::to_string(theirs.size()));
    }
    page_.section("Layers against those of the other network",
                  job_.other +
                      " in columns. Linear CKA over the pictures does not depend on the "
                      "number, order or rotation of channels.");
    add_cka("cka_other", "linear CKA, this network and the other",
            layers_of(set_, graph_, job_.representations.front()),
            layers_of(theirs, other.model.graph, job_.representations.front()));
  }

  void against_layers() {
    if (!job_.other.empty()) against_other();
    page_.section("Layer against layer", std::string("Linear CKA of ") +
                                             to_string(job_.representations.front()) +
                                             " vectors over the pictures (Kornblith et al. 2019).");
    const LayerSet layers = layers_of(set_, graph_, job_.representations.front());
    add_cka("cka", "linear CKA", layers, layers);
  }

  void pair_report() {
    const std::vector<Seen> seen = look({0, 1});
    const PairEvidence a = pair_evidence(seen[0].maps, seen[1].maps);
    const PairEvidence b = pair_evidence(seen[1].maps, seen[0].maps);
    page_.section("What the net sees in both, and in one alone",
                  "At " + graph_.node(default_layer(graph_).node).name +
                      ": activation of channels up to their lesser mean, and what exceeds it. "
                      "Overlap (sum of lesser means over sum of greater ones): " +
                      format_number(a.overlap) + ".");
    std::vector<Tile> tiles;
    for (const bool second : {false, true}) {
      const Seen& s = seen[second ? 1 : 0];
      const PairEvidence& e = second ? b : a;
      tiles.push_back({s.image, set_.names[second ? 1 : 0], ""});
      tiles.push_back({overlay(s.image, map_of(e.shared)).image, "in both", ""});
      tiles.push_back({overlay(s.image, map_of(e.alone)).image, "here alone", ""});
    }
    const Image sheet = grid(tiles, 3);
    write_png(folder_.claim("pair.png"), sheet);
    page_.picture(sheet, "the pair", "");
  }

  void write(const std::string& file, const std::string& text) {
    files::write_file_atomically(folder_.claim(file), text);
  }

  void finish() {
    std::vector<std::string> representations, distances, layers;
    for (const Representation r : job_.representations) representations.emplace_back(to_string(r));
    for (const DistanceKind d : job_.distances) distances.emplace_back(to_string(d));
    std::set<NodeId> seen;
    for (const FeatureRequest& r : requests_) {
      if (r.layer != 0 && seen.insert(r.layer).second) layers.push_back(graph_.node(r.layer).name);
    }
    const NamedValues fields{{"layers", layers},
                             {"representations", representations},
                             {"distances", distances},
                             {"pictures", summary_.images},
                             {"classes", summary_.classes}};
    summary_.report = folder_.file("report.html");
    write("report.html", page_.html(context_.origin.argv, fields));
    Manifest m =
        start_manifest(job_.model_path, weights::weights_hash(package_.model), package_, context_);
    m.methods = {{"compare", "", "", "", fields}};
    m.counts = {summary_.images + summary_.failed, summary_.images, summary_.failed,
                summary_.images};
    m.failures = set_.failures;
    m.extra.push_back(folder_.files());
    summary_.manifest = folder_.last();
    write_manifest(summary_.manifest, m);
    folder_.end();
  }

  const CompareJob& job_;
  const weights::Package& package_;
  const Graph& graph_;
  const RunContext& context_;
  int threads_;
  RunFolder folder_;
  std::optional<Steps> steps_;
  StudyPage page_;
  std::vector<FeatureRequest> requests_;
  Collection set_;
  DistanceMatrix pixels_;
  std::unique_ptr<Features> maps_at_;
  CompareSummary summary_;
};

}  // namespace

CompareSummary run_compare(const CompareJob& job,
                           const weights::Package& package,
                           const RunContext& context) {
  return CompareRun(job, package, context).run();
}

}  // namespace cutaway::explain
