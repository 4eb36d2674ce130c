#!/usr/bin/env bash
# The interop run: spanring between real SDKs, telemetrygen, a real Collector agent and real tail-sampling
# Collectors.
#   tests/interop/run.sh BIN_DIR [OPTION…]    BIN_DIR: the folder that holds the spanring binary
#   tests/interop/run.sh --router collector   checks the rig itself: the Collector's own router in our place
#   tests/interop/run.sh --router cut         must fail: a router that cuts traces (routing_key: service)
# Exit 0: every check passed · 1: one failed (logs: build/interop/run) · 3: Go or python3-venv is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=$root/build/interop

bin_dir=()
if [[ $# -gt 0 && $1 != -* ]]; then
  bin_dir=(--bin-dir "$1")
  shift
fi
mkdir -p "$cache"
# The backends' addresses are fixed, because a ring hashes them: one run at a time.
exec 9>"$cache/lock"
flock --wait 900 9 || { echo "interop: another run holds $cache/lock" >&2; exit 1; }

judge=$("$here/build_judge.sh" "$cache")
{ read -r tools; read -r python; } <<<"$judge"
exec env -u OTEL_EXPORTER_OTLP_ENDPOINT PYTHONDONTWRITEBYTECODE=1 GRPC_ENABLE_FORK_SUPPORT=0 GRPC_VERBOSITY=NONE "$python" "$here/interop.py" \
  --tools "$tools" --run-dir "$cache/run" --proto-dir "$root/proto" "${bin_dir[@]}" "$@"
