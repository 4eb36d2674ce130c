#!/usr/bin/env python3
"""Measures spanring beside its peers, or beside another build of itself.

  ./dev bench                     everything; writes bench/results/DATE-COMMIT.{md,json,svg}
  ./dev bench --quick             the shapes that matter most, short windows
  ./dev bench --shape 100         one shape, printed only; --peers nginx for fewer peers
  ./dev bench --against SPANRING  the built spanring and another one in turn, printed only
  ./dev bench --only costs        one of the other parts, printed only

Exit code 0: everything was measured and no span was lost; 1: not so. bench/README.md says how and what it means.
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
import suite  # noqa: E402
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


def print_shapes(arguments, rig, heading):
    """The shapes that were named."""
    chosen = shapes.by_name(arguments.shape)
    machine = report.machine()
    results = rounds.run(rig, chosen, arguments.peers, arguments.rounds, arguments.seconds, say)
    reaches = [row for row in report.reach_rows(results, chosen) if row[3] is not None]
    parts = ["", f"{machine}. {heading}: {arguments.rounds} rounds, windows of {arguments.seconds} s.",
             report.shapes_table(results, chosen), report.notes(results), report.reach_table(reaches) if reaches else ""]
    print("\n\n".join(part for part in parts if part))
    return not own_failures(results)


def own_failures(results):
    return [failure for failure in results.failures() if failure[1] not in PEERS]


def print_section(name, arguments, rig):
    data = suite.run_section(name, rig, arguments, say)
    section = suite.SECTIONS[name]
    print(section.text(data))
    if rows := section.reach(data):
        print("\n" + report.reach_table(rows))
    if name == "profile":
        print("\n" + section.details(data))
    return True


def run_suite(arguments, rig, stem, heading):
    command = f"./dev bench {' '.join(sys.argv[2:])}".strip()
    data = suite.run(rig, arguments, heading, command, say)
    written = suite.write(data, stem)
    print(suite.markdown(data))
    print(f"written to {written}")
    if arguments.docs:
        suite.write_docs(data)
        print("written to docs/performance.md, docs/performance.svg and README.md")
    return not own_failures(suite.results_of(data)) and not data["failures"]


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
    parser.add_argument("--only", choices=tuple(suite.SECTIONS), help="only this part")
    parser.add_argument("--profile", dest="profile_shapes", nargs="*", metavar="SHAPE",
                        help=f"only where the CPU time goes (perf), in these shapes ({', '.join(suite.PROFILE_SHAPES)})")
    parser.add_argument("--against", type=pathlib.Path, metavar="SPANRING",
                        help="another spanring, in turn with the built one; without peers unless --peers names them")
    parser.add_argument("--peers", type=lambda text: tuple(filter(None, text.split(","))), metavar="A,B",
                        help=f"of {', '.join(PEERS)}; an empty list for none")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of a window")
    parser.add_argument("--overload-seconds", type=float, default=60, help="of memory at twice the load, 0 for none")
    parser.add_argument("--realtime", action="store_true",
                        help="keep other programs off the cores while measuring (root; see bench/README.md)")
    parser.add_argument("--docs", action="store_true", help="also write the figures into docs/performance.md, the picture into README.md")
    parser.add_argument("--docs-from", type=pathlib.Path, metavar="JSON", help="measure nothing, write those of a run")
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
    if arguments.profile_shapes is not None:
        arguments.only = "profile"
    quick = arguments.quick or arguments.against
    arguments.rounds = arguments.rounds or (3 if arguments.quick else 5)
    arguments.seconds = arguments.seconds or (1.0 if quick else 2.0)
    return arguments


def main():
    arguments = parse()
    if arguments.docs_from:
        suite.write_docs(json.loads(arguments.docs_from.read_text()))
        return 0
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
        return 0 if measure(arguments, binaries, stem, heading) else 1
    except RuntimeError as error:
        print(f"bench: no figure: {error}", file=sys.stderr)
        return 1


def measure(arguments, binaries, stem, heading):
    needs_collector = arguments.only in (None, "latency") and any("collector" in peer for peer in arguments.peers)
    rig = Rig(binaries, collector() if needs_collector else None,
              arguments.against.resolve() if arguments.against else None, arguments.realtime)
    if arguments.realtime:
        take_realtime_priority()
    if arguments.only:
        return print_section(arguments.only, arguments, rig)
    if arguments.shape:
        return print_shapes(arguments, rig, heading)
    return run_suite(arguments, rig, stem, heading)


if __name__ == "__main__":
    sys.exit(main())
