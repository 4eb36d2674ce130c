"""The routers under test, one way to start each: spanring, and the Collector's own exporter in its place.

All take the same Collector configuration. The Collector cannot be given a DNS server, so it gets the same
members as a static list: the strings its ring hashes are the same ("ip:4317" with `port`, "ip" without).
"""

import gzip
import http.client
import pathlib
import zlib
from dataclasses import dataclass, field

import grpc

import wire
from rig import RunFailed, free_port, http_get, wait_until

BACKENDS_NAME = "collectors.interop.test"
BACKEND_PORT = 4317
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
MAX_MESSAGE_BYTES = 64 << 20


@dataclass
class Router:
    process: object
    endpoint: str  # host:port of OTLP/gRPC
    config_path: object
    metrics_url: str
    http_endpoint: str = ""  # host:port of OTLP/HTTP, where it was asked for


@dataclass(frozen=True)
class Face:
    """What a router shows its clients beyond OTLP/gRPC in the clear."""

    has_http: bool = False
    tls: dict = None
    authenticator: str = None  # a name in extensions
    extensions: dict = field(default_factory=dict)
    cors: dict = None

    def protocols(self, ports):
        names = ("grpc", "http") if self.has_http else ("grpc",)
        protocols = {name: {"endpoint": f"127.0.0.1:{ports[name]}"} for name in names}
        protocols["grpc"]["max_recv_msg_size_mib"] = 64
        for protocol in protocols.values():
            if self.tls:
                protocol["tls"] = dict(self.tls)
            if self.authenticator:
                protocol["auth"] = {"authenticator": self.authenticator}
        if self.cors:
            protocols["http"]["cors"] = dict(self.cors)
        return protocols


PLAIN = Face()


def router_config(resolver, routing_key="traceID", face=PLAIN, egress=None):
    """A plain Collector file and the addresses in it. `egress`: keys of the exporter towards the backends."""
    ports = {name: free_port() for name in ("grpc", "http", "health", "metrics")}
    reader = {"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": ports["metrics"]}}}}
    config = {
        "receivers": {"otlp": {"protocols": face.protocols(ports)}},
        "exporters": {"loadbalancing": {
            "routing_key": routing_key,
            "protocol": {"otlp": {"timeout": "10s", "tls": {"insecure": True}, **(egress or {})}},
            "resolver": resolver,
        }},
        "extensions": {"health_check": {"endpoint": f"127.0.0.1:{ports['health']}"}, **face.extensions},
        "service": {
            "extensions": ["health_check", *face.extensions],
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["loadbalancing"]}},
            "telemetry": {"metrics": {"readers": [reader]}, "logs": {"level": "info"}},
        },
    }
    return config, ports


class CollectorRouter:
    """The Collector's loadbalancing exporter. With routing_key service it cuts traces: what a judge must notice."""

    def __init__(self, rig, binary, routing_key="traceID"):
        self._rig, self._binary, self._routing_key = rig, binary, routing_key
        self.name = "collector" if routing_key == "traceID" else "collector (routing_key: service)"
        self.keeps_unknown_fields = self.has_h2c = False

    def start(self, name, backends, with_port=True, algorithm=None, face=PLAIN, egress=None):
        members = [f"{host}:{BACKEND_PORT}" if with_port else host for host in backends]
        config, ports = router_config({"static": {"hostnames": members}}, self._routing_key, face, egress)
        # With its queue the exporter says OK before anything is delivered.
        config["exporters"]["loadbalancing"]["protocol"]["otlp"]["sending_queue"] = {"enabled": False}
        process = self._rig.start_collector(self._binary, name, config)
        wait_until(f"{name} to be healthy",
                   lambda: http_get(f"http://127.0.0.1:{ports['health']}/")[0] == 200, 60, [process])
        return _router(self._rig, name, process, ports)


class SpanringRouter:
    def __init__(self, rig, binary, dns):
        self._rig, self.binary, self._dns = rig, binary, dns
        self.name = "spanring"
        self.keeps_unknown_fields = self.has_h2c = True

    def start(self, name, backends, with_port=True, algorithm="collector_v3", face=PLAIN, egress=None):
        resolver = {"dns": {"hostname": BACKENDS_NAME, "interval": "1s"}}
        if with_port:
            resolver["dns"]["port"] = BACKEND_PORT
        config, ports = router_config(resolver, face=face, egress=egress)
        config["spanring"] = {"dns": {"servers": [self._dns.address]}, "ring": {"algorithm": algorithm},
                              "drain": {"delay": "200ms"}}
        path = self._rig.write_config(name, config)
        self._dns.set_records({BACKENDS_NAME: backends})
        process = self._rig.start(name, [self.binary, "--config", path])
        wait_until(f"{name} to be ready",
                   lambda: http_get(f"http://127.0.0.1:{ports['health']}/readyz")[0] == 200, 30, [process])
        return _router(self._rig, name, process, ports)


def _router(rig, name, process, ports):
    return Router(
        process=process,
        endpoint=f"127.0.0.1:{ports['grpc']}",
        config_path=rig.dir / f"{name}.yaml",
        metrics_url=f"http://127.0.0.1:{ports['metrics']}/metrics",
        http_endpoint=f"127.0.0.1:{ports['http']}",
    )


class RawSender:
    """Sends bytes as they are over python gRPC, one request at a time."""

    def __init__(self, endpoint, certificates=None, authorization=None):
        options = [("grpc.max_send_message_length", MAX_MESSAGE_BYTES), ("grpc.use_local_subchannel_pool", 1)]
        if certificates is None:
            self._channel = grpc.insecure_channel(endpoint, options=options)
        else:
            files = (certificates.ca, certificates.client.key, certificates.client.certificate)
            credentials = grpc.ssl_channel_credentials(*(pathlib.Path(file).read_bytes() for file in files))
            self._channel = grpc.secure_channel(endpoint, credentials, options=options)
        self._export = self._channel.unary_unary(EXPORT)
        self._metadata = [("authorization", authorization)] if authorization else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._channel.close()

    def send(self, body, gzip=False, timeout_s=20):
        """The response's bytes. Raises RunFailed when the answer is not OK."""
        compression = grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
        try:
            return self._export(body, timeout=timeout_s, compression=compression, metadata=self._metadata)
        except grpc.RpcError as error:
            raise RunFailed(f"export answered {error.code()}: {error.details()}") from error

    def try_send(self, body):
        try:
            self._export(body, timeout=5, metadata=self._metadata)
            return True
        except grpc.RpcError:
            return False


class HttpSender:
    """Sends bytes as they are over OTLP/HTTP, binary Protobuf, one request at a time on one connection."""

    ENCODERS = {"none": bytes, "gzip": gzip.compress, "deflate": zlib.compress}

    def __init__(self, endpoint):
        self._connection = http.client.HTTPConnection(endpoint, timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()

    def send(self, body, encoding="none"):
        """The response's bytes. Raises RunFailed when the answer is not 200."""
        headers = {"content-type": "application/x-protobuf"}
        if encoding != "none":
            headers["content-encoding"] = encoding
        self._connection.request("POST", "/v1/traces", self.ENCODERS[encoding](body), headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RunFailed(f"export answered {answer.status}: {content[:200]!r}")
        return content


def probe(trace_id):
    """A request with one span that no plan knows, of a service of its own."""
    service = _string_attribute("service.name", f"probe-{trace_id.hex()}")
    resource = wire.length_delimited(1, wire.length_delimited(1, service))
    span = b"".join(wire.length_delimited(number, value) for number, value in (
        (1, trace_id), (2, trace_id[8:]), (5, b"probe")))
    return wire.length_delimited(1, resource + wire.length_delimited(2, wire.length_delimited(2, span)))


def _string_attribute(key, value):
    return wire.length_delimited(1, key.encode()) + wire.length_delimited(2, wire.length_delimited(1, value.encode()))
