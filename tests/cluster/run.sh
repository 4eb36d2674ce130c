#!/usr/bin/env bash
# The cluster run: spanring beside a real kube-apiserver, etcd, CoreDNS and Helm, in a network of their own.
#   tests/cluster/run.sh BIN_DIR [OPTION…]    BIN_DIR: the folder that holds spanring and the test programs
# Options: --only endpoints|dns|chart (repeatable) · --keep keeps ledgers and logs of a good run.
# Nothing of it is visible outside: network, processes and mounts are namespaces that end with the run.
# Exit 0: every check passed · 1: one failed (logs: build/cluster/run) · 3: Go or something of the system is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$(cd "$here/../.." && pwd)/build/cluster
bin_dir=${1:?"which folder holds spanring?"}
shift

missing() { echo "cluster: $*" >&2; exit 3; }
command -v ip >/dev/null || missing "ip is not installed: Debian package iproute2"
command -v openssl >/dev/null || missing "openssl is not installed: Debian package openssl"
apart=(unshare --net --mount --pid --fork --kill-child --mount-proc)
((EUID == 0)) || apart+=(--user --map-root-user)
"${apart[@]}" true 2>/dev/null ||
  missing "namespaces are not to be had here (${apart[*]}): run it as root, or on a machine that lets users have them"

mkdir -p "$cache"
# Two runs would share the run folder.
exec 9>"$cache/lock"
flock --wait 900 9 || { echo "cluster: another run holds $cache/lock" >&2; exit 1; }
"$here/build_programs.sh" "$cache" >"$cache/programs.txt"

while IFS='=' read -r name _; do
  case $name in KUBE* | HELM_* | ETCD_* | *_proxy | *_PROXY | SSL_CERT_*) unset "$name" ;; esac
done < <(env)
export PYTHONDONTWRITEBYTECODE=1
exec "${apart[@]}" "$here/inside.sh" python3 "$here/cluster.py" --bin-dir "$bin_dir" \
  --programs "$cache/programs.txt" --run-dir "$cache/run" "$@"
