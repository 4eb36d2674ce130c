"""What the kubelet does for a pod as far as a process can see it, for processes in place of containers.

The files of the service account, /etc/resolv.conf and the environment are those a pod has. Pods get their addresses
from here; there is no kube-proxy: a Service's address is this machine, where the process listens itself.
"""
import os
import pathlib
import subprocess

import places  # noqa: F401
import coredns
from control_plane import put_pod_files

RESOLV_CONF = """\
search {where}.svc.{zone} svc.{zone} {zone}
nameserver {server}
options ndots:5
"""


class Kubelet:
    """Changes the files of this mount namespace, so for one pod's namespace and account at a time."""

    def __init__(self, control_plane, directory, where):
        self._control_plane, self._directory, self._where = control_plane, directory, where
        self._tokens = 0

    def give_account(self, name):
        account = {"metadata": {"name": name, "namespace": self._where}}
        self._tokens += 1
        put_pod_files(self._control_plane.ca, self._control_plane.new_token(account, self._tokens)[0], self._where)

    def set_dns(self):
        path = self._directory / "resolv.conf"
        path.write_text(RESOLV_CONF.format(where=self._where, zone=coredns.ZONE, server=coredns.HOST))
        subprocess.run(["mount", "--bind", path, os.path.realpath("/etc/resolv.conf")], check=True)

    def environment(self, pod_template, address, name):
        """{name: value} of its first container, the downward API included."""
        fields = {"status.podIP": address, "status.hostIP": "10.98.0.1", "spec.nodeName": "node-1",
                  "metadata.namespace": self._where, "metadata.name": name}
        return {each["name"]: each.get("value") or fields[each["valueFrom"]["fieldRef"]["fieldPath"]]
                for each in pod_template["spec"]["containers"][0].get("env", [])}

    def config_files(self, pod_template):
        """The folder with what its ConfigMap volume `config` holds."""
        (volume,) = [each["configMap"] for each in pod_template["spec"]["volumes"] if each["name"] == "config"]
        found = self._control_plane.api.get(f"/api/v1/namespaces/{self._where}/configmaps/{volume['name']}")
        folder = self._directory / f"conf-{volume['name']}"
        folder.mkdir(exist_ok=True)
        for item in volume["items"]:
            (folder / item["path"]).write_text(found["data"][item["key"]])
        return pathlib.Path(folder)
