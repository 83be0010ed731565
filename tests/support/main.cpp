// doctest's main, compiled once: its implementation costs 4 s a translation unit.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
