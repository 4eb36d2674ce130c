"""Scenario: the backends are those of a headless Service with up to 300 endpoints, found through CoreDNS.
Guarantees: the ring has all of them although the answer fits no datagram; the records' time to live decides when
the router asks again; NXDOMAIN while no endpoint is ready takes nobody off the ring; a router that starts then
becomes ready with the first endpoint; no span is lost, doubled or on a second backend.
"""
import time

import places  # noqa: F401
import coredns
import dns_query
import ledgers
import objects
from processes import Load, Sink
from rig_processes import Router, wait_until
from ring_watch import RingWatch, Rings

TTL_S = 2
INTERVAL_S = 5              # longer than the TTL, which therefore decides; counts after NXDOMAIN
RATE = 60
# Around what fits 512 and 1232 bytes (compressed names), and far beyond.
SIZES = (26, 28, 70, 72, 300)
FITS_A_DATAGRAM = 70
STEP_DEADLINE_S = 4 * TTL_S + 6
NAME_SERVER = (coredns.HOST, coredns.PORT)


def run(world, checks):
    hosts = [f"10.99.{100 + n // 250}.{n % 250 + 1}" for n in range(max(SIZES))]
    sink = Sink(world.binaries, world.directory, hosts, verify=True, extra=("--port", str(objects.OTLP_PORT)))
    server = coredns.CoreDns(world.programs, world.directory, world.control_plane, TTL_S)
    scenario = Scenario(world, checks, hosts)
    try:
        server.start()
        scenario.run(sink)
    finally:
        scenario.close()
        server.kill()
        sink.close()


class Scenario:
    def __init__(self, world, checks, hosts):
        self.world, self.checks, self.hosts = world, checks, hosts
        self.name = coredns.service_name("otelcol-tailsampling-dns-hdls")
        self.service = self.name.split(".")[0]
        self.rings = Rings(world.binaries / "spanring", world.directory)
        self.router, self.watch, self.load = self.new_router(10), None, None
        self.srv_router = self.new_router(11, is_srv=True)

    def new_router(self, number, is_srv=False):
        name = f"_otlp._tcp.{self.name}" if is_srv else self.name
        return Router(self.world.binaries / "spanring", self.world.directory, number,
                      f"dns: {{hostname: {name}, interval: {INTERVAL_S}s, timeout: 2s}}", 256, "none",
                      f', dns: {{servers: ["{coredns.HOST}:{coredns.PORT}"], srv: {str(is_srv).lower()}}}')

    def run(self, sink):
        self.world.control_plane.api.apply(objects.headless_service(self.service))
        self.write(self.hosts[:SIZES[0]], ready=False)
        self.start_while_none_is_ready()
        self.grow()
        self.load = Load(self.world.binaries, self.router.port,
                         ["--fresh", "--rate", RATE, "--seconds", 120, "--spans", 30, "--connections", 2])
        self.time_to_live()
        self.none_ready()
        self.srv()
        self.judge_load(sink)

    def write(self, hosts, ready=True):
        """Returns when the writing began."""
        began = time.monotonic_ns()
        for item in objects.endpoint_slices([objects.endpoint(host, ready) for host in hosts], self.service):
            self.world.control_plane.api.apply(item)
        return began

    def fingerprint(self, hosts):
        return self.rings.fingerprint([f"{host}:{objects.OTLP_PORT}" for host in hosts])

    def metric(self, name, label=""):
        family = self.router.metrics()
        family = family.get(name) or family.get(name + "_total") or {}
        return int(sum(value for labels, value in family.items() if label in labels))

    def lookups(self, outcome=""):
        return self.metric("spanring_resolutions", f'outcome="{outcome}' if outcome else "")

    def start_while_none_is_ready(self):
        answer = dns_query.ask(NAME_SERVER, self.name)
        self.checks.that("CoreDNS says NXDOMAIN while no endpoint is ready", answer.code == dns_query.NXDOMAIN,
                         f"code {answer.code}")
        self.router.start()
        wait_until(lambda: self.lookups() >= 2, "two lookups")
        is_ready, alive = self.router.is_ready(), self.router.alive()
        self.checks.that("a router that starts then lives and is not ready", alive and not is_ready,
                         f"alive {alive}, ready {is_ready}")
        self.watch = RingWatch(self.router)

    def grow(self):
        for count in SIZES:
            hosts = self.hosts[:count]
            wanted = self.fingerprint(hosts)
            before = self.metric("spanring_resolver_tcp_answers")
            began = self.write(hosts)
            took = self.watch.follow(wanted, began, STEP_DEADLINE_S)
            tcp = self.metric("spanring_resolver_tcp_answers") - before
            answer = dns_query.ask(NAME_SERVER, self.name)
            self.checks.row("dns", f"{count} endpoints ready", count, took,
                            f"answer of {answer.bytes} bytes{', cut' if answer.is_cut else ''}; {tcp} over TCP")
            self.checks.that(f"ring of {count} by DNS", took is not None, shown(took))
            is_cut = count > FITS_A_DATAGRAM
            self.checks.that(f"{count} records: {'over TCP' if is_cut else 'in one datagram'}",
                             answer.is_cut == is_cut and (tcp > 0) == is_cut, f"cut {answer.is_cut}, {tcp} over TCP")

    def time_to_live(self):
        """Lookups come at the TTL, not at the longer interval; and a change is seen by then."""
        before, began = self.lookups(), time.monotonic()
        time.sleep(4 * TTL_S)  # the thing itself is measured: lookups in this time
        rate = (self.lookups() - before) / (time.monotonic() - began)
        self.checks.that(f"lookups every {TTL_S} s, the TTL, not every {INTERVAL_S} s", 0.35 <= rate * TTL_S <= 1.6,
                         f"every {1 / rate if rate else 0:.1f} s")
        hosts = self.hosts[1:]
        wanted, began = self.fingerprint(hosts), self.write(hosts)
        took = self.watch.follow(wanted, began, STEP_DEADLINE_S)
        self.checks.row("dns", "one endpoint of 300 gone", len(hosts), took, "leaves after two answers without it")
        self.checks.that("an endpoint that has gone leaves the ring", took is not None, shown(took))
        wanted, began = self.fingerprint(self.hosts), self.write(self.hosts)
        took = self.watch.follow(wanted, began, STEP_DEADLINE_S)
        self.checks.row("dns", "and back", len(self.hosts), took, "")
        self.checks.that("an endpoint that is back is seen within the TTL",
                         took is not None and took < 1000 * (TTL_S * 1.1 + 1), shown(took))

    def none_ready(self):
        ring, failed = self.watch.current(), self.lookups("nxdomain")
        self.write(self.hosts, ready=False)
        wait_until(lambda: dns_query.ask(NAME_SERVER, self.name).code == dns_query.NXDOMAIN, "NXDOMAIN")
        wait_until(lambda: self.lookups("nxdomain") >= failed + 4, "four lookups that say NXDOMAIN")
        self.checks.that("four times NXDOMAIN take nobody off the ring", self.watch.current() == ring,
                         f"{self.watch.current()[1]} members")
        good = self.lookups("success")
        self.write(self.hosts)
        wait_until(lambda: self.lookups("success") >= good + 2, "two good lookups")
        self.checks.that("nor does the ring change when all are ready again", self.watch.current() == ring,
                         f"{self.watch.current()[1]} members")

    def srv(self):
        """The same 300 by SRV, whose answer is far longer."""
        self.srv_router.start()
        watch, began = RingWatch(self.srv_router), time.monotonic_ns()
        try:
            took = watch.follow(self.fingerprint(self.hosts), began, 20)
        finally:
            watch.stop()
        self.checks.row("dns", "300 by SRV, from the start of a router", watch.current()[1], took, "")
        self.checks.that("the same ring by SRV records", took is not None, shown(took))
        self.srv_router.kill()

    def judge_load(self, sink):
        self.load.child.terminate()
        sent = self.load.result(40)
        wait_until(lambda: not ledgers.metric(self.router.metrics(), "spanring_in_flight_spans"), "nothing in flight")
        seen = sink.counters()["verify"]
        lost = sent["spans_acknowledged"] - seen["distinct"]
        self.checks.row("dns", "spans in all this", sent["spans_acknowledged"], None,
                        f"{max(0, lost)} lost, {seen['duplicates']} doubled, {sent['requests']} calls")
        self.checks.that("every call was answered OK", sent["ok"] == sent["requests"] > 0,
                         f"{sent['ok']} of {sent['requests']}, {sent['errors'] or 'no errors'}")
        self.checks.that("no span lost or doubled", lost == 0 and seen["duplicates"] == 0,
                         f"{lost} lost, {seen['duplicates']} doubled of {sent['spans_acknowledged']}")
        self.checks.that("the ring never was empty", self.watch.fewest,
                         f"at least {self.watch.fewest} members in {self.watch.polls} looks")

    def close(self):
        if self.load is not None and self.load.child.poll() is None:
            self.load.child.kill()
        if self.watch is not None:
            self.watch.stop()
        self.router.kill()
        self.srv_router.kill()


def shown(took):
    return "not in time" if took is None else f"after {took:.0f} ms"
