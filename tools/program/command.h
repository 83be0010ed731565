#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace cutaway::tools {

/// The command line as the verbs see it. CLI11's header costs 4 s of compilation for every source
/// that includes it; command.cpp is the only one.

/// What the value of an option must be.
struct Check {
  enum class Kind { kIntegers, kNumbers, kNames, kPositive, kNonNegative };
  Kind kind;
  double low{}, high{};            ///< kIntegers and kNumbers, both ends included
  std::vector<std::string> names;  ///< kNames
};

[[nodiscard]] Check range(int low, int high);
[[nodiscard]] Check range(double low, double high);
[[nodiscard]] Check one_of(std::vector<std::string> names);
[[nodiscard]] Check positive();
[[nodiscard]] Check non_negative();

/// One option or argument of a command. Refers to it; valid as long as the command.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(&option) {}
  Option& check(const Check& what);
  Option& required();
  /// Shows the variable's present value in --help.
  Option& capture_default_str();
  /// "a,b,c" are three values.
  Option& delimiter(char separator);
  /// Takes `least` to `most` values.
  Option& expected(int least, int most);
  /// May only be given together with the option of that name.
  Option& needs(const std::string& name);
  /// May not be given together with the option of that name.
  Option& excludes(const std::string& name);
  /// Stands below that heading in --help.
  Option& group(const std::string& heading);
  /// A number of bytes, "2GB" or "512 MiB" (of 1024 each).
  Option& as_bytes();

 private:
  CLI::Option* option_;
};

/// The program or one of its verbs.
class Command {
 public:
  /// The program itself.
  Command(const std::string& name, const std::string& description);
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  [[nodiscard]] std::string name() const;
  /// "--name" is an option, "name" an argument in its place; the value lands in `value`, which
  /// outlives the parsing. Types: see the instantiations in command.cpp.
  template <class T>
  Option add_option(const std::string& name, T& value, const std::string& help = "");
  /// "!--no-x" sets false; an int counts.
  template <class T>
  Option add_flag(const std::string& name, T& value, const std::string& help = "");
  /// Stays with this command.
  Command& add_subcommand(const std::string& name, const std::string& description);
  [[nodiscard]] const std::vector<std::unique_ptr<Command>>& subcommands() const {
    return subcommands_;
  }
  /// The long options of this command, "--name".
  [[nodiscard]] std::vector<std::string> option_names() const;
  [[nodiscard]] bool has_option(const std::string& name) const;
  /// What --help prints.
  [[nodiscard]] std::string help() const;
  /// Text below the options in --help.
  void footer(const std::string& text);
  void set_version_flag(const std::string& name, const std::string& text);
  /// One of the sub-commands must be given.
  void require_subcommand();
  /// Options this command does not know are the parent's.
  void fallthrough();
  /// Called when this command was chosen and its options are read.
  void callback(std::function<void()> chosen);
  /// True when the command line chose this command.
  [[nodiscard]] bool parsed() const;

  struct Outcome {
    std::string text;   ///< of --help or --version: nothing is left to do but to print it
    std::string error;  ///< what is wrong with the arguments; empty: nothing
  };
  /// Reads the arguments (without the program's name) into the variables and calls the callbacks.
  [[nodiscard]] Outcome parse(const std::vector<std::string>& arguments);

 private:
  Command(CLI::App& app, Command& parent);
  std::unique_ptr<CLI::App> program_;  // of the program itself
  CLI::App* app_;
  std::vector<std::unique_ptr<Command>> subcommands_;
};

/// For a callback: the argument `name` is missing after all.
[[noreturn]] void throw_missing(const std::string& name);

}  // namespace cutaway::tools
