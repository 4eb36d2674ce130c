"""The dashboard and the alerts against a real Prometheus that scrapes two real routers under load.

One of three backends is killed and started again on the way, and some requests are faulty, so that the panels of
trouble have something to show too. `run()` gives the answer of every query; `sheet()` draws them.
"""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import dashboard
from manifests import CHART, ROOT

sys.path.insert(0, str(ROOT / "bench" / "compare"))
from processes import LOAD_CORE, Process, accepts, free_port, wait_until  # noqa: E402

SECONDS = 30
KILLED_AT, BACK_AT = 10, 16
VALUES = dict(dashboard.VARIABLES, **{"$__rate_interval": "5s"})
HOSTS = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
ROUTER = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{grpc}"}}, http: {{endpoint: "127.0.0.1:{http}"}}}}}}}}
exporters:
  loadbalancing:
    protocol: {{otlp: {{tls: {{insecure: true}}}}}}
    resolver: {{static: {{hostnames: [{backends}]}}}}
extensions: {{health_check: {{endpoint: "127.0.0.1:{health}"}}}}
service:
  extensions: [health_check]
  telemetry:
    metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {metrics}}}}}}}}}]}}
spanring: {{workers: 1, memory: {{limit: 64MiB}}, drain: {{delay: 0s, timeout: 2s}}}}
"""
SPAN = {"resourceSpans": [{"scopeSpans": [{"spans": [{
    "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "a"}]}]}]}


def post(port, body):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/traces", json.dumps(body).encode(),
                                     {"content-type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=10).read()
    except urllib.error.HTTPError as refused:
        refused.read()


def ask(port, path, **parameters):
    url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)["data"]


class Rig:
    def __init__(self, bin_dir, folder):
        self.bin_dir, self.folder = bin_dir.resolve(), folder.resolve()
        self.processes = []
        self.backend_port = free_port()

    def open(self):
        self.backends = {host: self.start_backend(host) for host in HOSTS}
        self.routers = [self.start_router(name) for name in ("a", "b")]
        self.prometheus = self.start_prometheus()

    def start(self, name, command):
        process = Process(name, command, self.folder, LOAD_CORE)
        self.processes.append(process)
        return process

    def start_backend(self, host):
        process = self.start(f"backend-{host}", [self.bin_dir / "sink", "--hosts", host, "--port", self.backend_port])
        wait_until(lambda: accepts(self.backend_port, host), f"backend {host}; {process.log}")
        return process

    def start_router(self, name):
        ports = {key: free_port() for key in ("grpc", "http", "health", "metrics")}
        config = self.folder / f"router-{name}.yaml"
        backends = ", ".join(f'"{host}:{self.backend_port}"' for host in HOSTS)
        config.write_text(ROUTER.format(backends=backends, **ports))
        process = self.start(f"router-{name}", [self.bin_dir / "spanring", "--config", config])
        wait_until(lambda: accepts(ports["grpc"]), f"router {name}; {process.log}")
        return ports

    def start_prometheus(self):
        targets = [f"127.0.0.1:{ports['metrics']}" for ports in self.routers]
        config = self.folder / "prometheus.yaml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(CHART / "files" / "alerts.yaml")],
            "scrape_configs": [{"job_name": "spanring", "static_configs": [
                {"targets": targets, "labels": {"namespace": "observability"}}]}]}))
        port = free_port()
        process = self.start("prometheus", [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"])
        wait_until(lambda: accepts(port), f"Prometheus; {process.log}")
        return port

    def probe(self, arguments):
        """Runs the test pod's command line against router a; its exit code, and what it said."""
        here = {"--endpoint": f"127.0.0.1:{self.routers[0]['grpc']}",
                "--readyz": f"http://127.0.0.1:{self.routers[0]['health']}/readyz"}
        changed = [f"{name}={here[name]}" if (name := argument.split("=")[0]) in here else argument
                   for argument in arguments]
        result = subprocess.run([self.bin_dir / "spanring", *changed], capture_output=True, text=True, timeout=60)
        return result.returncode, result.stdout + result.stderr

    def load(self):
        began = time.monotonic()
        loads = [self.start(f"load-{index}", [
            self.bin_dir / "load_generator", f"127.0.0.1:{ports['grpc']}", "--connections", "2", "--in-flight", "4",
            "--spans-min", "1", "--spans", "200", "--rate", "100", "--seconds", SECONDS, "--seed", index])
            for index, ports in enumerate(self.routers)]
        while time.monotonic() - began < SECONDS:
            passed = time.monotonic() - began
            if passed > KILLED_AT and self.backends[HOSTS[0]].alive() and passed < BACK_AT:
                self.backends[HOSTS[0]].child.kill()
                self.backends[HOSTS[0]].child.wait()
            if passed > BACK_AT and not self.backends[HOSTS[0]].alive():
                self.backends[HOSTS[0]] = self.start_backend(HOSTS[0])
            post(self.routers[0]["http"], SPAN)
            post(self.routers[0]["http"], {"resourceSpans": 7})
            time.sleep(0.2)
        wait_until(lambda: not any(load.alive() for load in loads), "the load to end")

    def close(self):
        for process in reversed(self.processes):
            process.close()


def run(bin_dir, folder, probe_arguments):
    """Query name -> list of (labels, [(time, value)]); the rules as Prometheus evaluated them; what the test pod's
    command said when all was well and when no backend was left, as (exit code, text)."""
    folder.mkdir(parents=True)
    rig = Rig(bin_dir, folder)
    try:
        rig.open()
        began = time.time()
        rig.load()
        answers = {}
        for name, query in dashboard.queries(VALUES).items():
            result = ask(rig.prometheus, "query_range", query=query, start=began, end=time.time(), step=1)["result"]
            answers[name] = [(series["metric"], [(float(at) - began, float(value)) for at, value in series["values"]])
                             for series in result]
        rules = [rule for group in ask(rig.prometheus, "rules")["groups"] for rule in group["rules"]]
        probes = [rig.probe(probe_arguments)]
        for backend in rig.backends.values():
            backend.close()
        probes.append(rig.probe(probe_arguments))
        return answers, rules, probes
    finally:
        rig.close()


def probe_faults(probes):
    (well, said_well), (ill, said_ill) = probes
    found = [] if well == 0 else [f"helm test's command, all well: exit {well}: {said_well}"]
    return found + ([] if ill == 1 else [f"helm test's command, no backend: exit {ill}: {said_ill}"])


def faults(answers, rules):
    found = [f"no data: {name}" for name, series in answers.items()
             if not any(values for _, values in series) and not shows_only_trouble(name)]
    found += [f"rule {rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]
    found += [f"rule {rule['name']} fires within {SECONDS} s" for rule in rules if rule["state"] == "firing"
              and rule["name"] != "SpanringCertificateReloadFailed"]
    return found


def shows_only_trouble(name):
    """Queries that end in a comparison have nothing to show while all is well."""
    return dashboard.queries(VALUES)[name].rstrip().endswith("> 0")
