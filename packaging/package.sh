#!/usr/bin/env bash
# package.sh BIN_DIR OUT_DIR: from a release build a root file system for a container image, and a Debian package.
#
# OUT_DIR/rootfs/           the binary, stripped, exactly the libraries it needs, authorities, a user 10001
# OUT_DIR/rootfs.tar        the same, byte for byte equal for equal inputs (SOURCE_DATE_EPOCH, sorted, owner 0)
# OUT_DIR/spanring_*.deb    the binary for Debian 12, unit, man page, configuration
# --prove                   also runs it in a chroot (root needed) and routes a span through it
# --rootfs                  only the root file system, for the Dockerfile
set -euo pipefail
(($# >= 2)) || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
bin=$(realpath "$1")
out=$(realpath -m "$2")
shift 2
repo=$(realpath "$(dirname "$0")/..")
readonly here=$repo/packaging
readonly UID_IN_IMAGE=10001
: "${SOURCE_DATE_EPOCH:=$(git -C "$repo" log -1 --format=%ct 2>/dev/null || echo 0)}"
export SOURCE_DATE_EPOCH LC_ALL=C
umask 022

say() { printf 'package: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

version=$("$bin/spanring" --version | awk '{print $2}')
# Debian's own variables. Without an address lintian complains, and is right to.
maintainer="${DEBFULLNAME:-The spanring authors} <${DEBEMAIL:-spanring@localhost}>"
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "$bin/spanring says no version"

# package_of FILE: the Debian package it is from; dpkg may know it with or without /usr.
package_of() {
  local path real
  real=$(realpath "$1")
  for path in "$1" "$real" "${real#/usr}"; do
    dpkg -S "$path" 2>/dev/null | cut -d: -f1 && return
  done
  true
}

# copy_documents DIR: licences of what is inside, by Debian package.
copy_documents() {
  local library package
  install -Dm644 "$repo/LICENSE" "$1/usr/share/doc/spanring/copyright"
  for library in "${libraries[@]}"; do
    package=$(package_of "$library" | sed -n 1p)
    [[ -n $package && -f /usr/share/doc/$package/copyright ]] || continue
    install -Dm644 "/usr/share/doc/$package/copyright" "$1/usr/share/doc/$package/copyright"
  done
}

make_rootfs() {
  local root=$out/rootfs library
  rm -rf "$root"
  mkdir -p "$root"/{etc/ssl/certs,usr/bin,usr/lib/ssl,tmp,conf}
  install -m755 "$bin/spanring" "$root/usr/bin/spanring"
  strip --strip-all "$root/usr/bin/spanring"
  # Each library where the loader looks for it, and the loader itself.
  mapfile -t libraries < <(ldd "$bin/spanring" | grep -oE '/[^ ]+' | sort -u)
  for library in "${libraries[@]}"; do
    install -Dm755 "$(realpath "$library")" "$root/$library"
    strip --strip-unneeded "$root/$library"
  done
  install -m644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
  ln -s /etc/ssl/certs "$root/usr/lib/ssl/certs"
  printf 'root:x:0:0:root:/:/sbin/nologin\nspanring:x:%s:%s:spanring:/:/sbin/nologin\n' $UID_IN_IMAGE $UID_IN_IMAGE \
    >"$root/etc/passwd"
  printf 'root:x:0:\nspanring:x:%s:\n' $UID_IN_IMAGE >"$root/etc/group"
  printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
  install -m644 "$here/config.yaml" "$root/conf/relay.yaml"
  copy_documents "$root"
  chmod 1777 "$root/tmp"
  find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=ustar \
    -C "$root" -cf "$out/rootfs.tar" .
  say "rootfs: $(du -sm --apparent-size "$root" | cut -f1) MiB, as a layer (gzip) $(gzip -9nc "$out/rootfs.tar" | wc -c) bytes," \
    "${#libraries[@]} libraries, sha256 $(sha256sum "$out/rootfs.tar" | cut -c1-16)…"
}

make_deb() {
  local root=$out/deb architecture depends file
  rm -rf "$root" "$out"/spanring_*.deb
  architecture=$(dpkg --print-architecture)
  mkdir -p "$root/debian" "$root/DEBIAN"
  printf 'Source: spanring\n\nPackage: spanring\nArchitecture: any\n' >"$root/debian/control"
  install -Dm755 "$bin/spanring" "$root/usr/bin/spanring"
  strip --strip-all --remove-section=.comment --remove-section=.note "$root/usr/bin/spanring"
  depends=$(cd "$root" && dpkg-shlibdeps -O -e usr/bin/spanring 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
  rm -rf "$root/debian"
  [[ -n $depends ]] || die "dpkg-shlibdeps found no dependencies"
  install -Dm644 "$here/spanring.service" "$root/lib/systemd/system/spanring.service"
  install -Dm644 "$here/sysusers.conf" "$root/usr/lib/sysusers.d/spanring.conf"
  install -Dm644 "$here/config.yaml" "$root/etc/spanring/config.yaml"
  install -Dm644 "$here/default" "$root/etc/default/spanring"
  mkdir -p "$root/usr/share/man/man1" "$root/usr/share/doc/spanring/examples"
  gzip -9nc "$here/spanring.1" >"$root/usr/share/man/man1/spanring.1.gz"
  install -m644 "$here/copyright" "$root/usr/share/doc/spanring/copyright"
  for file in configuration operations reliability rings; do
    gzip -9nc "$repo/docs/$file.md" >"$root/usr/share/doc/spanring/$file.md.gz"
  done
  install -m644 "$repo"/examples/*.yaml "$root/usr/share/doc/spanring/examples/"
  printf 'spanring (%s) unstable; urgency=medium\n\n  * Release %s.\n\n -- %s  %s\n' \
    "$version" "$version" "$maintainer" "$(date -uRd "@$SOURCE_DATE_EPOCH")" | gzip -9nc >"$root/usr/share/doc/spanring/changelog.gz"
  cat >"$root/DEBIAN/control" <<CONTROL
Package: spanring
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size "$root" | cut -f1)
Depends: $depends, ca-certificates, systemd | systemd-standalone-sysusers
Section: net
Priority: optional
Description: trace-ID-aware OTLP load-balancing router
 The front tier of a tail-sampling installation: takes OTLP spans from many
 clients and sends each span to the one collector that owns its trace on a
 consistent-hash ring. It stands in for an OpenTelemetry Collector that runs
 only the loadbalancing exporter, and reads the same configuration file.
CONTROL
  printf '/etc/spanring/config.yaml\n/etc/default/spanring\n' >"$root/DEBIAN/conffiles"
  for file in postinst prerm postrm; do install -m755 "$here/$file" "$root/DEBIAN/$file"; done
  (cd "$root" && find etc lib usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
  chmod 644 "$root/DEBIAN/md5sums" "$root/DEBIAN/control" "$root/DEBIAN/conffiles"
  find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz --build "$root" "$out/spanring_${version}_$architecture.deb" >/dev/null
  say "deb: $out/spanring_${version}_$architecture.deb, $(stat -c %s "$out"/spanring_*.deb) bytes"
  if command -v lintian >/dev/null; then lintian --fail-on error,warning "$out"/spanring_*.deb >&2 && say "lintian: clean"; fi
  if command -v systemd-analyze >/dev/null; then
    systemd-analyze security --offline=true --threshold=30 "$here/spanring.service" | tail -1 >&2
  fi
}

case ${1:-} in
  --rootfs) make_rootfs ;;
  --prove)
    make_rootfs
    make_deb
    exec python3 -B "$here/prove.py" "$out/rootfs" "$bin"
    ;;
  '')
    make_rootfs
    make_deb
    ;;
  *) die "unknown argument: $1" ;;
esac
