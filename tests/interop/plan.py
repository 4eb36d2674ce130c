"""The traces that the SDK services and the raw sender play: a pure function of (variant, count).

Every process computes the same plan, so no IDs have to travel. A trace has seven spans in three services. What
makes a trace worth keeping is never visible to one service alone: an error is in the last service only, and a
slow trace is slow only from the first service's start to the last one's end. A sampler that sees a part of a
trace therefore keeps a part of it or nothing, which the checks find.
"""

import random
from dataclasses import dataclass

SERVICES = ("front", "cart", "store")
SLOW_NS = 2_000_000_000


@dataclass(frozen=True)
class PlannedSpan:
    service: str
    name: str
    span_id: int
    parent_id: int  # 0: the root
    start_ns: int
    end_ns: int
    is_error: bool


@dataclass(frozen=True)
class PlannedTrace:
    trace_id: int
    fate: str  # error, slow, plain
    spans: tuple

    @property
    def must_be_kept(self):
        return self.fate != "plain"


def make_plan(variant, count, base_ns):
    rng = random.Random(f"interop/{variant}/{base_ns}")
    return [_make_trace(rng, number, base_ns) for number in range(count)]


def _make_trace(rng, number, base_ns):
    trace_id = rng.getrandbits(64 if number % 5 == 0 else 128) | 1  # every fifth: an old 64-bit ID, zero-padded
    fate = ("error", "slow", "plain", "plain", "plain", "plain", "plain", "plain", "plain", "plain")[number % 10]
    start = base_ns + number * 1_000_000
    ms = 1_000_000
    # The last service starts late in a slow trace: each service alone lasts less than 1.2 s.
    late = 1_400 * ms if fate == "slow" else 20 * ms
    layout = (
        ("front", "GET /checkout", None, 0, 1_100 * ms),
        ("front", "render", 0, 5 * ms, 30 * ms),
        ("cart", "cart.load", 0, late // 2, late // 2 + 900 * ms),
        ("cart", "cart.price", 2, late // 2 + 1 * ms, late // 2 + 2 * ms),
        ("store", "SELECT items", 3, late, late + 700 * ms),
        ("store", "SELECT stock", 3, late + 1 * ms, late + 3 * ms),
        ("store", "commit", 4, late + 2 * ms, late + 4 * ms),
    )
    ids = [rng.getrandbits(64) | 1 for _ in layout]
    spans = tuple(
        PlannedSpan(
            service=service,
            name=name,
            span_id=ids[i],
            parent_id=0 if parent is None else ids[parent],
            start_ns=start + begin,
            end_ns=start + end,
            is_error=fate == "error" and name == "commit",
        )
        for i, (service, name, parent, begin, end) in enumerate(layout)
    )
    return PlannedTrace(trace_id, fate, spans)


def of_service(plan, service, seed):
    """The spans of one service as (trace, span), traces in an order of this service's own."""
    order = list(plan)
    random.Random(f"{service}/{seed}").shuffle(order)
    return [(trace, span) for trace in order for span in trace.spans if span.service == service]
