#!/usr/bin/env bash
# Builds etcd, kube-apiserver and CoreDNS from their Go modules (programs/*/go.mod pins the versions), and Helm.
#   build_programs.sh CACHE_DIR    prints "NAME PATH" for each, and "crds FOLDER": definitions of custom resources
# Helm and those definitions are made by tests/helm/build_tools.sh, into the folder helm beside CACHE_DIR. All is kept
# as made_once.sh says. Exit 3: Go is missing or too old. Exit 1: a build failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$1
# shellcheck disable=SC2034  # made_once.sh reads it
verb=cluster
# shellcheck source=tests/support/made_once.sh
source "$here/../support/made_once.sh"

# build NAME MINUTES FOLDER [LINKER_FLAG…]
build() {
  local name=$1 minutes=$2 folder=$3
  shift 3
  say "building $name (about $minutes min of two CPUs, once)"
  cd "$here/programs/$name"
  logged "$cache/$name.log" nice -n 10 go build -trimpath -ldflags "-s -w $*" -o "$folder/$name" .
}

# Without these, clients are told that the server is v0.0.0.
server_version() {
  local version
  version=$(sed -n 's/.*k8s.io\/kubernetes \(v[0-9.]*\).*/\1/p' "$here/programs/kube-apiserver/go.mod")
  [[ $version =~ ^v([0-9]+)\.([0-9]+)\. ]] || { say "no version of Kubernetes in go.mod"; exit 1; }
  printf -- '-X k8s.io/component-base/version.%s=%s ' gitVersion "$version" gitMajor "${BASH_REMATCH[1]}" \
    gitMinor "${BASH_REMATCH[2]}"
}

build_etcd() { build etcd 1 "$1"; }
build_kube-apiserver() { build kube-apiserver 4 "$1" "$(server_version)"; }
build_coredns() { build coredns 1 "$1"; }

need_go 26 "kube-apiserver"
mkdir -p "$cache"
for name in etcd kube-apiserver coredns; do
  folder=$(made "$name" "$here/programs/$name"/{main.go,go.mod,go.sum} "${BASH_SOURCE[0]}")
  echo "$name $folder/$name"
done
mkdir -p "$cache/../helm"
tools=$(flock --wait 900 "$cache/../helm/lock" "$here/../helm/build_tools.sh" "$cache/../helm")
echo "helm3 $tools/helm3"
echo "helm4 $tools/helm4"
echo "crds $tools/crds"
