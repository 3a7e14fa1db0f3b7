#!/usr/bin/env bash
# Installs what Strider is built from: Debian packages, and the pinned wheels of cmake/wheels.txt, unpacked into
# .deps/python (no Python package is installed). Does only what is missing, may be interrupted at any moment and run
# again, and ends with exit code 1 and a line that says what to do when something cannot be had.
#
# Usage: cmake/bootstrap.sh [cuda] [fuzz] [lint]
#   cuda  also the libraries that the `cuda` preset's programs load when they start (cmake/wheels-cuda.txt)
#   fuzz  also clang, whose fuzzer is used
#   lint  also clang-format and clang-tidy
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(cmake ninja-build ccache mold g++ libhdf5-dev libdeflate-dev libeigen3-dev libboost-program-options-dev libfmt-dev
  nlohmann-json3-dev libssl-dev libgtest-dev libgmock-dev libbenchmark-dev gnuplot-nox fonts-dejavu-core)
readonly prefix=.deps/python
readonly glibc_minor=36  # Debian 12's; wheels made for any glibc 2.5 to 2.36 will do

say() { echo "bootstrap: $*"; }
fail() {
  printf 'bootstrap: error: %s\n' "$@" >&2
  exit 1
}

# Installs those of the given Debian packages that are not there.
install_packages() {
  local missing=() package status
  for package in "$@"; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "Debian packages are missing, and installing them needs root or sudo." \
      "Have somebody run as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing the Debian packages ${missing[*]}"
  # A failing update need not matter: the package lists at hand may do, and some other source may be at fault.
  "${as_root[@]}" apt-get update -qq || say "apt-get update failed; going on with the package lists at hand"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" ||
    fail "these Debian packages could not be installed (apt-get says why above): ${missing[*]}"
}

require_space() {  # require_space MIB WHAT
  local free
  free=$(df --output=avail --block-size=1M .deps | tail -n 1)
  ((free >= $1)) || fail "$2 needs $1 MiB of disk space in $PWD/.deps, and $((free)) MiB are free."
}

# Downloads the wheels that the given requirements file pins, checks their hashes, and unpacks them into a folder.
unpack_wheels() {  # unpack_wheels REQUIREMENTS FOLDER
  local platforms=(--platform manylinux2014_x86_64 --platform manylinux1_x86_64) minor
  for ((minor = glibc_minor; minor >= 5; minor--)); do
    platforms+=(--platform "manylinux_2_${minor}_x86_64")
  done
  say "downloading the wheels of $1"
  TMPDIR="$staging" python3 -m pip download --requirement "$1" --dest "$staging/wheels" --no-deps --require-hashes \
    --no-cache-dir --only-binary=:all: --implementation cp --python-version 3.11 "${platforms[@]}" ||
    fail "the wheels of $1 could not be downloaded (pip says why above)." \
      "Is the Python package index reachable? A proxy or a mirror is set as for every use of pip."
  say "unpacking them into $prefix"
  local wheel
  for wheel in "$staging"/wheels/*.whl; do
    python3 -m zipfile -e "$wheel" "$2" || fail "$wheel could not be unpacked into $2 (see above)."
  done
  rm -r "$staging/wheels"
}

# Whether the wheels of this requirements file are in place, in its present wording: see `stamp`.
up_to_date() { cmp --silent "cmake/$1.txt" "$prefix/.$1.txt"; }
# Notes that they are. Comes last, so that an interrupted run is not taken for a finished one.
stamp() { cp "cmake/$1.txt" "$2/.$1.txt"; }

want_cuda=false
want_lint=false
for word in "$@"; do
  case $word in
    cuda) want_cuda=true ;;
    fuzz) packages+=(clang) ;;
    lint) want_lint=true ;;
    *) fail "unknown word '$word': expected cuda, fuzz or lint" ;;
  esac
done

[[ $(uname -sm) == "Linux x86_64" ]] ||
  fail "this is $(uname -sm); LibTorch and MuJoCo are taken as binaries for Linux on x86_64."
command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 || packages+=(python3 python3-pip)
if $want_lint; then packages+=(clang-format clang-tidy); fi
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  install_packages "${packages[@]}"
else
  say "not a Debian system: these packages' equivalents must be there: ${packages[*]}"
fi

mkdir -p .deps
exec 9>.deps/lock
flock 9  # a second bootstrap in the same checkout waits for the first
staging=$PWD/.deps/staging
rm -rf "$staging"
trap 'rm -rf "$staging"' EXIT

if ! up_to_date wheels; then
  require_space 2500 "LibTorch"
  mkdir -p "$staging"
  unpack_wheels cmake/wheels.txt "$staging/python"
  stamp wheels "$staging/python"
  [[ ! -e $prefix ]] || mv "$prefix" "$staging/replaced"
  mv "$staging/python" "$prefix"
fi
if $want_cuda && ! up_to_date wheels-cuda; then
  require_space 8000 "LibTorch's CUDA part"
  mkdir -p "$staging"
  unpack_wheels cmake/wheels-cuda.txt "$prefix"
  stamp wheels-cuda "$prefix"
fi
say "everything is in place"
