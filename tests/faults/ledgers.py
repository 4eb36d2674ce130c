"""What the processes of a run have written down: calls of the clients, requests at the backends, identities.

Formats: fault_client.cc and fault_backend.cc. Times are CLOCK_MONOTONIC in nanoseconds everywhere, so the
ledgers of all processes and time.monotonic_ns() can be compared.
"""
import dataclasses
import re

SPANS_PER_REQUEST_MAX = 256
MASK = (1 << 64) - 1
RETRYABLE_CODES = {1, 4, 10, 11, 14, 15}
CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE = 1, 4, 8, 14

# What gRPC itself says when no answer came; everything else was said by the router.
LIBRARY_MESSAGES = re.compile(
    r"failed to connect|all backends failing|socket closed|connection reset|broken pipe|goaway|too_many_pings|"
    r"endpoint|transport|stream removed|received rst_stream|connection refused|recvmsg|sendmsg|channel is|"
    r"connections to all|empty update|^deadline exceeded$|^cancelled$|keepalive|ping timeout", re.I)
ROUTER_MESSAGES = ("backend ", "a backend ", "fault backend", "no backend ", "the ")


@dataclasses.dataclass
class Try:
    """One call of a client and how it ended."""
    request: int
    number: int
    spans: int
    begin: int
    end: int
    deadline_ms: int    # -1: none
    code: int           # -1: never answered
    retry_ms: int       # -1: no RetryInfo
    rejected: int
    is_cancelled: bool  # by the client itself
    message: str = ""

    @property
    def is_from_library(self):
        """Nobody answered: gRPC made this status on the client's side."""
        if self.code <= 0 or self.retry_ms >= 0 or self.message.startswith(ROUTER_MESSAGES):
            return self.code < 0
        return bool(LIBRARY_MESSAGES.search(self.message))

    @property
    def is_retryable(self):
        return self.code in RETRYABLE_CODES or (self.code == RESOURCE_EXHAUSTED and self.retry_ms >= 0)


@dataclasses.dataclass
class Record:
    """One request at a backend. Spans are (trace, number, is_left_out, is_intact)."""
    backend: str
    answer: str         # ok, dirty, gone, code:N, code:N:MS
    at: int
    spans: list

    @property
    def is_taken(self):
        return self.answer in ("ok", "dirty")

    @property
    def code(self):
        return int(self.answer.split(":")[1]) if self.answer.startswith("code:") else None

    @property
    def is_final_refusal(self):
        """The router must not send these again, and may tell the client so."""
        if self.code is None:
            return False
        has_retry_info = self.answer.count(":") == 2
        return self.code not in RETRYABLE_CODES and not (self.code == RESOURCE_EXHAUSTED and has_retry_info)


def read_tries(path):
    tries = []
    for line in path.read_text(errors="replace").splitlines():
        fields = line.split("\t")
        numbers = [int(-1 if field == "never" else field) for field in fields[:10]]
        tries.append(Try(*numbers[:9], is_cancelled=numbers[9] == 1, message=fields[10]))
    return tries


def read_records(path, backend):
    """(records, requests that were no OTLP). A last line cut short by SIGKILL was never answered."""
    records, unreadable = [], 0
    if not path.exists():
        return records, unreadable
    text = path.read_text()
    for line in text[:text.rfind("\n") + 1].splitlines():
        words = line.split(" ")
        if words[0] in ("start", "command"):
            continue
        if words[0] == "unreadable":
            unreadable += 1
            continue
        records.append(Record(backend, words[0], int(words[1]), [read_span(word) for word in words[3:]]))
    return records, unreadable


def read_span(word):
    digits = word.rstrip("-!")
    trace, _, number = digits.partition(".")
    flags = word[len(digits):]
    return int(trace), int(number), "-" in flags, "!" not in flags


def mix(number):
    number = (number + 0x9e3779b97f4a7c15) & MASK
    number = ((number ^ (number >> 30)) * 0xbf58476d1ce4e5b9) & MASK
    number = ((number ^ (number >> 27)) * 0x94d049bb133111eb) & MASK
    return number ^ (number >> 31)


def trace_id(trace):
    """The ID of a trace in hex; the same as MakeTraceId() in bench/load/identity.cc."""
    high = mix(trace)
    return f"{high:016x}{mix(high):016x}"


def parse_metrics(text):
    """{name: {labels: value}} of the Prometheus text format."""
    metrics = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        key, _, value = line.rpartition(" ")
        name, _, labels = key.partition("{")
        metrics.setdefault(name, {})[labels.rstrip("}")] = float(value)
    return metrics


def metric(metrics, name):
    """The sum over all labels; counters are found with and without `_total`."""
    family = metrics.get(name + "_total") or metrics.get(name) or {}
    return int(sum(family.values()))
