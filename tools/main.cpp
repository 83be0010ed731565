#include <string>
#include <vector>

#include "tools/program/context.h"

int main(int argc, char** argv) {
  return cutaway::tools::run_program(std::vector<std::string>(argv + 1, argv + argc));
}
