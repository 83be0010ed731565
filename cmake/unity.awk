# Sorts sources into groups that can be compiled as one translation unit each (cmake/unity.cmake):
#
#   awk -v most=N -v headers=K -f unity.awk HEADER... SOURCE...     the first K files are headers
#
# Prints "NUMBER PATH" for every source, 0 for one that is compiled alone. Two sources fit together when neither uses a
# name that the other declares for itself: in an anonymous namespace, as static, by #define or by an alias. A source that
# declares such a name although a header declares it too, in the same namespace or in one around it, is compiled alone.
# Sources that open namespaces (using namespace) are joined only with those that open the same. Names are found by the
# shape of the line, and wherever they occur counts, so that too few may be joined; what is joined wrongly the compiler
# refuses.

FNR == 1 {
  ++file
  path[file] = FILENAME
  anonymous = 0
  space = ""
}

{
  whole = $0
  gsub(/\\["\\]/, "", $0)
  gsub(/"[^"]*"/, "\"\"", $0)
  sub(/\/\/.*/, "", $0)
  if (whole ~ /^namespace [a-z_:]+ \{/) {
    space = whole
    sub(/^namespace /, "", space)
    sub(/ .*/, "", space)
  }
  if (whole ~ /^namespace \{/) {
    anonymous = 1
    next
  }
  if (whole ~ /^\}  \/\/ namespace$/) anonymous = 0
  name = declared($0)
  if (file <= headers) {
    if (name != "" && last[name] != file) {
      ++in_headers[name]
      last[name] = file
    }
    if (name != "") in_header[$0 ~ /^# *define / ? "" : space, name] = 1
    next
  }
  if ($0 ~ /^using namespace /) {
    name = $0
    gsub(/^using namespace |;.*/, "", name)
    opened[file] = opened[file] name "\n"
  }
  # using other_space::Name; is of no harm unless there are several of that name.
  if ($0 ~ /^using [^=]*::[A-Za-z_0-9]+;/) {
    sub(/;.*/, "", $0)
    name = $0
    sub(/.*::/, "", name)
    imported[file, ++imports[file]] = name
  }
  if (name != "" && (anonymous || $0 ~ /^static / || $0 ~ /^using [A-Za-z_0-9]+ *=/ || $0 ~ /^# *define/)) {
    own[file, ++owns[file]] = name
    own_space[file, owns[file]] = space
  }
  count = split($0, words, /[^A-Za-z_0-9]+/)
  for (i = 1; i <= count; ++i) {
    if (words[i] ~ /^[A-Za-z_]/ && !((file, words[i]) in seen)) {
      seen[file, words[i]] = 1
      use[file, ++uses[file]] = words[i]
    }
  }
}

# The name that a line in the first column declares, or "".
function declared(line,    name) {
  if (line ~ /^# *define /) {
    sub(/^# *define +/, "", line)
    return leading(line)
  }
  if (line !~ /^[A-Za-z_]/) return ""
  sub(/^template *<.*> */, "", line)
  if (line ~ /^(struct|class|enum|union) /) {
    sub(/^(struct|enum class|class|enum|union) +/, "", line)
    sub(/^alignas\([^)]*\) */, "", line)
    return leading(line)
  }
  if (line ~ /^using +[A-Za-z_0-9]+ *=/) {
    sub(/^using +/, "", line)
    return leading(line)
  }
  if (line ~ /^(using|namespace) /) return ""
  if (match(line, /[A-Za-z_0-9:~]+ *\(/)) {
    name = substr(line, RSTART, RLENGTH - 1)
    sub(/ +$/, "", name)
    if (name !~ /:|~/ && name !~ /^(if|for|while|switch|return|operator|alignas|decltype|noexcept)$/) return name
  }
  if (match(line, /[A-Za-z_0-9]+ *(\[[^\]]*\] *)*[={;]/)) return leading(substr(line, RSTART))
  return ""
}

function leading(text) {
  return match(text, /^[A-Za-z_][A-Za-z_0-9]*/) ? substr(text, 1, RLENGTH) : ""
}

# A header declares the name in that namespace or in one around it.
function meets_header(around, name) {
  for (; ; sub(/(^|::)[a-z_]+$/, "", around)) {
    if ((around, name) in in_header) return 1
    if (around == "") return 0
  }
}

function stands_alone(f,    i, j, count, spaces) {
  for (i = 1; i <= owns[f]; ++i) {
    if (meets_header(own_space[f, i], own[f, i])) return 1
    count = split(opened[f], spaces, "\n")
    for (j = 1; j < count; ++j) {
      if (meets_header(spaces[j], own[f, i])) return 1
    }
  }
  for (i = 1; i <= imports[f]; ++i) {
    if (in_headers[imported[f, i]] > 1) return 1
  }
  return 0
}

function fits(f, g,    i) {
  if (size[g] >= most || (size[g] && opened[f] != opens[g])) return 0
  for (i = 1; i <= owns[f]; ++i) {
    if ((g, own[f, i]) in group_uses) return 0
  }
  for (i = 1; i <= uses[f]; ++i) {
    if ((g, use[f, i]) in group_owns) return 0
  }
  return 1
}

END {
  for (f = headers + 1; f <= file; ++f) {
    group = 0
    if (!stands_alone(f)) {
      for (group = 1; group <= groups && !fits(f, group); ++group) {
      }
      if (group > groups) groups = group
      ++size[group]
      opens[group] = opened[f]
      for (i = 1; i <= owns[f]; ++i) group_owns[group, own[f, i]] = 1
      for (i = 1; i <= uses[f]; ++i) group_uses[group, use[f, i]] = 1
    }
    print group, path[f]
  }
}
