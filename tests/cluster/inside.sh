#!/usr/bin/env bash
# What run.sh starts in the new namespaces: prepares them, then becomes the given program.
#   * every address of 10.96.0.0/13 is this machine: pods, the API server and the name server have addresses as they
#     have in a cluster (EndpointSlices may not hold loopback addresses);
#   * /var/run is empty, so that the files of a service account can stand where the kubelet puts them.
set -euo pipefail
ip link set lo up
ip route add local 10.96.0.0/13 dev lo
mount -t tmpfs -o mode=755 tmpfs "$(readlink -f /var/run)"
exec "$@"
