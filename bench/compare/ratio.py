"""CPU time per span of each proxy, in turn, as a ratio to the first one."""
import contextlib
import dataclasses
import statistics
import tempfile
import time

from processes import Load, Sink
from proxies import Nginx, Spanring

HOSTS = [f"127.0.0.{10 + i}" for i in range(1, 5)]
WARM_UP_S = 0.7
AFTER_S = 0.3


@dataclasses.dataclass(frozen=True)
class Shape:
    """What the clients do. `reach`: the ratio to nginx aimed at; `gate`: the ratio that must hold today."""
    name: str
    spans: int
    connections: int
    in_flight: int  # per connection
    pool: int
    reach: float
    gate: float | None = None

    def arguments(self, seconds):
        return ["--spans", self.spans, "--connections", self.connections, "--in-flight", self.in_flight,
                "--pool", self.pool, "--seconds", seconds]


SHAPES = [
    Shape("100 spans, 4 connections x 8", 100, 4, 8, 64, 0.65, gate=0.9),
    Shape("1000 spans, 4 connections x 4", 1000, 4, 4, 16, 1.0),
    Shape("100 spans, 64 connections x 1", 100, 64, 1, 64, 0.85),
    Shape("100 spans, 1 in flight", 100, 1, 1, 64, 1.2),
]


@dataclasses.dataclass
class Window:
    """One proxy, one shape, one round."""
    ns_per_span: float
    spans_per_second: float
    core_used: float  # of the proxy's core, 0…1
    merged: float     # requests at the backends per request of the clients
    p50_us: float
    p99_us: float
    rss_kib: int


def measure(binaries, sink, proxy, shape, seconds):
    """Raises RuntimeError when a span was lost, doubled or refused: then there is no figure."""
    before = sink.counters()
    load = Load(binaries, proxy.port, shape.arguments(WARM_UP_S + seconds + AFTER_S))
    time.sleep(WARM_UP_S)
    start_cpu, start_spans, start = proxy.cpu_ns(), sink.counters()["spans"], time.monotonic()
    time.sleep(seconds)
    cpu, spans, taken = (proxy.cpu_ns() - start_cpu, sink.counters()["spans"] - start_spans,
                         time.monotonic() - start)
    result = load.result(seconds + 60)
    after = sink.counters()
    arrived = after["spans"] - before["spans"]
    if result["errors"] or result["unanswered"] or arrived != result["spans_acknowledged"] or spans == 0:
        raise RuntimeError(f"{proxy.name}, {shape.name}: {result['spans_acknowledged']} spans acknowledged, "
                           f"{arrived} arrived, unanswered {result['unanswered']}, errors {result['errors']}"
                           f"\n{proxy.tail()}")
    return Window(cpu / spans, spans / taken, cpu / 1e9 / taken,
                  (after["requests"] - before["requests"]) / result["requests"],
                  result["p50_us"], result["p99_us"], proxy.memory_kib())


def run_rounds(binaries, shapes, rounds, seconds, report):
    """{shape name: {proxy name: [Window per round]}}. All proxies run all the time and are measured one right
    after the other, shape by shape, so that what disturbs the machine disturbs them alike."""
    results = {shape.name: {} for shape in shapes}
    with tempfile.TemporaryDirectory(prefix="spanring-bench-") as directory, contextlib.ExitStack() as stack:
        sink = Sink(binaries, directory, HOSTS)
        stack.callback(sink.close)
        proxies = []
        for make in proxy_makers(binaries, directory, sink.backends):
            proxies.append(make())
            stack.callback(proxies[-1].close)
        for number in range(rounds):
            for shape in shapes:
                for proxy in proxies:
                    window = measure(binaries, sink, proxy, shape, seconds)
                    results[shape.name].setdefault(proxy.name, []).append(window)
                    report(f"round {number + 1}/{rounds}  {shape.name:32} {proxy.name:9} "
                           f"{window.ns_per_span:7.1f} ns/span  core {window.core_used:4.0%}  "
                           f"p50 {window.p50_us:8.1f} us  {window.rss_kib / 1024:6.1f} MiB")
    return results


def proxy_makers(binaries, directory, backends):
    makers = []
    if Nginx.available():
        makers.append(lambda: Nginx(directory, backends))
    if (binaries / "spanring").exists():
        makers.append(lambda: Spanring(binaries, directory, backends))
    return makers


@dataclasses.dataclass
class Ratio:
    median: float
    low: float
    high: float

    def __str__(self):
        return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f})"


def ratio(windows, reference):
    """Of CPU per span, within each round."""
    values = [mine.ns_per_span / theirs.ns_per_span for mine, theirs in zip(windows, reference)]
    return Ratio(statistics.median(values), min(values), max(values)) if values else None


def median(windows, field):
    return statistics.median(getattr(window, field) for window in windows)
