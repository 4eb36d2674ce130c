"""Scenario: every kind of client sends traces to one router each for plain, TLS, mutual TLS, bearer token, basic
auth and cross-origin pages; behind them three backends that keep the bytes. The spans of a trace are spread over
requests that hold parts of many traces.
Guarantees: each trace arrives whole at one backend, each span once, with the content that the client was told to
send; who must be refused is, and nothing of it arrives.
"""

import time
from collections import defaultdict

import certificates as certificate_maker
import cells as cell_plans
import players
import wire
from cells import PASSWORD, SECRET, USER, Cell
from rig import RunFailed
from routers import Face
from sinks import Sinks

HOSTS = ("127.77.2.1", "127.77.2.2", "127.77.2.3")
COMPRESSIONS_HTTP = ("none", "gzip", "deflate", "zlib", "zstd", "snappy", "lz4")
COMPRESSIONS_GRPC = ("none", "gzip", "snappy", "zstd")


def all_cells():
    return [*_sdk_cells(), *_collector_cells(), *_tool_cells(), *_browser_cells()]


def _sdk_cells():
    for client, program, https in (("Python SDK", "python", ("none", "gzip", "deflate")),
                                   ("Go SDK", "go", ("none", "gzip")), ("Java SDK", "java", ("none", "gzip")),
                                   ("JavaScript SDK, Node", "node", ("none", "gzip"))):
        for compression in ("none", "gzip"):
            yield Cell(client, program, "grpc", compression)
        for compression in https:
            yield Cell(client, program, "http/protobuf", compression)
            if program == "node":
                yield Cell(client, program, "http/json", compression)
        yield Cell(client, program, "grpc", "gzip", "TLS")
        yield Cell(client, program, "http/json" if program == "node" else "http/protobuf", "gzip", "TLS")
        yield Cell(client, program, "grpc", "none", "mTLS")
        yield Cell(client, program, "http/protobuf", "none", "mTLS")
    yield from _pair("Python SDK", "python", "grpc", "bearer")
    yield from _pair("Go SDK", "go", "grpc", "basic")
    yield from _pair("Go SDK", "go", "http/protobuf", "bearer")
    yield from _pair("JavaScript SDK, Node", "node", "http/json", "bearer")


def _pair(client, program, protocol, auth):
    """With the right secret and with a wrong one."""
    yield Cell(client, program, protocol, "none", auth=auth)
    yield Cell(client, program, protocol, "none", auth=f"wrong {auth}")


def _collector_cells():
    for compression in COMPRESSIONS_GRPC:
        yield Cell("Collector, otlp exporter", "collector", "grpc", compression)
    for compression in COMPRESSIONS_HTTP:
        yield Cell("Collector, otlphttp exporter", "collector", "http/protobuf", compression)
    for compression in COMPRESSIONS_HTTP:
        yield Cell("Collector, otlphttp exporter", "collector", "http/json", compression)
    yield Cell("Collector, otlp exporter", "collector", "grpc", "zstd", "TLS")
    yield Cell("Collector, otlp exporter", "collector", "grpc", "gzip", "mTLS")
    yield Cell("Collector, otlphttp exporter", "collector", "http/protobuf", "zstd", "TLS")
    yield Cell("Collector, otlphttp exporter", "collector", "http/json", "gzip", "mTLS")


def _tool_cells():
    for protocol in ("grpc", "http/protobuf"):
        for security in ("–", "TLS", "mTLS"):
            yield Cell("telemetrygen", "telemetrygen", protocol, "none", security)
    curl = ("curl", "curl")
    for variant in ("", "h2", "chunked"):
        for compression in ("none", "gzip"):
            yield Cell(*curl, "http/json", compression, variant=variant)
    yield Cell(*curl, "http/protobuf", "none")
    yield Cell(*curl, "http/protobuf", "gzip", variant="h2")
    yield Cell(*curl, "http/json", "none", "TLS")
    yield Cell(*curl, "http/json", "none", "TLS", variant="h2")
    yield Cell(*curl, "http/json", "none", "mTLS")
    yield Cell(*curl, "http/json", "none", "no certificate, mTLS")
    yield Cell(*curl, "http/json", "none", "wrong certificate, mTLS")
    for auth in ("basic", "wrong basic", "no basic", "no bearer"):
        yield Cell(*curl, "http/json", "none", auth=auth)


def _browser_cells():
    yield Cell("JavaScript SDK, Chromium", "browser", "http/json", auth="cors")
    yield Cell("JavaScript SDK, Chromium", "browser", "http/json", auth="no cors")


def run(rig, tools, router, checks):
    sinks = Sinks(HOSTS)
    page = players.Page(_bundle(tools))
    try:
        made = certificate_maker.make(rig.dir)
        fronts, reasons = start_fronts(router, sinks, faces(made, page.origin), made, HOSTS, "clients")
        stage = players.Stage(rig, tools, fronts, made, time.time_ns(), router.has_h2c)
        cells, outcomes = _play(stage, tools, page, reasons, checks)
        arrived = Arrived(sinks.take())
        for cell in cells:
            judge(cell, outcomes[cell.name], arrived, stage.base_ns, checks)
        _send_example(stage, sinks, reasons, checks)
        for name, front in fronts.items():
            code = front.process.stop()
            checks.that(f"{front.process.name} ends cleanly", code == 0, f"exit {code}")
    finally:
        page.close()
        sinks.close()


def _bundle(tools):
    return players.CLIENTS / "missing" if "node" not in tools else tools["node"] / "page" / "bundle.js"


def faces(made, page_origin):
    """The routers by name: what each shows."""
    tls = {"cert_file": made.server.certificate, "key_file": made.server.key}
    user = f"{USER}:{PASSWORD}"
    return {
        "plain": Face(has_http=True),
        "tls": Face(has_http=True, tls=tls),
        "mtls": Face(has_http=True, tls=tls | {"client_ca_file": made.ca}),
        "bearer": Face(has_http=True, authenticator="bearertokenauth",
                       extensions={"bearertokenauth": {"token": SECRET}}),
        "basic": Face(has_http=True, authenticator="basicauth",
                      extensions={"basicauth": {"htpasswd": {"inline": user}}}),
        "cors": Face(has_http=True, cors={
            "allowed_origins": [page_origin], "allowed_headers": ["content-type", "x-page"]}),
    }


def start_fronts(router, sinks, wanted, made, hosts, prefix):
    """Returns ({name: router}, {name: why it did not start})."""
    fronts, reasons = {}, {}
    for name, face in wanted.items():
        try:
            front = router.start(f"router-{prefix}-{name}", hosts, face=face)
            sinks.await_all(front, _probe_options(name, made))
            fronts[name] = front
        except RunFailed as failed:
            reasons[name] = f"its router did not start: {failed}"
            print(f"  router-{prefix}-{name}: {failed}", flush=True)
    return fronts, reasons


def _probe_options(name, made):
    auth = {"bearer": f"Bearer {SECRET}", "basic": players.basic(USER, PASSWORD)}.get(name)
    return {"authorization": auth, "certificates": made if name in ("tls", "mtls") else None}


def _play(stage, tools, page, reasons, checks):
    """Lets all play at once. Returns the cells played and what was said of each."""
    by_program = defaultdict(list)
    for cell in all_cells():
        if cell.variant == "h2" and cell.security == "–" and not stage.has_h2c:
            checks.skip(cell.name, "the stand-in has no HTTP/2 in the clear here")
        else:
            by_program[cell.program].append(cell)
    started, played, outcomes = [], [], {}
    for program, cells in by_program.items():
        player = _player(stage, program, tools, page)
        if player is None:
            checks.skip(program, tools.missing["chromium" if program == "browser" else program])
            continue
        played += cells
        can_play = [cell for cell in cells if cell.front in stage.fronts]
        outcomes |= {cell.name: reasons[cell.front] for cell in cells if cell.front in reasons}
        if can_play:
            started.append((program, player, can_play))
    for program, player, cells in sorted(started, key=lambda entry: entry[0] in ("curl", "collector")):
        player.start(cells)  # those that work while they start come last, beside the others
    for _, player, cells in started:
        results = player.results()
        outcomes |= {cell.name: results[cell.name] for cell in cells}
    return played, outcomes


def _player(stage, program, tools, page):
    """None: it cannot play on this machine."""
    if program == "collector":
        return players.CollectorExporters(stage)
    if program == "telemetrygen":
        return players.Telemetrygen(stage)
    if program == "curl":
        return players.Curl(stage)
    if program == "browser":
        return players.Browser(stage, page) if "chromium" in tools else None
    command = players.sdk_command(program, tools)
    return None if command is None else players.SdkProgram(stage, program, command)


class Arrived:
    """What the backends got: for each span its home and its content, in both forms of comparison."""

    def __init__(self, bodies):
        self.spans = defaultdict(list)  # (trace ID, span ID) → [(host, content as of expected_span())]
        self.canonical = defaultdict(list)  # the same key → [canonical content]
        self.by_service = defaultdict(lambda: defaultdict(list))  # service → trace ID → [(host, span ID)]
        for host, requests in bodies.items():
            for body in requests:
                for service, key, content in cell_plans.seen_spans(body):
                    self.spans[key].append((host, content))
                    self.by_service[service][key[0]].append((host, key[1]))
                for key, contents in wire.canonical_spans(body, {}).items():
                    self.canonical[key] += contents


def judge(cell, outcome, arrived, base_ns, checks):
    traces = arrived.by_service[cell.name]
    if cell.must_be_refused:
        count = sum(map(len, traces.values()))
        passed = outcome.startswith("failed") and count == 0
        checks.that(f"{cell.name}: refused", passed, f"{count} spans arrived; {outcome[:160]}")
        checks.cell(cell, 0, "refused" if passed else "NOT REFUSED", count, "–")
        return
    if cell.program == "telemetrygen":
        wanted = players.GENERATED_TRACES
        whole = sum(len(set(spans)) == len(spans) == players.GENERATED_SPANS and len({h for h, _ in spans}) == 1
                    for spans in traces.values())
        spans, equal = sum(map(len, traces.values())), "–"
        passed = outcome == "ok" and whole == wanted == len(traces)
    else:
        wanted, spans = cell_plans.TRACES, sum(map(len, traces.values()))
        whole = sum(_is_whole(trace, arrived) for trace in cell.plan(base_ns))
        expected, equal = _compare(cell, arrived, base_ns)
        passed = outcome == "ok" and whole == wanted == len(traces) and spans == equal == expected
    detail = f"{whole} of {wanted} traces, {equal} of {spans} spans equal"
    checks.that(f"{cell.name}: whole and equal", passed, detail if outcome == "ok" else f"{detail}; {outcome[:300]}")
    checks.cell(cell, wanted, whole, spans, equal)


def _is_whole(trace, arrived):
    trace_id = trace.trace_id.to_bytes(16, "big")
    copies = [arrived.spans[trace_id, span.span_id.to_bytes(8, "big")] for span in trace.spans]
    return all(len(c) == 1 for c in copies) and len({c[0][0] for c in copies}) == 1


def _compare(cell, arrived, base_ns):
    """(spans expected, spans that arrived once and equal)."""
    if cell.program in ("collector", "curl"):
        sent = players.sent_canonical(cell, base_ns)
        return len(sent), sum(arrived.canonical[key] == contents for key, contents in sent.items())
    expected = cell_plans.expected_spans(cell, base_ns)
    equal = 0
    for key, content in expected.items():
        equal += [seen for _, seen in arrived.spans[key]] == [content]
    return len(expected), equal


def _send_example(stage, sinks, reasons, checks):
    """The example of the OTLP documentation, as a person would try it."""
    name = "the documentation's JSON example arrives as the span it describes"
    if "plain" in reasons:
        checks.that(name, False, reasons["plain"])
        return
    outcome = players.Curl(stage).post(Cell("curl", "curl", "http/json"), players.CLIENTS / "trace.json",
                                       "application/json", stage.rig.dir / "example.answer")
    seen = [entry for bodies in sinks.take().values() for body in bodies for entry in cell_plans.seen_spans(body)]
    checks.that(name, outcome == "ok" and seen == [players.EXAMPLE], f"{outcome}, {len(seen)} spans")
