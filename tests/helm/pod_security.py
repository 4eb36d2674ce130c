"""Pod Security Standard "restricted", as Kubernetes' own admission checks it (profile of 1.33), over manifests.

`violations(document)` names each rule that the pod of a manifest breaks; documents without a pod break none.
"""

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SYSCTLS = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
           "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
           "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
           "net.ipv4.tcp_keepalive_probes"}


def pod_spec(document):
    if document["kind"] == "Pod":
        return document["spec"]
    if document["kind"] in ("Deployment", "DaemonSet", "StatefulSet", "Job"):
        return document["spec"]["template"]["spec"]
    return None


def violations(document):
    spec = pod_spec(document)
    if spec is None:
        return []
    found = []
    pod = spec.get("securityContext") or {}
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            found.append(key)
    for volume in spec.get("volumes") or []:
        kind = set(volume) - {"name"}
        if not kind <= VOLUMES:
            found.append(f"volume {volume['name']}: {', '.join(sorted(kind - VOLUMES))}")
    for sysctl in pod.get("sysctls") or []:
        if sysctl["name"] not in SYSCTLS:
            found.append(f"sysctl {sysctl['name']}")
    for container in (spec.get("initContainers") or []) + spec["containers"]:
        found += [f"{container['name']}: {fault}" for fault in container_faults(container, pod)]
    return found


def container_faults(container, pod):
    own = container.get("securityContext") or {}
    capabilities = own.get("capabilities") or {}
    seccomp = (own.get("seccompProfile") or pod.get("seccompProfile") or {}).get("type")
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if "ALL" not in (capabilities.get("drop") or []):
        yield "capabilities.drop lacks ALL"
    if set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}:
        yield "capabilities.add"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot is not true"
    if own.get("runAsUser", pod.get("runAsUser")) == 0:
        yield "runAsUser is 0"
    if seccomp not in ("RuntimeDefault", "Localhost"):
        yield "seccompProfile is not RuntimeDefault or Localhost"
    if own.get("procMount", "Default") != "Default":
        yield "procMount"
    if any(port.get("hostPort") for port in container.get("ports") or []):
        yield "hostPort"
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        for check in ("httpGet", "tcpSocket"):
            if ((container.get(probe) or {}).get(check) or {}).get("host"):
                yield f"{probe}.{check}.host"
