#include "explain/training/transfer/linear_svm.h"

#include <linear.h>

#include <algorithm>
#include <cstdlib>

#include "runtime/error.h"

namespace cutaway::training {
namespace {

constexpr double kBias = 1.0;

void say_nothing(const char*) {}

/// A row with the bias behind it, as LIBLINEAR wants it.
void append(std::span<const float> row, std::vector<feature_node>& to) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i] != 0.0f) to.push_back({static_cast<int>(i) + 1, static_cast<double>(row[i])});
  }
  to.push_back({static_cast<int>(row.size()) + 1, kBias});
  to.push_back({-1, 0.0});
}

}  // namespace

struct LinearSvm::Solved {
  ::model* found{nullptr};
  ~Solved() {
    if (found != nullptr) free_and_destroy_model(&found);
  }
};

LinearSvm::LinearSvm(std::span<const float> rows,
                     std::int64_t width,
                     std::span<const std::int32_t> labels,
                     double c)
    : solved_(std::make_unique<Solved>()) {
  if (!(c > 0.0)) throw Error(ErrorKind::kUsage, "cost of the SVM").expected("above 0");
  if (labels.empty() || std::all_of(labels.begin(), labels.end(),
                                    [&](std::int32_t l) { return l == labels.front(); })) {
    throw Error(ErrorKind::kInput, "classes for an SVM").expected("2 or more");
  }
  std::vector<feature_node> nodes;
  std::vector<std::size_t> begins;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    begins.push_back(nodes.size());
    append(rows.subspan(i * static_cast<std::size_t>(width), static_cast<std::size_t>(width)),
           nodes);
  }
  std::vector<feature_node*> pointers;
  for (const std::size_t begin : begins) pointers.push_back(nodes.data() + begin);
  std::vector<double> y(labels.begin(), labels.end());
  problem p{};
  p.l = static_cast<int>(labels.size());
  p.n = static_cast<int>(width) + 1;
  p.y = y.data();
  p.x = pointers.data();
  p.bias = kBias;
  parameter settings{};
  settings.solver_type = L2R_L2LOSS_SVC_DUAL;
  settings.C = c;
  settings.eps = 1e-4;  // scikit-learn's
  set_print_string_function(&say_nothing);
  std::srand(1);  // NOLINT(cert-msc51-cpp): LIBLINEAR visits rows in an order drawn from rand()
  solved_->found = ::train(&p, &settings);
}

LinearSvm::~LinearSvm() = default;

std::int32_t LinearSvm::predict(std::span<const float> row) const {
  std::vector<feature_node> nodes;
  append(row, nodes);
  return static_cast<std::int32_t>(::predict(solved_->found, nodes.data()));
}

}  // namespace cutaway::training
