"""Scenario: the same random trace IDs go through the Collector's own loadbalancing exporter and through the
router, to the same backends; the identity that is hashed is "ip:4317" (with `port`) and "ip" (without).
Guarantees: with `spanring.ring.algorithm: collector_v3` each trace ID gets the backend that the Collector gives
it, 0 differences; each span arrives exactly once.
"""

import random
import subprocess

import wire
from rig import RunFailed
from routers import CollectorRouter, RawSender
from sinks import Sinks

HOSTS = tuple(f"127.77.2.{n}" for n in range(1, 6))
TRACE_IDS = 120_000
SPANS_PER_REQUEST = 1000
CLI_IDS = 500


def run(rig, tools, router, checks):
    ids = _trace_ids()
    sinks = Sinks(HOSTS)
    owners = {}
    try:
        judge = CollectorRouter(rig, tools / "judge-collector")
        for port in ("with", "without"):
            wanted, _ = _owners(judge, sinks, ids, port, "judge")
            got, front = _owners(router, sinks, ids, port, "router")
            _judge(ids, wanted, got, port, checks)
            owners[port] = wanted
            if router.name == "spanring":
                _judge_command_line(router, front, ids[:CLI_IDS], wanted, port, checks)
    finally:
        sinks.close()
    moved = sum(owners["with"].get(i) != owners["without"].get(i) for i in ids)
    # What makes 0 differences mean something: another identity gives another ring.
    checks.that("the identity matters (a port moves traces)", moved > TRACE_IDS // 2, f"{moved} of {TRACE_IDS} differ")


def _trace_ids():
    rng = random.Random(20)
    return [rng.randbytes(16) for _ in range(TRACE_IDS - 1)] + [b"\xff" * 16]


def _owners(router, sinks, ids, port, role):
    """({trace ID: host or None if it did not arrive exactly once}, the stopped router)."""
    name = f"ring-{port}-port-{role}"
    front = router.start(name, HOSTS, with_port=port == "with", algorithm="collector_v3")
    sinks.await_all(front)
    with RawSender(front.endpoint) as sender:
        for at in range(0, len(ids), SPANS_PER_REQUEST):
            sender.send(_request(ids[at : at + SPANS_PER_REQUEST]))
    arrived = {}
    for host, bodies in sinks.take().items():
        for body in bodies:
            for span, *_ in wire.raw_spans(body):
                trace_id = next(payload for number, _, payload in wire.fields(span) if number == 1)
                arrived[trace_id] = None if trace_id in arrived else host
    front.process.stop()
    return arrived, front


def _request(ids):
    spans = b"".join(
        wire.length_delimited(2, wire.length_delimited(1, i) + wire.length_delimited(2, i[:8])) for i in ids)
    return wire.length_delimited(1, wire.length_delimited(2, spans))


def _judge(ids, wanted, got, port, checks):
    for who, owners in (("the Collector", wanted), ("the router", got)):
        once = sum(owners.get(i) is not None for i in ids)
        checks.that(f"ring {port} port: each span arrived once through {who}", once == len(ids), f"{once} of {len(ids)}")
    differences = [i for i in ids if wanted.get(i) != got.get(i)]
    detail = f"{len(differences)} differences in {len(ids)} trace IDs"
    if differences:
        first = differences[0]
        detail += f"; first {first.hex()}: Collector {wanted.get(first)}, router {got.get(first)}"
    checks.that(f"ring {port} port: same owner as the Collector", not differences, detail)


def _judge_command_line(router, front, ids, wanted, port, checks):
    """`spanring owner` must say what routing does."""
    command = [router.binary, "owner", "--config", front.config_path, *(i.hex() for i in ids)]
    answer = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=30)
    if answer.returncode != 0:
        raise RunFailed(f"spanring owner ended with {answer.returncode}: {answer.stderr.strip()}")
    lines = [line for line in answer.stdout.splitlines() if line.strip()]
    right = sum(any(i.hex() in line and f"{wanted[i]}:" in f"{line.replace(' ', ':')}:" for line in lines) for i in ids)
    checks.that(f"ring {port} port: `spanring owner` agrees", right == len(ids), f"{right} of {len(ids)}")
