"""Hosts behind a wire that can be cut below TCP: from then on whatever is sent to one of them vanishes, without a word.

Two network namespaces: that of the caller, which must be one of its own (see enter()), and a far one, joined by a pair
of veth devices. A wire is cut by a wrong entry in the table of neighbours: its frames go to nobody's address. Needs
root, iproute2 and util-linux; namespaces and devices end with the processes in them.
"""
import os
import shutil
import subprocess
import sys
import time

NEAR, DEVICE = "10.87.0.1", "near"
NOBODY = "02:00:00:00:00:01"
START_DEADLINE_S = 10
INSIDE = "SPANRING_FAULTS_INSIDE"


def enter():
    """Runs this very program again in a network namespace of its own. Returns there; "" or why it cannot be."""
    if os.environ.get(INSIDE):
        run("ip", "link", "set", "lo", "up")
        return ""
    if not shutil.which("ip") or not shutil.which("unshare"):
        return "iproute2 or util-linux is missing"
    probe = subprocess.run(["unshare", "--net", "ip", "link", "add", DEVICE, "type", "veth", "peer", "name", "far"],
                           capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        return "no network namespaces with veth: " + probe.stderr.strip()
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--net", sys.executable, "-B", *sys.argv])


def run(*words):
    subprocess.run(words, check=True)


class FarNetwork:
    """Thread rule: one thread. close() ends it."""

    def __init__(self, hosts):
        self.hosts = [f"10.87.0.{11 + i}" for i in range(hosts)]
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self.namespace = f"/proc/{self.holder.pid}/ns/net"
        end = time.monotonic() + START_DEADLINE_S
        while os.readlink(self.namespace) == os.readlink("/proc/self/ns/net"):
            if time.monotonic() > end:
                raise RuntimeError("no network namespace in time")
            time.sleep(0.01)
        run("ip", "link", "add", DEVICE, "type", "veth", "peer", "name", "far", "netns", str(self.holder.pid))
        run("ip", "address", "add", f"{NEAR}/24", "dev", DEVICE)
        run("ip", "link", "set", DEVICE, "up")
        for host in self.hosts:
            run(*self.inside("ip", "address", "add", f"{host}/24", "dev", "far"))
        run(*self.inside("ip", "link", "set", "far", "up"))

    def inside(self, *command):
        """The command that runs `command` among the far hosts, under the same process ID."""
        return ["nsenter", f"--net={self.namespace}", *command]

    def cut(self, host):
        run("ip", "neighbour", "replace", host, "lladdr", NOBODY, "dev", DEVICE, "nud", "permanent")

    def mend(self, host):
        run("ip", "neighbour", "delete", host, "dev", DEVICE)

    def close(self):
        self.holder.kill()
        self.holder.wait()
