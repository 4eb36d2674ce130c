"""The table of helm/spanring/README.md, from the comments of values.yaml.

    values_table.py [--write]     compares, or writes it

`# -- text` (and the comment lines after it) documents the key below and everything under that key.
"""

import json
import re
import sys
from pathlib import Path

import yaml

CHART = Path(__file__).resolve().parents[2] / "helm" / "spanring"
BEGIN, END = "<!-- values:begin -->", "<!-- values:end -->"
KEY = re.compile(r"^( *)([A-Za-z][\w-]*):")


def documented(text):
    """(path, description) of each documented key, and the paths of all keys, in the order of the file."""
    rows, paths, stack, comment = [], [], [], None
    for line in text.splitlines():
        stripped = line.strip()
        key = KEY.match(line)
        if stripped.startswith("# -- "):
            comment = [stripped[5:]]
        elif stripped.startswith("#"):
            if comment is not None:
                comment.append(stripped[1:].strip())
        elif key:
            depth = len(key[1]) // 2
            stack = stack[:depth] + [key[2]]
            paths.append(tuple(stack))
            if comment is not None:
                rows.append((tuple(stack), " ".join(comment)))
            comment = None
        else:
            comment = None
    return rows, paths


def value_at(values, path):
    for key in path:
        values = values[key]
    return values


def shown(value):
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if len(text) <= 60 else "see values.yaml"


def table():
    text = (CHART / "values.yaml").read_text()
    values = yaml.safe_load(text)
    rows, _ = documented(text)
    lines = ["| Key | Default | |", "|---|---|---|"]
    for path, description in rows:
        cell = description.replace("|", "\\|")
        lines.append(f"| `{'.'.join(path)}` | {shown(value_at(values, path))} | {cell} |")
    return "\n".join(lines)


def faults():
    """Keys without documentation, keys that the schema does not know, and a table that is out of date."""
    text = (CHART / "values.yaml").read_text()
    rows, paths = documented(text)
    known = {path for path, _ in rows}
    schema = json.loads((CHART / "values.schema.json").read_text())
    found = []
    for path in paths:
        is_parent = any(other[:len(path)] == path and len(other) > len(path) for other in known)
        if not is_parent and not any(path[:length] in known for length in range(1, len(path) + 1)):
            found.append(f"values.yaml: {'.'.join(path)}: no comment that begins with '# --'")
    for path, _ in rows:
        if not in_schema(schema, schema, path):
            found.append(f"values.schema.json: {'.'.join(path)} is not there")
    for name in schema["properties"]:
        if not any(path[0] == name for path in paths):
            found.append(f"values.yaml: {name} is in the schema only")
    readme = (CHART / "README.md").read_text()
    if between(readme) != table():
        found.append("README.md: the table is out of date; tests/helm/values_table.py --write")
    return found


def in_schema(schema, node, path):
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    if not path:
        return True
    inner = node.get("properties", {}).get(path[0])
    return inner is not None and in_schema(schema, inner, path[1:])


def between(readme):
    return readme.split(BEGIN, 1)[1].split(END, 1)[0].strip("\n")


def main():
    if sys.argv[1:] == ["--write"]:
        path = CHART / "README.md"
        before, rest = path.read_text().split(BEGIN, 1)
        path.write_text(before + BEGIN + "\n" + table() + "\n" + END + rest.split(END, 1)[1])
        return
    found = faults()
    print("\n".join(found))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
