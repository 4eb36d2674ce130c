"""Spans that keep flowing while a scenario goes on, and the books that say what became of each."""
import time

import places  # noqa: F401
import checker
import ledgers
from rig_processes import Client, FaultBackend, owners, wait_until

QUIET_DEADLINE_S = 20
FINISH_DEADLINE_S = 30
DRAIN_DEADLINE_S = 20


class Pods:
    """Backends, each a process on an address of its own; those that have ended keep their ledgers."""

    def __init__(self, binaries, directory, network, port):
        self._binaries, self._directory = binaries, directory
        self._network, self._port = network, port
        self.running, self.ended = {}, []  # {host: backend}, [backend]
        self.troubles = []

    def start(self, count):
        """Hosts of new ones."""
        hosts = []
        for _ in range(count):
            index = len(self.running) + len(self.ended)
            host = f"{self._network}.{index // 250}.{index % 250 + 1}"
            backend = FaultBackend(self._binaries, self._directory, index, f"{host}:{self._port}", index)
            backend.start()
            self.running[host] = backend
            hosts.append(host)
        return hosts

    def end(self, hosts):
        for host in hosts:
            backend = self.running.pop(host)
            self.troubles.append(checker.Trouble("kill", backend.address, time.monotonic_ns(), 1 << 62))
            backend.kill()
            self.ended.append(backend)

    def address(self, host):
        return f"{host}:{self._port}"

    def records(self):
        """(what all of them were sent, requests that were no OTLP)."""
        records, unreadable = [], 0
        for backend in [*self.ended, *self.running.values()]:
            of_one, broken = ledgers.read_records(backend.ledger, backend.address)
            records += of_one
            unreadable += broken
        return records, unreadable

    def close(self):
        for backend in self.running.values():
            backend.kill()


class Load:
    """Callers that send to one router until finish()."""

    def __init__(self, binaries, directory, router, seed, rate):
        self._binaries, self._directory, self._router = binaries, directory, router
        self.memberships = []  # [(ns, [host])]: what the API says, from when on
        options = ["--rate", rate, "--callers", 16, "--deadline", 5000, "--tries", 3, "--spans-max", 64]
        self.client = Client(binaries, directory, 0, [router], seed, options)
        self.client.start()

    def finish(self):
        self.client.finish(FINISH_DEADLINE_S)

    def judge(self, pods, rings):
        """checker.Findings of the whole; ends the router, as its exit code belongs to it."""
        facts = checker.RouterFacts(self._router.name)
        wait_until(lambda: not ledgers.metric(self._router.metrics(), "spanring_in_flight_spans"), "nothing in flight",
                   QUIET_DEADLINE_S)
        facts.metrics = self._router.metrics()
        self._router.child.terminate()
        facts.exit_code = self._router.child.wait(DRAIN_DEADLINE_S)
        records, unreadable = pods.records()
        traces = {span[0] for record in records for span in record.spans}
        known = {}
        for _, hosts in self.memberships:
            if tuple(hosts) not in known:
                config = rings.config([pods.address(host) for host in hosts])
                known[tuple(hosts)] = owners(self._binaries / "spanring", config, traces, ledgers.trace_id)
        self.tries = ledgers.read_tries(self.client.ledger)
        return checker.check(checker.Run(
            tries=self.tries, records=records, rings=[(at, known[tuple(hosts)]) for at, hosts in self.memberships],
            troubles=pods.troubles, routers=[facts], unreadable=unreadable))

    def calls_not_ok(self):
        return [call for call in self.tries if call.code != 0]

    def longest_silence_ms(self):
        """Between two answers OK."""
        ends = sorted(call.end for call in self.tries if call.code == 0)
        return max((later - sooner for sooner, later in zip(ends, ends[1:])), default=0) / 1e6

    def close(self):
        self.client.kill()
