"""Reading and writing manifests, the same whoever rendered them."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "spanring"


class StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping: Kubernetes would take one of them in silence."""


def _mapping(loader, node, deep=False):
    seen = set()
    for key, _ in node.value:
        if key.value in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} stands twice", key.start_mark)
        seen.add(key.value)
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


def _construct(loader, node):
    mapping = {}
    yield mapping
    mapping.update(_mapping(loader, node))


StrictLoader.add_constructor("tag:yaml.org,2002:map", _construct)


class Dumper(yaml.SafeDumper):
    """Text of several lines as a block, so that a golden file can be read."""


Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar(
    "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None))


def load_strict(text):
    """The documents of a YAML stream; empty ones are left out."""
    return [document for document in yaml.load_all(text, StrictLoader) if document]


def canonical(documents):
    """Sorted by kind and name, each under a heading; the dashboard by name only, it has a test of its own."""
    parts = []
    for document in sorted(documents, key=lambda d: (d["kind"], d["metadata"].get("namespace", ""), d["metadata"]["name"])):
        if document["kind"] == "ConfigMap":
            document = dict(document, data={name: shortened(name, text) for name, text in document["data"].items()})
        heading = f"# {document['kind']} {document['metadata']['name']}\n"
        parts.append(heading + yaml.dump(document, Dumper=Dumper, sort_keys=False, width=1000))
    return "---\n".join(parts)


def shortened(name, text):
    path = CHART / "dashboards" / name
    if not path.exists():
        return text
    return f"(dashboards/{name})" if text.strip() == path.read_text().strip() else f"(not dashboards/{name})"
