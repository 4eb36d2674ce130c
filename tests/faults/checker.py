"""The checker: what the ledgers of a run prove about its routers. Pure functions; no process, no clock.

Counts, after Jepsen's total-queue: attempted, acknowledged, lost, unexpected, duplicated, recovered, misrouted.
    acknowledged  answered OK, less rejected_spans      lost        acknowledged and at no backend
    unexpected    never sent so: bad sum, wrong group   recovered   at a backend although never acknowledged
    duplicated    copies beyond the first               misrouted   copies that no owner explains
Every broken invariant is one line in Findings.faults, beginning with its name: I1 no loss, I2 exact owner,
I3 honest rejection, I4 the router's ledger closes, I5 bounded duplicates, I6 integrity, I7 no bad verdict,
I8 liveness, I9 bounded resources.
"""
import bisect
import collections
import dataclasses

from ledgers import CANCELLED, DEADLINE_EXCEEDED, SPANS_PER_REQUEST_MAX, UNAVAILABLE, metric

MS = 1_000_000
S = 1000 * MS
ANSWER_SLACK = 100 * MS         # I8, beyond the deadline
ANSWER_WITHOUT_DEADLINE = 10 * S  # a client without a deadline: the router's default is 8 s
RING_GRACE = 12 * S             # how long a request may go on with a ring that is no longer current
CAUSE_GRACE = 10 * S            # how long after a fault its pauses and slow answers may still decide a call
OWNER_GRACE = 4 * S             # how long after a fault its backend may still be passed over
AMBIGUITY = 1 * S               # how long around a fault an answer may have been lost on its way
LATE_SHARE = 0.01               # I8, calls that gRPC itself ended at the deadline, with no router in trouble
RECOVERED_SHARE = 0.95          # I8, five seconds after the last fault
MEMORY_SLACK_KIB = 64 * 1024    # I9, beyond the budget
LINES_PER_FAULT = 3

# Kinds of faults after which a backend may have taken what its router never heard of.
AMBIGUOUS = {"kill", "stop", "blackhole", "cut", "half_close", "latency", "window0", "max_streams", "tcp_reset", "rst",
             "close_after_request", "router_stop", "stall"}
# Kinds that give nobody a reason to tell a client "later".
FINAL = {"refuse", "partial", "max_bytes", "no_trailers"}
# Kinds of which the backend merely says something; none of them lets another backend take its traces.
SPOKEN = {"fail", "throttle", "refuse", "partial", "max_bytes", "no_trailers"}


@dataclasses.dataclass
class Trouble:
    """A fault and its time. `where` is a backend's address, "router", "dns", or "machine" when that stood still."""
    kind: str
    where: str
    begin: int
    end: int


@dataclasses.dataclass
class RouterFacts:
    name: str
    metrics: dict = dataclasses.field(default_factory=dict)   # at quiescence, of the last process
    exit_code: int = 0
    is_complete: bool = True      # one process all the time: its counters count everything
    memory_kib_max: int = 0
    budget_kib: int = 1 << 30
    threads: set = dataclasses.field(default_factory=set)
    files_begin: int = 0
    files_end: int = 0


@dataclasses.dataclass
class Run:
    tries: list
    records: list
    # [(time from which a ring may be in use, {trace: backend})]: one entry for a static list.
    rings: list
    troubles: list = dataclasses.field(default_factory=list)
    routers: list = dataclasses.field(default_factory=list)
    unreadable: int = 0
    healed_at: int = 0            # 0: not checked
    load_end: int = 0


@dataclasses.dataclass
class Findings:
    counts: dict
    faults: list
    notes: dict


class Faults:
    """Lines with what is wrong; of each kind the first few and how many more."""

    def __init__(self):
        self.lines = collections.OrderedDict()

    def add(self, kind, text):
        self.lines.setdefault(kind, []).append(text)

    def report(self):
        out = []
        for kind, texts in self.lines.items():
            out += [f"{kind}: {text}" for text in texts[:LINES_PER_FAULT]]
            if len(texts) > LINES_PER_FAULT:
                out.append(f"{kind}: … and {len(texts) - LINES_PER_FAULT} more")
        return out


class Books:
    """The ledgers, indexed by request and by span."""

    def __init__(self, run):
        self.tries = collections.defaultdict(list)
        for call in run.tries:
            self.tries[call.request].append(call)
        for calls in self.tries.values():
            calls.sort(key=lambda call: call.number)
        self.copies = collections.defaultdict(list)       # span: [(time, backend, is_clean, trace)]
        self.partial = set()                              # (time, backend) of answers that left spans out
        self.refused_for_good = collections.defaultdict(set)  # request: spans
        self.codes = collections.defaultdict(set)         # request: codes that backends gave
        self.unexpected = []
        for record in run.records:
            self._book(record)
        for copies in self.copies.values():
            copies.sort()

    def _book(self, record):
        code, is_final = record.code, record.is_final_refusal
        if record.is_taken and any(is_left_out for _, _, is_left_out, _ in record.spans):
            self.partial.add((record.at, record.backend))
        for trace, number, is_left_out, is_intact in record.spans:
            request, index = divmod(number, SPANS_PER_REQUEST_MAX)
            calls = self.tries.get(request)
            if not is_intact or not calls or index >= calls[0].spans:
                self.unexpected.append((record, number))
                continue
            if code is not None:
                self.codes[request].add(code)
            if is_final or (record.is_taken and is_left_out):
                self.refused_for_good[request].add(number)
            elif record.is_taken:
                self.copies[number].append((record.at, record.backend, record.answer == "ok", trace))

    def spans_of(self, request):
        first = request * SPANS_PER_REQUEST_MAX
        return range(first, first + self.tries[request][0].spans)


def check(run):
    books, faults = Books(run), Faults()
    counts = dict.fromkeys(("attempted", "acknowledged", "lost", "unexpected", "duplicated", "recovered",
                            "misrouted"), 0)
    notes = collections.Counter()
    check_delivery(books, counts, faults)
    check_integrity(run, books, counts, faults)
    check_verdicts(run, books, notes, faults)
    check_duplicates(run, books, counts, notes, faults)
    check_owners(run, books, counts, notes, faults)
    check_rolling_restart(run, faults)
    check_liveness(run, notes, faults)
    check_routers(run, books, counts, faults)
    return Findings(counts, faults.report(), dict(notes))


def check_delivery(books, counts, faults):
    """I1, and that rejected_spans are covered by what backends refused (I3)."""
    for request, calls in books.tries.items():
        spans = books.spans_of(request)
        counts["attempted"] += len(spans)
        answered = [call for call in calls if call.code == 0]
        missing = [span for span in spans if span not in books.copies]
        if not answered:
            counts["recovered"] += len(spans) - len(missing)
            continue
        rejected = answered[0].rejected
        counts["acknowledged"] += len(spans) - rejected
        lost = max(0, len(missing) - rejected)
        counts["lost"] += lost
        if lost:
            faults.add("I1", f"request {request}: {lost} of {len(spans)} spans acknowledged and at no backend, "
                             f"such as span {missing[-1]}")
        refused = len(books.refused_for_good[request])
        if rejected > refused:
            faults.add("I7", f"request {request}: {rejected} spans rejected for good, backends refused {refused} so")


def check_integrity(run, books, counts, faults):
    counts["unexpected"] = len(books.unexpected) + run.unreadable
    for record, number in books.unexpected:
        faults.add("I6", f"span {number} at {record.backend} was never sent like that ({record.answer})")
    if run.unreadable:
        faults.add("I6", f"{run.unreadable} requests to backends were no OTLP")


def check_verdicts(run, books, notes, faults):
    """I7: the code and RetryInfo fit what backends said."""
    is_quiet = not faults_in(run)
    starved = sum(trouble.end - trouble.begin for trouble in run.troubles if trouble.where == "machine")
    if starved:
        notes["seconds starved of CPU"] = round(starved / S, 1)
    late = 0
    for call in run.tries:
        if call.code == 0:
            notes["ok"] += 1
            continue
        if call.is_cancelled and call.code == CANCELLED:
            notes["cancelled"] += 1
            continue
        if call.is_from_library:
            is_late = call.code == DEADLINE_EXCEEDED
            notes["late" if is_late else "disconnected"] += 1
            has_reason = router_in_trouble(run.troubles, call.begin, call.end)
            late += is_late and not has_reason
            if not is_late and not has_reason:
                faults.add("I8", f"request {call.request} try {call.number}: no answer, \"{call.message}\"")
            continue
        notes["deadline" if call.code == DEADLINE_EXCEEDED else f"code {call.code}"] += 1
        where = f"request {call.request} try {call.number}: code {call.code} \"{call.message}\""
        if is_quiet and not was_starved(run.troubles, call.begin, call.end):
            faults.add("I7", f"{where} in a run without faults")
        if call.code == UNAVAILABLE and call.retry_ms < 0:
            faults.add("I7", f"{where} without RetryInfo")
        if not call.is_retryable and call.code not in books.codes[call.request]:
            faults.add("I7", f"{where}, which no backend gave")
        if not is_quiet and call.is_retryable and not any(
                trouble.begin <= call.end and call.begin <= trouble.end + CAUSE_GRACE
                for trouble in run.troubles if trouble.kind not in FINAL):
            faults.add("I7", f"{where}, although nothing failed for a time")
    if late > max(3, LATE_SHARE * len(run.tries)):
        faults.add("I8", f"{late} of {len(run.tries)} calls had no answer by their deadline")


def faults_in(run):
    return [trouble for trouble in run.troubles if trouble.where != "machine"]


def router_in_trouble(troubles, begin, end, grace=3 * S):
    return any(trouble.where in ("router", "machine") and trouble.begin <= end and begin <= trouble.end + grace
               for trouble in troubles)


def was_starved(troubles, begin, end):
    """The machine had no time for us then, or shortly before."""
    return any(trouble.where == "machine" and trouble.begin <= end and begin <= trouble.end + OWNER_GRACE
               for trouble in troubles)


class TroubleIndex:
    """Whether a backend was in trouble around a moment."""

    def __init__(self, troubles, kinds):
        self.spans = collections.defaultdict(list)
        for trouble in troubles:
            if trouble.kind in kinds:
                self.spans[trouble.where].append((trouble.begin, trouble.end))

    def overlaps(self, where, begin, end):
        return any(first <= end and begin <= last for first, last in self.spans.get(where, ()))

    def begin_before(self, where, at, grace):
        """When the trouble began that was there at that time, or until `grace` before it; else that time."""
        return min((first for first, last in self.spans.get(where, ()) if first <= at <= last + grace), default=at)


def check_duplicates(run, books, counts, notes, faults):
    """I5: a second copy needs a reason: an answer that may have been lost, or a client that sent again."""
    ambiguous = TroubleIndex(run.troubles, AMBIGUOUS)
    for number, copies in books.copies.items():
        if len(copies) == 1:
            continue
        counts["duplicated"] += len(copies) - 1
        calls = books.tries[number // SPANS_PER_REQUEST_MAX]
        for (first_at, first_backend, is_clean, _), (second_at, second_backend, _, _) in zip(copies, copies[1:]):
            # The client's own timing decides which try a copy belongs to.
            first_call = max((call for call in calls if call.begin <= first_at), key=lambda call: call.begin,
                             default=calls[0])
            is_next_try = any(first_call.number < call.number and call.begin <= second_at for call in calls)
            # Either the first answer was lost, or the second request lay unread at a backend that was stuck.
            # A router that stood still finds its attempt's time over before it has read the answer.
            if not is_clean or any(ambiguous.overlaps(where, at - AMBIGUITY, at + AMBIGUITY) for where, at in
                                   ((first_backend, first_at), (second_backend, second_at), ("router", second_at),
                                    ("machine", second_at))):
                notes["duplicates after a lost answer"] += 1
            elif (first_at, first_backend) in books.partial and first_backend == second_backend:
                # Who had lost spans in a merged request was asked for: each part went again alone.
                notes["duplicates to trace a partial_success"] += 1
            elif is_next_try:
                notes["duplicates of a client's retry"] += 1
            else:
                faults.add("I5", f"span {number} taken by {first_backend} and again by {second_backend} "
                                 f"{(second_at - first_at) / MS:.0f} ms later within one try, without a reason")
    if counts["duplicated"] and not faults_in(run):
        faults.add("I5", f"{counts['duplicated']} duplicates in a run without faults")


def check_owners(run, books, counts, notes, faults):
    """I2: a copy is at the owner of its trace on a ring that was in use, or its owner was in trouble."""
    starts = [start for start, _ in run.rings]
    index = TroubleIndex(run.troubles, {trouble.kind for trouble in run.troubles} - SPOKEN)
    standing = TroubleIndex(run.troubles, {"stop", "blackhole"})  # takes later what was sent to it before
    lacking = TroubleIndex(run.troubles, {"router_files"})  # a router that cannot connect takes any backend for down
    for number, copies in books.copies.items():
        for at, backend, _, trace in copies:
            # Rings from RING_GRACE before the copy until the copy: a request keeps the ring it began with.
            last = bisect.bisect_right(starts, at)
            first = max(bisect.bisect_right(starts, at - RING_GRACE) - 1, 0)
            owners = [ring.get(trace) for _, ring in run.rings[first:max(last, first + 1)]]
            if backend in owners:
                continue
            sent = standing.begin_before(backend, at, OWNER_GRACE)
            if any(index.overlaps(where, sent - OWNER_GRACE, at) for where in (*owners, "machine")) or \
                    lacking.overlaps("router", at - OWNER_GRACE, at):
                notes["copies away from a troubled owner"] += 1
                continue
            counts["misrouted"] += 1
            faults.add("I2", f"span {number} of trace {trace} at {backend}, the owner is {owners[-1]}")
    if len(run.rings) > 1 or not run.routers or not all(router.is_complete for router in run.routers):
        return
    away = counts["misrouted"] + notes["copies away from a troubled owner"]
    counted = sum(metric(router.metrics, f"spanring_{name}_spans") for router in run.routers
                  for name in ("failover", "rerouted"))
    if away > counted:
        faults.add("I2", f"{away} copies away from their owners, the routers count {counted} failed over or rerouted")


def check_rolling_restart(run, faults):
    """FM-33: with several routers, of which one at a time is asked to end, no client sees an error."""
    if len(run.routers) < 2 or {trouble.kind for trouble in faults_in(run)} != {"router_term"}:
        return
    for call in run.tries:
        if call.code and not call.is_cancelled and not was_starved(run.troubles, call.begin, call.end):
            faults.add("I8", f"request {call.request} try {call.number}: code {call.code} \"{call.message}\" in a "
                             f"rolling restart")


def check_liveness(run, notes, faults):
    """I8: every call is answered in time, and all is well again after the faults."""
    after = [0, 0]
    for call in run.tries:
        taken = call.end - call.begin
        allowed = call.deadline_ms * MS + ANSWER_SLACK if call.deadline_ms >= 0 else ANSWER_WITHOUT_DEADLINE
        is_late = taken > allowed and not call.is_cancelled
        if call.code < 0 or (is_late and not router_in_trouble(run.troubles, call.begin, call.end)):
            faults.add("I8", f"request {call.request} try {call.number}: {taken / MS:.0f} ms for a deadline of "
                             f"{call.deadline_ms} ms, code {call.code}")
        is_after = run.healed_at and call.begin > run.healed_at + 5 * S and not call.is_cancelled
        if is_after and not (call.code and was_starved(run.troubles, call.begin, call.end)):
            after[0 if call.code == 0 else 1] += 1
    if run.healed_at and run.load_end > run.healed_at + 6 * S:
        total = sum(after)
        notes["tries after the faults"] = total
        if total < 20 or after[0] < RECOVERED_SHARE * total:
            faults.add("I8", f"{after[0]} of {total} calls OK from 5 s after the last fault on")


def check_routers(run, books, counts, faults):
    """I3, I4, I9 by what the routers say of themselves."""
    for router in run.routers:
        if router.exit_code != 0:
            faults.add("I4", f"{router.name} ended with {router.exit_code}")
        for column in ("spans", "requests"):
            terms = {name: metric(router.metrics, f"spanring_{name}_{column}")
                     for name in ("received", "forwarded", "suppressed", "rejected", "refused", "cancelled",
                                  "in_flight")}
            if column == "requests":
                terms["suppressed"] = 0
            if terms["in_flight"]:
                faults.add("I4", f"{router.name}: {terms['in_flight']} {column} in flight at quiescence")
            if terms["received"] != sum(terms.values()) - terms["received"]:
                faults.add("I4", f"{router.name}: the ledger of {column} is open: {terms}")
        if router.memory_kib_max > router.budget_kib + MEMORY_SLACK_KIB:
            faults.add("I9", f"{router.name}: {router.memory_kib_max} KiB resident, budget {router.budget_kib} KiB")
        if len(router.threads) > 1:
            faults.add("I9", f"{router.name}: its number of threads changed: {sorted(router.threads)}")
        if router.files_end > router.files_begin + 16:
            faults.add("I9", f"{router.name}: {router.files_begin} descriptors before, {router.files_end} after")
    if not run.routers or not all(router.is_complete for router in run.routers):
        return
    total = {name: sum(metric(router.metrics, f"spanring_{name}_spans") for router in run.routers)
             for name in ("forwarded", "suppressed", "rejected")}
    copies = sum(map(len, books.copies.values()))
    if total["forwarded"] > copies:
        faults.add("I4", f"the routers say {total['forwarded']} spans forwarded, the backends took {copies}")
    answered = sum(call.spans - call.rejected for call in run.tries if call.code == 0)
    if answered > total["forwarded"] + total["suppressed"]:
        faults.add("I4", f"{answered} spans acknowledged in all tries, forwarded and suppressed {total}")
    told = sum(call.rejected if call.code == 0 else call.spans for call in run.tries
               if call.code == 0 or not (call.is_retryable or call.is_from_library or call.is_cancelled))
    if told > total["rejected"]:
        faults.add("I3", f"clients were told that {told} spans are rejected, the routers count {total['rejected']}")
