// docs/methods.md against the program: every method has a row, with exactly the options it records,
// and their defaults are the defaults.

#include <doctest/doctest.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <set>

#include "explain/session.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/global_pool.h"
#include "layers/relu.h"
#include "tests/support/random_tensor.h"

using namespace cutaway;
using namespace cutaway::explain;

namespace {

using Row = std::vector<std::string>;  // the cells of a line of the table

std::map<std::string, Row> rows_of_page() {
  std::ifstream file(std::string(CUTAWAY_SOURCE_DIR) + "/docs/methods.md");
  REQUIRE(file.good());
  std::map<std::string, Row> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("| `", 0) != 0) continue;
    Row cells;
    for (std::size_t from = 1; from < line.size();) {
      const std::size_t to = std::min(line.find('|', from), line.size());
      cells.push_back(line.substr(from + 1, to - from - 2));
      from = to + 1;
    }
    REQUIRE(cells.size() == 7);
    const std::string name = cells[0].substr(1, cells[0].size() - 2);
    CHECK_FALSE(rows.contains(name));
    rows[name] = cells;
  }
  return rows;
}

Attributes::Value value_of(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  const char* end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto r = std::from_chars(text.data(), end, whole); r.ec == std::errc{} && r.ptr == end)
    return whole;
  double number = 0;
  if (const auto r = std::from_chars(text.data(), end, number); r.ec == std::errc{} && r.ptr == end)
    return number;
  return text;
}

/// NAME=VALUE between backquotes.
std::map<std::string, std::string> options_of(const std::string& cell) {
  std::map<std::string, std::string> options;
  for (std::size_t at = cell.find('`'); at != std::string::npos;) {
    const std::size_t end = cell.find('`', at + 1);
    REQUIRE(end != std::string::npos);
    const std::string text = cell.substr(at + 1, end - at - 1);
    if (const std::size_t equals = text.find('='); equals != std::string::npos)
      options[text.substr(0, equals)] = text.substr(equals + 1);
    at = cell.find('`', end + 1);
  }
  return options;
}

Model tiny() {
  Graph g({1, 3, 8, 8});
  g.add("conv", std::make_shared<Conv>(5, kernels::ConvGeometry{3, 3, 1, 1, 1, 1, 1, 1, 1}));
  g.add("relu", std::make_shared<Relu>());
  g.add("gap", std::make_shared<GlobalAveragePool>());
  g.add("fc", std::make_shared<Dense>(3));
  Model m(std::move(g));
  m.parameters = Parameters::initialized(m.graph, 2);
  return m;
}

Explanation explain_tiny(const Model& m, const std::string& name, const Attributes& options) {
  std::vector<MethodPtr> methods;
  methods.push_back(make_method(name, options));
  Session session(m, std::move(methods), {1, 3, 8, 8}, CpuStream(1));
  (void)session.forward(tests::random_tensor({1, 3, 8, 8}, 3));
  return std::move(session.explain({1}).at(0));
}

}  // namespace

TEST_CASE("docs/methods.md has a row for every method, and no other") {
  const auto rows = rows_of_page();
  std::set<std::string> page;
  for (const auto& [name, row] : rows) {
    page.insert(name);
    for (const std::string& cell : row) CHECK_FALSE(cell.empty());
  }
  const std::vector<std::string> names = method_names();
  CHECK(page == std::set<std::string>(names.begin(), names.end()));
}

TEST_CASE("docs/methods.md has the options that methods record, and their defaults") {
  const Model m = tiny();
  for (const auto& [name, row] : rows_of_page()) {
    CAPTURE(name);
    const auto documented = options_of(row[5]);
    // "..." is what has no default of its own.
    Attributes defaults, values;
    for (const auto& [option, text] : documented) {
      if (text == "...") continue;
      values.set(option, text.empty() ? Attributes::Value(text) : value_of(text));
    }
    const Explanation plain = explain_tiny(m, name, {}), spelled = explain_tiny(m, name, values);
    CHECK(std::ranges::equal(plain.map.f32(), spelled.map.f32()));
    CHECK(plain.options.values() == spelled.options.values());
    // What is recorded is what can be chosen, apart from what follows from it; and what can be
    // chosen is recorded.
    std::set<std::string> recorded, page;
    for (const auto& [option, value] : plain.options.values()) {
      if (option != "regional" && option != "work" && option != "layer_choice")
        recorded.insert(option);
    }
    for (const auto& [option, text] : documented) {
      if (text != "...") page.insert(option);
    }
    CHECK(recorded == page);
    // Options are known, whatever their value means to the method.
    for (const auto& [option, text] : documented) {
      if (text == "...") CHECK_NOTHROW((void)make_method(name, {{option, 0.0}}));
    }
  }
}
