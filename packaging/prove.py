"""Runs spanring in a chroot as user 10001, with nothing but its root file system, and routes a span through it.

usage: prove.py ROOTFS BIN_DIR     (root needed; BIN_DIR has the `sink` that stands in for a collector)
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

USER = 10001
PATIENCE_S = 60

CONFIG = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{otlp}"}}}}}}}}
exporters:
  loadbalancing: {{protocol: {{otlp: {{tls: {{insecure: true}}}}}}, resolver: {{dns: {{hostname: localhost, port: {sink}}}}}}}
extensions: {{health_check: {{endpoint: "127.0.0.1:{health}"}}}}
service:
  extensions: [health_check]
  pipelines: {{traces: {{receivers: [otlp], exporters: [loadbalancing]}}}}
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {metrics}}}}}}}}}]}}}}
spanring: {{drain: {{delay: 0s, timeout: 5s}}}}
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def in_chroot(root, *arguments):
    return ["chroot", f"--userspec={USER}:{USER}", root, "/usr/bin/spanring", *arguments]


def wait_for_port(port, process):
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"prove: nothing listens on port {port}")


def main(root, bin_dir):
    otlp, health, metrics, sink_port = free_ports(4)
    with open(os.path.join(root, "etc/hosts"), "w", encoding="ascii") as hosts:
        hosts.write("127.0.0.1 localhost\n")
    with tempfile.NamedTemporaryFile("w", dir=os.path.join(root, "tmp"), suffix=".yaml") as file:
        file.write(CONFIG.format(otlp=otlp, health=health, metrics=metrics, sink=sink_port))
        file.flush()
        os.chmod(file.name, 0o644)
        config = "/tmp/" + os.path.basename(file.name)
        sink = subprocess.Popen([os.path.join(bin_dir, "sink"), "--hosts", "127.0.0.1", "--port", str(sink_port)],
                                stdout=subprocess.DEVNULL)
        router = None
        try:
            wait_for_port(sink_port, sink)
            router = subprocess.Popen(in_chroot(root, "--config", config))
            wait_for_port(health, router)
            with open(f"/proc/{router.pid}/status", encoding="ascii") as status:
                uid = next(line.split()[1] for line in status if line.startswith("Uid:"))
            probe = in_chroot(root, "probe", "--endpoint", f"localhost:{otlp}",
                              "--readyz", f"http://127.0.0.1:{health}/readyz", "--timeout", "30s")
            code = subprocess.run(probe, check=False, timeout=PATIENCE_S).returncode
            with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=10) as answer:
                has_forwarded = b"spanring_forwarded_spans_total 1\n" in answer.read()
            router.terminate()
            end = router.wait(PATIENCE_S)
        finally:
            for process in (router, sink):
                if process is not None and process.poll() is None:
                    process.kill()
    os.remove(os.path.join(root, "etc/hosts"))
    good = code == 0 and end == 0 and has_forwarded and uid == str(USER)
    print(f"prove: in the chroot as uid {uid}: probe exit {code}, forwarded {has_forwarded}, router exit {end}: "
          + ("good" if good else "FAILED"))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
