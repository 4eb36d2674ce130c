"""etcd and kube-apiserver with RBAC, service-account tokens and an audit log; and the files a pod finds them by."""
import base64
import collections
import datetime
import json
import os
import pathlib
import subprocess
import urllib.request

import places  # noqa: F401
import certificates
import objects
from api import Api
from processes import wait_until
from rig_processes import Child

HOST, PORT = "10.98.0.1", 6443
ETCD = "http://127.0.0.1:2379"
SERVICES = "10.96.0.0/16,fd00:96::/112"  # both families, so that Services may ask for them
ADMIN_TOKEN = "cluster-test-admin"
START_DEADLINE_S = 90
POD_FILES = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: [admin], nonResourceURLs: ["*"]}
- {level: Metadata}
"""


class ControlPlane:
    """Thread rule: one thread. `hosts`: further addresses the server's certificate is good for."""

    def __init__(self, programs, directory, hosts=()):
        self.directory = pathlib.Path(directory)
        made = certificates.make(self.directory, (HOST, *hosts), "kubernetes.default.svc")
        self.ca = made.ca
        self.audit_log = self.directory / "audit.log"
        self.api = Api(HOST, PORT, self.ca, ADMIN_TOKEN)
        self.starts = []  # (when, ready): before it is ready the server knows neither accounts nor roles
        self.etcd = Child("etcd", self.directory, [
            programs["etcd"], "--data-dir", self.directory / "etcd", "--unsafe-no-fsync",
            "--listen-client-urls", ETCD, "--advertise-client-urls", ETCD,
            "--listen-peer-urls", "http://127.0.0.1:2380"])
        self.server = Child("kube-apiserver", self.directory, [
            programs["kube-apiserver"], f"--etcd-servers={ETCD}", f"--bind-address={HOST}",
            f"--advertise-address={HOST}", f"--secure-port={PORT}", f"--service-cluster-ip-range={SERVICES}",
            f"--tls-cert-file={made.server.certificate}", f"--tls-private-key-file={made.server.key}",
            *self._account_options(), "--authorization-mode=RBAC", "--allow-privileged",
            f"--audit-policy-file={self._file('audit-policy.yaml', AUDIT_POLICY)}",
            f"--audit-log-path={self.audit_log}", "--min-request-timeout=10"])

    def _file(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path

    def _account_options(self):
        key, public = self.directory / "accounts.key", self.directory / "accounts.pub"
        for command in (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key],
                        ["pkey", "-in", key, "-pubout", "-out", public]):
            subprocess.run(["openssl", *map(str, command)], check=True, capture_output=True)
        tokens = self._file("tokens.csv", f"{ADMIN_TOKEN},admin,admin,system:masters\n")
        return [f"--token-auth-file={tokens}", "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={public}", f"--service-account-signing-key-file={key}",
                "--disable-admission-plugins=ServiceAccount"]  # no controller makes the accounts of its objects

    def start(self):
        self.etcd.start()
        self.start_server()

    def start_server(self):
        began = _now()
        self.server.start()
        wait_until(lambda: not self.server.alive() or self.api.is_ready(), "kube-apiserver to be ready",
                   START_DEADLINE_S)
        if not self.server.alive():
            raise RuntimeError(f"kube-apiserver ended:\n{self.server.tail(20)}")
        self.starts.append((began, _now()))

    def close(self):
        self.api.close()
        self.server.kill()
        self.etcd.kill()

    def compact(self):
        """Forgets all versions of objects but the current ones. Returns the revision."""
        revision = int(self._etcd("/v3/kv/range", {"key": base64.b64encode(b"/").decode()})["header"]["revision"])
        self._etcd("/v3/kv/compaction", {"revision": revision, "physical": True})
        return revision

    def _etcd(self, path, body):
        request = urllib.request.Request(ETCD + path, json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def new_token(self, account, number):
        """A token that is good as long as the secret bound to it is there: (token, secret)."""
        where, name = account["metadata"]["namespace"], account["metadata"]["name"]
        bound = self.api.apply(objects.secret(f"{name}-token-{number}", where))
        reference = {"apiVersion": "v1", "kind": "Secret", "name": bound["metadata"]["name"],
                     "uid": bound["metadata"]["uid"]}
        answer = self.api.create(f"/api/v1/namespaces/{where}/serviceaccounts/{name}/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600, "boundObjectRef": reference}})
        return answer["status"]["token"], bound

    def kubeconfig(self, name, token, host=HOST):
        """As JSON, which is YAML too."""
        return self._file(f"{name}.kubeconfig", json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": f"https://{host}:{PORT}",
                                                      "certificate-authority": self.ca}}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}))

    def requests_of(self, user):
        """({(verb, code): how many}, how many were refused by a server that was ready)."""
        seen, refused = collections.Counter(), 0
        for line in self.audit_log.read_text().splitlines():
            event = json.loads(line)
            if event["user"].get("username") != user or event["stage"] == "ResponseStarted":
                continue
            code = (event.get("responseStatus") or {}).get("code", 0)
            seen[event["verb"], code] += 1
            at = datetime.datetime.fromisoformat(event["stageTimestamp"])
            refused += code in (401, 403) and not any(began <= at <= ready for began, ready in self.starts)
        return seen, refused


def _now():
    return datetime.datetime.now(datetime.timezone.utc)


def put_pod_files(ca, token, where):
    """The folder of a service account as the kubelet writes it: everything changes by one rename of `..data`."""
    POD_FILES.mkdir(parents=True, exist_ok=True)
    version = POD_FILES / f"..{len(os.listdir(POD_FILES))}"
    version.mkdir()
    (version / "ca.crt").write_text(pathlib.Path(ca).read_text())
    (version / "namespace").write_text(where)
    (version / "token").write_text(token)
    new, current = POD_FILES / "..data_tmp", POD_FILES / "..data"
    new.symlink_to(version.name)
    new.rename(current)
    for name in ("ca.crt", "namespace", "token"):
        if not (POD_FILES / name).is_symlink():
            (POD_FILES / name).symlink_to(f"..data/{name}")
