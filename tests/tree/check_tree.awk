# The rules of check_tree.sh that need more than one grep. Reads sources, prints findings.
# Written for any POSIX awk (Debian's is mawk).

BEGIN {
  # Who may include whom.
  allow("runtime", "runtime")
  allow("kernels", "runtime kernels")
  allow("layers", "runtime kernels layers")
  allow("weights", "runtime kernels layers weights")
  allow("explain", "runtime kernels layers weights explain")
  allow("capi", "runtime kernels layers weights explain capi")
  allow("tools", "runtime kernels layers weights explain tools")
  allow("tests", "runtime kernels layers weights explain tools tests")
  # Inside explain/, from the left to the right: a folder may include itself and what stands before it. What is not
  # named belongs to the engine of explanations, which knows no file format.
  room("explain/pictures", 1)
  room("explain", 2)
  room("explain/report", 3)
  room("explain/runs", 4)
  room("explain/verify", 5)
  room("explain/localization/run", 5)
  room("explain/units/run", 5)
  room("explain/study/run", 6)
  room("explain/visualize/run", 6)
  room("explain/evaluate/run", 7)
  room("explain/compare/run", 8)
  room("explain/training/data", 2)
  room("explain/training/run", 9)
  room("explain/training/transfer", 10)
  room("explain/training/sweep", 10)
  room("explain/training/roar", 10)
  room("explain/graph/features", 5)
  room("explain/graph/files", 5)
  room("explain/graph/run", 6)
  room("explain/graph/show", 7)
  room("explain/graph/evaluation", 8)
  count = split(private, names, " ")
  for (i = 1; i <= count; ++i) is_private[names[i]] = 1
  third_party = "^(cuda|cudnn|cublas|curand|nccl|dnnl|oneapi/|hdf5|H5|mpi|opencv|jpeglib|turbojpeg|png|zlib|omp)"
  third_party = third_party "|^(CLI/|nlohmann/|httplib|kainjow/|Eigen/|google/|benchmark/|doctest/|pybind11/)"
}

function allow(folder, list,   parts, n, k) {
  is_folder[folder] = 1
  n = split(list, parts, " ")
  for (k = 1; k <= n; ++k) allowed[folder, parts[k]] = 1
}

function room(path, rank) { rank_of_room[path] = rank }

# The longest room that holds a file.
function room_of(path) {
  while (sub(/\/[^\/]*$/, "", path)) if (path in rank_of_room) return path
  return ""
}

function check_room(path,   target) {
  target = room_of(path)
  if (own_room == "" || target == "" || target == own_room) return
  if (rank_of_room[target] >= rank_of_room[own_room]) {
    found(FNR, "direction", own_room "/ must not include \"" path "\"")
  }
}

function found(line, rule, message) { print FILENAME ":" line ": " rule ": " message }

function ends_file() {
  if (file != "" && (file ~ /\.(h|hpp|cuh)$/) && !has_once) print file ":1: pragma-once: no #pragma once"
}

# The line without comments and without what stands in quotes.
function code_of(line,   at) {
  if (in_raw) {
    at = index(line, raw_end)
    if (!at) return ""
    line = "\"\"" substr(line, at + length(raw_end))
    in_raw = 0
  }
  if (in_comment) {
    at = index(line, "*/")
    if (!at) return ""
    line = substr(line, at + 2)
    in_comment = 0
  }
  if (match(line, /R"[A-Za-z_]*\(/)) {
    raw_end = ")" substr(line, RSTART + 2, RLENGTH - 3) "\""
    at = index(substr(line, RSTART + RLENGTH), raw_end)
    if (!at) {
      in_raw = 1
      return substr(line, 1, RSTART - 1)
    }
    line = substr(line, 1, RSTART - 1) "\"\"" substr(line, RSTART + RLENGTH + at + length(raw_end) - 1)
  }
  gsub(/'([^'\\]|\\.)'/, "' '", line)
  gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
  sub(/\/\/.*/, "", line)
  gsub(/\/\*[^*]*\*\//, "", line)
  at = index(line, "/*")
  if (at) {
    in_comment = 1
    line = substr(line, 1, at - 1)
  }
  return line
}

function check_include(line,   quoted, path, target) {
  if (!match(line, /[<"][^>"]+[>"]/)) return
  quoted = substr(line, RSTART, 1) == "\""
  path = substr(line, RSTART + 1, RLENGTH - 2)
  target = path
  sub(/\/.*/, "", target)
  if (quoted && !(target in is_folder)) {
    found(FNR, "include-root", "\"" path "\" is not rooted at the repository")
  } else if (quoted && !((folder, target) in allowed)) {
    found(FNR, "direction", folder "/ must not include \"" path "\"")
  } else if (quoted) {
    check_room(path)
    if (own_room == "explain" && target == "weights") {
      found(FNR, "direction", "the engine of explanations must not include \"" path "\"")
    }
  }
  # Its header costs seconds of compilation for every source that reads it.
  if (path ~ /^CLI\// && file != "tools/program/command.cpp") found(FNR, "command-line", "only tools/program/command.cpp knows CLI11")
  if (!public) return
  if (path ~ third_party) found(FNR, "third-party", "<" path "> in a public header")
  if (quoted && (path in is_private || path ~ /\/(cuda|cpu)\//)) {
    found(FNR, "third-party", "private header \"" path "\" in a public header")
  }
}

# A type of a sub-namespace must not hide one of cutaway: which of the two a line means would depend on what was
# included before it, without a word from the compiler.
function check_type(line,   name) {
  if (match(line, /^namespace[ \t]+[a-z_:]+[ \t]*\{/)) {
    space = line
    sub(/^namespace[ \t]+/, "", space)
    sub(/[ \t]*\{.*/, "", space)
    return
  }
  if (file !~ /\.h$/ || folder == "tests" || space !~ /^cutaway/) return
  if (line !~ /^(struct|class|enum class)[ \t]+[A-Z][A-Za-z0-9_]*[^;]*$/) return
  name = line
  sub(/^(struct|class|enum class)[ \t]+/, "", name)
  sub(/[^A-Za-z0-9_].*/, "", name)
  # Nested namespaces of a library may reuse a name deliberately (graph::Layer); its first level may not.
  if (space == "cutaway") root_type[name] = file
  else if (space == "cutaway::explain") explain_type[name] = file ":" FNR
}

# The launch configuration between <<< and >>>: grid, block, bytes, stream.
function check_launch(config,   depth, commas, i, c, last) {
  for (i = 1; i <= length(config); ++i) {
    c = substr(config, i, 1)
    if (c ~ /[({[]/) ++depth
    else if (c ~ /[])}]/) --depth
    else if (c == "," && depth == 0) { ++commas; last = i }
  }
  config = substr(config, last + 1)
  gsub(/[ \t\\]/, "", config)
  if (commas < 3 || config ~ /^(0|nullptr|NULL|cudaStreamLegacy|cudaStreamPerThread)$/) {
    found(launch_line, "default-stream", "a launch without a stream of ours")
  }
}

function scan_launches(line,   at) {
  while (line != "") {
    if (!in_launch) {
      at = index(line, "<<<")
      if (!at) return
      in_launch = 1
      launch_line = FNR
      launch = ""
      line = substr(line, at + 3)
    }
    at = index(line, ">>>")
    if (!at) {
      launch = launch line
      return
    }
    check_launch(launch substr(line, 1, at - 1))
    in_launch = 0
    line = substr(line, at + 3)
  }
}

# Bodies of functions: what a brace opens at the level of namespaces and classes, behind a parenthesis. A longer one
# says why in a comment where it opens.
function scan_functions(line,   c) {
  while (match(line, /[{};]/)) {
    c = substr(line, RSTART, 1)
    statement = statement substr(line, 1, RSTART - 1)
    line = substr(line, RSTART + 1)
    if (c == "{") {
      # Without a space in front it is a value, as in a constructor's list: the statement goes on behind it.
      is_value[++depth] = statement ~ /[A-Za-z0-9_>(,]$/
      if (is_value[depth]) continue
      if (!body && statement ~ /\)/ && statement !~ /^[ \t]*(namespace|class|struct|enum|union|extern)[ \t]/ &&
          statement !~ /^[^(]*=/) {
        body = depth
        opened = FNR
        excused = $0 ~ /\/\/ long: /
      }
    } else if (c == "}") {
      if (is_value[depth--]) continue
      if (body && depth < body) {
        if (FNR - opened - 1 > 60 && !excused) {
          found(opened, "function-length", FNR - opened - 1 " lines, more than 60 (split it, or say // long: why)")
        }
        body = 0
      }
    }
    statement = ""
  }
  statement = statement " " line
}

FNR == 1 {
  ends_file()
  depth = body = 0
  statement = ""
  file = FILENAME
  folder = file
  sub(/\/.*/, "", folder)
  # The umbrella header includes every room.
  space = ""
  own_room = file == "explain/explain.h" ? "" : room_of(file)
  header = file ~ /\.(h|hpp|cuh|inl)$/
  library = folder != "tools" && folder != "tests"
  # Installed, or compiled into what is: the program's own headers and the tests' are nobody's interface.
  public = library && header && file !~ /\/(cuda|cpu)\// && !(file in is_private)
  has_once = in_raw = in_comment = in_launch = 0
}

/^[ \t]*#[ \t]*include/ { if (!in_raw && !in_comment) check_include($0) }

{
  if ($0 ~ /(^|[^A-Za-z_])(TODO|FIXME|XXX|HACK)([^A-Za-z_]|$)/) found(FNR, "unfinished", "finish it, or say why not")
  line = code_of($0)
  if (line ~ /^[ \t]*#[ \t]*pragma[ \t]+once/) has_once = 1
  check_type(line)
  if (folder != "tests" && line !~ /^[ \t]*#/) scan_functions(line)
  if (header && line ~ /(^|[^A-Za-z_])using[ \t]+namespace[ \t]/) found(FNR, "using-namespace", "in a header")
  if (library) {
    if (line ~ /std::(cout|cerr|clog|puts|terminate|exit|abort|quick_exit)([^A-Za-z_]|$)/ ||
        line ~ /(^|[^A-Za-z_.>:])(printf|fprintf|puts|fputs|putchar|exit|_Exit|abort)[ \t]*\(/ ||
        line ~ /(std|[^A-Za-z_])::(printf|fprintf|fputs|putchar|_Exit)[ \t]*\(/) {
      found(FNR, "prints-or-ends", "the library throws cutaway::Error; it never prints, exits or aborts")
    }
    # The child that looks at a damaged file sets its own.
    if (file != "weights/hdf5_vet.cpp" &&
        (line ~ /(^|[^A-Za-z_])(sigaction|signal)[ \t]*\(/ || line ~ /sig_atomic_t/)) {
      found(FNR, "signals", "the library handles no signals; an Observer cancels")
    }
    if (line ~ /(^|[^A-Za-z_])getenv[ \t]*\(/) found(FNR, "environment", "the library does not read the environment")
  }
  if (in_launch || index(line, "<<<")) scan_launches(line)
}

END {
  ends_file()
  for (name in explain_type) {
    if (name in root_type) {
      print explain_type[name] ": hidden-type: cutaway::explain::" name " hides cutaway::" name " of " root_type[name]
    }
  }
}
