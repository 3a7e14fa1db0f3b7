#!/usr/bin/env bash
# Checks the C++ files' format, then runs clang-tidy over every source that the build compiles (`make lint`).
# Usage: cmake/lint.sh [FILTER]    a regular expression that narrows clang-tidy to the sources whose path it matches
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

git ls-files -z --cached --others --exclude-standard '*.h' '*.cc' | xargs -0 -r clang-format --dry-run -Werror
echo "lint: the format is right"

cmake --preset lint >/dev/null
folders="$PWD/(core|envs|datasets|agents|offline|experiments|tools|tests)"
run-clang-tidy -quiet -p build-lint -header-filter "^$folders/" "^$folders/.*${1:-}.*\\.cc$" 2>/dev/null ||
  { echo "lint: clang-tidy found faults (above)" >&2 && exit 1; }
echo "lint: clang-tidy has nothing to say"
