#!/usr/bin/env bash
# pages_test.sh PROGRAM: writes a report and the page of a graph, opens each in headless Chromium with checks that use
# it as a reader would, and says what they found. Exit status 77 where there is no Chromium; the scripts' syntax is then
# still checked if there is node.
set -euo pipefail

program=$1
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
shipped=$root/weights/shipped
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

if command -v node > /dev/null; then
  while IFS= read -r script; do
    node --check "$script" || status=1
  done < <(find "$root/explain" -name '*.js')
fi
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ]; then
  echo "pages_test: skipped: no Chromium here (Debian: apt-get install chromium)"
  [ "$status" -eq 0 ] || exit 1
  exit 77
fi

# Opens a page with the checks at its end; they leave their result in the title.
check_page() {
  local page=$1 checks=$2 result
  sed -e '/<\/body>/,$d' "$page" > "$work/checked.html"
  { sed -n -e 's|</body>.*||p' "$page"; echo "<script>"; cat "$checks"; echo "</script></body></html>"; } \
    >> "$work/checked.html"
  result=$("$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" --window-size=1400,1000 \
    --virtual-time-budget=5000 --dump-dom "file://$work/checked.html" 2> "$work/browser.log" |
    sed -n -e 's|.*<title>\(.*\)</title>.*|\1|p' | head -1) || true
  echo "pages_test: $(basename "$page"): ${result:-no answer}"
  if [ "$result" != PASSED ]; then
    tail -5 "$work/browser.log" >&2
    status=1
  fi
}

"$program" explain "$shipped/creatures.h5" "$shipped/creatures/labels.csv" --out "$work/run" --method gradcam \
  --method saliency > "$work/log" 2>&1
check_page "$work/run/report.html" "$here/report_checks.js"

"$program" dataset make creatures "$work/cats" --seed 1 --count 60 >> "$work/log" 2>&1
"$program" graph learn "$shipped/creatures.h5" --data "$work/cats" --category cat --layers conv4,conv5 --out "$work/cat.h5" \
  >> "$work/log" 2>&1
"$program" graph show "$work/cat.h5" "$shipped/creatures.h5" --data "$work/cats" --category cat --out "$work/show" >> "$work/log" 2>&1
check_page "$work/show/graph.html" "$here/graph_checks.js"

exit "$status"
