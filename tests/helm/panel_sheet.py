#!/usr/bin/env python3
"""The dashboard's panels as one picture, from the answers that a real Prometheus gave to their queries.

    panel_sheet.py ANSWERS.json OUT.svg     ANSWERS.json: build/helm/run/answers.json, written by ./dev helm --only live

Not Grafana: the layout, titles, units and legends are those of the dashboard, the drawing is our own and plain.
"""

import json
import math
import re
import sys
from html import escape
from pathlib import Path

from manifests import CHART

COLUMN, LINE, GAP = 58, 30, 6
COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")
UNITS = {"bytes": "B", "Bps": "B/s", "ms": "ms", "s": "s", "reqps": "/s", "ops": "/s"}


def shown(value, unit):
    if unit == "percentunit":
        return f"{value * 100:.1f} %"
    if unit == "ms" and value >= 1000:
        value, unit = value / 1000, "s"
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g} {letter}{UNITS.get(unit, '')}".strip()
    return f"{value:.3g} {UNITS.get(unit, '')}".strip()


def text(x, y, words, size=11, color="#333", anchor="start", weight="normal"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{color}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{escape(words)}</text>')


def legend_name(pattern, labels):
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), pattern) or "value"


def panel_series(panel, answers):
    """(legend, points) of every series that has points."""
    found = []
    for target in panel["targets"]:
        for labels, points in answers.get(f"{panel['title']} {target['refId']}", []):
            points = [(at, value) for at, value in points if math.isfinite(value)]
            if points:
                found.append((legend_name(target["legendFormat"], labels), points))
    return found


def draw_stat(panel, series, x, y, width, height):
    unit = panel["fieldConfig"]["defaults"]["unit"]
    values = [shown(points[-1][1], unit) + (f" {name}" if name != "value" else "") for name, points in series]
    yield text(x + width / 2, y + height / 2 + 14, " · ".join(values) or "no data",
               20 if len(values) < 2 else 11, "#2a7d46", "middle", "bold")


def stacked(series):
    totals, result = {}, []
    for name, points in series:
        for at, value in points:
            totals[round(at)] = totals.get(round(at), 0) + value
        result.append((name, [(at, totals[round(at)]) for at, _ in points]))
    return result


def draw_lines(panel, series, x, y, width, height):
    defaults = panel["fieldConfig"]["defaults"]
    if "stacking" in defaults["custom"]:
        series = stacked(series)
    left, right, top, bottom = x + 58, x + width - 8, y + 26, y + height - 34
    highest = max((value for _, points in series for _, value in points), default=0) or 1
    last = max((at for _, points in series for at, _ in points), default=1) or 1
    for part in (0, 0.5, 1):
        level = bottom - (bottom - top) * part
        yield f'<line x1="{left}" y1="{level:.1f}" x2="{right}" y2="{level:.1f}" stroke="#e4e4e4"/>'
        yield text(left - 4, level + 4, shown(highest * part, defaults["unit"]), 9, "#777", "end")
    for number, (_, points) in enumerate(series):
        path = " ".join(f"{left + (right - left) * at / last:.1f},{bottom - (bottom - top) * value / highest:.1f}"
                        for at, value in points)
        yield f'<polyline fill="none" stroke="{COLORS[number % 10]}" stroke-width="1.5" points="{path}"/>'
    if not series:
        yield text((left + right) / 2, (top + bottom) / 2, "no data", 12, "#999", "middle")
    at, line = left - 50, bottom + 15
    for number, (name, _) in enumerate(series):
        room = 14 + 5.3 * len(name)
        if at + room > right and line < y + height - 10:
            at, line = left - 50, line + 13
        if at + room > right:
            yield text(at, line, "…", 10)
            break
        yield f'<rect x="{at:.0f}" y="{line - 7:.0f}" width="8" height="8" fill="{COLORS[number % 10]}"/>'
        yield text(at + 11, line, name, 10)
        at += room + 6


def sheet(document, answers):
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in document["panels"]) * LINE + GAP
    width = 24 * COLUMN
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
           'font-family="DejaVu Sans, Arial, sans-serif">')
    yield f'<rect width="{width}" height="{height}" fill="#f4f5f7"/>'
    for panel in document["panels"]:
        place = panel["gridPos"]
        x, y = place["x"] * COLUMN + GAP / 2, place["y"] * LINE + GAP / 2
        wide, high = place["w"] * COLUMN - GAP, place["h"] * LINE - GAP
        if panel["type"] == "row":
            yield text(x + 4, y + 18, panel["title"], 14, "#111", weight="bold")
            continue
        yield f'<rect x="{x}" y="{y}" width="{wide}" height="{high}" rx="3" fill="#fff" stroke="#d8dadf"/>'
        yield text(x + 8, y + 17, panel["title"], 12, "#111", weight="bold")
        draw = draw_stat if panel["type"] == "stat" else draw_lines
        yield from draw(panel, panel_series(panel, answers), x, y, wide, high)
    yield "</svg>"


def main():
    answers = json.loads(Path(sys.argv[1]).read_text())
    document = json.loads((CHART / "dashboards" / "spanring.json").read_text())
    Path(sys.argv[2]).write_text("\n".join(sheet(document, answers)) + "\n")


if __name__ == "__main__":
    main()
