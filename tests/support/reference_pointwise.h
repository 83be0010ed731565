#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "tests/support/reference_tensor.h"

/// References of layers that work on one place at a time.
namespace cutaway::tests {

inline double ref_sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

inline void ref_activation(const RefCall& r) {
  using F = std::function<double(double x, double alpha, double beta)>;
  static const std::map<std::string, F> functions{
      {"sigmoid", [](double x, double, double) { return ref_sigmoid(x); }},
      {"hard_sigmoid",
       [](double x, double a, double b) { return std::min(1.0, std::max(0.0, a * x + b)); }},
      {"tanh", [](double x, double, double) { return std::tanh(x); }},
      {"softsign", [](double x, double, double) { return x / (1.0 + std::fabs(x)); }},
      {"silu", [](double x, double a, double) { return x * ref_sigmoid(a * x); }},
      {"hard_swish",
       [](double x, double, double) { return x * std::min(6.0, std::max(0.0, x + 3.0)) / 6.0; }},
      {"elu",
       [](double x, double a, double b) { return b * (x > 0.0 ? x : a * (std::exp(x) - 1.0)); }},
      {"gelu",
       [](double x, double, double) { return x / 2.0 * (1.0 + std::erf(x / std::sqrt(2.0))); }},
      {"gelu_tanh",
       [](double x, double, double) {
         return x / 2.0 * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
       }},
      {"mish", [](double x, double, double) { return x * std::tanh(std::log(1.0 + std::exp(x))); }},
      {"erf", [](double x, double, double) { return std::erf(x); }},
      {"softplus", [](double x, double a, double) { return std::log(1.0 + std::exp(a * x)) / a; }},
  };
  const F& f = functions.at(r.a.text("function", ""));
  const double alpha = r.a.number("alpha", 1), beta = r.a.number("beta", 1);
  for (std::size_t i = 0; i < r.y.v.size(); ++i) r.y.v[i] = f(r.in[0].v[i], alpha, beta);
}

inline void ref_prelu(const RefCall& r) {
  for_each(r.y.shape, [&](auto n, auto c, auto h, auto w) {
    const double x = r.in[0].at(n, c, h, w);
    r.y.at(n, c, h, w) = x > 0.0 ? x : x * r.params[0].v[static_cast<std::size_t>(c)];
  });
}

inline void ref_elementwise(const RefCall& r) {
  const auto read = [](const RefTensor& x, auto n, auto c, auto h, auto w) {
    const auto place = [](auto at, std::int64_t extent) { return extent == 1 ? 0 : at; };
    return x.at(place(n, x.shape.n), place(c, x.shape.c), place(h, x.shape.h), place(w, x.shape.w));
  };
  const std::string op = r.a.text("operation", "");
  const bool constant = r.a.flag("constant", false);
  for_each(r.y.shape, [&](auto n, auto c, auto h, auto w) {
    double a = read(r.in[0], n, c, h, w);
    double b = read(constant ? r.params[0] : r.in[1], n, c, h, w);
    if (r.a.flag("reversed", false)) std::swap(a, b);
    r.y.at(n, c, h, w) = op == "add"        ? a + b
                         : op == "subtract" ? a - b
                         : op == "multiply" ? a * b
                         : op == "divide"   ? a / b
                         : op == "maximum"  ? std::max(a, b)
                                            : std::min(a, b);
  });
}

}  // namespace cutaway::tests
