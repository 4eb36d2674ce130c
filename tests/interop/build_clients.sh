#!/usr/bin/env bash
# Builds the client programs (clients/) and two tools that test servers, grpcurl and h2spec.
#   build_clients.sh CACHE_DIR    prints "NAME PATH" for each that can be used, "NAME - REASON" for each that cannot
# Names: go (a program), java (a class path), node (a folder), grpcurl, h2spec, chromium. A missing runtime leaves its
# client out and nothing else. Results are kept as build_judge.sh keeps its own. Exit 1: a build failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$1
verb=interop
# shellcheck source=tests/support/made_once.sh
source "$here/../support/made_once.sh"

build_go() {
  local dest=$1
  say "building the Go client, grpcurl and h2spec"
  (cd "$here/clients/go" && logged "$cache/go-client.log" nice go build -o "$dest/client" .)
  (cd "$here/tools" && GOBIN=$dest logged "$cache/go-tools.log" nice go install tool)
}

build_java() {
  local dest=$1
  say "building the Java client"
  cp "$here/clients/java/pom.xml" "$dest/"
  logged "$cache/java-jars.log" mvn -B -f "$dest/pom.xml" dependency:copy-dependencies -DoutputDirectory="$dest/jars"
  logged "$cache/java-client.log" javac -cp "$dest/jars/*" -d "$dest/classes" "$here/clients/java/Client.java"
}

build_node() {
  local dest=$1
  say "building the JavaScript clients"
  cp "$here"/clients/node/{*.js,package.json,package-lock.json} "$dest/"
  (cd "$dest" && logged "$cache/npm.log" npm ci --ignore-scripts --no-audit --no-fund)
  logged "$cache/esbuild.log" "$dest/node_modules/.bin/esbuild" "$dest/browser.js" --bundle --format=iife \
    --outfile="$dest/page/bundle.js"
}

mkdir -p "$cache"
go=$(made go "$here"/clients/go/{main.go,go.mod,go.sum} "$here"/tools/go.{mod,sum} "${BASH_SOURCE[0]}")
echo "go $go/client"
echo "grpcurl $go/grpcurl"
echo "h2spec $go/h2spec"

if lacks javac || lacks mvn; then
  echo "java - no JDK or no Maven: install openjdk-17-jdk-headless and maven"
else
  java=$(made java "$here"/clients/java/{Client.java,pom.xml} "${BASH_SOURCE[0]}")
  echo "java $java/classes:$java/jars/*"
fi

if lacks node || lacks npm; then
  echo "node - no Node or no npm: install nodejs and npm"
elif ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 6) || (a == 18 && b >= 19) ? 0 : 1)'; then
  echo "node - Node $(node --version) is too old: 18.19 or 20.6 is needed"
else
  node=$(made node "$here"/clients/node/{client.js,play.js,browser.js,package.json,package-lock.json} "${BASH_SOURCE[0]}")
  echo "node $node"
fi

# The program itself: Debian's script in front of it would take a signal alone and leave the browser running.
chromium=/usr/lib/chromium/chromium-headless-shell
if lacks "$chromium"; then
  echo "chromium - not installed: ./dev interop --all installs chromium-headless-shell"
elif [[ -z ${node:-} ]]; then
  echo "chromium - its page is built with Node, which is missing"
else
  echo "chromium $chromium"
fi
