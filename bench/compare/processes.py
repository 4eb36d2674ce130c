"""Processes of a measurement: started in a directory of their own, pinned to cores, measured, ended.

Everything started here is ended by close(), by process ID; nothing else is touched.
"""
import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

PROXY_CORE = 0
LOAD_CORE = 1
# With --realtime: of the harness, which must look at clocks in time, of what is measured, of the generator, which has
# a plan to keep, of the backends.
HARNESS_PRIORITY, PROXY_PRIORITY, LOAD_PRIORITY, SINK_PRIORITY = 30, 20, 15, 10
START_DEADLINE_S = 20
STOP_DEADLINE_S = 20


@dataclasses.dataclass(frozen=True)
class Rig:
    """What a run measures with."""
    binaries: pathlib.Path                   # spanring, load_generator and sink
    collector: pathlib.Path | None = None    # none has been built
    against: pathlib.Path | None = None      # another spanring
    realtime: bool = False                   # the processes of the run go before all others of the machine


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


def pinned(cores, command, priority=None):
    """cores: one or several; those this process may not use are left out. priority: real-time, round robin."""
    wanted = ({cores} if isinstance(cores, int) else set(cores)) & os.sched_getaffinity(0)
    prefix = ["taskset", "-c", ",".join(map(str, sorted(wanted)))] if wanted else []
    # Whether the harness has a real-time priority of its own or not, a child gets exactly what is said here.
    policy = ["--rr", str(priority)] if priority else ["--other", "0"]
    return ["chrt", *policy, *prefix, *map(str, command)]


def take_realtime_priority():
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(HARNESS_PRIORITY))
    except OSError as error:
        raise RuntimeError(f"--realtime needs root: {error}") from None


def put_before_others(pid):
    """As far as normal priority goes: for processes under a quota, which does not bind real-time ones."""
    for task in os.listdir(f"/proc/{pid}/task"):
        os.setpriority(os.PRIO_PROCESS, int(task), -20)


class Process:
    """One child and its own children: output to a file, CPU time and memory from /proc."""

    def __init__(self, name, command, directory, cores, priority=None):
        self.name = name
        self.log = pathlib.Path(directory) / f"{name}.log"
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(pinned(cores, command, priority), stdout=log, stderr=subprocess.STDOUT,
                                          cwd=directory)

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

    def __init__(self, binaries, directory, hosts, verify=False, extra=(), realtime=False):
        command = [binaries / "sink", "--hosts", ",".join(hosts), *extra]
        super().__init__(f"sink-{len(hosts)}", command + (["--verify"] if verify else []), directory, LOAD_CORE,
                         SINK_PRIORITY if realtime else None)
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

    def __init__(self, binaries, port, arguments, realtime=False):
        """port: of 127.0.0.1, or "address:port"."""
        target = port if isinstance(port, str) else f"127.0.0.1:{port}"
        command = [binaries / "load_generator", target, *arguments]
        self.child = subprocess.Popen(pinned(LOAD_CORE, command, LOAD_PRIORITY if realtime else None),
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
