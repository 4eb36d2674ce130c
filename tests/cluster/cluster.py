#!/usr/bin/env python3
"""cluster: spanring beside a real kube-apiserver, etcd, CoreDNS and Helm. See docs/testing.md; run.sh starts it.

Each check is one line, pass or FAIL; then a table of what was measured and the sum. Exit code 1 if a check failed.
"""
import argparse
import pathlib
import shutil
import sys
import time
import traceback

import places
import objects
import scenario_chart
import scenario_dns
import scenario_endpoints
from control_plane import ControlPlane

SCENARIOS = {"endpoints": scenario_endpoints, "dns": scenario_dns, "chart": scenario_chart}


class World:
    """What all scenarios share."""

    def __init__(self, binaries, programs, directory, control_plane):
        self.binaries, self.programs = binaries, programs
        self.directory, self.control_plane = directory, control_plane


class Checks:
    """The checks and the figures of a run."""

    def __init__(self):
        self.passed, self.failed, self.rows = 0, [], []

    def that(self, name, holds, detail):
        if holds:
            self.passed += 1
        else:
            self.failed.append(name)
        print(f"  {'pass' if holds else 'FAIL'}  {name}: {detail}", flush=True)

    def row(self, scenario, event, members, took_ms, note):
        took = "" if took_ms is None else f"{took_ms:.0f}"
        self.rows.append([scenario, event, str(members), took, note])

    def table(self):
        head = ["", "event", "members", "ms", ""]
        widths = [max(len(row[i]) for row in [head, *self.rows]) for i in range(len(head))]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                         for row in [head, *self.rows])


def run_scenario(name, world, checks):
    print(f"cluster: {name}", flush=True)
    began = time.monotonic()
    try:
        SCENARIOS[name].run(world, checks)
    except Exception:  # noqa: BLE001: a scenario that broke off is a failed check, and the others still count
        checks.that(f"{name} ran to its end", False, traceback.format_exc())
    print(f"cluster: {name} took {time.monotonic() - began:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="cluster")
    parser.add_argument("--bin-dir", type=pathlib.Path, required=True)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--run-dir", type=pathlib.Path, required=True)
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="of the scenarios only this; repeatable")
    parser.add_argument("--keep", action="store_true", help="keep the ledgers and logs of a good run")
    arguments = parser.parse_args()
    began = time.monotonic()
    directory = arguments.run_dir.resolve()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    programs, checks = places.read_programs(arguments.programs), Checks()
    control_plane = ControlPlane(programs, directory, [scenario_endpoints.LINK])
    try:
        control_plane.start()
        version = control_plane.api.get("/version")["gitVersion"]
        print(f"cluster: kube-apiserver {version} ready after {time.monotonic() - began:.0f} s", flush=True)
        control_plane.api.apply(objects.namespace(objects.NAMESPACE))
        world = World(arguments.bin_dir.resolve(), programs, directory, control_plane)
        for name in arguments.only or SCENARIOS:
            run_scenario(name, world, checks)
    finally:
        control_plane.close()
    print(f"\n{checks.table()}\n\ncluster: {checks.passed} checks passed, {len(checks.failed)} failed, "
          f"{time.monotonic() - began:.0f} s")
    for name in checks.failed:
        print(f"  FAIL  {name}")
    if checks.failed or arguments.keep:
        print(f"cluster: ledgers and logs: {directory}")
    else:
        shutil.rmtree(directory)
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
