# What comments, test names and pages refer to: only papers, and documents that the repository holds, so that a
# reader can follow. Reads files, prints findings. -v documents="a.md docs/b.md ..." lists the repository's documents,
# -v anchors="docs/b.md#x ..." their headings. Written for any POSIX awk (Debian's is mawk).

BEGIN {
  count = split(documents, names, " ")
  for (i = 1; i <= count; ++i) is_document[names[i]] = 1
  count = split(anchors, names, " ")
  for (i = 1; i <= count; ++i) is_anchor[names[i]] = 1
}

function found(message) { print FILENAME ":" FNR ": citation: " message }

# Paths are those of the repository or, in a document, of its own folder.
function check_path(path,   at, anchor, beside) {
  at = index(path, "#")
  if (at) {
    anchor = path
    path = substr(path, 1, at - 1)
  }
  beside = FILENAME
  sub(/[^\/]*$/, "", beside)
  if (FILENAME ~ /\.md$/ && (beside path in is_document)) {
    path = beside path
    if (anchor != "") anchor = beside anchor
  }
  sub(/^(\.\.?\/)+/, "", path)
  sub(/^(\.\.?\/)+/, "", anchor)
  sub(/^\//, "", path)
  if (!(path in is_document)) {
    found("the repository has no document " path)
  } else if (anchor != "" && !(anchor in is_anchor)) {
    found("no heading " anchor)
  }
}

{
  line = $0
  gsub(/https?:\/\/[^ )>"]*/, "", line)
  # Documents by path. A number behind one is a section that nobody finds: `docs/x.md#heading` says where.
  rest = line
  while (match(rest, /[A-Za-z0-9_.\/-]*[A-Za-z0-9_-]\.md(#[a-z0-9-]+)?/)) {
    check_path(substr(rest, RSTART, RLENGTH))
    rest = substr(rest, RSTART + RLENGTH)
    if (rest ~ /^`?,? ?((sections?|chapter) [A-K0-9]|[A-K]\.?[0-9]|[0-9]+\.[0-9]|[0-9]+[,;)]|[A-K][,;)])/) {
      found("a section's number: cite a heading, docs/page.md#heading, or the paper")
    }
  }
  # Numbers of sections without a document ("D.8"), but for those of papers ("appendix D.8").
  gsub(/(appendix|Appendix|section|Section|table|Table|figure|Figure|eq\.|equation|theorem|lemma) [A-Z]\.[0-9]+/, "", line)
  if (line ~ /(^|[^A-Za-z0-9_.])([A-K]\.[A-Z]?[0-9][0-9]?[a-z]?|I\.[A-H]|DESIGN,? [0-9]+)([^A-Za-z0-9_]|$)/) {
    found("a section of what? cite the paper and its equation")
  }
  if (FILENAME ~ /^tests\// && line ~ /"([A-Za-z ,-]* \(?)?([A-EG-K]\.?[A-Z]?[0-9][0-9]?|F[0-9])\)?: /) {
    found("a test's name says what is tested, not where that was asked for")
  }
}
