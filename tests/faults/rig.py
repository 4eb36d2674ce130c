"""One run: starts the processes of a plan, carries its faults out, heals, waits until all is quiet, and checks."""
import pathlib
import resource
import signal
import subprocess
import time

import bystanders
import checker
import ledgers
from cut_watch import CutWatch
from far_network import FarNetwork
from rig_processes import Client, Dns, FaultBackend, Router, free_port, owners, wait_until

TICK_S = 0.03
WATCH_S = 0.2       # how often processes are asked how long they waited for a CPU
STARVED_S = 0.05    # a thread that waited so long in that time says that the machine has no time for us
YOUNG_S = 3         # a router that has just started is not measured
SAMPLE_S = 0.5
QUIET_DEADLINE_S = 30
CLIENT_DEADLINE_S = 60
DRAIN_DEADLINE_S = 20
MEMORY_LACK_MIB = 16  # the least that a configuration may say


class Rig:
    """Thread rule: one thread. close() ends every process that was started."""

    def __init__(self, binaries, router_binary, directory, plan, slot=0):
        self.plan = plan
        self.directory = pathlib.Path(directory)
        self.binaries, self.router_binary = binaries, router_binary
        self.network = FarNetwork(plan.backends) if plan.is_far else None
        hosts = [f"127.{20 + slot}.{plan.seed % 250}.{i + 1}" for i in range(plan.backends)]
        port = 4317 if self.network else free_port(hosts)
        hosts = self.network.hosts if self.network else hosts
        self.hosts = hosts
        self.backends = [FaultBackend(binaries, self.directory, i, f"{host}:{port}", plan.seed * 100 + i, self.network)
                         for i, host in enumerate(hosts)]
        self.dns = Dns(binaries, self.directory) if plan.uses_dns else None
        self.static = "static: {hostnames: [" + ", ".join(f'"{b.address}"' for b in self.backends) + "]}"
        more, resolver = "", self.static
        if self.dns:
            resolver = f"dns: {{hostname: {Dns.NAME}, port: {port}, interval: 1s, timeout: 500ms}}"
            more = f", dns: {{servers: [\"127.0.0.1:{self.dns.port}\"]}}"
        self.routers = [Router(router_binary, self.directory, i, resolver, plan.memory_mib, plan.compression, more)
                        for i in range(plan.routers)]
        self.facts = [checker.RouterFacts(router.name, budget_kib=plan.memory_mib * 1024) for router in self.routers]
        self.client = None
        self.troubles = []
        self.memberships = []   # [(time, [host])] of DNS
        self.busy = {}          # what is under a fault now: one fault at a time for each
        self.undo = []          # [(time_s, function)]
        self.known_rings = {}   # {hosts: {trace: backend}}
        self.draining = {}      # router: time of SIGTERM
        self.next_sample = 0
        self.cuts = []          # of CutWatch
        self.watched_at, self.waited = 0, {}   # {task: time it waited for a CPU}

    # ---- life ---------------------------------------------------------------------------------------------------

    def run(self):
        try:
            self.start()
            self.load()
            return self.judge()
        finally:
            self.close()

    def start(self):
        for backend in self.backends:
            backend.start()
        if self.dns:
            self.dns.file.write_text("")
            self.dns.start()
            self.set_members(self.hosts)
        for router in self.routers:
            self.start_router(router)
        for router, facts in zip(self.routers, self.facts):
            router.wait_ready()
            wait_until(lambda: ledgers.metric(router.metrics(), "spanring_ring_members") == len(self.backends),
                       "all backends on the ring")
            facts.files_begin = router.resources()[2]
        options = ["--rate", self.plan.rate, "--callers", self.plan.callers, "--cancel", self.plan.cancel_percent,
                   "--tries", self.plan.tries, "--spans-max", self.plan.spans_max,
                   *(["--deadline", self.plan.deadline_ms] if self.plan.deadline_ms else []),
                   *(["--impatient"] if self.plan.is_impatient else []),
                   *(["--large"] if self.plan.is_large else []),
                   *(["--single-trace"] if self.plan.is_single_trace else [])]
        self.client = Client(self.binaries, self.directory, 0, self.routers, self.plan.seed, options)

    def start_router(self, router):
        router.start()
        if self.plan.files_max:
            resource.prlimit(router.pid, resource.RLIMIT_NOFILE, (self.plan.files_max, self.plan.files_max))

    def load(self):
        self.client.start()
        self.began = time.monotonic()
        events = list(self.plan.events)
        end = self.began + self.plan.load_s
        heal_at = self.began + self.plan.warm_s + self.plan.faults_s
        self.healed_ns = 0
        while time.monotonic() < end:
            now = time.monotonic()
            while events and self.began + events[0].at_s <= now:
                self.apply(events.pop(0))
            for due in [item for item in self.undo if item[0] <= now]:
                self.undo.remove(due)
                due[1]()
            self.watch_routers()
            if not self.healed_ns and now >= heal_at and not self.undo and not self.draining:
                self.heal()
            if now >= self.next_sample:
                self.next_sample = now + SAMPLE_S
                self.sample()
            self.watch_machine()
            for cut in self.cuts:
                cut.look(self.routers)
            time.sleep(TICK_S)
        self.load_end_ns = time.monotonic_ns()
        self.client.finish(CLIENT_DEADLINE_S)

    def watch_machine(self):
        """Notes the times in which our processes had to wait for a CPU: nobody can be prompt then."""
        now = time.monotonic_ns()
        if now - self.watched_at < WATCH_S * 1e9:
            return
        waited = {}
        for child in [self.client, *self.routers, *self.backends]:
            waited.update(child.waited_ns())
        late_ns = now - self.watched_at - (WATCH_S + TICK_S) * 1e9
        longest_ns = max([late_ns, *(value - self.waited.get(task, value) for task, value in waited.items())])
        if longest_ns > STARVED_S * 1e9 and self.watched_at:
            self.troubles.append(checker.Trouble("stall", "machine", self.watched_at, now))
        self.watched_at, self.waited = now, waited

    def heal(self):
        for backend in self.backends:
            backend.say("ok")
        self.healed_ns = time.monotonic_ns()

    def close(self):
        for child in [self.client, *self.routers, *self.backends, self.dns]:
            if child is not None:
                child.kill()
        if self.network:
            self.network.close()

    # ---- faults -------------------------------------------------------------------------------------------------

    def apply(self, event):
        where, undo = self.deed(event)
        if undo is None or where in self.busy:
            return
        trouble = checker.Trouble(event.detail.split()[0] if event.detail and where != "dns" else event.kind, where,
                                  time.monotonic_ns(), 1 << 62)
        trouble.kind = event.kind
        self.busy[where] = trouble
        self.troubles.append(trouble)
        finish = undo()

        def end():
            if finish() is not False:
                self.end_trouble(where)
        self.undo.append((time.monotonic() + event.length_s, end))

    def end_trouble(self, where):
        self.busy.pop(where).end = time.monotonic_ns()

    def deed(self, event):
        """(where, begin): begin() starts the fault and returns what ends it; an end that returns False goes on."""
        if event.kind.startswith("dns_"):
            return "dns", lambda: self.change_dns(event)
        if event.kind.startswith("router_"):
            router = self.routers[event.where]
            return router.name, lambda: self.hit_router(event.kind, router)
        backend = self.backends[event.where]
        return backend.address, lambda: self.hit_backend(event, backend)

    def hit_backend(self, event, backend):
        if event.kind == "kill":
            backend.kill()
            return backend.start
        if event.kind == "stop":
            backend.signal(signal.SIGSTOP)
            return lambda: backend.signal(signal.SIGCONT)
        if event.kind == "cut":
            host = backend.address.split(":")[0]
            self.network.cut(host)
            self.cuts.append(CutWatch(backend.address))

            def mend():
                self.network.mend(host)
                self.cuts[-1].mended()
            return mend
        backend.say(event.detail)
        return lambda: backend.say("ok")

    def hit_router(self, kind, router):
        facts = self.facts[self.routers.index(router)]
        if kind == "router_hup":
            router.signal(signal.SIGHUP)
            return lambda: None
        if kind == "router_stop":
            router.signal(signal.SIGSTOP)
            return lambda: router.signal(signal.SIGCONT)
        if kind == "router_files":
            return router.lack_files()
        if kind == "router_memory":
            router.reload_with(f"limit: {MEMORY_LACK_MIB}MiB")
            return lambda: router.reload_with(f"limit: {router.memory_mib}MiB")
        facts.is_complete = False
        if kind == "router_kill":
            router.kill()
            return lambda: self.start_router(router)
        router.signal(signal.SIGTERM)
        self.draining[router.name] = time.monotonic()
        return lambda: False  # watch_routers() starts it again and ends the trouble

    def watch_routers(self):
        for router, facts in zip(self.routers, self.facts):
            if router.alive():
                continue
            if router.name in self.draining:
                del self.draining[router.name]
                self.check_exit(router, facts)
                self.start_router(router)
                self.end_trouble(router.name)
            elif router.name not in self.busy:
                raise RuntimeError(f"{router.name} ended with {router.child.returncode}:\n{router.tail()}")

    def check_exit(self, router, facts):
        facts.exit_code = facts.exit_code or router.child.returncode

    def set_members(self, hosts, mode=""):
        self.dns.set(hosts, mode)
        if not mode:
            self.memberships.append((time.monotonic_ns(), list(hosts)))

    def change_dns(self, event):
        if event.kind == "dns_scale":
            self.set_members(self.hosts[:int(event.detail)])
        elif event.detail == "flap":
            # One in and out with every answer: no two answers in a row lack it, so it should never leave.
            now = time.monotonic_ns()
            self.memberships += [(now, self.hosts[:-1]), (now + 1, self.hosts)]
            self.dns.set([*self.hosts, "/", *self.hosts[:-1]])
        else:
            self.set_members(self.hosts, f"={event.detail}")
        return lambda: self.set_members(self.hosts)

    # ---- what is known ------------------------------------------------------------------------------------------

    def sample(self):
        for router, facts in zip(self.routers, self.facts):
            seen = router.resources()
            if seen is None or time.monotonic() < router.started_at + YOUNG_S:
                continue
            facts.memory_kib_max = max(facts.memory_kib_max, seen[0])
            facts.threads.add(seen[1])

    def settle(self):
        """Until nothing is in flight; then the routers are read, and end on SIGTERM."""
        def is_quiet(router):
            metrics = router.metrics()
            return metrics and not ledgers.metric(metrics, "spanring_in_flight_requests") and \
                not ledgers.metric(metrics, "spanring_in_flight_spans")
        for router, facts in zip(self.routers, self.facts):
            try:
                wait_until(lambda: is_quiet(router), "nothing in flight", QUIET_DEADLINE_S)
            except RuntimeError:
                pass  # the checker says so
            facts.metrics = router.metrics()
        self.client.kill()
        for router, facts in zip(self.routers, self.facts):
            try:
                wait_until(lambda: not ledgers.metric(router.metrics(), "spanring_client_connections"), "no clients", 5)
            except RuntimeError:
                pass
            facts.files_end = router.resources()[2]
            if not facts.is_complete:
                facts.files_begin = max(facts.files_begin, facts.files_end)
            router.signal(signal.SIGTERM)
        for router, facts in zip(self.routers, self.facts):
            try:
                router.child.wait(DRAIN_DEADLINE_S)
                self.check_exit(router, facts)
            except subprocess.TimeoutExpired:
                facts.exit_code = -1

    def judge(self):
        self.settle()
        records, unreadable = [], 0
        for backend in self.backends:
            of_one, broken = ledgers.read_records(backend.ledger, backend.address)
            records += of_one
            unreadable += broken
        traces = {span[0] for record in records for span in record.spans}
        self.routers_as_checker_sees()
        run = checker.Run(
            tries=ledgers.read_tries(self.client.ledger), records=records, rings=self.rings(traces),
            troubles=self.troubles, routers=self.facts, unreadable=unreadable, healed_at=self.healed_ns,
            load_end=self.load_end_ns)
        findings = checker.check(run)
        if self.plan.is_single_trace:
            findings.faults += bystanders.check(run, findings.notes)
        for cut in self.cuts:
            findings.faults += cut.check(run.troubles, findings.notes)
        return findings

    def routers_as_checker_sees(self):
        for trouble in self.troubles:
            if trouble.where in [router.name for router in self.routers]:
                trouble.where = "router"
            trouble.end = min(trouble.end, time.monotonic_ns())

    def rings(self, traces):
        return [(at, self.owners_of(traces, hosts)) for at, hosts in self.memberships or [(0, self.hosts)]]

    def owners_of(self, traces, hosts):
        """{trace: backend} on the ring of these; asked once."""
        key = tuple(hosts)
        if key not in self.known_rings:
            self.known_rings[key] = self.ask_owners(traces, hosts, len(self.known_rings))
        return self.known_rings[key]

    def ask_owners(self, traces, hosts, index):
        port = self.backends[0].address.split(":")[1]
        names = ", ".join(f'"{host}:{port}"' for host in hosts)
        config = self.directory / f"owner{index}.yaml"
        config.write_text("exporters: {loadbalancing: {protocol: {otlp: {tls: {insecure: true}}}, resolver: "
                          f"{{static: {{hostnames: [{names}]}}}}}}}}\n")
        return owners(self.binaries / "spanring", config, traces, ledgers.trace_id)
