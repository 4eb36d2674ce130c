"""The processes of one run: routers, fault backends, clients, DNS. Started here, ended here, by process ID."""
import http.client
import os
import pathlib
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "compare"))
from processes import accepts, wait_until  # noqa: E402

START_DEADLINE_S = 20
FILES_SPARE, FILES_CROWD = 4, 40
SPANRING_CONFIG = """\
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
exporters:
  loadbalancing:
    protocol: {{otlp: {{compression: {compression}, tls: {{insecure: true}}}}}}
    resolver: {{{resolver}}}
extensions: {{health_check: {{endpoint: "127.0.0.1:{health_port}"}}}}
service:
  extensions: [health_check]
  pipelines: {{traces: {{receivers: [otlp], exporters: [loadbalancing]}}}}
  telemetry:
    metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {metrics_port}}}}}}}}}]}}
spanring: {{workers: 2, memory: {{limit: {memory_mib}MiB}}, drain: {{delay: 300ms, timeout: 12s}}{more}}}
"""


def free_port(hosts=("127.0.0.1",)):
    """A port that is free on all the addresses, from outside the range that connections take theirs from."""
    for _ in range(200):
        port = random.SystemRandom().randrange(10_000, 32_000)
        probes = []
        try:
            for host in hosts:
                probe = socket.socket()
                probes.append(probe)
                probe.bind((host, port))
            return port
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    raise RuntimeError("no free port")


class Child:
    """One process whose output goes to a file; it can be started again."""

    def __init__(self, name, directory, command):
        self.name = name
        self.log = directory / f"{name}.log"
        self.command = [str(part) for part in command]
        self.child = None

    def start(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                                          text=True)

        self.started_at = time.monotonic()

    def waited_ns(self):
        """{task: how long it was ready to run and had no CPU}, since its start."""
        result, tasks = {}, pathlib.Path(f"/proc/{self.pid}/task")
        try:
            for task in os.listdir(tasks):
                result[int(task)] = int((tasks / task / "schedstat").read_text().split()[1])
        except OSError:
            pass  # it ends
        return result

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        if self.alive():
            self.child.send_signal(number)

    def say(self, line):
        try:
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # it was killed meanwhile

    def kill(self):
        if self.alive():
            self.child.kill()
        if self.child is not None:
            self.child.wait()

    def tail(self, lines=8):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class FaultBackend(Child):
    def __init__(self, binaries, directory, index, address, seed, network=None):
        self.address = address
        self.ledger = directory / f"backend{index}.ledger"
        command = [binaries / "fault_backend", "--listen", address, "--ledger", self.ledger, "--seed", seed]
        super().__init__(f"backend{index}", directory, network.inside(*command) if network else command)

    def start(self):
        super().start()
        host, port = self.address.split(":")
        wait_until(lambda: not self.alive() or accepts(int(port), host), f"{self.name} to listen")
        if not self.alive():
            raise RuntimeError(f"{self.name} ended: {self.tail()}")


class Router(Child):
    def __init__(self, binary, directory, index, resolver, memory_mib, compression, more=""):
        self.port, self.metrics_port, self.health_port = free_port(), free_port(), free_port()
        self.config = directory / f"router{index}.yaml"
        self.memory_mib = memory_mib
        self.config.write_text(SPANRING_CONFIG.format(
            port=self.port, metrics_port=self.metrics_port, health_port=self.health_port, resolver=resolver,
            memory_mib=memory_mib, compression=compression, more=more))
        self.exit_codes = []
        super().__init__(f"router{index}", directory, [binary, "--config", self.config])

    def wait_ready(self):
        wait_until(lambda: not self.alive() or self.is_ready(), f"{self.name} to be ready\n{self.tail()}")
        if not self.alive():
            raise RuntimeError(f"{self.name} ended:\n{self.tail()}")

    def signal(self, number):
        """A program that has only just been started is ended by a signal that it does not wait for yet."""
        if number in (signal.SIGTERM, signal.SIGHUP):
            wait_until(lambda: not self.alive() or self.waits_for(number), f"{self.name} to wait for signals")
        super().signal(number)

    def waits_for(self, number):
        """Some thread has it blocked; the one that waits has not, while it does."""
        try:
            states = [state.read_text() for state in pathlib.Path("/proc").glob(f"{self.pid}/task/*/status")]
        except OSError:
            return False  # a thread has ended meanwhile
        return any(int(re.search(r"SigBlk:\s+(\w+)", state)[1], 16) >> (number - 1) & 1 for state in states)

    def is_ready(self):
        return self.get(self.health_port, "/readyz")[0] == 200

    def reload_with(self, limit):
        self.config.write_text(re.sub(r"limit: \d+MiB", limit, self.config.read_text()))
        self.signal(signal.SIGHUP)

    def lack_files(self):
        """Takes its spare descriptors: a low limit, and idle connections that use up the rest. Returns what ends it."""
        if not self.alive():
            return lambda: None
        pid, (_, hard) = self.pid, resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (self.resources()[2] + FILES_SPARE, hard))
        crowd = []
        for _ in range(FILES_CROWD):
            crowd.append(socket.socket())
            crowd[-1].setblocking(False)
            crowd[-1].connect_ex(("127.0.0.1", self.port))

        def end():
            for idle in crowd:
                idle.close()
            if self.alive() and self.pid == pid:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
        return end

    def get(self, port, path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def metrics(self):
        from ledgers import parse_metrics
        return parse_metrics(self.get(self.metrics_port, "/metrics")[1])

    def resources(self):
        """(resident KiB, threads, descriptors), or None when it has just ended."""
        try:
            status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
            files = len(os.listdir(f"/proc/{self.pid}/fd"))
        except OSError:
            return None
        values = dict(line.split(":", 1) for line in status.splitlines())
        if "VmRSS" not in values:
            return None
        return int(values["VmRSS"].split()[0]), int(values["Threads"]), files


class Client(Child):
    def __init__(self, binaries, directory, index, routers, seed, options):
        self.ledger = directory / f"client{index}.ledger"
        target = "ipv4:" + ",".join(f"127.0.0.1:{router.port}" for router in routers)
        super().__init__(f"client{index}", directory, [
            binaries / "fault_client", "--target", target, "--ledger", self.ledger, "--seed", seed, *options])

    def finish(self, deadline_s):
        self.child.stdin.close()
        try:
            self.child.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{self.name} did not end within {deadline_s} s") from None


class Dns(Child):
    """spanring_dns with one name; what it says is changed by a file and SIGHUP."""
    NAME = "collectors.test"

    def __init__(self, binaries, directory):
        self.port = free_port()
        self.file = directory / "dns.records"
        super().__init__("dns", directory, [binaries / "spanring_dns", "--listen", f"127.0.0.1:{self.port}",
                                            "--ttl", "1", "--records-file", self.file])

    def set(self, hosts, mode=""):
        self.file.write_text(f"{self.NAME} {mode} {' '.join(hosts)}\n")
        self.signal(signal.SIGHUP)

    def start(self):
        super().start()
        wait_until(lambda: "listening" in self.log.read_text(), "the DNS server to listen")


def owners(binary, config, traces, trace_id):
    """{trace: backend} by the router's own command, which uses no connection."""
    result, traces = {}, list(traces)
    for begin in range(0, len(traces), 20_000):
        part = {trace_id(trace): trace for trace in traces[begin:begin + 20_000]}
        out = subprocess.run([str(binary), "owner", "--config", str(config), *part], capture_output=True, text=True,
                             check=True, timeout=120).stdout
        for line in out.splitlines():
            identity, backend = line.split()[:2]
            if identity in part:  # the last line describes the ring
                result[part[identity]] = backend
    return result
