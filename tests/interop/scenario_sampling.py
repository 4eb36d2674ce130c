"""Scenario: applications of several kinds send spans of one trace from different processes, in different
requests, seconds apart, through the router to three Collectors that sample tails.
Guarantees: each trace that must be kept (an error in its last service, or slow only as a whole) leaves exactly
one Collector, whole, each span once, with its content unchanged; no trace reaches two Collectors.
"""

import math
import random
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import plan as plans
import raw_service
import wire
from rig import RunFailed, free_port, http_get, metric_sum, wait_until
from routers import RawSender, probe

HOSTS = ("127.77.0.1", "127.77.0.2", "127.77.0.3")
DECISION_WAIT_S = 20
GAP_S = 1.5  # between the services of one trace
SHARE_PERCENT = 5
PLANNED_TRACES = {"py": 800, "raw": 500}
TELEMETRYGEN_TRACES = 400
TELEMETRYGEN_SPANS = 5
SEEN = "otelcol_processor_tail_sampling_new_trace_id_received"
DECIDED = "otelcol_processor_tail_sampling_global_count_traces_sampled"
ARRIVED = "otelcol_receiver_accepted_spans"


@dataclass
class Variant:
    client: str
    protocol: str
    compression: str
    plan: list = field(default_factory=list)
    sent_files: list = field(default_factory=list)


class Backend:
    """One Collector: OTLP in, tail_sampling, a file of what it kept."""

    def __init__(self, rig, binary, host, number):
        self.host = host
        self.kept_path = rig.dir / f"kept-{number}.bin"
        address = {"host": host, "port": 8888}
        name = f"backend-{number}"
        self.process = rig.start_collector(binary, name, {
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"{host}:4317"}}}},
            "processors": {"tail_sampling": {
                "decision_wait": f"{DECISION_WAIT_S}s", "num_traces": 200000, "policies": [
                    {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
                    {"name": "slow", "type": "latency", "latency": {"threshold_ms": 2000}},
                    {"name": "share", "type": "probabilistic",
                     "probabilistic": {"sampling_percentage": SHARE_PERCENT}},
                ]}},
            "exporters": {"file": {"path": str(self.kept_path), "format": "proto"}},
            "extensions": {"health_check": {"endpoint": f"{host}:13133"}},
            "service": {
                "extensions": ["health_check"],
                "pipelines": {"traces": {
                    "receivers": ["otlp"], "processors": ["tail_sampling"], "exporters": ["file"]}},
                "telemetry": {"metrics": {"readers": [{"pull": {"exporter": {"prometheus": address}}}]}},
            },
        })
        wait_until(f"{name} to be healthy", lambda: http_get(f"http://{host}:13133/")[0] == 200, 60, [self.process])

    def metric(self, name, **labels):
        return metric_sum(http_get(f"http://{self.host}:8888/metrics")[1], name, **labels)

    def kept(self):
        return [ExportTraceServiceRequest.FromString(frame) for frame in wire.read_frames(self.kept_path)]


def run(rig, tools, router, checks):
    backends = [Backend(rig, tools / "judge-collector", host, n + 1) for n, host in enumerate(HOSTS)]
    front = router.start("router-sampling", HOSTS)
    probe_traces, probe_spans = _probe_until_all_answer(front, backends)
    agent = _start_agent(rig, tools, front)
    variants = _play(rig, tools, front, agent)
    planned = sum(len(v.plan) for v in variants.values())
    generated = 3 * TELEMETRYGEN_TRACES
    traces = planned + generated
    spans = 7 * planned + TELEMETRYGEN_SPANS * generated
    _await_decisions(backends, front, traces + probe_traces)
    seen = _sum(backends, SEEN) - probe_traces
    arrived = _sum(backends, ARRIVED) - probe_spans
    loads = [int(b.metric(SEEN)) for b in backends]
    for process in (agent, front.process, *(b.process for b in backends)):
        code = process.stop()
        checks.that(f"{process.name} ends cleanly", code == 0, f"exit {code}")
    checks.that("no trace reached two Collectors", seen == traces,
                f"{traces} traces, {seen} first sightings, per Collector {loads}")
    checks.that("every span arrived once", arrived == spans, f"{spans} sent, {arrived} accepted")
    _judge_kept(variants, backends, checks)


def _probe_until_all_answer(front, backends):
    """Sends single spans until every backend has one, so that the ring is whole when the plan starts. Returns
    what the backends have counted by then: (traces, spans)."""
    rng = random.Random(7)

    def step():
        for _ in range(8):
            with RawSender(front.endpoint) as sender:
                if not sender.try_send(probe(rng.getrandbits(128).to_bytes(16, "big"))):
                    return False
        return all(b.metric(ARRIVED) > 0 for b in backends)

    wait_until("every backend to get a probe", step, 30, [front.process])
    return _sum(backends, SEEN), _sum(backends, ARRIVED)


def _sum(backends, metric):
    return int(sum(b.metric(metric) for b in backends))


def _start_agent(rig, tools, front):
    """An agent as people run it: OTLP in, batch, the Collector's own otlp exporter (gzip by default)."""
    grpc_port, health_port = free_port(), free_port()
    agent = rig.start_collector(tools / "judge-collector", "agent", {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{grpc_port}"}}}},
        "processors": {"batch": {"timeout": "100ms", "send_batch_size": 500}},
        "exporters": {"otlp": {"endpoint": front.endpoint, "tls": {"insecure": True}}},
        "extensions": {"health_check": {"endpoint": f"127.0.0.1:{health_port}"}},
        "service": {
            "extensions": ["health_check"],
            "pipelines": {"traces": {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["otlp"]}},
            "telemetry": {"metrics": {"level": "none"}},
        },
    })
    wait_until("the agent to be healthy",
               lambda: http_get(f"http://127.0.0.1:{health_port}/")[0] == 200, 60, [agent])
    agent.endpoint = f"127.0.0.1:{grpc_port}"
    return agent


def _play(rig, tools, front, agent):
    """Runs all clients: service after service with a gap, telemetrygen beside them. Returns the variants."""
    base_ns = time.time_ns()
    variants = {
        "py-plain": Variant("Python SDK", "gRPC", "none"),
        "py-gzip": Variant("Python SDK", "gRPC", "gzip"),
        "py-agent": Variant("Python SDK → Collector agent", "gRPC", "gzip"),
        "raw-plain": Variant("python gRPC, own bytes", "gRPC", "none"),
        "raw-gzip": Variant("python gRPC, own bytes", "gRPC", "gzip"),
    }
    sdk, raw = {}, {}
    for name, variant in variants.items():
        variant.plan = plans.make_plan(name, _count(name), base_ns)
        for service in plans.SERVICES:
            sent = rig.dir / f"sent-{name}-{service}.bin"
            variant.sent_files.append(sent)
            if name.startswith("raw-"):
                raw[name, service] = raw_service.RawService(variant.plan, name, service, base_ns, sent)
            else:
                target = agent if name == "py-agent" else front
                sdk[name, service] = _start_sdk_service(rig, name, variant, service, base_ns, target, sent)
    wait_until("the SDK services to have their spans", lambda: all(c.has_said("ready") for c in sdk.values()), 120,
               sdk.values())
    _send_in_turn(rig, tools, front, agent, sdk, raw)
    return variants


def _count(variant_name):
    return PLANNED_TRACES[variant_name.split("-")[0]]


def _send_in_turn(rig, tools, front, agent, sdk, raw):
    generators = _start_telemetrygen(rig, tools, front, agent)
    started = time.monotonic()
    for number, service in enumerate(plans.SERVICES):
        # The gap is the scenario: the spans of one trace come seconds apart.
        time.sleep(max(0, started + number * GAP_S - time.monotonic()))
        children = [child for (_, its), child in sdk.items() if its == service]
        for child in children:
            child.tell("go")
        for (_, its), sender in raw.items():
            if its == service:
                sender.send(front.endpoint)
        for child in children:
            child.finish(60)
    took = time.monotonic() - started
    for child in generators:
        child.finish(60)
    print(f"  one trace's spans came within {took:.1f} s", flush=True)
    if took > DECISION_WAIT_S - 1:
        raise RunFailed(f"sending took {took:.1f} s, longer than the samplers wait ({DECISION_WAIT_S} s)")


def _start_sdk_service(rig, name, variant, service, base_ns, target, sent):
    command = [
        sys.executable, raw_service.HERE / "sdk_service.py", "--variant", name, "--count", _count(name),
        "--base-ns", base_ns, "--service", service, "--endpoint", f"http://{target.endpoint}", "--sent", sent,
    ]
    gzip = variant.compression == "gzip" and name != "py-agent"  # to the agent plain; the agent itself compresses
    return rig.start(f"{name}-{service}", command + (["--gzip"] if gzip else []))


def _start_telemetrygen(rig, tools, front, agent):
    def start(name, target, *options):
        return rig.start(name, [
            tools / "telemetrygen", "traces", "--otlp-insecure", "--otlp-endpoint", target.endpoint, "--service", name,
            "--traces", TELEMETRYGEN_TRACES // 2, "--workers", 2, "--child-spans", TELEMETRYGEN_SPANS - 1,
            "--rate", 0, *options])

    return [
        start("telemetrygen-error", front, "--status-code", "Error"),
        start("telemetrygen-slow", front, "--span-duration", "2500ms", "--span-links", 2),
        start("telemetrygen-agent", agent, "--status-code", "Error"),
    ]


def _await_decisions(backends, front, traces):
    processes = [front.process, *(b.process for b in backends)]
    end = time.monotonic() + DECISION_WAIT_S + 20
    while _sum(backends, DECIDED) < traces and time.monotonic() < end:
        for process in processes:
            if process.poll() is not None:
                return
        time.sleep(0.2)


def _judge_kept(variants, backends, checks):
    kept = {}  # (trace ID, span ID) → canonical spans
    homes = defaultdict(set)  # trace ID → backends
    for backend in backends:
        for request in backend.kept():
            one = {}
            wire.canonical_spans(request.SerializeToString(), one)
            for key, copies in one.items():
                kept.setdefault(key, []).extend(copies)
                homes[key[0]].add(backend.host)
    doubled = sum(len(copies) > 1 for copies in kept.values())
    cut = sum(len(hosts) > 1 for hosts in homes.values())
    checks.that("no kept span appears twice", doubled == 0, f"{doubled} of {len(kept)} spans")
    checks.that("no kept trace comes from two Collectors", cut == 0, f"{cut} of {len(homes)} traces")
    plain_sent = plain_kept = 0
    for variant in variants.values():
        sent_plain, kept_plain = _judge_variant(variant, kept, checks)
        plain_sent, plain_kept = plain_sent + sent_plain, plain_kept + kept_plain
    _judge_share(plain_sent, plain_kept, checks)
    _judge_telemetrygen(backends, checks)


def _judge_variant(variant, kept, checks):
    sent = {}
    for path in variant.sent_files:
        for frame in wire.read_frames(path):
            wire.canonical_spans(frame, sent)
    must = whole = partial = equal = compared = plain = plain_kept = 0
    for trace in variant.plan:
        trace_id = trace.trace_id.to_bytes(16, "big")
        keys = [(trace_id, span.span_id.to_bytes(8, "big")) for span in trace.spans]
        copies = [kept.get(key, []) for key in keys]
        present = sum(bool(c) for c in copies)
        is_whole = all(len(c) == 1 for c in copies)
        partial += 0 < present < len(keys)
        if trace.must_be_kept:
            must += 1
            whole += is_whole
        else:
            plain += 1
            plain_kept += present > 0
        for key, copy in zip(keys, copies):
            compared += len(copy)
            equal += sum(one in sent.get(key, []) for one in copy)
    name = f"{variant.client}, {variant.compression}"
    checks.that(f"{name}: error and slow traces kept whole", whole == must > 0, f"{whole} of {must}")
    checks.that(f"{name}: no trace kept in part", partial == 0, f"{partial} of {len(variant.plan)}")
    checks.that(f"{name}: span content unchanged", equal == compared > 0, f"{equal} of {compared} kept spans")
    checks.row(variant.client, variant.protocol, variant.compression, len(variant.plan), must, whole, compared, equal)
    return plain, plain_kept


def _judge_share(sent, kept, checks):
    expected = sent * SHARE_PERCENT / 100
    slack = 5 * math.sqrt(expected)
    checks.that("the probabilistic share is plausible", abs(kept - expected) <= slack,
                f"{kept} of {sent} plain traces kept, expected {expected:.0f} ± {slack:.0f}")


def _judge_telemetrygen(backends, checks):
    per_service = defaultdict(Counter)
    for backend in backends:
        for request in backend.kept():
            for resource_spans in request.resource_spans:
                service = next((a.value.string_value for a in resource_spans.resource.attributes
                                if a.key == "service.name"), "")
                for scope_spans in resource_spans.scope_spans:
                    per_service[service].update((backend.host, s.trace_id) for s in scope_spans.spans)
    for service, compression in (("telemetrygen-error", "none"), ("telemetrygen-slow", "none"),
                                 ("telemetrygen-agent", "gzip")):
        counts = per_service[service]
        whole = sum(count == TELEMETRYGEN_SPANS for count in counts.values())
        checks.that(f"{service}: every trace kept whole by one Collector",
                    whole == len(counts) == TELEMETRYGEN_TRACES, f"{whole} of {TELEMETRYGEN_TRACES}")
        client = "telemetrygen → Collector agent" if service.endswith("agent") else f"{service.replace('-', ', ')}"
        checks.row(client, "gRPC", compression, TELEMETRYGEN_TRACES, TELEMETRYGEN_TRACES, whole, "–", "–")
