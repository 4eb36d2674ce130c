#!/usr/bin/env bash
# header_alone.sh COMPILER HEADER: the header compiles as the first thing in a file. Run from the repository root
# after the `fuzz` or `dev` preset generated proto/ (./dev lint does both).
set -euo pipefail
for generated in build/fuzz/proto/gen build/dev/proto/gen; do
  [[ -d $generated ]] && break
done
printf '#include "%s"\n' "$2" |
  "$1" -std=c++20 -fsyntax-only -I . -isystem "$generated" -DBOOST_ASIO_NO_DEPRECATED -Wall -Wextra -Werror -x c++ - ||
  { echo "$2 does not compile alone" >&2 && exit 255; }
