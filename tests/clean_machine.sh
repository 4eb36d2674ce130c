#!/usr/bin/env bash
# clean_machine.sh DIR VERB [argument…]: proves that `./dev VERB` works on a machine with nothing but Debian 12.
#
# DIR becomes (or is, when it exists) a minimal Debian 12 root made by debootstrap: git and certificates, no compiler.
# HEAD of this repository is cloned into it, afresh each time, and `./dev VERB …` runs inside. The package source is
# read from this machine's own apt configuration. Needs root. `rm -rf DIR` afterwards frees about 2 GiB.
# KEEP_BUILD=1 keeps build/ of the run before (to resume), TIMES goes to standard error.
set -euo pipefail
(($# >= 2)) || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
((EUID == 0)) || { echo "clean_machine: needs root (chroot, mount)" >&2; exit 1; }
root=$(realpath -m "$1")
shift
repo=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)

say() { printf 'clean_machine: %s\n' "$*" >&2; }

host_mirror() {
  { grep -rhoE '^URIs: *[^ ]+' /etc/apt/sources.list.d/*.sources | sed 's/^URIs: *//'
    grep -rhE '^deb ' /etc/apt/sources.list /etc/apt/sources.list.d/*.list | sed 's/\[[^]]*\] *//' | awk '{print $2}'
  } 2>/dev/null | grep -v security | head -1
}

make_root() {
  command -v debootstrap >/dev/null || apt-get install -y --no-install-recommends debootstrap >&2
  say "making $root"
  debootstrap --variant=minbase --include=git,ca-certificates bookworm "$root" "$(host_mirror)" >"$root.log" 2>&1 || {
    tail -20 "$root.log" >&2
    exit 1
  }
}

# The package source, its proxy and the resolver of this machine; nothing else comes in.
copy_network_setup() {
  local file
  rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list; do
    [[ ! -f $file ]] || cp "$file" "$root$file"
  done
  for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
    [[ ! -f $file ]] || grep -qi 'Post-Invoke' "$file" || cp "$file" "$root$file"
  done
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  mkdir -p "$root/usr/local/share/ca-certificates"
  cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
}

mounts=()
enter() {
  local from
  for from in proc sys dev dev/pts; do
    mkdir -p "$root/$from"
    mountpoint -q "$root/$from" || { mount --bind "/$from" "$root/$from" && mounts=("$root/$from" "${mounts[@]}"); }
  done
  mkdir -p "$root/dev/shm"
}
leave() {
  local at
  for at in "${mounts[@]}"; do umount "$at" || umount -l "$at"; done
}
trap leave EXIT

[[ -x $root/usr/bin/apt-get ]] || make_root
copy_network_setup
if [[ -n ${KEEP_BUILD:-} && -d $root/src/spanring/build ]]; then
  rm -rf "$root/src/build" && mv "$root/src/spanring/build" "$root/src/build"
fi
rm -rf "$root/src/spanring"
mkdir -p "$root/src"
git clone -q --no-hardlinks "$repo" "$root/src/spanring"
[[ ! -d $root/src/build ]] || mv "$root/src/build" "$root/src/spanring/build"
say "$(git -C "$repo" log -1 --format='HEAD is %h %s'); $(chroot "$root" dpkg-query -W | wc -l) packages before"
enter

began=$SECONDS
status=0
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
  ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
  chroot "$root" bash -c 'cd /src/spanring && ./dev "$@"' dev "$@" || status=$?
say "./dev $* → status $status after $((SECONDS - began)) s; $(chroot "$root" dpkg-query -W | wc -l) packages now"
exit "$status"
