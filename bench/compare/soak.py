"""The soak: millions of spans of random sizes and mixed traces through one spanring to four backends, each span
accounted for at both ends and in spanring's own counters."""
import dataclasses
import re
import subprocess
import tempfile
import time
import urllib.request

from processes import Load, Sink, wait_until
from proxies import Spanring
from shapes import Setting, hosts

CONNECTIONS = 8
IN_FLIGHT = 4
SPANS_PER_REQUEST_MAX = 2000
TRACES_UNDER_WAY = 5000
SPANS_PER_TRACE = 12
DEADLINE_S = 1800
# Waiting for the counters to come to rest after the last answer.
QUIESCENCE_S = 10

LEDGER = {
    "received": "spanring_received_spans",
    "forwarded": "spanring_forwarded_spans",
    "suppressed": "spanring_suppressed_spans",
    "rejected": "spanring_rejected_spans",
    "refused": "spanring_refused_spans",
    "cancelled": "spanring_cancelled_spans",
    "in flight": "spanring_in_flight_spans",
}


@dataclasses.dataclass
class Outcome:
    checks: list  # (what, value, holds)
    data: dict
    note: str

    @property
    def passed(self):
        return all(holds for _, _, holds in self.checks)

    def text(self):
        rows = "\n".join(f"| {what} | {value} | {'holds' if holds else 'BROKEN'} |"
                         for what, value, holds in self.checks)
        return (f"{self.note}\n\n| Must hold | Found | |\n|---|---|---|\n{rows}\n\n"
                f"Verdict: {'PASS' if self.passed else 'FAIL'}")


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def total(metrics, name):
    """Sum over all labels; None when the metric is not there. With or without `_total`."""
    values = re.findall(rf"^{name}(?:_total)?(?:{{[^}}]*}})? (\S+)", metrics, re.MULTILINE)
    return round(sum(map(float, values))) if values else None


def ledger(port):
    metrics = scrape(port)
    return {word: total(metrics, name) for word, name in LEDGER.items()}


def owners(proxy, trace_ids):
    """What `spanring owner` says: trace ID -> backend."""
    said = subprocess.run([proxy.binary, "owner", "--config", proxy.config, *trace_ids], text=True,
                          capture_output=True, timeout=60, check=False).stdout
    return dict(re.findall(r"\b([0-9a-f]{32})\b.*?\b(\d+\.\d+\.\d+\.\d+:\d+)\b", said))


def run(binaries, spans, report, extra_load=()):
    with tempfile.TemporaryDirectory(prefix="spanring-soak-") as directory:
        sink = Sink(binaries, directory, hosts(4), verify=True)
        try:
            proxy = Spanring(binaries / "spanring", directory, sink.backends, Setting())
            try:
                return soak(binaries, sink, proxy, spans, report, extra_load)
            finally:
                proxy.close()
        finally:
            sink.close()


def soak(binaries, sink, proxy, spans, report, extra_load):
    report(f"soak: {spans} spans through {proxy.name} on port {proxy.port}")
    start, start_cpu = time.monotonic(), proxy.cpu_ns()
    load = Load(binaries, proxy.port, [
        "--fresh", "--total-spans", spans, "--spans-min", 1, "--spans", SPANS_PER_REQUEST_MAX,
        "--resources", 3, "--traces", TRACES_UNDER_WAY, "--trace-spans", SPANS_PER_TRACE,
        "--connections", CONNECTIONS, "--in-flight", IN_FLIGHT, *extra_load])
    while load.child.poll() is None and time.monotonic() - start < DEADLINE_S:
        time.sleep(1)
        report(f"  {time.monotonic() - start:5.0f} s  {sink.counters()['spans']:>10} spans arrived  "
               f"{proxy.memory_kib() / 1024:.0f} MiB")
    sent = load.result(5)
    seconds, cpu_ns = time.monotonic() - start, proxy.cpu_ns() - start_cpu
    book = settled_ledger(proxy)
    arrived = sink.counters()
    seen = arrived["verify"]
    sample = dict(seen.pop("sample"))
    said = owners(proxy, list(sample))
    misrouted = sum(said.get(trace_id) != backend for trace_id, backend in sample.items())

    outgoing = [book[word] for word in ("forwarded", "suppressed", "rejected", "refused", "cancelled", "in flight")]
    remainder = None if None in (book["received"], *outgoing) else book["received"] - sum(outgoing)
    checks = [
        ("every request answered OK", f"{sent['ok']} of {sent['requests']}, errors {sent['errors'] or 'none'}",
         sent["ok"] == sent["requests"] and not sent["errors"]),
        ("spans acknowledged", sent["spans_acknowledged"], sent["spans_acknowledged"] == spans),
        ("spans lost", spans - seen["distinct"], seen["distinct"] == spans),
        ("spans duplicated", seen["duplicates"], seen["duplicates"] == 0),
        ("spans with IDs never sent, malformed requests", f"{seen['foreign']}, {arrived['malformed']}",
         seen["foreign"] == 0 and arrived["malformed"] == 0),
        ("traces on more than one backend", f"{seen['misplaced_traces']} of {seen['traces']}",
         seen["misplaced_traces"] == 0),
        ("traces of the sample elsewhere than `spanring owner` says", f"{misrouted} of {len(sample)}",
         misrouted == 0 and len(sample) > 0),
        ("backends that took part", sum(row["spans"] > 0 for row in arrived["listeners"]),
         all(row["spans"] > 0 for row in arrived["listeners"])),
        ("received = forwarded + suppressed + rejected + refused + cancelled + in flight",
         f"{book}, remainder {remainder}", remainder == 0),
        ("received by its own count", book["received"], book["received"] == spans),
        ("in flight at the end", book["in flight"], book["in flight"] == 0),
    ]
    shares = [row["spans"] for row in arrived["listeners"]]
    note = (f"{spans} spans in {sent['requests']} requests of 1 to {SPANS_PER_REQUEST_MAX} spans on {CONNECTIONS} "
            f"connections, {seen['traces']} traces mixed over requests and connections, {seconds:.0f} s, "
            f"{cpu_ns / spans:.0f} ns of CPU per span, largest share {max(shares) / (sum(shares) / len(shares)):.3f} "
            f"x the mean, {proxy.memory_kib('VmHWM') / 1024:.0f} MiB at most.")
    return Outcome(checks, {"sent": sent, "arrived": arrived, "ledger": book, "misrouted": misrouted}, note)


def settled_ledger(proxy):
    """The counters once nothing is in flight, or as they are after the deadline."""
    try:
        wait_until(lambda: ledger(proxy.metrics_port)["in flight"] == 0, "in flight to reach 0", QUIESCENCE_S)
    except RuntimeError:
        pass  # the checks say so
    return ledger(proxy.metrics_port)
