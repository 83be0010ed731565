# Sorts sources into groups that can be compiled as one translation unit each (cmake/unity.cmake):
#
#   awk -v most=N -v headers=K -f unity.awk HEADER... SOURCE...     the first K files are headers, .h and .inl
#
# Paths are relative to the root of the sources, as in #include. Prints "NUMBER PATH" for every source. Two sources fit
# together when neither uses a name that the other declares for itself (in an anonymous namespace, as static, by #define
# or by an alias), and when neither brings a header that declares a name which the other declares or imports without
# having seen that header. Names are found by the shape of the line, and wherever they occur counts, so that too few may
# be joined; what is joined wrongly the compiler refuses.

FNR == 1 {
  ++file
  path[file] = FILENAME
  number_of[FILENAME] = file
  anonymous = 0
  inl = FILENAME ~ /\.inl$/
}

{
  whole = $0
  if (whole ~ /^ *# *include "/) {
    name = whole
    sub(/^[^"]*"/, "", name)
    sub(/".*/, "", name)
    included[file, ++includes[file]] = name
    next
  }
  gsub(/\\["\\]/, "", $0)
  gsub(/"[^"]*"/, "\"\"", $0)
  sub(/\/\/.*/, "", $0)
  if (whole ~ /^namespace \{/) {
    anonymous = 1
    next
  }
  if (whole ~ /^\}  \/\/ namespace$/) anonymous = 0
  name = declared($0)
  if (file <= headers && !inl) {
    if (name != "" && last[name] != file) {
      declares[name, ++declarers[name]] = file
      last[name] = file
    }
    next
  }
  if (name != "" && (anonymous || $0 ~ /^static / || $0 ~ /^using [A-Za-z_0-9]+ *=/ || $0 ~ /^# *define/))
    own[file, ++owns[file]] = name
  if ($0 ~ /^using .*::[A-Za-z_0-9]+;/) {
    name = $0
    sub(/;.*/, "", name)
    sub(/.*::/, "", name)
    imported[file, ++imports[file]] = name
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

# Marks in sees[f, ...] every header that source f includes, and takes over the private names of its .inl files.
function follow(f, from,    i, j, header) {
  for (i = 1; i <= includes[from]; ++i) {
    header = number_of[included[from, i]]
    if (header == "" || (f, header) in sees) continue
    sees[f, header] = 1
    seen_by[f, ++sights[f]] = header
    for (j = 1; j <= owns[header]; ++j) own[f, ++owns[f]] = own[header, j]
    for (j = 1; j <= uses[header]; ++j) use[f, ++uses[f]] = use[header, j]
    follow(f, header)
  }
}

# True when some header that declares `name` is known to group g but not to source f.
function brought(name, f, g,    i) {
  for (i = 1; i <= declarers[name]; ++i) {
    if ((g, declares[name, i]) in group_sees && !((f, declares[name, i]) in sees)) return 1
  }
  return 0
}

function fits(f, g,    i, h) {
  if (size[g] >= most) return 0
  for (i = 1; i <= owns[f]; ++i) {
    if ((g, own[f, i]) in group_uses || brought(own[f, i], f, g)) return 0
  }
  for (i = 1; i <= imports[f]; ++i) {
    if (brought(imported[f, i], f, g)) return 0
  }
  for (i = 1; i <= uses[f]; ++i) {
    if ((g, use[f, i]) in group_owns) return 0
  }
  # The other way round: a header of f that declares what a member has for itself.
  for (i = 1; i <= sights[f]; ++i) {
    h = seen_by[f, i]
    if ((g, h) in group_avoids) return 0
  }
  return 1
}

# Headers that declare `name` and that member f has not seen must stay out of its group.
function avoid(name, f, g,    i) {
  for (i = 1; i <= declarers[name]; ++i) {
    if (!((f, declares[name, i]) in sees)) group_avoids[g, declares[name, i]] = 1
  }
}

END {
  for (f = headers + 1; f <= file; ++f) follow(f, f)
  for (f = headers + 1; f <= file; ++f) {
    for (group = 1; group <= groups && !fits(f, group); ++group) {
    }
    if (group > groups) groups = group
    ++size[group]
    for (i = 1; i <= owns[f]; ++i) {
      group_owns[group, own[f, i]] = 1
      avoid(own[f, i], f, group)
    }
    for (i = 1; i <= imports[f]; ++i) avoid(imported[f, i], f, group)
    for (i = 1; i <= uses[f]; ++i) group_uses[group, use[f, i]] = 1
    for (i = 1; i <= sights[f]; ++i) group_sees[group, seen_by[f, i]] = 1
    print group, path[f]
  }
}
