#!/usr/bin/env bash
# The interop run: spanring between real SDKs, a browser, curl, telemetrygen, real Collectors as agents and as tail
# samplers, and programs that test servers.
#   tests/interop/run.sh BIN_DIR [OPTION…]    BIN_DIR: the folder that holds the spanring binary
#   tests/interop/run.sh --router collector   checks the rig itself: the Collector's own router in our place
#   tests/interop/run.sh --router cut         must fail: a router that cuts traces (routing_key: service)
# Options: --only schemas|sampling|bytes|clients|backends|conformance|ring (repeatable) · --docs FILE writes the results between its markers.
# A client whose runtime is missing is left out and named. The browser takes part where chromium-headless-shell is.
# Exit 0: every check passed · 1: one failed (logs: build/interop/run) · 3: Go or python3-venv is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=$root/build/interop

bin_dir=()
if [[ $# -gt 0 && $1 != -* ]]; then
  [[ -x $1/spanring ]] || { echo "interop: no spanring binary in $1" >&2; exit 1; }
  bin_dir=(--bin-dir "$1")
  shift
fi
mkdir -p "$cache"
# The backends' addresses are fixed, because a ring hashes them: one run at a time.
exec 9>"$cache/lock"
flock --wait 900 9 || { echo "interop: another run holds $cache/lock" >&2; exit 1; }

judge=$("$here/build_judge.sh" "$cache")
{ read -r tools; read -r python; } <<<"$judge"
"$here/build_clients.sh" "$cache" >"$cache/clients.txt"

# Settings of the caller's own telemetry and trust must not reach the SDKs; loopback must not go through a proxy.
while IFS='=' read -r name _; do
  case $name in OTEL_* | *_proxy | *_PROXY | *_CA_BUNDLE | SSL_CERT_* | NODE_*) unset "$name" ;; esac
done < <(env)
export PYTHONDONTWRITEBYTECODE=1 GRPC_ENABLE_FORK_SUPPORT=0 GRPC_VERBOSITY=NONE

echo "interop: the judge judged"
"$python" "$here/judge_test.py" --quiet
exec "$python" "$here/interop.py" \
  --tools "$tools" --clients "$cache/clients.txt" --run-dir "$cache/run" --proto-dir "$root/proto" "${bin_dir[@]}" "$@"
