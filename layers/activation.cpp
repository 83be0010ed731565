#include "layers/activation.h"

#include <array>
#include <cmath>
#include <limits>

#include "layers/graph.h"
#include "runtime/error.h"

namespace cutaway {
namespace {

using kernels::Activation;

/// A function's name, and what its numbers are if nobody says; nan: it has no such number.
struct Function {
  const char* name;
  double alpha, beta;
};
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
// By kernels::Activation.
constexpr std::array kFunctions{
    Function{"sigmoid", kNone, kNone},   Function{"hard_sigmoid", 0.2, 0.5},
    Function{"tanh", kNone, kNone},      Function{"softsign", kNone, kNone},
    Function{"silu", 1.0, kNone},        Function{"hard_swish", kNone, kNone},
    Function{"elu", 1.0, 1.0},           Function{"gelu", kNone, kNone},
    Function{"gelu_tanh", kNone, kNone}, Function{"mish", kNone, kNone},
    Function{"softplus", 1.0, kNone},    Function{"erf", kNone, kNone},
};

const Function& entry_of(Activation function) {
  return kFunctions.at(static_cast<std::size_t>(function));
}

Activation function_named(const std::string& name) {
  for (std::size_t i = 0; i < kFunctions.size(); ++i) {
    if (name == kFunctions[i].name) return static_cast<Activation>(i);
  }
  std::string hint = "did you mean";
  for (const std::string& near : nearest_names(name, activation_names())) hint += " '" + near + "'";
  throw Error(ErrorKind::kInput, "unknown activation function '" + name.substr(0, 64) + "'")
      .hint(hint);
}

/// A number that the function has is read; any other would be an unknown attribute.
double number_of(const Attributes& a, const char* name, double otherwise) {
  return std::isnan(otherwise) ? otherwise : a.number(name, otherwise);
}

void check_number(
    const Function& f, const char* name, double otherwise, double value, bool positive) {
  if (std::isnan(otherwise)) return;
  const auto narrow = static_cast<float>(value);
  if (std::isfinite(narrow) && (!positive || narrow > 1e-30F)) return;
  throw Error(ErrorKind::kInput, std::string(name) + " of " + f.name)
      .expected(positive ? "a positive number" : "a number")
      .got(std::to_string(value));
}

}  // namespace

ActivationLayer::ActivationLayer(Activation function, double alpha, double beta)
    : function_(function), alpha_(alpha), beta_(beta) {
  const Function& f = entry_of(function);
  check_number(f, "alpha", f.alpha, alpha, true);
  check_number(f, "beta", f.beta, beta, function == Activation::kElu);
}

ActivationLayer::ActivationLayer(Activation function)
    : ActivationLayer(function, entry_of(function).alpha, entry_of(function).beta) {}

ActivationLayer::ActivationLayer(const Attributes& a)
    : function_(function_named(a.text("function", ""))),
      alpha_(number_of(a, "alpha", entry_of(function_).alpha)),
      beta_(number_of(a, "beta", entry_of(function_).beta)) {
  *this = ActivationLayer(function_, alpha_, beta_);
}

Attributes ActivationLayer::attributes() const {
  const Function& f = entry_of(function_);
  Attributes a{{"function", std::string(f.name)}};
  if (!std::isnan(f.alpha)) a.set("alpha", alpha_);
  if (!std::isnan(f.beta)) a.set("beta", beta_);
  return a;
}

Shape ActivationLayer::infer(std::span<const Shape> in) const {
  expect_inputs(in, 1);
  return in[0];
}

void ActivationLayer::forward(const Call& c) const {
  kernels::run(c.stream, kernels::Activate{c.in[0].in(), c.out.out(), function()});
}

void ActivationLayer::vjp(const BackCall& c) const {
  if (!c.dx[0]) return;
  kernels::run(c.stream,
               kernels::ActivateBackward{c.in[0].in(), c.dy.in(), c.dx[0].out(), function()});
}

kernels::ActivationFunction ActivationLayer::function() const noexcept {
  const auto number = [](double v) { return std::isnan(v) ? 1.0F : static_cast<float>(v); };
  return {function_, number(alpha_), number(beta_)};
}

const char* ActivationLayer::function_name() const noexcept {
  return kFunctions[static_cast<std::size_t>(function_)].name;
}

bool ActivationLayer::squashes() const noexcept {
  return function_ == Activation::kSigmoid || function_ == Activation::kHardSigmoid ||
         function_ == Activation::kTanh || function_ == Activation::kSoftsign ||
         function_ == Activation::kErf;
}

bool ActivationLayer::never_negative() const noexcept {
  return function_ == Activation::kSigmoid || function_ == Activation::kHardSigmoid ||
         function_ == Activation::kSoftplus;
}

std::vector<std::string> activation_names() {
  std::vector<std::string> names;
  for (const Function& f : kFunctions) names.emplace_back(f.name);
  return names;
}

}  // namespace cutaway
