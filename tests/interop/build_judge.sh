#!/usr/bin/env bash
# Builds what judges us: the Collector (builder.yaml), telemetrygen and a Python environment.
#   build_judge.sh CACHE_DIR     prints two lines: the tools' folder, the Python interpreter
# Each result lives in a folder named by the hash of what it is made from, so a second run finds it; an
# interrupted build is never taken for a whole one. Exit 3: something is not installed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$1
collector_version=v0.161.0
contrib=github.com/open-telemetry/opentelemetry-collector-contrib

say() { echo "interop: $*" >&2; }
missing() { say "$*"; exit 3; }

check_go() {
  local version major minor
  command -v go >/dev/null || missing "Go is not installed: Go 1.25 or newer is needed to build the Collector"
  version=$(GOTOOLCHAIN=local go env GOVERSION)
  IFS=. read -r major minor _ <<<"${version#go}"
  [[ $major =~ ^[0-9]+$ && ${minor%%[!0-9]*} =~ ^[0-9]+$ ]] || missing "cannot read the Go version: $version"
  ((major > 1 || (major == 1 && ${minor%%[!0-9]*} >= 25))) ||
    missing "Go ${version#go} is too old: Go 1.25 or newer is needed to build the Collector"
}

check_python() {
  command -v python3 >/dev/null || missing "python3 is not installed"
  python3 -c 'import venv, ensurepip' 2>/dev/null ||
    missing "python3 has no venv: install the Debian package python3-venv"
}

hash_of() { cat "$@" | sha256sum | cut -c1-16; }

# Runs a command with its output in a log; on failure shows the log's end.
logged() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 || { say "failed: $*"; say "log: $log"; tail -n 20 "$log" >&2; exit 1; }
}

build_tools() {
  local dest=$1 work
  say "building the Collector $collector_version and telemetrygen (about 3 minutes, once)"
  work=$(mktemp -d "$cache/making-tools.XXXXXX")
  export GOSUMDB=${INTEROP_GOSUMDB:-off} CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOTOOLCHAIN=local GOBIN=$work
  logged "$cache/builder.log" nice go install "go.opentelemetry.io/collector/cmd/builder@$collector_version"
  sed "s#OUTPUT_PATH#$work/src#" "$here/builder.yaml" >"$work/builder.yaml"
  logged "$cache/collector.log" nice "$work/builder" --config "$work/builder.yaml"
  logged "$cache/telemetrygen.log" nice go install "$contrib/cmd/telemetrygen@$collector_version"
  mv "$work/src/judge-collector" "$work/"
  rm -r "$work/src" "$work/builder"
  mv -T "$work" "$dest"
}

# A venv knows its own path and cannot be moved, so a marker written last says that it is whole.
build_python() {
  local dest=$1
  say "making the Python environment"
  rm -rf "$dest"
  python3 -m venv "$dest"
  logged "$cache/pip.log" "$dest/bin/pip" install --disable-pip-version-check -r "$here/requirements.txt"
  touch "$dest/complete"
}

check_go
check_python
mkdir -p "$cache"
tools=$cache/tools-$(hash_of "$here/builder.yaml" "${BASH_SOURCE[0]}")
python=$cache/python-$(hash_of "$here/requirements.txt")
[[ -x $tools/judge-collector && -x $tools/telemetrygen ]] || build_tools "$tools"
[[ -e $python/complete ]] || build_python "$python"
echo "$tools"
echo "$python/bin/python"
