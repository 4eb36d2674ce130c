#!/usr/bin/env python3
"""./dev bench: compares spanring with its peers, or with another build of itself.

    bench/run.py BIN_DIR [--quick] [--shape NAME …] [--against SPANRING] [--realtime] …

BIN_DIR holds spanring, load_generator and sink of a release build. Writes bench/results/DATE-COMMIT.{md,json} and
prints the same table; --shape and --against print only. Exit code 0: everything was measured and no span was lost;
1: not so.
"""
import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "compare"))

import overload  # noqa: E402
import proxies  # noqa: E402
import report  # noqa: E402
import rounds  # noqa: E402
import shapes  # noqa: E402
import soak  # noqa: E402
from processes import Rig, take_realtime_priority  # noqa: E402

PEERS = tuple(proxies.TITLES)


def say(line):
    print(line, flush=True)


def collector():
    """The one that the interop run builds, built if need be; None, and why, where it cannot be."""
    root = HERE.parent
    built = subprocess.run([root / "tests/interop/build_judge.sh", root / "build/interop"], text=True,
                           stdout=subprocess.PIPE, check=False)
    if built.returncode != 0:
        say("bench: no Collector, its columns stay empty (see above)")
        return None
    return pathlib.Path(built.stdout.splitlines()[0]) / "judge-collector"


def write(stem, text, data):
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{stem}.md").write_text(text)
    (folder / f"{stem}.json").write_text(json.dumps(data, indent=1) + "\n")
    print(text)
    print(f"written to bench/results/{stem}.md and .json")


def compare(arguments, rig, stem, heading):
    """The shapes: all, the quick ones, or those named."""
    chosen = shapes.by_name(arguments.shape) if arguments.shape else tuple(
        shape for shape in shapes.SHAPES if shape.is_quick or not arguments.quick)
    machine = report.machine()
    results = rounds.run(rig, chosen, arguments.peers, arguments.rounds, arguments.seconds, say)
    reaches = report.reach_rows(results, chosen)
    parts = [f"# CPU time per span, {heading}",
             f"{machine}. `./dev bench {' '.join(sys.argv[2:])}`: {arguments.rounds} rounds, windows of "
             f"{arguments.seconds} s. How: bench/README.md.",
             report.shapes_table(results, chosen), report.notes(results)]
    if any(measured != "–" for _, _, measured, _ in reaches):
        parts.append(report.reach_table(reaches))
    text = "\n\n".join(part for part in parts if part) + "\n"
    if arguments.shape or rig.against:
        print(text)
    else:
        write(stem, text, {"heading": heading, "machine": machine, "arguments": sys.argv[2:],
                           "shapes": report.results_json(results)})
    return not any(name in ("spanring", "against") for _, name, _ in results.failures())


def run_soak(binaries, stem, heading, spans):
    outcome = soak.run(binaries, spans, say)
    write(f"{stem}-soak", f"# Soak, {heading}\n\n{report.machine()}\n\n{outcome.text()}\n", outcome.data)
    return outcome.passed


def run_overload(binaries, stem, heading):
    text, passed, data = overload.run(binaries, say)
    write(f"{stem}-overload", f"# Overload, {heading}\n\n{report.machine()}\n\n{text}\n", data)
    return passed


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="few shapes, 3 short rounds; at most 3 minutes")
    parser.add_argument("--shape", action="append", default=[], metavar="NAME",
                        help=f"only this one, again for more: {', '.join(shape.name for shape in shapes.SHAPES)}")
    parser.add_argument("--against", type=pathlib.Path, metavar="SPANRING",
                        help="another spanring, in turn with the built one; without peers unless --peers names them")
    parser.add_argument("--peers", type=lambda text: tuple(filter(None, text.split(","))), metavar="A,B",
                        help=f"of {', '.join(PEERS)}; an empty list for none")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of a window")
    parser.add_argument("--realtime", action="store_true",
                        help="keep other programs off the cores while measuring (root; see bench/README.md)")
    parser.add_argument("--soak", action="store_true", help="only the soak")
    parser.add_argument("--soak-spans", type=int, default=10_000_000)
    parser.add_argument("--overload", action="store_true", help="only 2 and 4 times what a slow router can take (root)")
    arguments = parser.parse_args()
    if arguments.against and not arguments.shape:
        arguments.shape = [shape.name for shape in shapes.SHAPES if shape.is_quick]
    if arguments.peers is None:
        arguments.peers = () if arguments.against else PEERS
    if unknown := set(arguments.peers) - set(PEERS):
        parser.error(f"no peer {', '.join(sorted(unknown))}; there are: {', '.join(PEERS)}")
    if arguments.against and not os.access(arguments.against, os.X_OK):
        parser.error(f"--against: {arguments.against} is not a program")
    quick = arguments.quick or arguments.against
    arguments.rounds = arguments.rounds or (3 if arguments.quick else 5)
    arguments.seconds = arguments.seconds or (1.0 if quick else 2.0)
    return arguments


def main():
    arguments = parse()
    binaries = arguments.bin_dir.resolve()
    missing = [name for name in ("load_generator", "sink", "spanring") if not (binaries / name).exists()]
    if missing:
        print(f"bench: {', '.join(missing)} not in {binaries}: build the release preset first", file=sys.stderr)
        return 1
    today = datetime.date.today().isoformat()
    commit = report.commit(HERE)
    stem, heading = f"{today}-{commit}", f"{today}, {commit}"
    try:
        if arguments.soak:
            return 0 if run_soak(binaries, stem, heading, arguments.soak_spans) else 1
        if arguments.overload:
            return 0 if run_overload(binaries, stem, heading) else 1
        needs_collector = any(peer.startswith("collector") for peer in arguments.peers)
        rig = Rig(binaries, collector() if needs_collector else None,
                  arguments.against.resolve() if arguments.against else None, arguments.realtime)
        if arguments.realtime:
            take_realtime_priority()
        return 0 if compare(arguments, rig, stem, heading) else 1
    except RuntimeError as error:
        print(f"bench: no figure: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
