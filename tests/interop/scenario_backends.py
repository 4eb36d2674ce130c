"""Scenario: the router sends to real Collectors with every compression it has, in the clear, with TLS and with mutual
TLS.
Guarantees: each trace arrives whole at one Collector, each span once, unchanged.
"""

import time
from collections import defaultdict

import cells as cell_plans
import certificates as certificate_maker
import players
import wire
from cells import Cell
from rig import RunFailed, free_port, http_get, wait_until
from routers import BACKENDS_NAME, RawSender, probe

SECURITIES = ("–", "TLS", "mTLS")
COMPRESSIONS = ("none", "gzip", "snappy", "zstd")


def hosts_of(security):
    return [f"127.77.{4 + SECURITIES.index(security)}.{n}" for n in (1, 2, 3)]


def run(rig, tools, router, checks):
    every_host = [host for security in SECURITIES for host in hosts_of(security)]
    # spanring verifies the resolver's name, the Collector in its place the address.
    made = certificate_maker.make(rig.dir, every_host, BACKENDS_NAME)
    base_ns = time.time_ns()
    backends = {host: _start(rig, tools, host, security, made) for security in SECURITIES
                for host in hosts_of(security)}
    cells = [Cell("spanring → Collector", "egress", "grpc", compression, security)
             for compression in COMPRESSIONS for security in SECURITIES]
    outcomes = {cell.name: _send(router, cell, made, base_ns) for cell in cells}
    for process, _ in backends.values():
        process.stop()
    arrived = defaultdict(list)  # (trace ID, span ID) → [(host, canonical content)]
    for host, (_, kept) in backends.items():
        for frame in wire.read_frames(kept):
            for key, contents in wire.canonical_spans(frame, {}).items():
                arrived[key] += [(host, content) for content in contents]
    for cell in cells:
        _judge(cell, outcomes[cell.name], arrived, base_ns, checks)


def _start(rig, tools, host, security, made):
    """One Collector that keeps all it gets. Returns it and its file."""
    name = f"kept-{host}"
    kept = rig.dir / f"{name}.bin"
    receiver = {"endpoint": f"{host}:4317"}
    if security != "–":
        receiver["tls"] = {"cert_file": made.server.certificate, "key_file": made.server.key}
    if security == "mTLS":
        receiver["tls"]["client_ca_file"] = made.ca
    health = free_port()
    process = rig.start_collector(tools["collector"], name, {
        "receivers": {"otlp": {"protocols": {"grpc": receiver}}},
        "exporters": {"file": {"path": str(kept), "format": "proto"}},
        "extensions": {"health_check": {"endpoint": f"127.0.0.1:{health}"}},
        "service": {"extensions": ["health_check"],
                    "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}},
                    "telemetry": {"metrics": {"level": "none"}}},
    })
    wait_until(f"{name} to be healthy", lambda: http_get(f"http://127.0.0.1:{health}/")[0] == 200, 60, [process])
    return process, kept


def _egress(cell, made):
    if cell.security == "–":
        return {"compression": cell.compression}
    tls = {"ca_file": made.ca}
    if cell.security == "mTLS":
        tls |= {"cert_file": made.client.certificate, "key_file": made.client.key}
    return {"compression": cell.compression, "tls": tls}


def _send(router, cell, made, base_ns):
    try:
        front = router.start(f"router-{cell.name}", hosts_of(cell.security), egress=_egress(cell, made))
        with RawSender(front.endpoint) as sender:
            wait_until("a first span to be taken", lambda: sender.try_send(probe(b"first span of it")), 30,
                       [front.process])
            for body in players.request_bodies(cell, base_ns):
                sender.send(body)
        code = front.process.stop()
        return "ok" if code == 0 else f"the router ended with {code}"
    except RunFailed as failed:
        return f"failed: {failed}"


def _judge(cell, outcome, arrived, base_ns, checks):
    sent = players.sent_canonical(cell, base_ns)
    equal = sum([content for _, content in arrived[key]] == contents for key, contents in sent.items())
    homes = defaultdict(set)
    for key in sent:
        homes[key[0]].update(host for host, _ in arrived[key])
    whole = sum(len(homes[trace.trace_id.to_bytes(16, "big")]) == 1 and all(
        len(arrived[trace.trace_id.to_bytes(16, "big"), span.span_id.to_bytes(8, "big")]) == 1 for span in trace.spans)
        for trace in cell.plan(base_ns))
    used = len({host for hosts in homes.values() for host in hosts})
    spans = sum(len(arrived[key]) for key in sent)
    passed = outcome == "ok" and whole == cell_plans.TRACES and equal == spans == len(sent) and used == 3
    detail = f"{whole} of {cell_plans.TRACES} traces, {equal} of {spans} spans equal, {used} Collectors"
    checks.that(f"{cell.name}: whole and equal", passed, detail if outcome == "ok" else f"{detail}; {outcome[:300]}")
    checks.cell(cell, cell_plans.TRACES, whole, spans, equal)
