"""Scenario: the chart meets a real API server with Pod Security "restricted": every file of values is installed as a
dry run; then two releases are installed, with each resolver and with Helm 4 and 3, and their pods run as processes
with the configuration, the arguments, the account and the names that the objects give them.
Guarantees: the server takes every object, unknown fields refused; the pods pass "restricted"; the Role is enough;
`helm test` passes: its own pod's arguments send a span that a backend has taken; the objects go with the release.
"""
import concurrent.futures
import json
import os
import re
import subprocess
import time

import places
import coredns
import ledgers
import objects
from api import ApiError
from kubelet import Kubelet
from load import Pods
from rig_processes import Child, wait_until

CHART = places.ROOT / "helm" / "spanring"
IMAGE = "image.repository=registry.example/spanring"  # never pulled
# Kinds that a chart's objects may have and Kubernetes itself does not define.
CUSTOM_RESOURCES = ("crd-certificates", "gateway.networking.k8s.io_grpcroutes", "gateway.networking.k8s.io_httproutes",
                    "monitoring.coreos.com_podmonitors", "monitoring.coreos.com_prometheusrules",
                    "monitoring.coreos.com_servicemonitors")
NAMESPACE = "tracing"
BACKENDS_PORT = 4319        # not 4317: backends and router share one machine here
POD_ADDRESS = "10.99.250.1"
HELM_DEADLINE_S = 60
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


def run(world, checks):
    if not (CHART / "Chart.yaml").exists():
        checks.that("the chart is there", False, str(CHART))
        return
    server = coredns.CoreDns(world.programs, world.directory, world.control_plane, 2)
    scenario = Scenario(world, checks)
    try:
        server.start()
        scenario.run()
    finally:
        scenario.close()
        server.kill()


class Scenario:
    def __init__(self, world, checks):
        self.world, self.checks, self.plane = world, checks, world.control_plane
        self.api = self.plane.api
        self.kubelet = Kubelet(self.plane, world.directory, NAMESPACE)
        self.pods, self.router = None, None
        self.helm_version = "helm4"
        self.namespaces = {NAMESPACE}
        self.kubeconfig = self.plane.kubeconfig("helm", "cluster-test-admin")

    def run(self):
        namespace = objects.namespace(NAMESPACE)
        namespace["metadata"]["labels"] = RESTRICTED
        self.api.apply(namespace)
        self.define_custom_resources()
        self.dry_runs()
        self.kubelet.set_dns()
        os.environ.update(KUBERNETES_SERVICE_HOST="10.98.0.1", KUBERNETES_SERVICE_PORT="6443")
        for resolver, helm in (("k8s", "helm4"), ("dns", "helm3")):
            self.helm_version = helm
            self.install_and_test(resolver)

    def define_custom_resources(self):
        root = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        names = []
        for path in (self.world.programs["crds"] / f"{name}.yaml" for name in CUSTOM_RESOURCES):
            # Those of cert-manager are templates where they are labelled.
            lines = [line for line in path.read_text().splitlines() if "{{" not in line]
            name = next(line.split()[1].strip("'\"") for line in lines if line.startswith("  name: "))
            self.api.apply_yaml(f"{root}/{name}", "\n".join(lines))
            names.append(name)
        wait_until(lambda: all(self.is_established(f"{root}/{name}") for name in names), "the custom resources")

    def is_established(self, path):
        conditions = self.api.get(path).get("status", {}).get("conditions", [])
        return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)

    def helm(self, *arguments):
        command = [self.world.programs[self.helm_version], *arguments, "--kubeconfig", self.kubeconfig,
                   "--namespace", NAMESPACE]
        environment = os.environ | {"HOME": str(self.world.directory)}
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment,
                              timeout=HELM_DEADLINE_S)

    def dry_runs(self):
        """Helm asks the server what it knows; then the server validates and admits each object, and keeps none."""
        files = sorted((CHART / "ci").glob("*.yaml"))
        began, bad, count = time.monotonic(), [], 0
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            said = pool.map(lambda path: self.helm("install", "dry", CHART, "--dry-run=server", "--output", "json",
                                                   "--set", IMAGE, "--values", path), files)
            for path, answer in zip(files, said):
                # Pod Security only warns of a Deployment whose pods it would refuse.
                if answer.returncode or "would violate PodSecurity" in answer.stderr:
                    bad.append(f"{path.name}: {answer.stderr.strip()[:300]}")
                    continue
                release = json.loads(answer.stdout)
                for text in [release["manifest"], *(hook["manifest"] for hook in release.get("hooks", []))]:
                    for document in re.split(r"^---$", text, flags=re.MULTILINE):
                        if "\nkind:" in document:
                            count += 1
                            bad += [f"{path.name}: {fault}" for fault in self.refusals(document)]
        self.checks.row("chart", f"dry run on the server: {count} objects of {len(files)} files of values", "",
                        (time.monotonic() - began) * 1000, f"{len(bad)} refused")
        self.checks.that("the API server takes the objects of every file of values", count and not bad,
                         f"{count} objects of {len(files)} files" + " | ".join(["", *bad[:5]]))

    def refusals(self, document):
        """Why the server would not take this object, as a list."""
        item = object_named_in(document)
        where = item["metadata"]["namespace"]
        if where not in self.namespaces:
            self.api.apply(objects.namespace(where))
            self.namespaces.add(where)
        try:
            self.api.apply_yaml(self.api.path(item), document, "&dryRun=All&fieldValidation=Strict")
        except ApiError as error:
            return [f"{item['kind']} {item['metadata']['name']}: {error}"]
        return []

    def install_and_test(self, resolver):
        release, service = f"spanring-{resolver}", f"spanring-{resolver}-backends"
        began = time.monotonic()
        said = self.helm("install", release, CHART, *self.settings(resolver))
        self.checks.that(f"{self.helm_version} install, resolver {resolver}", said.returncode == 0,
                         said.stderr.strip()[-600:] or f"in {time.monotonic() - began:.1f} s")
        self.pods = Pods(self.world.binaries, self.folder(resolver), "10.99", BACKENDS_PORT)
        hosts = self.pods.start(3)
        self.write_slice(service, hosts, BACKENDS_PORT)
        self.start_router(release, resolver)
        self.write_slice(f"{release}-headless", [POD_ADDRESS], 4317)
        self.helm_test(release)
        self.uninstall(release)
        self.close()

    def settings(self, resolver):
        wanted = {"backends.service.create": "true", "backends.service.selector.app": "sampler",
                  "backends.port": BACKENDS_PORT, "backends.resolver": resolver, "serviceMonitor.enabled": "true",
                  "prometheusRule.enabled": "true", "networkPolicy.enabled": "true", "autoscaling.enabled": "true",
                  "dashboards.enabled": "true", "replicaCount": 2}
        return ["--set", IMAGE, *(part for key, value in wanted.items() for part in ("--set", f"{key}={value}"))]

    def folder(self, name):
        folder = self.world.directory / name
        folder.mkdir(exist_ok=True)
        return folder

    def write_slice(self, service, hosts, port):
        """In place of the controller that makes them from pods."""
        found = objects.endpoint_slice(0, [objects.endpoint(host) for host in hosts], service, NAMESPACE)
        found["ports"][0]["port"] = port
        self.api.apply(found)

    def start_router(self, release, resolver):
        """The pod of the Deployment, admitted by the server and then run as a process."""
        found = self.api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{release}")["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": found["spec"],
               "metadata": {**found["metadata"], "name": f"{release}-0", "namespace": NAMESPACE}}
        self.api.create(f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All", pod)
        self.checks.that(f"the pod passes Pod Security \"restricted\", resolver {resolver}", True, "admitted")
        mounts_token = found["spec"]["automountServiceAccountToken"]
        self.checks.that("the pod gets a token if it needs one", mounts_token == (resolver == "k8s"), mounts_token)
        if mounts_token:
            self.kubelet.give_account(found["spec"]["serviceAccountName"])
        folder = self.kubelet.config_files(found)
        arguments = [each.replace("/conf/", f"{folder}/") for each in found["spec"]["containers"][0]["args"]]
        environment = self.kubelet.environment(found, POD_ADDRESS, pod["metadata"]["name"])
        command = ["env", *(f"{name}={value}" for name, value in environment.items()),
                   self.world.binaries / "spanring", *arguments]
        self.router = Child(release, self.folder(resolver), command)
        self.router.start()

    def helm_test(self, release):
        """We are the kubelet of its pod: its arguments run as a process, and the exit code becomes the pod's phase."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{release}-probe"
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            test = pool.submit(self.helm, "test", release, "--timeout", "50s")
            pod = wait_until(lambda: test.done() or self.find(path), "the pod of helm test")
            if test.done():
                raise RuntimeError(f"helm test: {test.result().stderr}")
            container = pod["spec"]["containers"][0]
            probe = subprocess.run([self.world.binaries / "spanring", *container["args"]], capture_output=True,
                                   text=True, timeout=40)
            said = (probe.stdout + probe.stderr).strip()
            self.end_pod(path, pod, probe.returncode)
            outcome = test.result()
        taken = self.taken_spans()
        self.checks.row("chart", f"helm test of {release}", "", None, said[-110:])
        self.checks.that(f"helm test {release} passes", outcome.returncode == 0 and probe.returncode == 0,
                         f"exit {outcome.returncode}, the probe's {probe.returncode}: {said}"
                         f"{outcome.stderr.strip()[-300:]}")
        self.checks.that("its span is at exactly one backend", taken == 1, f"{taken} taken")

    def find(self, path):
        try:
            return self.api.get(path)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def end_pod(self, path, pod, code):
        state = {"terminated": {"exitCode": code, "reason": "Completed" if code == 0 else "Error"}}
        container = pod["spec"]["containers"][0]
        self.api.call("PATCH", f"{path}/status", {"status": {
            "phase": "Failed" if code else "Succeeded",
            "containerStatuses": [{"name": container["name"], "image": container["image"], "imageID": "",
                                   "ready": False, "restartCount": 0, "state": state}]}},
            "application/merge-patch+json")

    def taken_spans(self):
        """Backends of this rig check sums that a probe's span does not carry, so requests are counted."""
        return sum(len(ledgers.read_records(backend.ledger, backend.address)[0])
                   for backend in self.pods.running.values())

    def uninstall(self, release):
        said = self.helm("uninstall", release)
        left = [item["metadata"]["name"] for kind in ("services", "configmaps", "serviceaccounts", "pods")
                for item in self.api.get(f"/api/v1/namespaces/{NAMESPACE}/{kind}")["items"]
                if item["metadata"]["name"].startswith(f"{release}") and not item["metadata"]["name"].endswith("probe")]
        self.checks.that(f"helm uninstall {release} leaves nothing", said.returncode == 0 and not left,
                         said.stderr.strip() or ", ".join(left) or "gone")

    def close(self):
        if self.router is not None:
            self.router.kill()
        if self.pods is not None:
            self.pods.close()


def object_named_in(document):
    """What is needed to find the object's place, of YAML as the chart writes it: two spaces under `metadata`."""
    def of(pattern, otherwise=None):
        found = re.search(rf"^{pattern}: *[\"']?([^\s\"']+)", document, re.MULTILINE)
        return found[1] if found else otherwise
    return {"apiVersion": of("apiVersion"), "kind": of("kind"),
            "metadata": {"name": of("  name"), "namespace": of("  namespace", NAMESPACE)}}
