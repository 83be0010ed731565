#!/usr/bin/env bash
# Installs the packages Cutaway is built with (Debian 12). Safe to run again: it installs only
# what is missing, and touches nothing when nothing is.
#
#   tools/setup.sh           compiler, build tools and libraries
#   tools/setup.sh --dev     clang-format and clang-tidy too
#   tools/setup.sh --check   installs nothing; lists what is missing, exit status 1 if anything is
#
# A GPU build also needs the CUDA Toolkit (13) and cuDNN 9 from NVIDIA's repository; without them the build is for CPUs.
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache make
  libdnnl-dev                                  # convolutions and matrix products on the CPU
  libhdf5-dev nlohmann-json3-dev               # model packages
  libjpeg62-turbo-dev libpng-dev               # pictures
  libwebp-dev libtiff-dev                      # and these
  zlib1g-dev libdeflate-dev                    # compressed MAT-files, checksums of archives
  libopencv-core-dev libopencv-imgproc-dev     # drawing
  libeigen3-dev                                # small dense algebra
  liblinear-dev                                # support vector machines
  libcli11-dev                                 # command line
  doctest-dev python3-numpy                    # tests
)
check=false
for argument in "$@"; do
  case "$argument" in
    --dev) packages+=(clang-format clang-tidy) ;;
    --check) check=true ;;
    *)
      echo "setup.sh: unknown option $argument (see the top of this file)" >&2
      exit 2
      ;;
  esac
done

if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
  echo "setup.sh: no apt here; install the counterparts of these packages yourself: ${packages[*]}" >&2
  exit 0  # the build says what it misses
fi

installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}

missing=()
for package in "${packages[@]}"; do
  installed "$package" || missing+=("$package")
done
if [ "${#missing[@]}" -eq 0 ]; then exit 0; fi
echo "setup.sh: missing packages: ${missing[*]}" >&2
if $check; then exit 1; fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo > /dev/null; then
    echo "setup.sh: neither root nor sudo; have an administrator run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}

# The package lists are often absent in fresh containers, and there is no need to fetch them when they are not.
if ! install; then
  "${as_root[@]}" apt-get update ||
    echo "setup.sh: the package lists could not be fetched (no network?)" >&2
  if ! install; then
    echo "setup.sh: could not install: ${missing[*]}" >&2
    echo "setup.sh: is there a network, and does /etc/apt/sources.list name a mirror?" >&2
    exit 1
  fi
fi
