"""Processes of a measurement: started in a directory of their own, pinned to a core, measured, ended.

Everything started here is ended by close(), by process ID; nothing else is touched.
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

PROXY_CORE = 0
LOAD_CORE = 1
START_DEADLINE_S = 20
STOP_DEADLINE_S = 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, deadline_s=START_DEADLINE_S):
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise RuntimeError(f"waited {deadline_s} s for {what}")
        time.sleep(0.02)


def accepts(port, host="127.0.0.1"):
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def pinned(core, command):
    cores = os.sched_getaffinity(0)
    return ["taskset", "-c", str(core), *command] if core in cores else list(command)


class Process:
    """One child and its own children: output to a file, CPU time and memory from /proc."""

    def __init__(self, name, command, directory, core):
        self.name = name
        self.log = pathlib.Path(directory) / f"{name}.log"
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(pinned(core, [str(part) for part in command]), stdout=log,
                                          stderr=subprocess.STDOUT, cwd=directory)

    @property
    def pid(self):
        return self.child.pid

    def pids(self):
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def cpu_ns(self):
        """User and system time of all threads so far, in nanoseconds (schedstat: not in ticks)."""
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                total += int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
        return total

    def memory_kib(self, key="VmRSS"):
        total = 0
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(key + ":"):
                    total += int(line.split()[1])
        return total

    def alive(self):
        return self.child.poll() is None

    def tail(self, lines=15):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def close(self, deadline_s=STOP_DEADLINE_S):
        """SIGTERM, then SIGKILL after the deadline. Returns the exit code."""
        if self.alive():
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(deadline_s)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode


class Sink(Process):
    """N fake backends in one process (bench/load/sink.cc)."""

    def __init__(self, binaries, directory, hosts, verify=False, extra=()):
        command = [binaries / "sink", "--hosts", ",".join(hosts), *extra]
        super().__init__("sink", command + (["--verify"] if verify else []), directory, LOAD_CORE)
        line = wait_until(lambda: self.log.read_text() if "\n" in self.log.read_text() else None,
                          "the sink to listen")
        self.port, self.control_port = map(int, line.split()[1:3])
        self.backends = [f"{host}:{self.port}" for host in hosts]

    def counters(self):
        with socket.create_connection(("127.0.0.1", self.control_port), timeout=10) as control:
            data = b""
            while chunk := control.recv(65536):
                data += chunk
        return json.loads(data)


class Load:
    """A running load generator; result() waits for it and returns its JSON."""

    def __init__(self, binaries, port, arguments):
        command = [binaries / "load_generator", f"127.0.0.1:{port}", *arguments]
        self.child = subprocess.Popen(pinned(LOAD_CORE, [str(part) for part in command]),
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self, deadline_s):
        try:
            out, err = self.child.communicate(timeout=deadline_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.communicate()
            raise RuntimeError(f"the load generator did not end within {deadline_s} s") from None
        if not out.strip():
            raise RuntimeError(f"the load generator said: {err.strip()}")
        return json.loads(out)
