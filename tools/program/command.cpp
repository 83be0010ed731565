#include "tools/program/command.h"

#include <cstdint>
#include <sstream>
#include <utility>

#include <CLI/CLI.hpp>

namespace cutaway::tools {

Check range(int low, int high) {
  return {Check::Kind::kIntegers, static_cast<double>(low), static_cast<double>(high), {}};
}
Check range(double low, double high) { return {Check::Kind::kNumbers, low, high, {}}; }
Check one_of(std::vector<std::string> names) {
  return {Check::Kind::kNames, 0, 0, std::move(names)};
}
Check positive() { return {Check::Kind::kPositive, 0, 0, {}}; }
Check non_negative() { return {Check::Kind::kNonNegative, 0, 0, {}}; }

Option& Option::check(const Check& what) {
  switch (what.kind) {
    case Check::Kind::kIntegers:
      option_->check(CLI::Range(static_cast<int>(what.low), static_cast<int>(what.high)));
      break;
    case Check::Kind::kNumbers:
      option_->check(CLI::Range(what.low, what.high));
      break;
    case Check::Kind::kNames:
      option_->check(CLI::IsMember(what.names));
      break;
    case Check::Kind::kPositive:
      option_->check(CLI::PositiveNumber);
      break;
    case Check::Kind::kNonNegative:
      option_->check(CLI::NonNegativeNumber);
      break;
  }
  return *this;
}

Option& Option::required() {
  option_->required();
  return *this;
}
Option& Option::capture_default_str() {
  option_->capture_default_str();
  return *this;
}
Option& Option::delimiter(char separator) {
  option_->delimiter(separator);
  return *this;
}
Option& Option::expected(int least, int most) {
  option_->expected(least, most);
  return *this;
}
Option& Option::needs(const std::string& name) {
  option_->needs(name);
  return *this;
}
Option& Option::excludes(const std::string& name) {
  option_->excludes(name);
  return *this;
}
Option& Option::group(const std::string& heading) {
  option_->group(heading);
  return *this;
}
Option& Option::as_bytes() {
  option_->transform(CLI::AsSizeValue(false));
  return *this;
}

Command::Command(const std::string& name, const std::string& description)
    : program_(std::make_unique<CLI::App>(description, name)), app_(program_.get()) {}
Command::Command(CLI::App& app, Command& /*parent*/) : app_(&app) {}
Command::~Command() = default;

std::string Command::name() const { return app_->get_name(); }

template <class T>
Option Command::add_option(const std::string& name, T& value, const std::string& help) {
  return Option(*app_->add_option(name, value, help));
}
template <class T>
Option Command::add_flag(const std::string& name, T& value, const std::string& help) {
  return Option(*app_->add_flag(name, value, help));
}

#define CUTAWAY_OPTION_OF(...) \
  template Option Command::add_option(const std::string&, __VA_ARGS__&, const std::string&)
CUTAWAY_OPTION_OF(std::string);
CUTAWAY_OPTION_OF(int);
CUTAWAY_OPTION_OF(std::int64_t);
CUTAWAY_OPTION_OF(std::uint64_t);
CUTAWAY_OPTION_OF(float);
CUTAWAY_OPTION_OF(double);
CUTAWAY_OPTION_OF(std::vector<std::string>);
CUTAWAY_OPTION_OF(std::vector<int>);
CUTAWAY_OPTION_OF(std::vector<std::int64_t>);
CUTAWAY_OPTION_OF(std::vector<double>);
#undef CUTAWAY_OPTION_OF
template Option Command::add_flag(const std::string&, bool&, const std::string&);
template Option Command::add_flag(const std::string&, int&, const std::string&);

Command& Command::add_subcommand(const std::string& name, const std::string& description) {
  CLI::App& app = *app_->add_subcommand(name, description);
  return *subcommands_.emplace_back(new Command(app, *this));
}

std::vector<std::string> Command::option_names() const {
  std::vector<std::string> names;
  for (const CLI::Option* option : std::as_const(*app_).get_options()) {
    for (const std::string& word : option->get_lnames()) names.push_back("--" + word);
  }
  return names;
}
bool Command::has_option(const std::string& name) const {
  return app_->get_option_no_throw(name) != nullptr;
}
std::string Command::help() const { return app_->help(); }
void Command::footer(const std::string& text) { app_->footer(text); }
void Command::set_version_flag(const std::string& name, const std::string& text) {
  app_->set_version_flag(name, text);
}
void Command::require_subcommand() { app_->require_subcommand(1); }
void Command::fallthrough() { app_->fallthrough(); }
void Command::callback(std::function<void()> chosen) { app_->callback(std::move(chosen)); }
bool Command::parsed() const { return app_->parsed(); }

Command::Outcome Command::parse(const std::vector<std::string>& arguments) {
  try {
    app_->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::Success& success) {
    std::ostringstream text;
    app_->exit(success, text, text);
    return {.text = text.str(), .error = {}};
  } catch (const CLI::ParseError& error) {
    return {.text = {}, .error = error.what()};
  }
  return {};
}

void throw_missing(const std::string& name) { throw CLI::RequiredError(name); }

}  // namespace cutaway::tools
