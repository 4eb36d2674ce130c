"""Kubernetes objects of the scenarios, as dicts; no process, no network."""

NAMESPACE = "observability"
SERVICE = "otelcol-tailsampling-headless"  # with the namespace and cluster.local 61 characters, a usual length
OTLP_PORT = 4317
ENDPOINTS_PER_SLICE = 100  # as the EndpointSlice controller does


def namespace(name):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def headless_service(name=SERVICE, where=NAMESPACE):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": where},
            "spec": {"clusterIP": "None", "ports": [{"name": "otlp", "port": OTLP_PORT, "protocol": "TCP"}]}}


def endpoint(address, ready=True, serving=None, terminating=None):
    """Conditions that are None are left out; the API takes an absent `ready` as true."""
    conditions = {"ready": ready, "serving": serving, "terminating": terminating}
    return {"addresses": [address], "conditions": {name: value for name, value in conditions.items()
                                                   if value is not None}}


def endpoint_slice(number, endpoints, service=SERVICE, where=NAMESPACE):
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": f"{service}-{number}", "namespace": where,
                         "labels": {"kubernetes.io/service-name": service}},
            "addressType": "IPv4", "endpoints": endpoints,
            "ports": [{"name": "otlp", "port": OTLP_PORT, "protocol": "TCP"}]}


def endpoint_slices(endpoints, service=SERVICE, where=NAMESPACE):
    return [endpoint_slice(number, endpoints[first:first + ENDPOINTS_PER_SLICE], service, where)
            for number, first in enumerate(range(0, len(endpoints), ENDPOINTS_PER_SLICE))]


def service_account(name, where):
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": where}}


def secret(name, where):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": where}}


def role(name, where, rules):
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": name, "namespace": where}, "rules": rules}


def cluster_role(name, rules):
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name},
            "rules": rules}


def rule(group, resources, verbs=("get", "list", "watch")):
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def binding(of, account):
    """The binding of a Role or ClusterRole to a service account, with the role's own name."""
    kind, metadata = of["kind"], of["metadata"]
    subject = {"kind": "ServiceAccount", "name": account["metadata"]["name"],
               "namespace": account["metadata"]["namespace"]}
    return {"apiVersion": of["apiVersion"], "kind": f"{kind}Binding", "metadata": dict(metadata),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": metadata["name"]},
            "subjects": [subject]}
