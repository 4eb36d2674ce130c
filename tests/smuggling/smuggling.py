"""Sends the corpus to a router's OTLP/HTTP port and looks for disagreement about where requests end.

    smuggling.py HOST:PORT              a running router
    smuggling.py --spanring BINARY      starts one for the time of the run
    --only WORDS                        cases whose group or name has these words

Each case goes out three times, cut differently; the outcome may not depend on that. Then a well-formed request follows
on the same connection, unless that must be closed by then: it has to get one answer, its own. Exit 1: a case failed.
"""

import argparse
import contextlib
import itertools
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

import corpus

DEADLINE_S = 10
LAST = (b"POST /v1/traces HTTP/1.1\r\nHost: interop.test\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        b"Connection: close\r\n\r\n{}")
LAST_ANSWER = (200, "application/json")


class Malformed(Exception):
    """What the server sent is no HTTP/1.1 answer."""


def take_answer(data, has_body):
    """((status, content type), the rest), or None if `data` does not hold a whole answer yet."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    lines = head.decode("latin-1").split("\r\n")
    match = re.fullmatch(r"HTTP/1\.1 (\d{3}) [ -~]*", lines[0])
    if match is None:
        raise Malformed(f"status line {lines[0][:80]!r}")
    fields = [line.split(":", 1) for line in lines[1:]]
    if any(len(field) != 2 or not field[0] for field in fields):
        raise Malformed(f"fields {lines[1:]!r}")
    named = {name.lower(): value.strip() for name, value in fields}
    status = int(match[1])
    if "transfer-encoding" in named or len(named) != len(fields):
        raise Malformed(f"fields that need no second reading were expected: {lines[1:]!r}")
    if status < 200 or status == 204 or not has_body:
        size = 0
    elif re.fullmatch(r"\d+", named.get("content-length", "")):
        size = int(named["content-length"])
    else:
        raise Malformed(f"no length: {lines!r}")
    if len(rest) < size:
        return None
    return (status, named.get("content-type", "")), rest[size:]


class Talk:
    """One connection: what was sent, and the answers so far."""

    def __init__(self, address, has_bodies, sees_interim):
        self._socket = socket.create_connection(address, timeout=DEADLINE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._has_bodies, self._sees_interim, self._data = has_bodies, sees_interim, b""
        self._until = time.monotonic() + DEADLINE_S
        self.answers, self.is_closed = [], False

    def send(self, pieces):
        with contextlib.suppress(OSError):  # closed by the server: the answers tell
            for piece in pieces:
                self._socket.sendall(piece)

    def read(self, count=sys.maxsize):
        """Until that many answers are there, or until the end."""
        while not self.is_closed and len(self.answers) < count:
            if time.monotonic() > self._until:
                raise TimeoutError
            try:
                received = self._socket.recv(65536)
            except ConnectionError:
                received = b""
            self.is_closed = received == b""
            self._data += received
            while (taken := take_answer(self._data, self._has_bodies)) is not None:
                # A server may leave out 100 if the body has come: only where it was held back does it count.
                if taken[0][0] != 100 or self._sees_interim:
                    self.answers.append(taken[0])
                self._data = taken[1]
        if self.is_closed and self._data:
            raise Malformed(f"rest {self._data[:80]!r}")

    def close(self):
        self._socket.close()


def play(address, case, pieces):
    """What is wrong, or None."""
    talk = Talk(address, not case.is_head, bool(case.held_back))
    try:
        talk.send(pieces)
        if case.held_back:
            talk.read(1)
            talk.send([case.held_back])
        if case.then == corpus.CLOSED:
            talk.read(len(case.answers) + 1)
            return judge(case, talk.answers, [])
        talk.read(len(case.answers))
        if case.then == corpus.OPEN and talk.is_closed:
            return f"closed after {talk.answers}"
        talk._has_bodies = True
        talk.send([LAST])
        talk.read(len(case.answers) + 2)
        return judge(case, talk.answers[: len(case.answers)], talk.answers[len(case.answers):])
    except Malformed as malformed:
        return f"malformed answer: {malformed}"
    except TimeoutError:
        return f"after {DEADLINE_S} s: {talk.answers}, {'closed' if talk.is_closed else 'open'}"
    finally:
        talk.close()


def judge(case, answers, behind):
    statuses = [status for status, _ in answers]
    if len(statuses) != len(case.answers) or not all(
            status in (wanted if isinstance(wanted, tuple) else (wanted,))
            for status, wanted in zip(statuses, case.answers)):
        return f"answers {statuses + [status for status, _ in behind]}, wanted {list(case.answers)}"
    if case.then == corpus.CLOSED or case.then == corpus.EITHER and not behind:
        return None
    return None if behind == [LAST_ANSWER] else f"the request behind got {behind}, wanted one answer {LAST_ANSWER}"


def ways_to_cut(sent):
    """Whole; line by line; in small pieces (bytes, where it is short)."""
    yield "whole", [sent]
    yield "by lines", re.findall(rb"[^\n]*\n|[^\n]+\Z", sent) if len(sent) < 4096 else [sent[:100], sent[100:]]
    size = 1 if len(sent) < 512 else 1021
    yield f"in pieces of {size}", [sent[at : at + size] for at in range(0, len(sent), size)]


def run(address, words):
    cases = [case for case in corpus.CASES if words.lower() in f"{case.group}: {case.name}".lower()]
    failed = 0
    for case in cases:
        for how, pieces in ways_to_cut(case.sent):
            wrong = play(address, case, pieces)
            if wrong:
                failed += 1
                print(f"FAIL  {case.group}: {case.name} ({how}): {wrong}", flush=True)
                break
    print(f"{len(cases) - failed} passed, {failed} failed")
    return failed == 0 and len(cases) > 0


def free_ports(count):
    """Below those that outgoing connections get, so that none of these takes one before it is listened on."""
    ports = []
    for port in itertools.count(10000 + os.getpid() * 101 % 10000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            return ports


@contextlib.contextmanager
def own_router(binary):
    """A router without backends: requests without spans need none."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))  # a backend that refuses connections
        ports = free_ports(3)
        config = pathlib.Path(folder) / "router.yaml"
        config.write_text(f"""
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{ports[0]}"}}
      http: {{endpoint: "127.0.0.1:{ports[1]}"}}
exporters:
  loadbalancing:
    protocol: {{otlp: {{tls: {{insecure: true}}}}}}
    resolver: {{static: {{hostnames: ["127.0.0.1:{holder.getsockname()[1]}"]}}}}
extensions: {{health_check: {{endpoint: "127.0.0.1:{ports[2]}"}}}}
service:
  extensions: [health_check]
  pipelines: {{traces: {{receivers: [otlp], exporters: [loadbalancing]}}}}
  telemetry: {{metrics: {{level: none}}}}
""")
        log = pathlib.Path(folder) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", binary, "--config", str(config)],
                                       stdout=out, stderr=subprocess.STDOUT)
        try:
            address = ("127.0.0.1", ports[1])
            await_answer(address, process)
            yield address
            if process.poll() is not None:
                raise SystemExit(f"the router ended with {process.returncode}:\n{log.read_text()[-2000:]}")
        finally:
            process.terminate()
            code = process.wait(30)
        if code != 0:
            raise SystemExit(f"the router ended with {code}:\n{log.read_text()[-2000:]}")


def await_answer(address, process):
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, TimeoutError, Malformed):
            talk = Talk(address, True, False)
            talk.send([LAST])
            talk.read()
            talk.close()
            if talk.answers == [LAST_ANSWER]:
                return
        time.sleep(0.05)
    raise SystemExit(f"no answer at {address[0]}:{address[1]}: the router's exit code is {process.poll()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address", nargs="?", help="HOST:PORT of a running router's OTLP/HTTP")
    parser.add_argument("--spanring", help="the spanring binary")
    parser.add_argument("--only", default="", metavar="WORDS")
    args = parser.parse_args()
    if (args.address is None) == (args.spanring is None):
        parser.error("either HOST:PORT or --spanring BINARY")
    if args.address:
        host, port = args.address.rsplit(":", 1)
        return 0 if run((host, int(port)), args.only) else 1
    with own_router(args.spanring) as address:
        return 0 if run(address, args.only) else 1


if __name__ == "__main__":
    sys.exit(main())
