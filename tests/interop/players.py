"""Those who play the cells: one class per kind of client. start(cells) begins, results() waits and tells how it went:
{cell name: "ok" or why not}. What arrived is judged elsewhere.
"""

import base64
import gzip
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import cells as cell_plans
import raw_service
import wire
from rig import RunFailed, free_port, http_get, tail, wait_until
from routers import RawSender

CLIENTS = raw_service.HERE / "clients"
DEADLINE_S = 120
SPANS_PER_REQUEST = 64
GENERATED_TRACES, GENERATED_SPANS = 60, 4  # by telemetrygen, for each cell

# What clients/trace.json, the example of the OTLP documentation, says, in the form of cells.seen_spans().
EXAMPLE = ("my.service", (bytes.fromhex("5b8efff798038103d269b633813fc60c"), bytes.fromhex("eee19b7ec3c1b174")), {
    "parent": bytes.fromhex("eee19b7ec3c1b173"), "name": "I'm a server span", "kind": 2,
    "start": 1544712660000000000, "end": 1544712661000000000, "status": (0, ""),
    "attributes": {"my.span.attr": "some value"}, "scope": ("my.library", "1.0.0"), "service": "my.service",
    "events": []})


class Stage:
    """What all players share: the rig, the tools, the routers by name, the certificates."""

    def __init__(self, rig, tools, fronts, certificates, base_ns, has_h2c):
        self.rig, self.tools, self.fronts = rig, tools, fronts
        self.certificates, self.base_ns, self.has_h2c = certificates, base_ns, has_h2c

    def endpoint(self, cell):
        front = self.fronts[cell.front]
        return front.endpoint if cell.protocol == "grpc" else front.http_endpoint

    def url(self, cell):
        return f"{'http' if cell.security == '–' else 'https'}://{self.endpoint(cell)}"

    def ca(self, cell):
        return None if cell.security == "–" else self.certificates.ca

    def pair(self, cell):
        """The client's certificate and key, or None."""
        if cell.security == "mTLS":
            return self.certificates.client
        return self.certificates.stranger if cell.security.startswith("wrong") else None

    def authorization(self, cell):
        kind = cell.auth.split()[-1]
        secret = "wrong" if cell.auth.startswith("wrong") else None
        if cell.auth.startswith("no ") or kind not in ("bearer", "basic"):
            return None
        if kind == "bearer":
            return f"Bearer {secret or cell_plans.SECRET}"
        return basic(cell_plans.USER, secret or cell_plans.PASSWORD)


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def request_bodies(cell, base_ns):
    """The cell's plan as requests, every AnyValue kind in them."""
    spans = cell_plans.shuffled_spans(cell, base_ns)
    bodies = []
    for at in range(0, len(spans), SPANS_PER_REQUEST):
        request = ExportTraceServiceRequest()
        resource_spans = request.resource_spans.add()
        resource_spans.resource.attributes.add(key="service.name").value.string_value = cell.name
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name, scope_spans.scope.version = "interop", "1"
        scope_spans.spans.extend(raw_service.build_span(*span) for span in spans[at : at + SPANS_PER_REQUEST])
        bodies.append(request.SerializeToString())
    return bodies


def otlp_json(body):
    """OTLP/JSON by the book: lowerCamelCase, enums as numbers, IDs in hex."""
    message = json_format.MessageToDict(
        ExportTraceServiceRequest.FromString(body), use_integers_for_enums=True)
    return json.dumps(_hex_ids(message)).encode()


def _hex_ids(node):
    if isinstance(node, list):
        return [_hex_ids(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: base64.b64decode(value).hex() if key in ("traceId", "spanId", "parentSpanId") else _hex_ids(value)
            for key, value in node.items()}


class SdkProgram:
    """A program of clients/ (its README tells the files it reads)."""

    def __init__(self, stage, name, command):
        self._stage, self._name, self._command = stage, name, command

    def start(self, cells):
        stage, lines = self._stage, []
        for cell in cells:
            plan = stage.rig.dir / f"plan-{cell.name}.tsv"
            cell_plans.write_plan(cell, stage.base_ns, plan)
            pair = stage.pair(cell)
            lines.append("\t".join(str(part or "-") for part in (
                cell.name, cell.protocol, cell.compression, stage.endpoint(cell), stage.ca(cell),
                pair and pair.certificate, pair and pair.key, stage.authorization(cell), plan)))
        listing = stage.rig.dir / f"cells-{self._name}.tsv"
        listing.write_text("\n".join(lines) + "\n")
        self._child = stage.rig.start(f"client-{self._name}", [*self._command, listing])

    def results(self):
        failure = ""
        try:
            self._child.finish(DEADLINE_S)
        except RunFailed as failed:
            failure = str(failed).splitlines()[0]
        said = dict(line.split("\t", 1) for line in self._child.log.read_text(errors="replace").splitlines()
                    if "\t" in line)
        return _Said(said, failure or f"the program said nothing: {self._child.log}")


class _Said(dict):
    """Outcomes, with one text for those of which nothing was said."""

    def __init__(self, said, otherwise):
        super().__init__(said)
        self._otherwise = otherwise

    def __missing__(self, _):
        return self._otherwise


class CollectorExporters:
    """A Collector agent with one pipeline per cell: python gRPC in, its otlp or otlphttp exporter out. Without queue
    and retry, so that the exporter's failure is the answer to what came in."""

    def __init__(self, stage):
        self._stage = stage
        self._results = {}

    def start(self, cells):
        stage, ports, health = self._stage, {cell.name: free_port() for cell in cells}, free_port()
        receivers, exporters, pipelines = {}, {}, {}
        for cell in cells:
            receivers[f"otlp/{cell.name}"] = {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{ports[cell.name]}"}}}
            exporter = f"{'otlp' if cell.protocol == 'grpc' else 'otlphttp'}/{cell.name}"
            exporters[exporter] = self._exporter(cell)
            pipelines[f"traces/{cell.name}"] = {"receivers": [f"otlp/{cell.name}"], "exporters": [exporter]}
        agent = stage.rig.start_collector(stage.tools["collector"], "client-collector", {
            "receivers": receivers, "exporters": exporters,
            "extensions": {"health_check": {"endpoint": f"127.0.0.1:{health}"}},
            "service": {"extensions": ["health_check"], "pipelines": pipelines,
                        "telemetry": {"metrics": {"level": "none"}}},
        })
        wait_until("the agent to be healthy", lambda: http_get(f"http://127.0.0.1:{health}/")[0] == 200, 60, [agent])
        for cell in cells:
            self._results[cell.name] = self._send(cell, f"127.0.0.1:{ports[cell.name]}")

    def _exporter(self, cell):
        stage = self._stage
        tls = {"insecure": True} if cell.security == "–" else {"ca_file": stage.certificates.ca}
        if (pair := stage.pair(cell)) is not None:
            tls |= {"cert_file": pair.certificate, "key_file": pair.key}
        exporter = {"compression": cell.compression, "tls": tls, "sending_queue": {"enabled": False},
                    "retry_on_failure": {"enabled": False}, "timeout": "20s"}
        if (authorization := stage.authorization(cell)) is not None:
            exporter["headers"] = {"authorization": authorization}
        if cell.protocol == "grpc":
            return exporter | {"endpoint": stage.endpoint(cell)}
        return exporter | {"endpoint": stage.url(cell), "encoding": "json" if cell.protocol == "http/json" else "proto"}

    def _send(self, cell, endpoint):
        with RawSender(endpoint) as sender:
            for body in request_bodies(cell, self._stage.base_ns):
                try:
                    sender.send(body)
                except RunFailed as failed:
                    return f"failed: {failed}"
        return "ok"

    def results(self):
        return self._results


class Telemetrygen:
    """One run per cell. It makes its own traces."""

    def __init__(self, stage):
        self._stage, self._children = stage, {}

    def start(self, cells):
        for cell in cells:
            self._children[cell.name] = self._stage.rig.start(cell.name, [
                self._stage.tools["telemetrygen"], "traces", "--otlp-endpoint", self._stage.endpoint(cell),
                "--service", cell.name, "--traces", GENERATED_TRACES, "--workers", 1, "--rate", 0,
                "--child-spans", GENERATED_SPANS - 1, *self._options(cell)])

    def _options(self, cell):
        options = ["--otlp-http"] if cell.protocol != "grpc" else []
        options += ["--otlp-insecure"] if cell.security == "–" else ["--ca-cert", self._stage.certificates.ca]
        if (pair := self._stage.pair(cell)) is not None:
            options += ["--mtls", "--client-cert", pair.certificate, "--client-key", pair.key]
        if (authorization := self._stage.authorization(cell)) is not None:
            options += ["--otlp-header", f'authorization="{authorization}"']
        return options

    def results(self):
        outcomes = {}
        for name, child in self._children.items():
            try:
                child.finish(60)
                said = child.log.read_text(errors="replace")
                outcomes[name] = f"failed: {tail(child.log, 1).strip()}" if "traces export:" in said else "ok"
            except RunFailed as failed:
                outcomes[name] = f"failed: {str(failed).splitlines()[0]}"
        return outcomes


class Curl:
    """One call per request body. Variants: "h2" HTTP/2 (prior knowledge or ALPN), "chunked" a body without length."""

    def __init__(self, stage):
        self._stage, self._results = stage, {}

    def start(self, cells):
        for cell in cells:
            for number, body in enumerate(request_bodies(cell, self._stage.base_ns)):
                outcome = self._results[cell.name] = self._post(cell, number, body)
                if outcome != "ok":
                    break

    def _post(self, cell, number, body):
        kind = "application/json" if cell.protocol == "http/json" else "application/x-protobuf"
        content = otlp_json(body) if cell.protocol == "http/json" else body
        path = self._stage.rig.dir / f"curl-{cell.name}-{number}"
        path.write_bytes(gzip.compress(content) if cell.compression == "gzip" else content)
        return self.post(cell, path, kind, path.with_suffix(".answer"))

    def post(self, cell, path, kind, answer):
        """Sends the file. "ok": answered with 200 in the kind of the request, over the wanted HTTP."""
        is_h2 = cell.variant == "h2"
        command = ["curl", "--silent", "--show-error", "--max-time", "20", "--output", answer, "--write-out",
                   "%{http_code} %{http_version} %{content_type}", "--header", f"content-type: {kind}",
                   "--data-binary", f"@{path}", *self._options(cell, is_h2), f"{self._stage.url(cell)}/v1/traces"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode != 0:
            return f"failed: {done.stderr.strip()}"
        wanted = f"200 {'2' if is_h2 else '1.1'} {kind}"
        if done.stdout != wanted:
            return f"failed: answered {done.stdout} {answer.read_bytes()[:200]!r}, wanted {wanted}"
        return "ok"

    def _options(self, cell, is_h2):
        if cell.security == "–":
            yield from ["--http2-prior-knowledge"] if is_h2 else ["--http1.1"]
        else:
            yield from ["--http2" if is_h2 else "--http1.1", "--cacert", self._stage.certificates.ca]
        if (pair := self._stage.pair(cell)) is not None:
            yield from ["--cert", pair.certificate, "--key", pair.key]
        if (authorization := self._stage.authorization(cell)) is not None:
            yield from ["--header", f"authorization: {authorization}"]
        if cell.compression == "gzip":
            yield from ["--header", "content-encoding: gzip"]
        if cell.variant == "chunked":
            yield from ["--header", "transfer-encoding: chunked"]

    def results(self):
        return self._results


class Browser:
    """The JavaScript SDK in a page of its own origin, in headless Chromium."""

    def __init__(self, stage, page):
        self._stage, self._page = stage, page

    def start(self, cells):
        listing = []
        for cell in cells:
            plan = self._stage.rig.dir / f"plan-{cell.name}.tsv"
            cell_plans.write_plan(cell, self._stage.base_ns, plan)
            listing.append({"name": cell.name, "url": f"{self._stage.url(cell)}/v1/traces",
                            "plan": plan.read_text().splitlines()})
        self._page.cells = listing
        self._child = self._stage.rig.start("client-browser", [
            self._stage.tools["chromium"], "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-proxy-server", f"--user-data-dir={self._stage.rig.dir / 'chromium'}", "--remote-debugging-port=0",
            f"{self._page.origin}/"])

    def results(self):
        try:
            wait_until("the page to report", lambda: self._page.report is not None, DEADLINE_S, [self._child])
        except RunFailed as failed:
            return _Said({}, f"failed: {failed}")
        finally:
            self._child.stop()
        return _Said(dict(line.split("\t", 1) for line in self._page.report.splitlines()), self._page.report)


class Page:
    """The server of the browser's page: another origin than the router's."""

    def __init__(self, bundle):
        self.cells, self.report = [], None
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                content = {
                    "/": ("text/html", b"<!doctype html><script src=/bundle.js></script>"),
                    "/bundle.js": ("text/javascript", bundle.read_bytes()),
                    "/cells": ("application/json", json.dumps(page.cells).encode()),
                }.get(self.path)
                self.send_response(200 if content else 404)
                self.send_header("content-type", content[0] if content else "text/plain")
                self.end_headers()
                self.wfile.write(content[1] if content else b"")

            def do_POST(self):
                page.report = self.rfile.read(int(self.headers["content-length"])).decode()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = "http://127.0.0.1:%d" % self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def sdk_command(name, tools):
    """How a program of clients/ is started, or None where its runtime is missing."""
    if name == "python":
        return [sys.executable, CLIENTS / "python_client.py"]
    if name not in tools:
        return None
    return {"go": [tools["go"]], "java": ["java", "-XX:TieredStopAtLevel=1", "-cp", tools.get("java"), "Client"],
            "node": ["node", f"{tools.get('node')}/client.js"]}[name]


def sent_canonical(cell, base_ns):
    """{(trace ID, span ID): [canonical content]} of a cell that sends request_bodies()."""
    sent = {}
    for body in request_bodies(cell, base_ns):
        wire.canonical_spans(body, sent)
    return sent
