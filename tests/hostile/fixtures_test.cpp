#include <cstdlib>

#include <doctest/doctest.h>

#include "tests/hostile/fixtures.h"

/// For tests/hostile/*.py, which damage these files and kill the program over them.
TEST_CASE("fixtures for the scripts") {
  if (const char* folder = std::getenv("CUTAWAY_FIXTURES")) {
    cutaway::hostile::write_all_formats(folder);
  }
}
