#!/usr/bin/env python3
"""./dev bench: compares spanring with its peers; the soak of ten million spans; overload.

    bench/run.py BIN_DIR [--quick | --soak [--soak-spans N] | --overload]

BIN_DIR holds spanring, load_generator and sink of a release build. Writes bench/results/DATE-COMMIT.{md,json} and
prints the same table. Exit code 0: what must hold holds; 1: it does not, or something could not be measured.
"""
import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "compare"))

import overload  # noqa: E402
import ratio  # noqa: E402
import soak  # noqa: E402


def commit():
    described = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, text=True,
                               capture_output=True, check=False)
    return described.stdout.strip() or "unknown"


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="ascii")
                  if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}, load {os.getloadavg()[0]:.1f} at the start"


def figures_table(results):
    """The markdown table, and whether every gate holds."""
    lines = ["| Shape | " + " | ".join(["nginx ns/span", "spanring ns/span", "ratio: median (range)", "reach",
                                        "must", "p50 / p99 us nginx", "p50 / p99 us spanring", "core used"]) + " |",
             "|---|" + "---|" * 8]
    passed = True
    for shape in ratio.SHAPES:
        nginx, mine = (results[shape.name].get(name, []) for name in ("nginx", "spanring"))
        quotient = ratio.ratio(mine, nginx)
        must = ""
        if shape.gate is not None:
            holds = quotient is not None and quotient.median <= shape.gate
            passed = passed and holds
            must = f"≤ {shape.gate}: {'holds' if holds else 'MISSED'}"

        def show(windows, fields, form):
            return form.format(*(ratio.median(windows, field) for field in fields)) if windows else "–"

        latency = (["p50_us", "p99_us"], "{:.0f} / {:.0f}")
        cells = [show(nginx, ["ns_per_span"], "{:.0f}"), show(mine, ["ns_per_span"], "{:.0f}"),
                 str(quotient or "–"), f"≤ {shape.reach}", must, show(nginx, *latency), show(mine, *latency),
                 " / ".join(show(windows, ["core_used"], "{:.0%}") for windows in (nginx, mine))]
        lines.append(f"| {shape.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines), passed


def write(stem, text, data):
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{stem}.md").write_text(text)
    (folder / f"{stem}.json").write_text(json.dumps(data, indent=1) + "\n")
    print(text)
    print(f"written to bench/results/{stem}.md and .json")


def compare(binaries, stem, heading, rounds, seconds):
    results = ratio.run_rounds(binaries, ratio.SHAPES, rounds, seconds, lambda line: print(line, flush=True))
    table, passed = figures_table(results)
    text = (f"# CPU time per span, {heading}\n\n{machine()}. {rounds} rounds, windows of {seconds} s, one worker each "
            f"on core 0, load and four backends on core 1, no compression. A ratio is taken within each round.\n\n"
            f"{table}\n\nVerdict: {'PASS' if passed else 'FAIL'}\n")
    data = {shape: {proxy: [dataclasses.asdict(window) for window in windows] for proxy, windows in row.items()}
            for shape, row in results.items()}
    write(stem, text, data)
    return passed


def run_soak(binaries, stem, heading, spans):
    outcome = soak.run(binaries, spans, lambda line: print(line, flush=True))
    write(f"{stem}-soak", f"# Soak, {heading}\n\n{machine()}\n\n{outcome.text()}\n", outcome.data)
    return outcome.passed


def run_overload(binaries, stem, heading):
    text, passed, data = overload.run(binaries, lambda line: print(line, flush=True))
    write(f"{stem}-overload", f"# Overload, {heading}\n\n{machine()}\n\n{text}\n", data)
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="3 rounds of short windows instead of 5 of 3 s")
    parser.add_argument("--soak", action="store_true", help="only the soak")
    parser.add_argument("--soak-spans", type=int, default=10_000_000)
    parser.add_argument("--overload", action="store_true", help="only 2 and 4 times what a slow router can take (root)")
    arguments = parser.parse_args()
    binaries = arguments.bin_dir.resolve()
    missing = [name for name in ("load_generator", "sink", "spanring") if not (binaries / name).exists()]
    if missing:
        print(f"bench: {', '.join(missing)} not in {binaries}: build the release preset first", file=sys.stderr)
        if "spanring" not in missing or len(missing) > 1 or arguments.soak:
            return 1
    today = datetime.date.today().isoformat()
    stem, heading = f"{today}-{commit()}", f"{today}, {commit()}"
    try:
        if arguments.soak:
            return 0 if run_soak(binaries, stem, heading, arguments.soak_spans) else 1
        if arguments.overload:
            return 0 if run_overload(binaries, stem, heading) else 1
        rounds, seconds = (3, 1.5) if arguments.quick else (5, 3)
        return 0 if compare(binaries, stem, heading, rounds, seconds) else 1
    except RuntimeError as error:
        print(f"bench: no figure: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
