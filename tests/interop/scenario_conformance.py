"""Scenario: programs made to test servers look at each of the router's ports: h2spec (strict) for HTTP/2, in the clear
and under TLS; grpcurl for the health service and an export; curl for what a browser asks before it sends.
Guarantees: every h2spec case passes but those in EXPECTED_HTTP, which must fail (one that passes is to be taken out).
"""

import re
import subprocess
import xml.etree.ElementTree

import certificates as certificate_maker
import cells as cell_plans
import players
import scenario_clients
from rig import RunFailed
from sinks import Sinks

HOSTS = ("127.77.3.1", "127.77.3.2", "127.77.3.3")
PAGE = "http://page.interop.test"
# h2spec's case → why it does not pass, on port 4318 only.
EXPECTED_HTTP = {"http2/3.5/2": "the port speaks HTTP/1.1 too, and says 400 in it before it closes"}
# h2spec's GET is answered at its headers and its stream is over with that. In these cases the fault comes one frame
# later: it is looked at if both arrive together. So these are tried again, and have to pass once.
RACES = ("http2/4.2/2", "http2/6.1/3", "http2/6.9/2", "http2/6.9.1/3",
         "http2/8.1/1", "http2/8.1.2.1/3", "http2/8.1.2.6/1", "http2/8.1.2.6/2")
RACE_TRIES = 20


def run(rig, tools, router, proto_dir, checks):
    sinks = Sinks(HOSTS)
    try:
        made = certificate_maker.make(rig.dir)
        wanted = scenario_clients.faces(made, PAGE)
        fronts, reasons = scenario_clients.start_fronts(
            router, sinks, {name: wanted[name] for name in ("plain", "tls", "cors")}, made, HOSTS, "conformance")
        for name, reason in reasons.items():
            checks.that(f"conformance, router {name}", False, reason)
        for name in ("plain", "tls"):
            if name in fronts:
                if router.name == "spanring":
                    _ask_h2spec(rig, tools, fronts[name], name, checks)
                else:
                    checks.skip(f"h2spec, {name}", "it is about spanring, not about its stand-in")
                _ask_grpcurl(tools, fronts[name], name, made, proto_dir, sinks, router, checks)
        if "cors" in fronts:
            _ask_preflight(fronts["cors"], checks)
        for front in fronts.values():
            front.process.stop()
    finally:
        sinks.close()


def _ask_h2spec(rig, tools, front, name, checks):
    for port_name, endpoint in (("4317", front.endpoint), ("4318", front.http_endpoint)):
        label = f"h2spec, port {port_name}, {'TLS' if name == 'tls' else 'in the clear'}"
        host, port = endpoint.split(":")
        report = rig.dir / f"h2spec-{name}-{port_name}.xml"
        command = [tools["h2spec"], "--host", host, "--port", port, "--strict", "--timeout", "1",
                   *(["--tls", "--insecure"] if name == "tls" else [])]
        done = subprocess.run(list(map(str, [*command, "--junit-report", report])), capture_output=True, text=True,
                              timeout=120)
        (rig.dir / f"h2spec-{name}-{port_name}.log").write_text(done.stdout + done.stderr)
        failed, count = _read_report(report) if report.exists() else (set(), 0)
        failed -= {case for case in failed.intersection(RACES) if _passes_once(command, case)}
        expected = EXPECTED_HTTP.keys() if port_name == "4318" and name == "plain" else set()
        unexpected, surprising = sorted(failed - expected), sorted(expected - failed)
        checks.that(label, count > 140 and not unexpected and not surprising,
                    f"{count - len(failed)} of {count} passed, {len(failed) - len(unexpected)} known exceptions"
                    + (f", failed: {', '.join(unexpected)}" if unexpected else "")
                    + (f", now pass (take them out of EXPECTED_HTTP): {', '.join(surprising)}" if surprising else ""))


def _passes_once(command, case):
    return any(subprocess.run(list(map(str, [*command, case])), capture_output=True, timeout=30).returncode == 0
               for _ in range(RACE_TRIES))


def _read_report(path):
    """(failed cases as "http2/5.1/9", number of cases). What h2spec says of a failure is cut out first: it stands there
    as it came, a "<" or bytes of the peer's included, and such a file is no XML.
    """
    document = re.sub(rb"<(failure|error)>.*?</\1>", rb"<\1/>", path.read_bytes(), flags=re.DOTALL)
    failed, count = set(), 0
    for suite in xml.etree.ElementTree.fromstring(document).iter("testsuite"):
        for number, case in enumerate(suite.iter("testcase"), 1):
            count += 1
            if case.find("failure") is not None or case.find("error") is not None:
                failed.add(f"{case.get('package')}/{number}")
    return failed, count


def _ask_grpcurl(tools, front, name, made, proto_dir, sinks, router, checks):
    def call(proto, method, request):
        security = ["-cacert", made.ca] if name == "tls" else ["-plaintext"]
        done = subprocess.run(
            [str(tools["grpcurl"]), *security, "-max-time", "10", "-import-path", str(proto_dir), "-proto", proto, "-d",
             request, front.endpoint, method], capture_output=True, text=True)
        return "".join((done.stdout + done.stderr).split())

    if router.name == "spanring":  # the Collector has no health service on this port
        health = call("grpc/health/v1/health.proto", "grpc.health.v1.Health/Check", "{}")
        checks.that(f"grpcurl, {name}: health", health == '{"status":"SERVING"}', health[:200])
    sinks.take()
    # grpcurl knows Protobuf's JSON only: IDs in base64.
    example = (players.CLIENTS / "trace.json").read_text()
    example = example.replace("5B8EFFF798038103D269B633813FC60C", "W47/95gDgQPSabYzgT/GDA==")
    example = example.replace("EEE19B7EC3C1B174", "7uGbfsPBsXQ=").replace("EEE19B7EC3C1B173", "7uGbfsPBsXM=")
    answer = call("opentelemetry/proto/collector/trace/v1/trace_service.proto",
                  "opentelemetry.proto.collector.trace.v1.TraceService/Export", example)
    seen = [entry for bodies in sinks.take().values() for body in bodies for entry in cell_plans.seen_spans(body)]
    checks.that(f"grpcurl, {name}: export", answer in ("{}", '{"partialSuccess":{}}') and seen == [players.EXAMPLE],
                f"{answer[:200]}, {len(seen)} spans")


def _ask_preflight(front, checks):
    """What a browser asks before it sends JSON to another origin."""
    def ask(origin):
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--max-time", "10", "--include", "--request", "OPTIONS", "--header",
             f"origin: {origin}", "--header", "access-control-request-method: POST", "--header",
             "access-control-request-headers: content-type,x-page", f"http://{front.http_endpoint}/v1/traces"],
            capture_output=True, text=True)
        return dict(re.findall(r"(?m)^([A-Za-z-]+): (.*?)\r?$", done.stdout.lower())), done.stdout.partition("\n")[0]

    headers, status = ask(PAGE)
    allowed = {h.strip() for h in headers.get("access-control-allow-headers", "").split(",")}
    checks.that("preflight of a listed origin", headers.get("access-control-allow-origin") == PAGE
                and "post" in headers.get("access-control-allow-methods", "") and {"content-type", "x-page"} <= allowed,
                f"{status}, allowed headers: {', '.join(sorted(allowed))}")
    headers, status = ask("http://elsewhere.test")
    checks.that("preflight of another origin", status != "" and "access-control-allow-origin" not in headers,
                f"{status}, nothing allowed")
