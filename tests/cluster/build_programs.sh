#!/usr/bin/env bash
# Builds etcd, kube-apiserver, CoreDNS and Helm from their Go modules (programs/*/go.mod pins the versions).
#   build_programs.sh CACHE_DIR    prints "NAME PATH" for each, and "crds FOLDER": custom resources that a chart may have
# Kept as made_once.sh says. Exit 3: Go is missing or too old. Exit 1: a build failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$1
verb=cluster
# shellcheck source=tests/support/made_once.sh
source "$here/../support/made_once.sh"

# build NAME MINUTES FOLDER [LINKER_FLAG…]: the module's own program, or else the tool that its go.mod names.
build() {
  local name=$1 minutes=$2 folder=$3
  shift 3
  say "building $name (about $minutes min of two CPUs, once)"
  cd "$here/programs/$name"
  if [[ -e main.go ]]; then
    logged "$cache/$name.log" nice -n 10 go build -trimpath -ldflags "-s -w $*" -o "$folder/$name" .
  else
    GOBIN=$folder logged "$cache/$name.log" nice -n 10 go install -trimpath -ldflags "-s -w $*" tool
  fi
}

# Without these, clients are told that the server is v0.0.0.
server_version() {
  local version
  version=$(sed -n 's/.*k8s.io\/kubernetes \(v[0-9.]*\).*/\1/p' "$here/programs/kube-apiserver/go.mod")
  [[ $version =~ ^v([0-9]+)\.([0-9]+)\. ]] || { say "no version of Kubernetes in go.mod"; exit 1; }
  printf -- '-X k8s.io/component-base/version.%s=%s ' gitVersion "$version" gitMajor "${BASH_REMATCH[1]}" \
    gitMinor "${BASH_REMATCH[2]}"
}

build_etcd() { build etcd 2 "$1"; }
build_kube-apiserver() { build kube-apiserver 4 "$1" "$(server_version)"; }
build_coredns() { build coredns 4 "$1"; }
build_helm() { build helm 3 "$1"; }

# The definitions of ServiceMonitor and its like, out of the archive of their module.
build_crds() {
  local folder
  cd "$here/programs/crds"
  logged "$cache/crds.log" go mod download -json github.com/prometheus-operator/prometheus-operator
  folder=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' "$cache/crds.log")
  for kind in servicemonitors podmonitors prometheusrules; do
    install -m 644 "$folder/example/prometheus-operator-crd/monitoring.coreos.com_$kind.yaml" "$1/"
  done
}

need_go 26 "kube-apiserver"
mkdir -p "$cache"
for name in etcd kube-apiserver coredns helm crds; do
  module=$here/programs/$name
  sources=("$module"/go.{mod,sum} "${BASH_SOURCE[0]}")
  [[ ! -e $module/main.go ]] || sources+=("$module/main.go")
  folder=$(made "$name" "${sources[@]}")
  case $name in crds) echo "$name $folder" ;; *) echo "$name $folder/$name" ;; esac
done
