// Verification: its figures, and models of Keras held to what Keras computed.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "explain/verify/verify.h"
#include "tests/support/source_dir.h"
#include "weights/import/formats.h"
#include "weights/import/importer.h"

using namespace cutaway;
using namespace cutaway::explain;

TEST_CASE("figures of a distance") {
  const std::vector<float> a{1, 2, 3}, b{1, 2, 4};
  const Distance d = distance(a, b);
  CHECK(d.largest == 1);
  CHECK(d.relative == 0.25);
  CHECK(d.rms == doctest::Approx(1 / std::sqrt(21.0)));
  CHECK(d.cosine == doctest::Approx(17 / std::sqrt(14.0 * 21.0)));
  const std::vector<float> zero(3, 0.0f);
  CHECK(agrees(distance(zero, zero), 0));
  CHECK_FALSE(agrees(distance(a, zero), 1e6));
  CHECK(std::isinf(distance(a, zero).relative));
}

TEST_CASE("small models of Keras, models in models among them, compute what Keras computed") {
  const std::string fixtures = source_dir() + "/tests/golden/keras/";
  for (const char* name : {"net", "sequential", "nested", "transfer"}) {
    for (const char* form : {".h5", ".keras"}) {
      INFO(name << form);
      const weights::Source source = weights::open_source({fixtures + name + form});
      weights::Imported net =
          weights::import_weights(source, *source.graph, source.bind(*source.graph, ""));
      const Verification v =
          verify({std::move(net.model), {}, {}, {}}, Reference(fixtures + name + ".bundle.h5"), {},
                 CpuStream(1), {});
      CHECK(v.rows.size() >= 7);
      CHECK(v.ok());
      CHECK_FALSE(std::any_of(v.rows.begin(), v.rows.end(),
                              [](const Comparison& row) { return row.by_rounding; }));
    }
  }
}
