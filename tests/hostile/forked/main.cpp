// The program many times over, each in a fork of one process that has loaded its libraries: twenty times as many runs
// of a sanitized program a second as by starting it (damaged.py --forked). A run begins where main() would; nothing ran
// in the parent before, so that no run knows of another.
//
// Read from standard input, for every run: a line with the number of words, a file for what it says on standard error,
// the limit of processor time in seconds and of time on the clock; then each word on a line of its own. Answered with
// "STATUS KIBIBYTES SECONDS": what waitpid gave, the largest resident set, processor time.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "tools/program/context.h"

namespace {

struct Request {
  std::vector<std::string> words;
  std::string errors;
  rlim_t processor_seconds{};
  unsigned clock_seconds{};
};

bool read_request(Request& request) {
  std::string line;
  if (!std::getline(std::cin, line)) return false;
  std::istringstream head(line);
  std::size_t count = 0;
  head >> count >> request.errors >> request.processor_seconds >> request.clock_seconds;
  if (!head) return false;
  request.words.resize(count);
  for (std::string& word : request.words) {
    if (!std::getline(std::cin, word)) return false;
  }
  return true;
}

[[noreturn]] void run(const Request& request) {
  const rlimit processor{request.processor_seconds, request.processor_seconds}, core{0, 0};
  setrlimit(RLIMIT_CPU, &processor);
  setrlimit(RLIMIT_CORE, &core);
  const int nothing = open("/dev/null", O_RDWR);
  const int errors = open(request.errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (nothing < 0 || errors < 0) _exit(99);
  dup2(nothing, STDIN_FILENO);
  dup2(nothing, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  close(nothing);
  close(errors);
  std::cin.clear();
  // A run that ends in time ends before this signal, which kills it.
  alarm(request.clock_seconds);
  std::exit(cutaway::tools::run_program(request.words));
}

}  // namespace

int main() {
  Request request;
  while (read_request(request)) {
    const pid_t child = fork();
    if (child < 0) {
      std::perror("fork");
      return 1;
    }
    if (child == 0) run(request);
    int status = 0;
    rusage used{};
    if (wait4(child, &status, 0, &used) != child) return 1;
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    std::printf("%d %ld %.6f\n", status, used.ru_maxrss,
                seconds(used.ru_utime) + seconds(used.ru_stime));
    std::fflush(stdout);
  }
}
