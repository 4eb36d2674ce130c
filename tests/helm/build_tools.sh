#!/usr/bin/env bash
# Builds what judges the chart: Helm 3 and 4, kubectl-validate, and a folder of CRDs, all from Go modules.
#   build_tools.sh CACHE_DIR     prints the tools' folder: helm3, helm4, kubectl-validate, crds/
# A second run finds what the first has made (made_once.sh). Exit 3: something is not installed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$1
verb=helm
# shellcheck source=tests/support/made_once.sh
source "$here/../support/made_once.sh"

readonly HELM3=helm.sh/helm/v3/cmd/helm@v3.22.0
readonly HELM4=helm.sh/helm/v4/cmd/helm@v4.3.1
readonly VALIDATE=sigs.k8s.io/kubectl-validate@v0.0.4
readonly CRD_MODULES=(
  github.com/prometheus-operator/prometheus-operator@v0.93.0:example/prometheus-operator-crd
  sigs.k8s.io/gateway-api@v1.3.0:config/crd/standard
  github.com/cert-manager/cert-manager@v1.18.2:deploy/crds)

build_tools() {
  local work=$1 entry folder
  say "building Helm 3, Helm 4 and kubectl-validate (about 10 minutes, once)"
  logged "$cache/helm3.log" env GOBIN="$work" nice go install "$HELM3"
  mv "$work/helm" "$work/helm3"
  logged "$cache/helm4.log" env GOBIN="$work" nice go install "$HELM4"
  mv "$work/helm" "$work/helm4"
  logged "$cache/validate.log" env GOBIN="$work" nice go install "$VALIDATE"
  mkdir "$work/crds"
  for entry in "${CRD_MODULES[@]}"; do
    folder=$(go mod download -json "${entry%%:*}" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
    [[ -n $folder ]] || { say "no folder for ${entry%%:*}"; exit 1; }
    install -m 644 "$folder/${entry#*:}"/*.yaml "$work/crds"
  done
  rm -f "$work/crds/kustomization.yaml"
}

need_go 25 "Helm and kubectl-validate"
mkdir -p "$cache"
made tools "${BASH_SOURCE[0]}"
