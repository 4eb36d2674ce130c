#!/usr/bin/env python3
"""faults: spanring under seeded schedules of faults, with every span accounted for. See docs/testing.md.

usage: faults.py BINARIES [--minutes N | --schedules N] [--seed S] [--kinds K,…] [--parallel P] [--short] [--keep]
                 [--mutants [NAME …] | --restarts | --frozen | --slow | --blackhole | --dns]

Each schedule is printed as one line with its counts. Exit code 1 if the checker found a fault; the directory of
that run stays, and its seed repeats the schedule.
"""
import argparse
import concurrent.futures
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

import far_network
from mutants import MUTANTS
from rig import Rig
from schedule import (COMMANDS, DEFAULT_KINDS, DNS_KINDS, PROCESS_KINDS, ROUTER_KINDS, make_blackhole_plan,
                      make_bystander_plan, make_dns_plan, make_patient_blackhole_plan, make_plan, make_restart_plan)

COLUMNS = ("attempted", "acknowledged", "lost", "unexpected", "duplicated", "recovered", "misrouted")


class Outcome:
    """What came of one schedule: findings, or the error that stopped it."""

    def __init__(self, plan, findings, error, directory, seconds):
        self.plan, self.findings, self.error = plan, findings, error
        self.directory, self.seconds = directory, seconds

    @property
    def faults(self):
        return [self.error] if self.error else self.findings.faults

    def print(self):
        counts = self.findings.counts if self.findings else {}
        numbers = " ".join(f"{name}={counts.get(name, '-')}" for name in COLUMNS)
        print(f"{'FAIL' if self.faults else 'ok  '} {self.plan.title()} [{self.seconds:.0f} s]\n     {numbers}")
        if self.findings:
            notes = ", ".join(f"{key} {value}" for key, value in sorted(self.findings.notes.items()))
            print(f"     {notes}")
        for line in self.faults:
            print(f"     {line}")
        if self.faults:
            print(f"     ledgers and logs: {self.directory}")
        sys.stdout.flush()


def run_plan(binaries, router_binary, plan, slot=0, keep=False):
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"faults-{plan.seed}-"))
    began, findings, error = time.monotonic(), None, ""
    try:
        findings = Rig(binaries, router_binary, directory, plan, slot).run()
    except Exception:  # noqa: BLE001: a broken run is a result too
        error = traceback.format_exc()
    outcome = Outcome(plan, findings, error, directory, time.monotonic() - began)
    if not outcome.faults and not keep:
        shutil.rmtree(directory)
    return outcome


def run_campaign(arguments, kinds):
    outcomes, end = [], time.monotonic() + arguments.minutes * 60
    fixed = SHORT_PLAN if arguments.short else {}
    seeds = iter(range(arguments.seed, arguments.seed + (arguments.schedules or 1_000_000)))
    with concurrent.futures.ProcessPoolExecutor(arguments.parallel) as pool:
        running = {}
        while True:
            while len(running) < arguments.parallel and (arguments.schedules or time.monotonic() < end):
                seed = next(seeds, None)
                if seed is None:
                    break
                slot = min(set(range(arguments.parallel)) - set(running.values()))
                future = pool.submit(run_plan, arguments.binaries, arguments.router, make_plan(seed, kinds, **fixed),
                                     slot, arguments.keep)
                running[future] = slot
            if not running:
                return outcomes
            done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                del running[future]
                outcomes.append(future.result())
                outcomes[-1].print()


def run_restarts(arguments):
    """20 rolling restarts, then 20 kills, of three routers under load; nothing else is wrong."""
    outcomes = []
    for kind in ("router_term", "router_kill"):
        outcomes.append(run_plan(arguments.binaries, arguments.router, make_restart_plan(arguments.seed, kind),
                                 keep=arguments.keep))
        outcomes[-1].print()
    return outcomes


def run_one(arguments, plan):
    outcome = run_plan(arguments.binaries, arguments.router, plan, keep=arguments.keep)
    outcome.print()
    return [outcome]


def run_blackhole(arguments):
    """Where namespaces cannot be had, the nearest thing above TCP: backends that accept and are silent."""
    why_not = far_network.enter()
    if not why_not:
        return [outcome for plan in (make_patient_blackhole_plan(arguments.seed), make_blackhole_plan(arguments.seed))
                for outcome in run_one(arguments, plan)]
    print(f"not below TCP ({why_not}): silent backends instead")
    return run_one(arguments, make_bystander_plan(arguments.seed, "blackhole", "blackhole"))


MUTANT_RUNS_MAX = 3
MUTANT_PLAN = dict(routers=1, backends=4, cancel_percent=0, tries=6, is_impatient=False, spans_max=200, warm_s=1,
                   faults_s=6, heal_s=1)


SHORT_PLAN = dict(warm_s=1, faults_s=8, heal_s=8)


def run_controls(arguments, mutants):
    """What catches the mutants must be silent about the router they are made of."""
    failed = 0
    for kinds in sorted({mutant.kinds for mutant in mutants}):
        outcome = run_plan(arguments.binaries, arguments.router, make_plan(arguments.seed, kinds, **MUTANT_PLAN))
        failed += bool(outcome.faults)
        if outcome.faults:
            outcome.print()
    print(f"the router itself under the same faults: {'FAILED' if failed else 'no fault'}")
    return failed


def catch_mutant(arguments, mutant, slot):
    """The first outcome with a fault within MUTANT_RUNS_MAX short runs, or None; and how many it took."""
    for run in range(MUTANT_RUNS_MAX):
        plan = make_plan(arguments.seed + run, mutant.kinds, **MUTANT_PLAN)
        outcome = run_plan(arguments.binaries, arguments.binaries / f"spanring_mutant_{mutant.name}", plan, slot)
        if outcome.faults:
            if not arguments.keep:
                shutil.rmtree(outcome.directory)
            return outcome, run + 1
    return None, MUTANT_RUNS_MAX


def hunt_mutants(arguments):
    """Each has to be caught, and not by the rig's own failure. Returns how many were not."""
    chosen = [mutant for mutant in MUTANTS if not arguments.mutants or mutant.name in arguments.mutants]
    missed = run_controls(arguments, chosen)
    with concurrent.futures.ProcessPoolExecutor(arguments.parallel) as pool:
        slots = [index % arguments.parallel for index in range(len(chosen))]
        caught = pool.map(catch_mutant, [arguments] * len(chosen), chosen, slots)
        for mutant, (outcome, runs) in zip(chosen, caught):
            is_caught = outcome is not None and not outcome.error
            missed += not is_caught
            print(f"{'caught' if is_caught else 'MISSED'} {mutant.name} ({mutant.says}) in run {runs}")
            if outcome is not None:
                print(f"       {outcome.faults[0]}")
            sys.stdout.flush()
    print(f"\n{len(chosen)} mutants, {missed} missed or without control")
    return missed


def print_table(outcomes):
    total = {name: sum(outcome.findings.counts[name] for outcome in outcomes if outcome.findings)
             for name in COLUMNS}
    print("\n" + " ".join(f"{name:>12}" for name in ("schedules", "failed", *COLUMNS)))
    failed = sum(bool(outcome.faults) for outcome in outcomes)
    print(" ".join(f"{value:>12}" for value in (len(outcomes), failed, *total.values())))
    if failed:
        print("failed seeds: " + " ".join(str(outcome.plan.seed) for outcome in outcomes if outcome.faults))
    return failed


def main():
    parser = argparse.ArgumentParser(prog="faults")
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("--router", type=pathlib.Path, help="another router than BINARIES/spanring")
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--schedules", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", help="faults to draw from, or `none`, `all`")
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--mutants", nargs="*", help="hunt the mutants, or these, in place of a campaign")
    parser.add_argument("--restarts", action="store_true", help="20 rolling restarts and 20 kills of routers")
    parser.add_argument("--frozen", action="store_true", help="one of four backends stands still for a minute")
    parser.add_argument("--slow", action="store_true", help="one of four backends takes 700 ms for a minute")
    parser.add_argument("--blackhole", action="store_true", help="the wire to a backend is cut below TCP (root)")
    parser.add_argument("--dns", action="store_true", help="five minutes of failing DNS")
    parser.add_argument("--short", action="store_true", help="schedules of 20 s, for the test suite")
    parser.add_argument("--keep", action="store_true", help="keep the directories of good runs as well")
    arguments = parser.parse_args()
    arguments.binaries = arguments.binaries.resolve()
    arguments.router = (arguments.router or arguments.binaries / "spanring").resolve()
    known = (*COMMANDS, *PROCESS_KINDS, *ROUTER_KINDS, *DNS_KINDS)
    kinds = {None: DEFAULT_KINDS, "none": (), "all": known}.get(arguments.kinds)
    if kinds is None:
        kinds = tuple(arguments.kinds.split(","))
        if unknown := set(kinds) - set(known):
            parser.error(f"unknown kinds {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if arguments.mutants is not None:
        return 1 if hunt_mutants(arguments) else 0
    if arguments.restarts:
        return 1 if print_table(run_restarts(arguments)) else 0
    if arguments.frozen:
        return 1 if print_table(run_one(arguments, make_bystander_plan(arguments.seed, "stop"))) else 0
    if arguments.blackhole:
        return 1 if print_table(run_blackhole(arguments)) else 0
    if arguments.slow:
        plan = make_bystander_plan(arguments.seed, "latency", "latency 700")
        return 1 if print_table(run_one(arguments, plan)) else 0
    if arguments.dns:
        return 1 if print_table(run_one(arguments, make_dns_plan(arguments.seed))) else 0
    if not arguments.minutes and not arguments.schedules:
        arguments.schedules = 5
    return 1 if print_table(run_campaign(arguments, kinds)) else 0


if __name__ == "__main__":
    sys.exit(main())
