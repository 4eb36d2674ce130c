"""What a run says: the table of the shapes, the table of reaches, JSON."""
import dataclasses
import os
import platform
import subprocess

import proxies
import rounds
import shapes

HEADINGS = ("µs of CPU / span", "/ request", "spanring ÷ it", "spans/s", "core used", "p50 / p99 µs", "RSS MiB",
            "spans counted")


def machine():
    with open("/proc/cpuinfo", encoding="ascii") as cpuinfo:
        model = next((line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")),
                     platform.machine())
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        memory_gib = round(int(meminfo.readline().split()[1]) / 1024 ** 2)
    return (f"{os.cpu_count()} x {model}, {memory_gib} GiB, Linux {platform.release()}, "
            f"load {os.getloadavg()[0]:.1f} at the start")


def commit(folder):
    described = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=folder, text=True,
                               capture_output=True, check=False)
    return described.stdout.strip() or "unknown"


def title(entrant):
    if entrant == "spanring":
        return "**spanring**"
    if entrant == "against":
        return "spanring, the other binary"
    return proxies.TITLES.get(entrant, f"spanring, {entrant}")


def shape_rows(results, shape):
    """One row per entrant, spanring last."""
    rows = []
    for name in results.by_shape.get(shape.name, {}):
        windows = results.windows(shape.name, name)
        if not windows:
            rows.append([title(name), "no figure"] + [""] * (len(HEADINGS) - 1))
            continue
        mid = {field.name: rounds.median(windows, field.name) for field in dataclasses.fields(rounds.Window)}
        ratio = "" if name == "spanring" else str(results.ratio(shape.name, name) or "–")
        rows.append([title(name), f"{mid['ns_per_span'] / 1000:.3f}", f"{mid['us_per_request']:.1f}", ratio,
                     f"{mid['spans_per_second']:,.0f}", f"{mid['core_used']:.0%}",
                     f"{mid['p50_us']:,.0f} / {mid['p99_us']:,.0f}", f"{mid['rss_kib'] / 1024:.0f}",
                     f"{sum(window.spans for window in windows):,}"])
    rows.sort(key=lambda row: row[0] == title("spanring"))
    return rows


def shapes_table(results, chosen):
    lines = ["| Shape | Proxy | " + " | ".join(HEADINGS) + " |", "|---" * (len(HEADINGS) + 2) + "|"]
    for shape in chosen:
        for index, row in enumerate(shape_rows(results, shape)):
            first = f"**{shape.name}**: {shape.title}" if index == 0 else ""
            lines.append(f"| {first} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def notes(results):
    """What is missing from the table and why."""
    lines = [f"* Not measured: {proxies.TITLES[peer]}: {reason}" for peer, reason in results.absent.items()]
    lines += [f"* No figure: {shape}, {name}: {reason}" for shape, name, reason in results.failures()]
    return "\n".join(lines)


def limit(reach):
    return f"≤ {reach:.2f}" if reach >= 0.2 else f"≤ 1/{1 / reach:.0f}"


def reach_rows(results, chosen):
    """(what, reach, measured, whether it holds: None if not measured)"""
    rows = []
    for shape in chosen:
        for peer, reach in shape.reach:
            ratio = results.ratio(shape.name, peer)
            what = f"CPU per span ÷ {title(peer)}: {shape.title}"
            rows.append((what, limit(reach), str(ratio) if ratio else "–", ratio.median <= reach if ratio else None))
    return rows


def reach_table(rows):
    words = {True: "reached", False: "**missed**", None: "not measured"}
    return "\n".join(["| Measure | Reach | Measured: median (range) | |", "|---|---|---|---|",
                      *(f"| {what} | {reach} | {measured} | {words[holds]} |"
                        for what, reach, measured, holds in rows)])


def results_json(results):
    return {shape: {name: [dataclasses.asdict(window) if isinstance(window, rounds.Window) else {"failure": window}
                           for window in windows] for name, windows in row.items()}
            for shape, row in results.by_shape.items()}


def results_of(data):
    """The Results of results_json()."""
    results = rounds.Results()
    for shape, row in data.items():
        results.by_shape[shape] = {
            name: [window["failure"] if "failure" in window else rounds.Window(**window) for window in windows]
            for name, windows in row.items()}
    return results


def all_shapes(names):
    return [shape for shape in shapes.SHAPES if shape.name in names]
