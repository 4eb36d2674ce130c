#!/usr/bin/env bash
# Builds what judges us: the Collector (builder.yaml), telemetrygen and a Python environment.
#   build_judge.sh CACHE_DIR     prints two lines: the tools' folder, the Python interpreter
# A second run finds what the first has made (made_once.sh). Exit 3: something is not installed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$1
verb=interop
# shellcheck source=tests/support/made_once.sh
source "$here/../support/made_once.sh"
collector_version=v0.161.0
contrib=github.com/open-telemetry/opentelemetry-collector-contrib

check_python() {
  command -v python3 >/dev/null || missing "python3 is not installed"
  python3 -c 'import venv, ensurepip' 2>/dev/null ||
    missing "python3 has no venv: install the Debian package python3-venv"
}

build_tools() {
  local work=$1
  say "building the Collector $collector_version and telemetrygen (about 3 minutes, once)"
  export GOBIN=$work
  logged "$cache/builder.log" nice go install "go.opentelemetry.io/collector/cmd/builder@$collector_version"
  sed "s#OUTPUT_PATH#$work/src#" "$here/builder.yaml" >"$work/builder.yaml"
  logged "$cache/collector.log" nice "$work/builder" --config "$work/builder.yaml"
  logged "$cache/telemetrygen.log" nice go install "$contrib/cmd/telemetrygen@$collector_version"
  mv "$work/src/judge-collector" "$work/"
  rm -r "$work/src" "$work/builder"
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

need_go 25 "the Collector"
check_python
mkdir -p "$cache"
tools=$(made tools "$here/builder.yaml" "${BASH_SOURCE[0]}")
python=$cache/python-$(hash_of "$here/requirements.txt")
[[ -e $python/complete ]] || build_python "$python"
echo "$tools"
echo "$python/bin/python"
