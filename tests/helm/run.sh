#!/usr/bin/env bash
# The chart, judged: lint, schema, renderings, Kubernetes' schemas, Pod Security, refusals, alerts, dashboard, documents.
#   tests/helm/run.sh BIN_DIR [OPTION…]    BIN_DIR: the folder that holds the spanring binary
# Options: --only STEP (repeatable). SPANRING_UPDATE_GOLDEN=1 writes tests/helm/golden and the tables anew.
# Exit 0: every check passed · 1: one failed · 3: Go is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=$root/build/helm
bin_dir=$1
shift
mkdir -p "$cache"
exec 9>"$cache/lock"
flock --wait 900 9 || { echo "helm: another run holds $cache/lock" >&2; exit 1; }
tools=$("$here/build_tools.sh" "$cache")
exec /usr/bin/python3 -B "$here/chart.py" --bin-dir "$bin_dir" --tools "$tools" --work "$cache/run" "$@"
