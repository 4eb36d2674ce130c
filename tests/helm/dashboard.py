"""The queries of the dashboard, and what they are compared with: promtool's parser and the metrics of docs/operations.md."""

import json
import re
import subprocess

import yaml

from manifests import CHART, ROOT

VARIABLES = {"$namespace": ".*", "$job": ".*", "$instance": ".*", "$__rate_interval": "5m"}


def queries(values=None):
    """Name -> PromQL of every panel and annotation, variables replaced as Grafana does for "All"."""
    document = json.loads((CHART / "dashboards" / "spanring.json").read_text())
    found = {}
    for panel in document["panels"]:
        for target in panel.get("targets", []):
            name = f"{panel['title']} {target['refId']}"
            assert name not in found, f"two panels are called {panel['title']}"
            found[name] = target["expr"]
    for annotation in document["annotations"]["list"]:
        found[f"annotation {annotation['name']}"] = annotation["expr"]
    return {name: substituted(query, values or VARIABLES) for name, query in found.items()}


def substituted(query, values):
    for name, value in values.items():
        query = query.replace(name, value)
    return query


def parse_faults(named, folder):
    """What promtool says of each query that it cannot parse."""
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(named.values())]
    path = folder / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    result = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True, timeout=60)
    if result.returncode == 0 and not any("$" in query for query in named.values()):
        return []
    return [result.stdout + result.stderr] + [f"{name}: a variable is left: {query}" for name, query in named.items()
                                              if "$" in query]


def exposed_metrics():
    """Names of the table in docs/operations.md, which a test compares with what the binary exposes."""
    text = (ROOT / "docs" / "operations.md").read_text().split("<!-- metrics:begin -->")[1].split("<!-- metrics:end -->")[0]
    names = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        name = re.fullmatch(r"`([a-z_]+)`", cells[1]) if len(cells) > 3 else None
        if name:
            names[name[1]] = cells[2]
    return names


def unknown_metrics(query):
    known = exposed_metrics()
    histograms = {f"{name}_{part}" for name, kind in known.items() if kind == "histogram"
                  for part in ("bucket", "sum", "count")}
    used = set(re.findall(r"\b(?:spanring|otelcol)_[a-z_]+\b", query))
    return sorted(used - set(known) - histograms)
