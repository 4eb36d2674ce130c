# shellcheck shell=bash
# shellcheck disable=SC2154  # cache and verb are the caller's
# made_once.sh, to be sourced: programs of others that are built once and kept.
# The caller sets `cache` (a folder), `verb` (what messages begin with) and defines build_NAME FOLDER for each NAME
# that it asks made() for. A result lives in a folder named by the hash of what it is made from, so a second run finds
# it; a half-made folder has another name, so an interrupted build is never taken for a whole one.

# The files of a Go module are checked against its go.sum, so the checksum database is not asked.
export GOSUMDB=${INTEROP_GOSUMDB:-off} CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOTOOLCHAIN=local

say() { echo "$verb: $*" >&2; }
missing() { say "$*"; exit 3; }
lacks() { ! command -v "$1" >/dev/null; }
hash_of() { cat "$@" | sha256sum | cut -c1-16; }

# need_go MINOR WHAT_FOR: ends with 3 when there is no Go 1.MINOR or newer.
need_go() {
  local version major minor wanted="Go 1.$1 or newer is needed to build $2 (any download of Go in PATH will do)"
  lacks go && missing "Go is not installed: $wanted"
  version=$(go env GOVERSION)
  IFS=. read -r major minor _ <<<"${version#go}"
  [[ $major =~ ^[0-9]+$ && ${minor%%[!0-9]*} =~ ^[0-9]+$ ]] || missing "cannot read the Go version: $version"
  ((major > 1 || (major == 1 && ${minor%%[!0-9]*} >= $1))) || missing "Go ${version#go} is too old: $wanted"
}

# Runs a command with its output in a log; on failure shows the log's end.
logged() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 || { say "failed: $*"; say "log: $log"; tail -n 20 "$log" >&2; exit 1; }
}

# made NAME FILE…: the folder of NAME made from these files; builds it if it is not there.
made() {
  local name=$1 dest work
  shift
  dest=$cache/$name-$(hash_of "$@")
  if [[ ! -d $dest ]]; then
    work=$(mktemp -d "$cache/making-$name.XXXXXX")
    "build_$name" "$work"
    mv -T "$work" "$dest"
  fi
  printf '%s' "$dest"
}
