"""Scenario: the backends are the EndpointSlices of a headless Service, scaled, replaced, not ready and terminating,
while the API server is killed, tokens rotate, and versions of objects are forgotten (410).
Guarantees: each ring is exactly that of the endpoints that are ready, within 500 ms of the write where the API can
be reached; it never is empty; every call is answered OK, and every span is at its owner, once.
"""
import os
import re
import time

import places  # noqa: F401
import objects
from api import ApiError, Api
from control_plane import HOST, PORT, put_pod_files
from link import Link
from load import Load, Pods
from rig_processes import Router
from ring_watch import RingWatch, Rings

FOLLOW_MS = 500
RECONNECT_MS = 12_000       # after an outage: the router's longest pause between two tries, and the try
HOLD_S = 1.0                # how long a ring that must stay is looked at
GRACE_S = 0.5               # from the end of `ready` to the end of the process; clusters give 30 s
OUTAGE_S = 2.0
RATE = 80
PER_SLICE = 8               # 20 endpoints make 3 slices
LINK = "10.98.0.2"          # the address of the API server as the router knows it
STOP_DEADLINE_S = 90
ENDPOINTSLICES = f"/apis/discovery.k8s.io/v1/namespaces/{objects.NAMESPACE}/endpointslices"
READY, NOT_READY = {"ready": True}, {"ready": False}
TERMINATING = {"ready": False, "serving": True, "terminating": True}


def run(world, checks):
    scenario = Scenario(world, checks)
    try:
        scenario.run()
    finally:
        scenario.close()


class Slices:
    """The EndpointSlices of the Service, written whole; `states` is what they say: {host: conditions}.

    `on_step(ns, hosts)` is told of each set of ready hosts on the way: several slices do not change at once.
    """

    def __init__(self, api, on_step):
        self._api, self._on_step, self._written = api, on_step, []
        self.states = {}

    def write(self):
        """Returns when the writing began."""
        endpoints = [objects.endpoint(host, **state) for host, state in self.states.items()]
        parts = [endpoints[at:at + PER_SLICE] for at in range(0, len(endpoints), PER_SLICE)] or [[]]
        items = [objects.endpoint_slice(number, part) for number, part in enumerate(parts)]
        began = time.monotonic_ns()
        for number, item in enumerate(items):
            if item not in self._written:
                self._on_step(time.monotonic_ns(), ready_hosts(items[:number + 1] + self._written[number + 1:]))
                self._api.apply(item)
        for item in self._written[len(items):]:
            self._api.delete(item)
        self._written = items
        return began

    def ready(self):
        return [host for host, state in self.states.items() if state.get("ready") is not False]


def ready_hosts(slices):
    return [one["addresses"][0] for item in slices for one in item["endpoints"]
            if one["conditions"].get("ready", True)]


class Scenario:
    def __init__(self, world, checks):
        self.world, self.checks, self.plane = world, checks, world.control_plane
        self.account = objects.service_account("spanring", "spanring")
        self.link = Link((LINK, PORT), (HOST, PORT))
        self.slices = Slices(self.plane.api, self.on_step)
        self.pods = Pods(world.binaries, world.directory, "10.99", objects.OTLP_PORT)
        self.rings = Rings(world.binaries / "spanring", world.directory)
        self.router = Router(world.binaries / "spanring", world.directory, 20,
                             f"k8s: {{service: {objects.SERVICE}.{objects.NAMESPACE}, ports: [{objects.OTLP_PORT}]}}",
                             256, "none")
        self.watch, self.load, self.tokens = None, None, 0
        self.is_heard = True  # the router hears of what is written

    def run(self):
        self.grant()
        self.begin()
        self.scale()
        self.replace()
        self.come_and_go()
        self.kill_server_and_rotate()
        self.forget_versions()
        self.judge()

    # ---- the steps ----------------------------------------------------------------------------------------------

    def grant(self):
        """The rights that the chart gives, and no more."""
        rights = objects.role("spanring", objects.NAMESPACE, [objects.rule("discovery.k8s.io", ["endpointslices"])])
        for item in (objects.namespace("spanring"), self.account, rights, objects.binding(rights, self.account),
                     objects.headless_service()):
            self.plane.api.apply(item)
        self.old_token = self.rotate()
        os.environ.update(KUBERNETES_SERVICE_HOST=LINK, KUBERNETES_SERVICE_PORT=str(PORT))

    def begin(self):
        """Two endpoints, one of them without a word about its readiness, which means ready."""
        first, second = self.pods.start(2)
        self.slices.states = {first: {"ready": None}, second: READY}
        self.slices.states[first] = {"ready": None}
        began = self.slices.write()
        self.router.start()
        self.watch = RingWatch(self.router)
        self.follow("start of the router with 2 endpoints", began, limit_ms=RECONNECT_MS)
        self.router.wait_ready()
        self.load = Load(self.world.binaries, self.world.directory, self.router, 7, RATE)
        self.on_step(0, self.slices.ready())

    def scale(self):
        self.add(18)
        self.change("scaled 2 to 20, in 3 slices")
        self.leave(list(self.slices.states)[5:], "scaled 20 to 5: 15 terminating")
        self.ring_stays("removed from the slices when they have ended")

    def replace(self):
        """One more, not ready, then ready; then an old one terminates, ends, and is taken out: for each of the five."""
        times = []
        for old in list(self.slices.states):
            (new,) = self.add(1, NOT_READY)
            self.slices.write()
            self.slices.states[new] = READY
            times.append(self.change(None))
            times.append(self.leave([old], None))
        slowest = None if None in times else max(times)
        self.report("rolling replacement of 5, slowest of 10 steps", slowest, FOLLOW_MS)

    def come_and_go(self):
        one = list(self.slices.states)[0]
        self.slices.states[one] = NOT_READY
        self.change("one not ready")
        self.slices.states[one] = READY
        self.change("ready again")
        states = dict(self.slices.states)
        self.slices.states = dict.fromkeys(states, NOT_READY)
        self.slices.write()
        self.ring_stays("none ready: the ring stays as it was")
        self.slices.states = states
        self.slices.write()
        self.ring_stays("all ready again")

    def kill_server_and_rotate(self):
        """The old token ends with the secret it is bound to; the server, started anew, remembers nothing of it."""
        old = self.old_token
        self.rotate()
        self.plane.api.delete(objects.secret("spanring-token-1", "spanring"))
        self.plane.server.kill()
        time.sleep(OUTAGE_S)
        self.ring_stays("API server killed")
        self.plane.start_server()
        self.checks.that("the old token is refused after the rotation", self.is_refused(old), "401 for it")
        self.add(2)
        self.change("5 to 7 after the API server's return", RECONNECT_MS)
        self.add(1)
        self.change("7 to 8 by the new watch")

    def forget_versions(self):
        """Changes that the router does not hear of, after which etcd and the server forget what came between."""
        known = self.plane.api.get(ENDPOINTSLICES)["metadata"]["resourceVersion"]
        self.link.freeze()
        self.is_heard = False
        self.leave(list(self.slices.states)[6:], None)
        self.ring_stays("nothing is heard of the API: the ring stays", self.last_ring)
        revision = self.plane.compact()
        self.plane.server.child.terminate()
        self.plane.server.child.wait(STOP_DEADLINE_S)
        self.plane.start_server()
        said = self.plane.api.get(f"{ENDPOINTSLICES}?watch=true&timeoutSeconds=1&resourceVersion={known}")
        self.checks.that("the server says 410 for the version that the router knows",
                         re.search(r"code\W+410\b", str(said)), known)
        self.is_heard = True
        self.on_step(time.monotonic_ns(), self.slices.ready())
        self.link.renew()
        self.follow(f"changes before a compaction, at revision {revision} (410)", time.monotonic_ns(), RECONNECT_MS)
        self.pods.end(self.leaving)
        self.add(1)
        self.change("one more by the newest watch")

    def judge(self):
        self.load.finish()
        findings = self.load.judge(self.pods, self.rings)
        self.watch.stop()
        counts, bad = findings.counts, self.load.calls_not_ok()
        user, refused = self.plane.requests_of("system:serviceaccount:spanring:spanring")
        self.checks.row("k8s", "spans in all this", counts["acknowledged"], None,
                        f"{counts['lost']} lost, {counts['duplicated']} doubled, {counts['misrouted']} misrouted, "
                        f"{len(self.load.tries)} calls, longest silence {self.load.longest_silence_ms():.0f} ms")
        requests = ", ".join(f"{count} × {verb} {code}" for (verb, code), count in sorted(user.items()))
        self.checks.row("k8s", "the router's requests to the API", sum(user.values()), None, requests)
        self.checks.that("no span lost", counts["lost"] == 0 < counts["acknowledged"],
                         f"{counts['lost']} of {counts['acknowledged']} acknowledged")
        self.checks.that("every call was answered OK at once", not bad,
                         f"{len(self.load.tries) - len(bad)} of {len(self.load.tries)}" +
                         (f", first: code {bad[0].code} {bad[0].message}" if bad else ""))
        self.checks.that("the ledgers show nothing wrong", not findings.faults,
                         "; ".join(findings.faults) or ", ".join(f"{k} {v}" for k, v in findings.notes.items()))
        self.checks.that("the ring never was empty", self.watch.fewest,
                         f"at least {self.watch.fewest} members in {self.watch.polls} looks")
        self.checks.that("list and watch of EndpointSlices is all the router needs", user and not refused,
                         f"{refused} requests refused by a server that was ready")

    # ---- what they are made of ----------------------------------------------------------------------------------

    def rotate(self):
        self.tokens += 1
        token, _ = self.plane.new_token(self.account, self.tokens)
        put_pod_files(self.plane.ca, token, "spanring")
        return token

    def is_refused(self, token):
        try:
            Api(HOST, PORT, self.plane.ca, token).get(ENDPOINTSLICES)
        except ApiError as error:
            return error.status == 401
        return False

    def add(self, count, state=READY):  # noqa: B006: never changed
        hosts = self.pods.start(count)
        self.slices.states |= dict.fromkeys(hosts, state)
        return hosts

    def leave(self, hosts, event):
        """Terminating, then ended, then out of the slices, as a Deployment's pods go."""
        self.slices.states |= dict.fromkeys(hosts, TERMINATING)
        took = self.change(event) if self.is_heard else self.slices.write()
        self.leaving = hosts
        if self.is_heard:
            time.sleep(GRACE_S)
            self.pods.end(hosts)
        for host in hosts:
            del self.slices.states[host]
        self.slices.write()
        return took

    def change(self, event, limit_ms=FOLLOW_MS):
        return self.follow(event, self.slices.write(), limit_ms)

    def follow(self, event, began, limit_ms=FOLLOW_MS):
        wanted = self.fingerprint(self.slices.ready())
        before = self.waited_ms()
        took = self.watch.follow(wanted, began, RECONNECT_MS / 1000 + 3)
        starved = max((ms - before.get(task, ms) for task, ms in self.waited_ms().items()), default=0)
        self.last_ring = self.slices.ready()
        if event:
            self.report(event, took, limit_ms, starved)
        return None if took is None else max(0, took - starved)

    def on_step(self, at, hosts):
        """The checker wants to know each ring that may be in use, and from when on."""
        if self.load is not None and self.is_heard and hosts:
            self.load.memberships.append((at, hosts))

    def waited_ms(self):
        """{task: how long it wanted a CPU and had none} of all who take part in a change."""
        parts = [self.router, self.plane.server, self.plane.etcd, *self.pods.running.values()]
        return {task: ns / 1e6 for part in parts if part.alive() for task, ns in part.waited_ns().items()}

    def report(self, event, took, limit_ms, starved=0):
        """A machine without time for us excuses lateness by as much as one of our tasks had to wait for a CPU."""
        note = f"of that {starved:.0f} ms without a CPU" if starved >= 100 else ""
        self.checks.row("k8s", event, len(self.slices.ready()), took, note)
        self.checks.that(event, took is not None and took <= limit_ms + starved,
                         f"{len(self.slices.ready())} members " +
                         ("not in time" if took is None else f"after {took:.0f} ms {note}").rstrip() +
                         f", allowed {limit_ms} ms")

    def ring_stays(self, event, hosts=None):
        wanted = self.fingerprint(hosts or self.last_ring)
        generations = len(self.watch.changes)
        time.sleep(HOLD_S)
        _, members, seen = self.watch.current()
        held = seen == wanted and len(self.watch.changes) == generations
        self.checks.row("k8s", event, members, None, f"unchanged for {HOLD_S:.0f} s" if held else "CHANGED")
        self.checks.that(event, held, f"{members} members")

    def fingerprint(self, hosts):
        return self.rings.fingerprint([self.pods.address(host) for host in hosts])

    def close(self):
        self.link.cut()
        if self.watch is not None:
            self.watch.stop()
        if self.load is not None:
            self.load.close()
        self.router.kill()
        self.pods.close()
