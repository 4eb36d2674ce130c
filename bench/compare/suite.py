"""The whole run: the shapes, then the other parts; and what is written of it: Markdown, JSON, SVG, the documentation."""
import json
import pathlib

import costs
import latency
import memory
import micro
import plot
import report
import rounds
import scaling
import shapes
import shares

RESULTS = pathlib.Path(__file__).resolve().parents[1] / "results"
ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance.svg"
README = ROOT / "README.md"
SECTIONS = {"latency": latency, "memory": memory, "scaling": scaling, "costs": costs, "micro": micro,
            "profile": shares}
QUICK_SECTIONS = ("latency", "memory", "micro")
PROFILE_SHAPES = ("100", "1000", "gzip")


def run_section(name, rig, arguments, say):
    quick = arguments.quick
    if name == "latency":
        return latency.run(rig, () if quick else arguments.peers, 2 if quick else 5, 1.5 if quick else 3, say)
    if name == "memory":
        if quick:
            return memory.run(rig, 2, 0, 0, say)
        return memory.run(rig, 10, memory.AFTER_S, arguments.overload_seconds, say)
    if name == "scaling":
        return scaling.run(rig, 5, 2, say)
    if name == "profile":
        return shares.run(rig, arguments.profile_shapes or PROFILE_SHAPES, 5, say)
    return SECTIONS[name].run(rig, say)


def run(rig, arguments, heading, command, say):
    """Data for everything that follows."""
    chosen = [shape for shape in shapes.SHAPES if shape.is_quick or not arguments.quick]
    data = {"heading": heading, "machine": report.machine(), "command": command, "rounds": arguments.rounds,
            "seconds": arguments.seconds, "failures": {}}
    results = rounds.run(rig, chosen, arguments.peers, arguments.rounds, arguments.seconds, say)
    data |= {"shapes": report.results_json(results), "absent": results.absent}
    for name in QUICK_SECTIONS if arguments.quick else SECTIONS:
        try:
            data[name] = run_section(name, rig, arguments, say)
        except RuntimeError as error:
            data["failures"][name] = str(error)
            say(f"{name}: no figure: {error}")
    return data


def shapes_of(data):
    return report.all_shapes(data["shapes"])


def results_of(data):
    results = report.results_of(data["shapes"])
    results.absent = data["absent"]
    return results


def reach_rows(data):
    rows = report.reach_rows(results_of(data), shapes_of(data))
    for name, section in SECTIONS.items():
        if name in data:
            rows += section.reach(data[name])
    return rows


def method(data):
    return (f"{data['machine']}. `{data['command']}`, {data['heading']}: {data['rounds']} rounds, windows of "
            f"{data['seconds']} s.")


def markdown(data):
    results = results_of(data)
    parts = [f"# Measurements, {data['heading']}", f"{method(data)} How: bench/README.md.",
             "## Reach", report.reach_table(reach_rows(data)),
             "## Shapes", report.shapes_table(results, shapes_of(data)), report.notes(results)]
    parts += [section.text(data[name]) for name, section in SECTIONS.items() if name in data]
    parts += [f"* No figure: {name}: {reason}" for name, reason in data["failures"].items()]
    return "\n\n".join(part for part in parts if part) + "\n"


def picture(data):
    return plot.svg(results_of(data), shapes_of(data), f"{data['machine'].split(', load')[0]}; {data['heading']}")


def write(data, stem):
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{stem}.md").write_text(markdown(data))
    (RESULTS / f"{stem}.json").write_text(json.dumps(data, indent=1) + "\n")
    (RESULTS / f"{stem}.svg").write_text(picture(data))
    return f"bench/results/{stem}.md, .json and .svg"


def write_docs(data):
    """Fills in docs/performance.md and README.md, between their marks, and draws the picture that both show."""
    results = results_of(data)
    alternative = "CPU time per span of spanring, nginx, haproxy and a Collector"
    fill = {"reach": f"{method(data)}\n\n{report.reach_table(reach_rows(data))}",
            "shapes": "\n\n".join(filter(None, [f"![{alternative}](performance.svg)",
                                                report.shapes_table(results, shapes_of(data)),
                                                report.notes(results)]))}
    for name, section in SECTIONS.items():
        # The document has headings of its own.
        fill[name] = section.text(data[name]).split("\n\n", 1)[1] if name in data else "Not measured in this run."
    write_between(DOCUMENT, fill)
    write_between(README, {"picture": f"![{alternative}](docs/performance.svg)"})
    PICTURE.write_text(picture(data))


def write_between(path, fill):
    text = path.read_text()
    for name, content in fill.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        before, found, rest = text.partition(begin)
        _, closed, behind = rest.partition(end)
        if not found or not closed:
            raise RuntimeError(f"{path} has no {begin} … {end}")
        text = f"{before}{begin}\n\n{content}\n\n{end}{behind}"
    path.write_text(text)
