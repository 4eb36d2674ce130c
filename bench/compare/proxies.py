"""The proxies under comparison: how each is configured, fairly, and started.

Every proxy gets the same number of workers, the same backends, the same compression and TLS on both sides, no
logging per request and no metrics that are not its default.
"""
import pathlib
import shutil

from processes import PROXY_CORE, PROXY_PRIORITY, Process, accepts, free_port, wait_until

# Round robin over the backends without looking at what passes: the floor for a proxy that ends HTTP/2 on both
# sides. Request bodies never touch the disk. The two 64k sizes: 16k to 1m were tried on a busy machine; 512k and 1m
# cost nginx clearly more, 16k to 128k could not be told apart. To be tried again on a quiet one, most of all for
# requests of 1000 spans.
NGINX_CONFIG = """
daemon off;
worker_processes {workers};
pid {directory}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  http2_recv_buffer_size 256k;
  upstream backends {{
    {servers}
    keepalive 512;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
  }}
  server {{
    listen 127.0.0.1:{port} {ssl}http2;
{certificate}    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    http2_max_concurrent_streams 256;
    http2_body_preread_size 64k;
    client_max_body_size 0;
    client_body_buffer_size 64k;
    client_body_timeout 600s;
    location / {{
      grpc_pass {scheme}://backends;
      grpc_buffer_size 16k;
      grpc_socket_keepalive on;
      grpc_read_timeout 600s;
      grpc_send_timeout 600s;
    }}
  }}
}}
"""

HAPROXY_CONFIG = """
global
  nbthread {workers}
  maxconn 4000
defaults
  mode tcp
  timeout connect 5s
  timeout client 600s
  timeout server 600s
frontend clients
  bind 127.0.0.1:{port}
  default_backend backends
backend backends
  balance roundrobin
  {servers}
"""

# For both, but for the queue of a Collector's children: without it an answer means delivery, as with spanring.
OTEL_CONFIG = """
receivers:
  otlp: {{protocols: {{{receiver}: {{endpoint: "127.0.0.1:{port}"{receiver_tls}}}}}}}
exporters:
  loadbalancing:
    protocol: {{otlp: {{{queue}compression: {compression}, tls: {{{backend_tls}}}}}}}
    resolver: {{static: {{hostnames: [{backends}]}}}}
{more}
"""
COLLECTOR_MORE = """
service:
  pipelines: {traces: {receivers: [otlp], exporters: [loadbalancing]}}
  telemetry: {metrics: {level: none}, logs: {level: error}}
"""
SPANRING_MORE = """
extensions:
  health_check: {{endpoint: "127.0.0.1:{health_port}"}}
service:
  extensions: [health_check]
  pipelines: {{traces: {{receivers: [otlp], exporters: [loadbalancing]}}}}
  telemetry:
    metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {metrics_port}}}}}}}}}]}}
    logs: {{level: warn}}
spanring: {{workers: {workers}{more}}}
"""


class Proxy(Process):
    """One proxy in a folder of its own, listening on `port`; `setting` is a shapes.Setting."""

    def __init__(self, name, command, directory, setting, port, realtime=False):
        self.port, self.setting = port, setting
        cores = range(PROXY_CORE, PROXY_CORE + setting.workers)
        super().__init__(name, command, directory, cores, PROXY_PRIORITY if realtime else None)
        wait_until(lambda: not self.alive() or accepts(port), f"{name} to listen")
        if not self.alive():
            raise RuntimeError(f"{name} ended:\n{self.tail()}")


class Nginx(Proxy):
    def __init__(self, rig, directory, backends, setting, certificates=None):
        port = free_port()
        config = directory / "nginx.conf"
        certificate = ""
        if setting.tls:
            certificate = (f"    ssl_certificate {certificates.server.certificate};\n"
                           f"    ssl_certificate_key {certificates.server.key};\n")
        config.write_text(NGINX_CONFIG.format(
            directory=directory, port=port, workers=setting.workers, ssl="ssl " if setting.tls else "",
            certificate=certificate, scheme="grpcs" if setting.tls else "grpc",
            servers="\n    ".join(f"server {backend} max_fails=0;" for backend in backends)))
        super().__init__("nginx", ["nginx", "-p", directory, "-c", config], directory, setting, port, rig.realtime)


class Haproxy(Proxy):
    def __init__(self, rig, directory, backends, setting, certificates=None):
        port = free_port()
        config = directory / "haproxy.cfg"
        config.write_text(HAPROXY_CONFIG.format(
            port=port, workers=setting.workers,
            servers="\n  ".join(f"server s{i} {backend}" for i, backend in enumerate(backends))))
        super().__init__("haproxy", ["haproxy", "-db", "-f", config], directory, setting, port, rig.realtime)


def otel_config(port, backends, setting, certificates, queue, more):
    pair = certificates.server if setting.tls else None
    return OTEL_CONFIG.format(
        port=port, receiver=setting.receiver, compression=setting.compression, queue=queue, more=more,
        receiver_tls=f", tls: {{cert_file: {pair.certificate}, key_file: {pair.key}}}" if pair else "",
        backend_tls=f"ca_file: {certificates.ca}" if pair else "insecure: true",
        backends=", ".join(f'"{backend}"' for backend in backends))


class Collector(Proxy):
    """queue: the child exporters have their default sending queue, so OK comes before delivery."""

    def __init__(self, rig, directory, backends, setting, certificates=None, queue=False):
        port = free_port()
        config = directory / "collector.yaml"
        config.write_text(otel_config(port, backends, setting, certificates,
                                      "" if queue else "sending_queue: {enabled: false}, ", COLLECTOR_MORE))
        super().__init__("collector_queue" if queue else "collector", [rig.collector, "--config", config], directory,
                         setting, port, rig.realtime)


def spanring_config(path, backends, setting, certificates=None, more=""):
    """Writes one; the ports of clients and of metrics. more: further keys of the block `spanring`, in flow style."""
    port, metrics_port = free_port(), free_port()
    own = SPANRING_MORE.format(health_port=free_port(), metrics_port=metrics_port, workers=setting.workers,
                               more=f", {more}" if more else "")
    path.write_text(otel_config(port, backends, setting, certificates, "", own))
    return port, metrics_port


class Spanring(Proxy):
    def __init__(self, binary, directory, backends, setting, certificates=None, more="", realtime=False,
                 name="spanring"):
        self.binary = binary
        self.config = pathlib.Path(directory) / "spanring.yaml"
        port, self.metrics_port = spanring_config(self.config, backends, setting, certificates, more)
        super().__init__(name, [binary, "--config", self.config], directory, setting, port, realtime)


TITLES = {
    "nginx": "nginx `grpc_pass`",
    "haproxy": "haproxy, tcp",
    "collector": "Collector, queue off",
    "collector_queue": "Collector, defaults",
}


def unavailable(peer, rig):
    """Why a peer cannot be measured here; empty if it can."""
    if peer in ("nginx", "haproxy"):
        return "" if shutil.which(peer) else f"{peer} is not installed (apt-get install {peer})"
    return "" if rig.collector else "no Collector has been built (it needs Go 1.25)"


def start_peer(peer, rig, directory, backends, setting, certificates):
    if peer == "nginx":
        return Nginx(rig, directory, backends, setting, certificates)
    if peer == "haproxy":
        return Haproxy(rig, directory, backends, setting, certificates)
    return Collector(rig, directory, backends, setting, certificates, queue=peer == "collector_queue")
