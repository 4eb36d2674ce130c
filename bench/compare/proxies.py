"""The proxies under comparison: how each is configured, fairly, and started.

Every proxy gets one worker, cleartext HTTP/2 on both sides, no logging per request, the same backends and
no compression towards them.
"""
import pathlib
import shutil

from processes import PROXY_CORE, Process, accepts, free_port, wait_until

# Round robin over the backends without looking at what passes: the floor for a proxy that ends HTTP/2 on both
# sides. Request bodies never touch the disk. The two 64k sizes: 16k to 1m were tried on a busy machine; 512k and 1m
# cost nginx clearly more, 16k to 128k could not be told apart. To be tried again on a quiet one, most of all for
# requests of 1000 spans.
NGINX_CONFIG = """
daemon off;
worker_processes 1;
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
    listen 127.0.0.1:{port} http2;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    http2_max_concurrent_streams 256;
    http2_body_preread_size 64k;
    client_max_body_size 0;
    client_body_buffer_size 64k;
    client_body_timeout 600s;
    location / {{
      grpc_pass grpc://backends;
      grpc_buffer_size 16k;
      grpc_socket_keepalive on;
      grpc_read_timeout 600s;
      grpc_send_timeout 600s;
    }}
  }}
}}
"""

SPANRING_CONFIG = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{port}"}}}}}}
exporters:
  loadbalancing:
    protocol: {{otlp: {{compression: none, tls: {{insecure: true}}}}}}
    resolver: {{static: {{hostnames: [{backends}]}}}}
extensions:
  health_check: {{endpoint: "127.0.0.1:{health_port}"}}
service:
  extensions: [health_check]
  pipelines: {{traces: {{receivers: [otlp], exporters: [loadbalancing]}}}}
  telemetry:
    metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {metrics_port}}}}}}}}}]}}
    logs: {{level: warn}}
spanring: {{workers: 1{more}}}
"""


class Nginx(Process):
    name_in_table = "nginx grpc_pass"

    def __init__(self, directory, backends):
        self.port = free_port()
        config = pathlib.Path(directory) / "nginx.conf"
        config.write_text(NGINX_CONFIG.format(
            directory=directory, port=self.port,
            servers="\n    ".join(f"server {backend} max_fails=0;" for backend in backends)))
        super().__init__("nginx", ["nginx", "-p", directory, "-c", config], directory, PROXY_CORE)
        wait_until(lambda: self.alive() and accepts(self.port), f"nginx to listen\n{self.tail()}")

    @staticmethod
    def available():
        return shutil.which("nginx") is not None


class Spanring(Process):
    name_in_table = "spanring"

    def __init__(self, binaries, directory, backends, more=""):
        """more: further keys of the block `spanring`, in flow style."""
        self.binary = binaries / "spanring"
        self.port, self.metrics_port, self.health_port = free_port(), free_port(), free_port()
        self.config = pathlib.Path(directory) / "spanring.yaml"
        self.config.write_text(SPANRING_CONFIG.format(
            port=self.port, metrics_port=self.metrics_port, health_port=self.health_port,
            backends=", ".join(f'"{backend}"' for backend in backends), more=f", {more}" if more else ""))
        super().__init__("spanring", [self.binary, "--config", self.config], directory, PROXY_CORE)
        wait_until(lambda: not self.alive() or accepts(self.port), "spanring to listen")
        if not self.alive():
            raise RuntimeError(f"spanring ended:\n{self.tail()}")
