"""The rig: child processes, ports, polling, and the certainty that everything ends with the run.

Every process started here dies with this one (also when it is killed), writes its output to a file in the run
folder, and is stopped by `Rig.close()`. Every wait has a deadline and says what it waited for.
"""

import itertools
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import yaml

STOP_DEADLINE_S = 30


class RunFailed(Exception):
    """The run cannot go on: something did not start, answer or end in time."""


def wait_until(what, condition, deadline_s, alive=(), poll_s=0.05):
    """Polls until `condition()` is truthy and returns that value. `alive`: processes that must not end meanwhile."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        for process in alive:
            if process.poll() is not None:
                raise RunFailed(f"{process.name} ended with {process.poll()} while waiting for {what}: {process.log}")
        if time.monotonic() > end:
            raise RunFailed(f"waited {deadline_s} s for {what}")
        time.sleep(poll_s)


def http_get(url):
    """(status, text), or (0, reason) without an answer."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)


def metric_sum(text, name, **labels):
    """Sum over a metric's series that carry `labels`; its name with or without the _total suffix."""
    total = 0.0
    for line in text.splitlines():
        match = re.match(r"(\w+?)(?:_total)?(?:\{(.*)\})? (\S+)$", line)
        if match and match[1] == name and all(f'{k}="{v}"' in (match[2] or "") for k, v in labels.items()):
            total += float(match[3])
    return total


class Child:
    def __init__(self, name, command, log):
        self.name, self.log, self.command = name, log, [str(part) for part in command]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command],
                stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT,
            )

    def has_said(self, line):
        return line in self.log.read_text(errors="replace").splitlines()

    def tell(self, line):
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def poll(self):
        return self._process.poll()

    def stop(self):
        """SIGTERM, then SIGKILL after a deadline. Returns the exit code; negative: killed by that signal."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.stdin.close()
        try:
            return self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def finish(self, deadline_s):
        """Waits for the process to end by itself with 0."""
        code = wait_until(f"{self.name} to finish", lambda: self._exit_code(), deadline_s)
        if code != "0":
            raise RunFailed(f"{self.name} ended with {code}: {self.log}\n{tail(self.log)}")

    def _exit_code(self):
        return None if self._process.poll() is None else str(self._process.returncode)


def tail(path, lines=15):
    return "\n".join("    " + line[:200] for line in path.read_text(errors="replace").splitlines()[-lines:])


class Rig:
    def __init__(self, run_dir):
        self.dir = pathlib.Path(run_dir)
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        self._children = []
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self, name, command):
        child = Child(name, command, self.dir / f"{name}.log")
        self._children.append(child)
        return child

    def start_collector(self, binary, name, config):
        return self.start(name, [binary, "--config", self.write_config(name, config)])

    def write_config(self, name, config):
        path = self.dir / f"{name}.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return path

    def close(self):
        for child in reversed(self._children):
            child.stop()
        self._children.clear()


_ports = itertools.count(10000 + os.getpid() * 101 % 10000)


def free_port():
    """Below the ports that outgoing connections get, so that none of those takes it before it is listened on."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
