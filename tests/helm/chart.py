#!/usr/bin/env python3
"""The chart, judged. Called by run.sh; every step prints what it proved or what is wrong, and a summary comes last."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

import alerts_test
import dashboard
import live
import pod_security
import values_table
from manifests import CHART, ROOT, canonical, load_strict

EXAMPLES = ROOT / "examples" / "kubernetes"
GOLDEN = ROOT / "tests" / "helm" / "golden"
KUBE_VERSION = "1.33.0"
SCHEMAS = "1.30"  # the newest that kubectl-validate v0.0.4 brings
# Values that are meant to leave Pod Security "restricted", and the only rules they may break.
UNRESTRICTED = {"daemonset-host-ports": {"spanring: hostPort"}, "host-network": {"hostNetwork"}}
# What every installation has to say, before the values that are tried.
COMMON = {"image": {"repository": "registry.example/spanring"}}
# What a pod's environment has, so that ${env:…} in a configuration means something.
POD_ENVIRONMENT = {name: value for name, value in (
    ("MY_POD_IP", "10.0.0.7"), ("OTEL_K8S_NODE_NAME", "node"), ("OTEL_K8S_NODE_IP", "10.0.0.1"),
    ("OTEL_K8S_NAMESPACE", "observability"), ("OTEL_K8S_POD_NAME", "router-0"), ("OTEL_K8S_POD_IP", "10.0.0.7"))}


class Judge:
    def __init__(self, options):
        self.tools = Path(options.tools)
        self.spanring = Path(options.bin_dir) / "spanring"
        self.work = Path(options.work)
        self.update = bool(os.environ.get("SPANRING_UPDATE_GOLDEN"))
        self.files = {path.name.removesuffix("-values.yaml"): path for path in (CHART / "ci").glob("*-values.yaml")}
        self.files["quick-start"] = EXAMPLES / "values.yaml"
        self.names = sorted(self.files)
        self.rendered = {}  # name -> documents, by Helm 4
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.common = self.work / "common.yaml"
        self.common.write_text(json.dumps(COMMON))

    def helm(self, version, *arguments):
        environment = dict(os.environ, KUBECONFIG="/dev/null", HELM_CACHE_HOME=str(self.work / "cache"),
                           HELM_CONFIG_HOME=str(self.work / "config"), HELM_DATA_HOME=str(self.work / "data"))
        return subprocess.run([self.tools / f"helm{version}", *map(str, arguments)], capture_output=True, text=True,
                              env=environment, timeout=120)

    def template(self, version, values, chart=CHART):
        return self.helm(version, "template", "router", chart, "--namespace", "observability", "--kube-version",
                         KUBE_VERSION, "--values", self.common, "--values", values)

    def values(self, name):
        return self.files[name]

    def each(self, function, items):
        """function(item) -> list of faults, two at a time, in order."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            return [fault for faults in pool.map(function, items) for fault in faults]

    # ---- steps: each returns (what was proved, faults) ---------------------------------------------------------

    def judges(self):
        """The judges find what is planted for them."""
        bad_pod = {"kind": "Pod", "spec": {"hostPID": True, "containers": [{"name": "a", "ports": [{"hostPort": 1}]}]}}
        found = pod_security.violations(bad_pod)
        faults = []
        if len(found) != 6:
            faults.append(f"Pod Security: a bad pod breaks 6 rules, found {found}")
        try:
            load_strict("a: 1\na: 2\n")
            faults.append("a key that stands twice is not noticed")
        except yaml.YAMLError:
            pass
        planted = self.work / "planted"
        planted.mkdir()
        (planted / "a.yaml").write_text(yaml.safe_dump(
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"prots": []}}))
        (planted / "b.yaml").write_text(yaml.safe_dump(
            {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "a"},
             "spec": {"selector": {}, "endpoints": [{"prot": "metrics"}]}}))
        result = self.validate(planted)
        for field in ("spec.prots", "spec.endpoints[0].prot"):
            if result.returncode == 0 or f"{field}: Invalid value" not in result.stderr:
                faults.append(f"kubectl-validate does not notice {field}: {result.stdout}{result.stderr}")
        if not dashboard.parse_faults({"planted": "sum(rate(spanring_ready[5m])"}, self.work):
            faults.append("promtool does not notice a query that cannot be parsed")
        if not dashboard.unknown_metrics("sum(spanring_no_such_metric_total)"):
            faults.append("a metric that does not exist is not noticed")
        return "each judge finds a planted fault", faults

    def lint(self):
        def one(job):
            name, version = job
            result = self.helm(version, "lint", "--strict", CHART, "--kube-version", KUBE_VERSION, "--values",
                               self.common, "--values", self.values(name))
            return [] if result.returncode == 0 else [f"helm {version} lint {name}: {result.stdout}{result.stderr}"]
        jobs = [(name, version) for name in self.names for version in (3, 4)]
        return f"{len(jobs)} lints, strict", self.each(one, jobs)

    def render(self):
        def one(name):
            results = {version: self.template(version, self.values(name)) for version in (3, 4)}
            for version, result in results.items():
                if result.returncode != 0:
                    return [f"helm {version} template {name}: {result.stderr.strip()}"]
            texts = {version: canonical(load_strict(result.stdout)) for version, result in results.items()}
            self.rendered[name] = load_strict(results[4].stdout)
            if texts[3] != texts[4]:
                return [f"{name}: Helm 3 and Helm 4 render differently"]
            golden = GOLDEN / f"{name}.yaml"
            if self.update:
                golden.parent.mkdir(exist_ok=True)
                golden.write_text(texts[4])
            elif not golden.exists() or golden.read_text() != texts[4]:
                (self.work / f"{name}.yaml").write_text(texts[4])
                return [f"{name}: differs from {golden.relative_to(ROOT)}: diff it with {self.work}/{name}.yaml; "
                        "SPANRING_UPDATE_GOLDEN=1 ./dev helm accepts it"]
            return []
        faults = self.each(one, self.names)
        stale = {path.stem for path in GOLDEN.glob("*.yaml")} - set(self.names)
        faults += [f"tests/helm/golden/{name}.yaml: no such values file" for name in sorted(stale)]
        if len(self.names) < 25:
            faults.append(f"only {len(self.names)} values files")
        return f"{len(self.names)} values files as in tests/helm/golden, the same with Helm 3 and 4", faults

    def validate(self, folder):
        return subprocess.run([self.tools / "kubectl-validate", folder, "--version", SCHEMAS, "--local-crds",
                               self.tools / "crds"], capture_output=True, text=True, timeout=300)

    def kubernetes(self):
        folder = self.work / "manifests"
        folder.mkdir()
        for name, documents in self.rendered.items():
            (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(documents))
        shutil.copy(EXAMPLES / "collectors.yaml", folder)
        result = self.validate(folder)
        count = sum(len(documents) for documents in self.rendered.values())
        output = re.sub("\x1b[^m]*m", "", result.stdout + result.stderr)
        bad = [line for line in output.splitlines() if line and not line.endswith("...OK")]
        return f"{count} objects, 0 errors by the schemas of Kubernetes {SCHEMAS} and of the CRDs", \
            bad or ([f"kubectl-validate exits with {result.returncode}"] if result.returncode else [])

    def security(self):
        faults, pods = [], 0
        example = {"collectors": load_strict((EXAMPLES / "collectors.yaml").read_text())}
        for name, documents in {**self.rendered, **example}.items():
            found = set()
            for document in documents:
                pods += pod_security.pod_spec(document) is not None
                found |= set(pod_security.violations(document))
            if found != UNRESTRICTED.get(name, set()):
                faults.append(f"{name}: {sorted(found)}, expected {sorted(UNRESTRICTED.get(name, set()))}")
        return f"{pods} pods hold Pod Security \"restricted\", but for {', '.join(UNRESTRICTED)}", faults

    def configuration(self):
        """The router accepts each rendered configuration."""
        faults, count = [], 0
        environment = dict(POD_ENVIRONMENT, PATH=os.environ["PATH"])
        for name, documents in self.rendered.items():
            for document in documents:
                text = (document.get("data") or {}).get("relay") if document["kind"] == "ConfigMap" else None
                if text is None:
                    continue
                count += 1
                load_strict(text)
                path = self.work / f"{name}.relay.yaml"
                path.write_text(text)
                result = subprocess.run([self.spanring, "validate", "--config", path], capture_output=True, text=True,
                                        env=environment, timeout=30)
                errors = [line for line in (result.stdout + result.stderr).splitlines() if line.startswith("error")]
                faults += [f"{name}: {error}" for error in errors]
                if result.returncode != 0 and not errors:
                    faults.append(f"{name}: spanring validate exits with {result.returncode}: {result.stderr}")
        return f"{count} configurations accepted by spanring validate", faults

    def refused(self):
        cases = yaml.safe_load((ROOT / "tests" / "helm" / "refused.yaml").read_text())
        folder = self.work / "refused"
        folder.mkdir()

        def one(job):
            number, case, version = job
            result = self.template(version, folder / f"{number}.yaml")
            if result.returncode == 0:
                return [f"Helm {version} renders: {case['name']}"]
            if case["says"] not in result.stderr:
                return [f"Helm {version}: {case['name']}: expected \"{case['says']}\" in: {result.stderr.strip()}"]
            return []
        for number, case in enumerate(cases):
            (folder / f"{number}.yaml").write_text(json.dumps(case["values"]))
        jobs = [(number, case, version) for number, case in enumerate(cases) for version in (3, 4)]
        return f"{len(cases)} sets of values refused with their messages, by Helm 3 and 4", self.each(one, jobs)

    def notes(self):
        """What is told after an installation, and that warnings are there when they should be."""
        expected = {
            "default": ["router-spanring.observability.svc:4317", "helm test router --namespace observability"],
            "from-collector-chart": ["livenessProbe", "clusterRole"],
            "existing-configmap": ["router-collector", "rollout restart"],
            "existing-configmap-hot": ["read it where they run"],
            "small": ["One router"],
            "daemonset": ["each node"],
            "node-port": ["NodePort publishes the metrics", "podMonitor"],
            "tls": [],
            "http-only": [],
            "tuned-config": ["collector_v3 hashes names as the Collector has them"],
        }
        unexpected = {
            "default": ["WARNING"],
            "existing-configmap-hot": ["rollout restart"],
            "tls": ["the test pod has none"],
            "http-only": ["helm test", "gRPC"],
        }
        # Without a cluster nothing shows the notes: a copy of the chart has them as the text of an object.
        chart = self.work / "chart"
        shutil.copytree(CHART, chart)
        notes = (chart / "templates" / "NOTES.txt").read_text()
        (chart / "templates" / "zz-notes.yaml").write_text(
            '{{- define "notes" }}' + notes + '{{ end -}}\n'
            'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: notes\ndata:\n  text: {{ include "notes" . | toJson }}\n')
        faults = []
        for name, texts in expected.items():
            for version in (3, 4):
                result = self.template(version, self.values(name), chart)
                said = [document["data"]["text"] for document in load_strict(result.stdout)
                        if document["metadata"]["name"] == "notes"]
                if not said:
                    faults.append(f"helm {version} {name}: {result.stderr}")
                    continue
                (self.work / f"{name}.notes.txt").write_text(said[0])
                faults += [f"helm {version} {name}: the notes lack \"{text}\": {said[0]}"
                           for text in texts if text not in said[0]]
                faults += [f"helm {version} {name}: the notes have \"{text}\": {said[0]}"
                           for text in unexpected.get(name, []) if text in said[0]]
        return f"notes of {len(expected)} installations", faults

    def alerts(self):
        source = CHART / "files" / "alerts.yaml"
        groups = load_strict(source.read_text())[0]["groups"]
        rules = {rule["alert"]: rule for group in groups for rule in group["rules"]}
        faults = [f"{name}: no case in alerts_test.py makes it fire" for name in alerts_test.untested(rules)]
        faults += alerts_test.unknown_labels(rules)
        for name, rule in rules.items():
            faults += [f"{name}: {metric} is not in docs/operations.md"
                       for metric in dashboard.unknown_metrics(rule["expr"])]
        faults += runbook_faults(rules)
        bare = [dict(group, rules=[{key: value for key, value in rule.items() if key != "annotations"}
                                   for rule in group["rules"]]) for group in groups]
        (self.work / "bare.yaml").write_text(yaml.safe_dump({"groups": bare}))
        tests = alerts_test.unit_tests(rules)
        tests["rule_files"] = ["bare.yaml"]
        (self.work / "alerts_test.yaml").write_text(json.dumps(tests))
        files = [str(source)]
        for name, documents in self.rendered.items():
            for document in documents:
                if document["kind"] == "PrometheusRule":
                    files.append(str(self.work / f"{name}.rules.yaml"))
                    Path(files[-1]).write_text(yaml.safe_dump(document["spec"]))
        for arguments in (["check", "rules", *files], ["test", "rules", str(self.work / "alerts_test.yaml")]):
            result = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=120)
            if result.returncode != 0:
                faults.append(f"promtool {' '.join(arguments)}: {result.stdout}{result.stderr}")
        return f"{len(rules)} alerts, {len(tests['tests'])} unit tests, {len(files)} rule files, runbooks", faults

    def dashboards(self):
        queries = dashboard.queries()
        faults = dashboard.parse_faults(queries, self.work)
        for name, query in queries.items():
            faults += [f"{name}: {metric} is not in docs/operations.md" for metric in dashboard.unknown_metrics(query)]
        return f"{len(queries)} queries parse and use metrics of docs/operations.md", faults

    def live(self):
        """The dashboard's queries against a real Prometheus, and the command of the test pod against a real router."""
        (pod,) = [document for document in self.rendered["default"] if document["kind"] == "Pod"]
        arguments = pod["spec"]["containers"][0]["args"]
        answers, rules, probes = live.run(self.spanring.parent, self.work / "live", arguments)
        shown = sum(1 for series in answers.values() if series)
        (self.work / "answers.json").write_text(json.dumps(answers))
        return f"{shown} of {len(answers)} queries have data in a real Prometheus, {len(rules)} rules evaluated; the " \
            "command of helm test tells a router that works from one without backends", \
            live.faults(answers, rules) + live.probe_faults(probes)

    def documents(self):
        if self.update:
            subprocess.run([sys.executable, "-B", values_table.__file__, "--write"], check=True)
        return "every value documented, in the schema and in the chart's README", values_table.faults()


def runbook_faults(rules):
    text = (ROOT / "docs" / "runbooks.md").read_text()
    anchors = {re.sub(r"[^\w -]", "", line[3:].strip()).lower().replace(" ", "-")
               for line in text.splitlines() if line.startswith("## ")}
    faults = []
    for name, rule in rules.items():
        page, anchor = rule["annotations"]["runbook_url"].split("#")
        if page != "docs/runbooks.md" or anchor != name.lower():
            faults.append(f"{name}: runbook_url is {page}#{anchor}")
        elif anchor not in anchors:
            faults.append(f"{name}: docs/runbooks.md has no heading for it")
    return faults


STEPS = ("judges", "lint", "render", "kubernetes", "security", "configuration", "refused", "notes", "alerts",
         "dashboards", "documents", "live")
NEED_RENDERED = {"kubernetes", "security", "configuration", "alerts", "live"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin-dir", required=True)
    parser.add_argument("--tools", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--only", action="append", choices=STEPS, default=[])
    options = parser.parse_args()
    wanted = set(options.only or STEPS)
    if wanted & NEED_RENDERED:
        wanted.add("render")
    judge = Judge(options)
    began, failed, passed = time.monotonic(), [], 0
    for step in [step for step in STEPS if step in wanted]:
        started = time.monotonic()
        proved, faults = getattr(judge, step)()
        print(f"helm: {step:13} {'FAILED' if faults else 'ok'} ({time.monotonic() - started:.1f} s)  "
              f"{f'{len(faults)} faults' if faults else proved}", flush=True)
        for fault in faults:
            print(f"    {fault}", flush=True)
        passed += not faults
        failed += [step] if faults else []
    print(f"helm: {passed} of {passed + len(failed)} steps passed in {time.monotonic() - began:.0f} s"
          + (f"; FAILED: {', '.join(failed)}" if failed else ""))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
