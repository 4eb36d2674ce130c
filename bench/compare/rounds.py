"""CPU time per span of each proxy, in turn, round by round."""
import contextlib
import dataclasses
import itertools
import pathlib
import statistics
import sys
import tempfile
import time

import proxies
import shapes
from processes import Load, Sink

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "interop"))
import certificates  # noqa: E402

WARM_UP_S = 0.5
AFTER_S = 0.2
SETTLE_S = 30
# Of what a Collector without a queue takes: with one it says OK before it has sent, and what overtakes it is refused.
QUEUE_SHARE = 0.6
QUEUE_RATE_DEFAULT = 100  # requests per second, when the one without a queue was not measured


@dataclasses.dataclass
class Window:
    """One proxy, one shape, one round."""
    ns_per_span: float
    us_per_request: float
    spans_per_second: float
    core_used: float   # CPU time ÷ time
    merged: float      # requests at the backends per request of the clients
    p50_us: float
    p99_us: float
    rss_kib: int
    peak_kib: int
    spans: int         # acknowledged, and counted at the backends


@dataclasses.dataclass
class Entrant:
    """A proxy that takes part, and the backends behind it."""
    name: str
    proxy: proxies.Proxy
    sink: Sink


def measure(rig, entrant, shape, seconds, rate=0):
    """Raises RuntimeError when a span was lost, doubled or refused: then there is no figure."""
    proxy, sink = entrant.proxy, entrant.sink
    before = sink.counters()
    pace = ["--rate", rate] if rate else []
    load = Load(rig.binaries, proxy.port, [*shape.arguments(), "--seconds", WARM_UP_S + seconds + AFTER_S,
                                           "--warm-up", WARM_UP_S, *pace], rig.realtime)
    time.sleep(WARM_UP_S)
    start_cpu, start_spans, start = proxy.cpu_ns(), sink.counters()["spans"], time.monotonic()
    time.sleep(seconds)
    cpu, spans, taken = (proxy.cpu_ns() - start_cpu, sink.counters()["spans"] - start_spans,
                         time.monotonic() - start)
    result = load.result(seconds + 60)
    after = settled(sink, before, result["spans_acknowledged"], wait=bool(rate))
    arrived = after["spans"] - before["spans"]
    if result["errors"] or result["unanswered"] or arrived != result["spans_acknowledged"] or spans == 0:
        raise RuntimeError(f"{result['spans_acknowledged']} spans acknowledged, {arrived} arrived, "
                           f"unanswered {result['unanswered']}, errors {result['errors']} {proxy.tail(3)}".strip())
    return Window(cpu / spans, cpu / spans * arrived / result["requests"] / 1000, spans / taken, cpu / 1e9 / taken,
                  (after["requests"] - before["requests"]) / result["requests"], result["p50_us"], result["p99_us"],
                  proxy.memory_kib(), proxy.memory_kib("VmHWM"), arrived)


def settled(sink, before, acknowledged, wait):
    """The counters; with `wait`, once all has arrived that was acknowledged, or at the end of patience."""
    end = time.monotonic() + SETTLE_S
    while True:
        after = sink.counters()
        if not wait or after["spans"] - before["spans"] >= acknowledged or time.monotonic() > end:
            return after
        time.sleep(0.1)


class Stage:
    """The proxies and sinks of one setting, all running. close() ends them."""

    def __init__(self, rig, setting, peers, variants, directory):
        self.rig, self.directory = rig, pathlib.Path(directory)
        self.stack = contextlib.ExitStack()
        self.sinks, self.certificates, self.entrants, self.absent = {}, None, [], {}
        try:
            if setting.tls:
                self.certificates = certificates.make(self.directory, shapes.hosts(setting.backends))
            for peer in peers:
                if reason := proxies.unavailable(peer, rig):
                    self.absent[peer] = reason
                else:
                    self.add(peer, setting, lambda *where, peer=peer: proxies.start_peer(peer, rig, *where))
            if rig.against:
                self.add("against", setting, lambda *where: self.spanring(rig.against, "against", where))
            own = rig.binaries / "spanring"
            for name, other in variants:
                self.add(name, other, lambda *where, name=name: self.spanring(own, name.replace(" ", "-"), where))
            self.add("spanring", setting, lambda *where: self.spanring(own, "spanring", where))
        except BaseException:
            self.close()
            raise

    def spanring(self, binary, name, where):
        directory, backends, setting, pairs = where
        return proxies.Spanring(binary, directory, backends, setting, pairs, realtime=self.rig.realtime, name=name)

    def sink(self, setting):
        if setting.backends not in self.sinks:
            extra = ()
            if setting.tls:
                extra = ("--certificate", self.certificates.server.certificate,
                         "--key", self.certificates.server.key)
            self.sinks[setting.backends] = Sink(self.rig.binaries, self.directory, shapes.hosts(setting.backends),
                                                extra=extra, realtime=self.rig.realtime)
            self.stack.callback(self.sinks[setting.backends].close)
        return self.sinks[setting.backends]

    def add(self, name, setting, start):
        folder = self.directory / name.replace(" ", "-")
        folder.mkdir()
        sink = self.sink(setting)
        proxy = start(folder, sink.backends, setting, self.certificates)
        self.stack.callback(proxy.close)
        self.entrants.append(Entrant(name, proxy, sink))

    def of(self, shape):
        """Those that take part in a shape."""
        names = {*shape.peers, *(name for name, _ in shape.variants), "against", "spanring"}
        return [entrant for entrant in self.entrants if entrant.name in names]

    def close(self):
        self.stack.close()


class Results:
    """{shape name: {entrant name: [Window, or a reason as text, per round]}}, in the order of measuring."""

    def __init__(self):
        self.by_shape = {}
        self.absent = {}

    def add(self, shape, entrant, window):
        self.by_shape.setdefault(shape.name, {}).setdefault(entrant.name, []).append(window)

    def windows(self, shape_name, entrant_name):
        row = self.by_shape.get(shape_name, {}).get(entrant_name, [])
        return row if all(isinstance(window, Window) for window in row) else []

    def failures(self):
        """(shape, entrant, reason)"""
        return [(shape, name, window) for shape, row in self.by_shape.items() for name, windows in row.items()
                for window in windows if isinstance(window, str)]

    def ratio(self, shape_name, entrant_name, reference="spanring"):
        """`reference` ÷ the entrant, of CPU time per span, within each round."""
        mine, theirs = self.windows(shape_name, reference), self.windows(shape_name, entrant_name)
        return Ratio.of([a.ns_per_span / b.ns_per_span for a, b in zip(mine, theirs)])


@dataclasses.dataclass
class Ratio:
    median: float
    low: float
    high: float

    @staticmethod
    def of(values):
        return Ratio(statistics.median(values), min(values), max(values)) if values else None

    def __str__(self):
        """Small ones as fractions: 1/25 says more than 0.040."""
        if self.median >= 0.2:
            return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f})"
        return f"1/{1 / self.median:.1f} (1/{1 / self.low:.1f}–1/{1 / self.high:.1f})"


def median(windows, field):
    return statistics.median(getattr(window, field) for window in windows)


def settings_of(chosen):
    """[(setting, shapes)], in order."""
    groups = {}
    for shape in chosen:
        groups.setdefault(shape.setting, []).append(shape)
    return list(groups.items())


def run(rig, chosen, peers, rounds, seconds, report):
    """All proxies of a setting run all the time and are measured one right after the other, shape by shape, so that
    what disturbs the machine disturbs them alike; every second round goes the other way round."""
    results = Results()
    for setting, group in settings_of(chosen):
        wanted = dict.fromkeys(itertools.chain.from_iterable(shape.peers for shape in group))
        variants = tuple(dict.fromkeys(itertools.chain.from_iterable(shape.variants for shape in group)))
        with tempfile.TemporaryDirectory(prefix="spanring-bench-") as directory:
            stage = Stage(rig, setting, [peer for peer in wanted if peer in peers], variants, directory)
            try:
                results.absent |= stage.absent
                for number in range(rounds):
                    for shape in group:
                        measure_all(stage, shape, number, seconds, results, report)
            finally:
                stage.close()
    return results


def measure_all(stage, shape, number, seconds, results, report):
    entrants = stage.of(shape)
    for entrant in entrants if number % 2 == 0 else reversed(entrants):
        rate = queue_rate(shape, results) if entrant.name == "collector_queue" else 0
        try:
            window = measure(stage.rig, entrant, shape, seconds, rate)
            report(f"round {number + 1}  {shape.name:12} {entrant.name:16} {window.ns_per_span:8.1f} ns/span  "
                   f"core {window.core_used:4.0%}  p50 {window.p50_us:8.1f} us  {window.rss_kib / 1024:6.1f} MiB")
        except RuntimeError as error:
            window = str(error)
            report(f"round {number + 1}  {shape.name:12} {entrant.name:16} no figure: {window}")
        results.add(shape, entrant, window)


def queue_rate(shape, results):
    windows = results.windows(shape.name, "collector")
    if not windows:
        return QUEUE_RATE_DEFAULT
    return max(1, int(QUEUE_SHARE * median(windows, "spans_per_second") / shape.spans))
