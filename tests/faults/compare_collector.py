#!/usr/bin/env python3
"""The same faults for spanring and for the OpenTelemetry Collector's `loadbalancing` exporter, side by side.

usage: compare_collector.py BINARIES COLLECTOR [SCENARIO …] [--rate R] [--seed S] [--docs FILE] [--keep]

Every router gets clients and four backends of its own and the same configuration file; a scenario happens to all of
them at the same time. Then the rig waits until everything acknowledged has arrived, SETTLE_S at most, because the
Collector says OK before it delivers; ends the routers with SIGTERM, which makes the Collector empty its queues; and
counts. Spans are known by their identities: a Collector encodes anew, so its bytes are not compared.
"""
import argparse
import collections
import dataclasses
import datetime
import http.client
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import ledgers
from rig_processes import Child, Client, FaultBackend, free_port, wait_until

BACKENDS = 4
LOAD_S = 30
SETTLE_S = 60
SHUTDOWN_S = 40
SPANS_MAX = 100
DEADLINE_MS = 10_000    # of every call, the default of the SDKs
DNS_ADDRESS = "127.0.0.1:53"  # where the Collector's resolver looks
MARKS = ("<!-- table:begin -->", "<!-- table:end -->")

CONFIG = """\
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
exporters:
  loadbalancing:
    protocol: {{otlp: {{{otlp}tls: {{insecure: true}}}}}}
    resolver: {{{resolver}}}
extensions: {{health_check: {{endpoint: "127.0.0.1:{health_port}"}}}}
service:
  extensions: [health_check]
  pipelines: {{traces: {{receivers: [otlp], exporters: [loadbalancing]}}}}
  telemetry:
    metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {metrics_port}}}}}}}}}]}}
"""


@dataclasses.dataclass(frozen=True)
class Variant:
    name: str
    is_collector: bool
    otlp: str = ""      # more keys of protocol.otlp


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    says: str
    events: tuple = ()  # (seconds after the load began, deed, argument)
    uses_dns: bool = False


VARIANTS = (
    Variant("spanring", False),
    Variant("Collector", True),
    Variant("Collector, queue off", True, "sending_queue: {enabled: false}, "),
)
SCENARIOS = (
    Scenario("nothing", "no fault"),
    Scenario("kill", "one backend is killed, and back after 10 s", ((3, "kill", 1), (13, "start", 1))),
    Scenario("dead", "one backend is killed for good", ((3, "kill", 1),)),
    Scenario("freeze", "one backend stands still for 10 s", ((3, "stop", 1), (13, "go_on", 1))),
    Scenario("refuse", "all backends answer 30 % UNAVAILABLE for 10 s", ((3, "say", "fail 14 30"), (13, "say", "ok"))),
    Scenario("scale", "DNS: 4 → 3 → 4 backends; the one that left is killed 10 s later",
             ((3, "members", 3), (13, "kill", 3), (16, "start", 3), (18, "members", 4)), uses_dns=True),
    Scenario("router", "a backend stands still for 10 s, and meanwhile the router is killed and started again",
             ((3, "stop", 1), (8, "restart_router", 0), (13, "go_on", 1))),
)


# ---- counting -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Counts:
    attempted: int = 0
    acknowledged: int = 0
    lost: int = 0           # acknowledged and at no backend
    duplicated: int = 0     # copies beyond the first
    traces: int = 0
    split: int = 0          # traces of which two backends hold spans
    slow_ms: int = 0        # 99 of 100 acknowledged calls took at most so long


def count(tries, records):
    """What the ledgers of one router's clients and backends say. Pure."""
    copies, homes = collections.Counter(), collections.defaultdict(set)
    for record in records:
        for trace, number, is_left_out, _ in record.spans:
            if record.is_taken and not is_left_out:
                copies[number] += 1
                homes[trace].add(record.backend)
    requests, acknowledged = {}, {}
    for call in tries:
        requests[call.request] = call.spans
        if call.code == 0:
            acknowledged[call.request] = call.rejected
    counts = Counts(traces=len(homes), split=sum(len(backends) > 1 for backends in homes.values()),
                    attempted=sum(requests.values()), duplicated=sum(copies.values()) - len(copies))
    for request, rejected in acknowledged.items():
        first = request * ledgers.SPANS_PER_REQUEST_MAX
        missing = sum(number not in copies for number in range(first, first + requests[request]))
        counts.acknowledged += requests[request] - rejected
        counts.lost += max(0, missing - rejected)
    times = sorted(call.end - call.begin for call in tries if call.code == 0)
    counts.slow_ms = times[len(times) * 99 // 100] // 1_000_000 if times else 0
    return counts


# ---- processes ------------------------------------------------------------------------------------------------------


class Proxy(Child):
    """spanring or a Collector: told apart by its command and the path that says it is ready."""

    def __init__(self, binary, variant, directory, resolver, more):
        self.port, self.health_port, self.metrics_port = free_port(), free_port(), free_port()
        self.ready_path = "/" if variant.is_collector else "/readyz"
        config = directory / "router.yaml"
        config.write_text(CONFIG.format(port=self.port, health_port=self.health_port, metrics_port=self.metrics_port,
                                        resolver=resolver, otlp=variant.otlp) + more)
        super().__init__("router", directory, [binary, "--config", config])

    def resolve_with(self, resolv_conf):
        """A Collector asks the servers of /etc/resolv.conf: it gets one of its own, in a mount namespace (root)."""
        self.command = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"',
                        str(resolv_conf), *self.command]

    def start(self):
        super().start()
        wait_until(lambda: not self.alive() or self.is_ready(), f"the router to be ready\n{self.tail()}", 60)
        if not self.alive():
            raise RuntimeError(f"the router ended:\n{self.tail()}")

    def is_ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.health_port, timeout=2)
        try:
            connection.request("GET", self.ready_path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class NameServer(Child):
    def __init__(self, binaries, directory):
        self.file, self.names = directory / "dns.records", {}
        super().__init__("dns", directory, [binaries / "spanring_dns", "--listen", DNS_ADDRESS, "--ttl", "1",
                                            "--records-file", self.file])

    def set(self, name, hosts):
        self.names[name] = hosts
        self.file.write_text("".join(f"{name} {' '.join(hosts)}\n" for name, hosts in self.names.items()))
        self.signal(signal.SIGHUP)

    def start(self):
        super().start()
        wait_until(lambda: "listening" in self.log.read_text() or not self.alive(), "the DNS server to listen")
        if not self.alive():
            raise RuntimeError(f"no DNS server at {DNS_ADDRESS}: {self.tail()}")


class Side:
    """One variant with its backends and clients."""

    def __init__(self, arguments, variant, slot, directory, dns):
        self.variant, self.dns = variant, dns
        self.directory = directory / variant.name.replace(" ", "_").replace(",", "")
        self.directory.mkdir()
        hosts = [f"127.{60 + slot}.0.{i + 1}" for i in range(BACKENDS)]
        port = free_port(hosts)
        self.hosts = hosts
        self.backends = [FaultBackend(arguments.binaries, self.directory, i, f"{host}:{port}", arguments.seed + i)
                         for i, host in enumerate(hosts)]
        self.name, more = f"collectors{slot}.test", ""
        resolver = "static: {hostnames: [" + ", ".join(f'"{host}:{port}"' for host in hosts) + "]}"
        if dns:
            resolver = f"dns: {{hostname: {self.name}, port: \"{port}\"}}"
            more = "" if variant.is_collector else f"spanring: {{dns: {{servers: [\"{DNS_ADDRESS}\"]}}}}\n"
        binary = arguments.collector if variant.is_collector else arguments.binaries / "spanring"
        self.router = Proxy(binary, variant, self.directory, resolver, more)
        if dns and variant.is_collector:
            resolv_conf = self.directory / "resolv.conf"
            resolv_conf.write_text(f"nameserver {DNS_ADDRESS.split(':')[0]}\n")
            self.router.resolve_with(resolv_conf)
        self.client = Client(arguments.binaries, self.directory, 0, [self.router], arguments.seed,
                             ["--rate", arguments.rate, "--spans-max", SPANS_MAX, "--deadline", DEADLINE_MS])

    def start(self):
        for backend in self.backends:
            backend.start()
        if self.dns:
            self.dns.set(self.name, self.hosts)
        self.router.start()

    def do(self, deed, argument):
        if deed == "members":
            self.dns.set(self.name, self.hosts[:argument])
        elif deed == "restart_router":
            self.router.kill()
            self.router.start()
        elif deed == "say":
            for backend in self.backends:
                backend.say(argument)
        elif deed == "kill":
            self.backends[argument].kill()
        elif deed == "start":
            self.backends[argument].start()
        else:
            self.backends[argument].signal({"stop": signal.SIGSTOP, "go_on": signal.SIGCONT}[deed])

    def counts(self):
        records = [record for backend in self.backends
                   for record in ledgers.read_records(backend.ledger, backend.address)[0]]
        return count(ledgers.read_tries(self.client.ledger), records)

    def end_router(self):
        self.router.signal(signal.SIGTERM)
        try:
            self.router.child.wait(SHUTDOWN_S)
        except subprocess.TimeoutExpired:
            self.router.kill()

    def close(self):
        for child in (self.client, self.router, *self.backends):
            child.kill()


def run(arguments, scenario, directory):
    """{variant name: Counts}"""
    dns = NameServer(arguments.binaries, directory) if scenario.uses_dns else None
    sides = []
    try:
        if dns:
            dns.file.write_text("")
            dns.start()
        for slot, variant in enumerate(VARIANTS):
            sides.append(Side(arguments, variant, slot, directory, dns))
            sides[-1].start()
        for side in sides:
            side.client.start()
        carry_out(scenario, sides)
        settle(sides)
        return {side.variant.name: side.counts() for side in sides}
    finally:
        for child in (*sides, *([dns] if dns else [])):
            child.close() if isinstance(child, Side) else child.kill()


def carry_out(scenario, sides):
    began = time.monotonic()
    for at_s, deed, argument in (*scenario.events, (LOAD_S, "", None)):
        time.sleep(max(0, began + at_s - time.monotonic()))
        for side in sides if deed else ():
            side.do(deed, argument)
    for side in sides:
        if not side.client.alive():
            raise RuntimeError(f"the client of {side.variant.name} ended before its time")
        side.client.child.stdin.close()
    for side in sides:
        if side.client.child.wait(60) != 0:
            raise RuntimeError(f"the client of {side.variant.name} ended with {side.client.child.returncode}")


def settle(sides):
    end = time.monotonic() + SETTLE_S
    while time.monotonic() < end and any(side.counts().lost for side in sides):
        time.sleep(3)
    for side in sides:
        side.end_router()


# ---- report ---------------------------------------------------------------------------------------------------------


def table(results):
    lines = ["| | | attempted | acknowledged | lost | duplicated | traces split | 99 % of the OKs within |",
             "|---|---|---|---|---|---|---|---|"]
    for scenario, by_variant in results:
        for index, (name, counts) in enumerate(by_variant.items()):
            lines.append(f"| {'' if index else scenario.says} | {name} | {counts.attempted} | {counts.acknowledged} | "
                         f"{counts.lost} | {counts.duplicated} | {counts.split} of {counts.traces} | "
                         f"{counts.slow_ms} ms |")
    return "\n".join(lines)


def write_docs(path, text):
    old = path.read_text()
    before, _, rest = old.partition(MARKS[0])
    _, found, behind = rest.partition(MARKS[1])
    if not found:
        raise SystemExit(f"{path} has no {MARKS[0]} … {MARKS[1]}")
    path.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{behind}")


def main():
    parser = argparse.ArgumentParser(prog="compare_collector")
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("collector", type=pathlib.Path)
    parser.add_argument("scenarios", nargs="*", help=", ".join(scenario.name for scenario in SCENARIOS))
    parser.add_argument("--rate", type=int, default=60, help="requests per second for each router")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--docs", type=pathlib.Path, help="write the table into this file as well")
    parser.add_argument("--keep", action="store_true", help="keep ledgers and logs")
    arguments = parser.parse_args()
    arguments.binaries, arguments.collector = arguments.binaries.resolve(), arguments.collector.resolve()
    if unknown := set(arguments.scenarios) - {scenario.name for scenario in SCENARIOS}:
        parser.error(f"unknown scenarios: {', '.join(sorted(unknown))}")
    results = []
    for scenario in SCENARIOS:
        if arguments.scenarios and scenario.name not in arguments.scenarios:
            continue
        if scenario.uses_dns and os.geteuid() != 0:
            print(f"{scenario.name}: left out, giving a Collector a DNS server needs root", file=sys.stderr)
            continue
        directory = pathlib.Path(tempfile.mkdtemp(prefix=f"compare-{scenario.name}-"))
        results.append((scenario, run(arguments, scenario, directory)))
        print(table(results[-1:]).split("\n", 2)[2] if len(results) > 1 else table(results), flush=True)
        if arguments.keep:
            print(f"ledgers and logs: {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory)
    if arguments.docs:
        when = datetime.date.today().isoformat()
        note = (f"Run of {when}, seed {arguments.seed}, {arguments.rate} requests per second for each router, "
                f"{os.cpu_count()} CPUs shared by all processes.")
        write_docs(arguments.docs, f"{table(results)}\n\n{note}")
    return 1 if any(by_variant["spanring"].lost for _, by_variant in results) else 0


if __name__ == "__main__":
    sys.exit(main())
