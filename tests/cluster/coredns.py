"""CoreDNS with its kubernetes plugin, configured as kubeadm configures it, reading the real API server."""
import places  # noqa: F401
import objects
from dns_query import ask
from processes import wait_until
from rig_processes import Child

HOST, PORT = "10.96.0.10", 53
ZONE = "cluster.local"
COREFILE = """\
.:{port} {{
    bind {host}
    errors
    ready 127.0.0.1:8181
    kubernetes {zone} in-addr.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl {ttl}
    }}
    prometheus 127.0.0.1:9153
    bufsize 1232
    loadbalance
}}
"""


class CoreDns(Child):
    def __init__(self, programs, directory, control_plane, ttl_s):
        kubeconfig = control_plane.kubeconfig("coredns", _account(control_plane))
        corefile = directory / "Corefile"
        corefile.write_text(COREFILE.format(host=HOST, port=PORT, zone=ZONE, kubeconfig=kubeconfig, ttl=ttl_s))
        super().__init__("coredns", directory, [programs["coredns"], "-conf", corefile])

    def start(self):
        super().start()
        wait_until(lambda: not self.alive() or self._knows_the_cluster(), "CoreDNS to be ready")
        if not self.alive():
            raise RuntimeError(f"CoreDNS ended:\n{self.tail(20)}")

    @staticmethod
    def _knows_the_cluster():
        try:
            return ask((HOST, PORT), f"kubernetes.default.svc.{ZONE}").code == 0
        except OSError:
            return False


def service_name(name=objects.SERVICE, where=objects.NAMESPACE):
    return f"{name}.{where}.svc.{ZONE}."


def _account(control_plane):
    """A token with the rights of kubeadm's system:coredns."""
    api = control_plane.api
    account = objects.service_account("coredns", "kube-system")
    rights = objects.cluster_role("system:coredns", [
        objects.rule("", ("endpoints", "services", "pods", "namespaces"), ("list", "watch")),
        objects.rule("discovery.k8s.io", ("endpointslices",), ("list", "watch"))])
    for item in (account, rights, objects.binding(rights, account)):
        api.apply(item)
    return control_plane.new_token(account, 1)[0]
