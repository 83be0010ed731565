#!/usr/bin/env bash
# run.sh PROGRAM LIBRARY SOURCE: tests of the Python package against the program's own files. Exit status 77: no NumPy here.
set -euo pipefail

program=$1 library=$2 source=$3
python=
for candidate in ${PYTHON:-} python3 /usr/bin/python3; do
  if "$candidate" -c 'import numpy' 2> /dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "SKIPPED: no Python 3 with NumPy (Debian: python3-numpy)"
  exit 77
fi
picture=$(find "$source/weights/shipped/creatures/images" -type f | sort | head -1)
CUTAWAY_LIBRARY=$library PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$source/python \
  "$python" "$source/tests/python/test_cutaway.py" "$program" "$source/weights/shipped/creatures.h5" "$picture"
