"""What clients of healthy backends notice while another is in trouble: throughput and latency, before and during.

Only calls count whose one trace belongs to a backend that nothing was done to. Pure functions over ledgers.
"""
import dataclasses

from ledgers import SPANS_PER_REQUEST_MAX

S = 1_000_000_000
THROUGHPUT_MIN = 0.95   # during ÷ before
P99_MAX = 1.2           # during ÷ before …
P99_FLOOR_S = 0.002     # … where a difference that small is none
SETTLE_S = 2            # at the beginning of each period


@dataclasses.dataclass
class Period:
    seconds: float
    latencies: list     # of the calls answered OK that began in it, sorted
    begun: int

    @property
    def share(self):
        return len(self.latencies) / self.begun if self.begun else 0

    @property
    def rate(self):
        return len(self.latencies) / self.seconds if self.seconds else 0

    def quantile(self, share):
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))] if self.latencies else 0


def measure(run):
    """(before, during), or None when there was no trouble or no call of a bystander."""
    troubles = [trouble for trouble in run.troubles if trouble.where not in ("machine", "router", "dns")]
    if not troubles:
        return None
    sick = {trouble.where for trouble in troubles}
    begin, end = min(trouble.begin for trouble in troubles), max(trouble.end for trouble in troubles)
    owners = run.rings[-1][1]
    owner_of = {number // SPANS_PER_REQUEST_MAX: owners[trace]
                for record in run.records for trace, number, _, _ in record.spans if trace in owners}
    calls = [call for call in run.tries if owner_of.get(call.request, "") not in (*sick, "")]
    stalls = [(trouble.begin, trouble.end) for trouble in run.troubles if trouble.where == "machine"]
    if not calls:
        return None
    first = min(call.begin for call in calls)
    return period(calls, stalls, first + SETTLE_S * S, begin), period(calls, stalls, begin, end)


def period(calls, stalls, begin, end):
    """What began from begin to end, less the times in which the machine had no CPU for us."""
    lost = sum(max(0, min(end, stop) - max(begin, start)) for start, stop in stalls)
    chosen = [call for call in calls if begin <= call.begin < end and
              not any(call.begin < stop and call.end > start for start, stop in stalls)]
    latencies = sorted((call.end - call.begin) / S for call in chosen if call.code == 0)
    return Period((end - begin - lost) / S, latencies, len(chosen))


def check(run, notes):
    """Faults, as lines; the figures go to `notes`."""
    periods = measure(run)
    if periods is None or not all(one.latencies for one in periods):
        return ["bystanders: no call to measure: the machine stood still all the time"]
    before, during = periods
    for name, one in (("before", before), ("during", during)):
        notes[f"bystanders {name}"] = (f"{one.rate:.1f}/s OK, p50 {one.quantile(0.5) * 1000:.1f} ms, "
                                       f"p99 {one.quantile(0.99) * 1000:.1f} ms of {len(one.latencies)}")
    throughput = during.rate / before.rate
    slower = during.quantile(0.99) / before.quantile(0.99)
    notes["bystanders during ÷ before"] = f"throughput {throughput:.3f}, p99 {slower:.2f}"
    faults = []
    if throughput < THROUGHPUT_MIN:
        faults.append(f"bystanders: {throughput:.1%} of their throughput, not {THROUGHPUT_MIN:.0%}")
    if slower > P99_MAX and during.quantile(0.99) - before.quantile(0.99) > P99_FLOOR_S:
        faults.append(f"bystanders: p99 {slower:.2f} times as before, not {P99_MAX}")
    return faults
