"""Throughput of two workers ÷ that of one.

With four CPUs or more each worker gets one and the load the last. With fewer, each worker gets a share of a CPU (a
cgroup quota for the process, root), so that load and backends have the rest.
"""
import os

import proxies
import shapes
from overload import Quota
from processes import Load, put_before_others
from sections import Spread, backends, folder

SHARE = 0.2
LOAD = ("--spans", 100, "--connections", 8, "--in-flight", 8, "--pool", 64)
REACH = 1.8


def run(rig, rounds, seconds, report):
    scarce = os.cpu_count() < 4
    data = {"share": SHARE if scarce else 1, "requests_per_s": {"1": [], "2": []}}
    opened = []
    with backends(rig) as (directory, sink):
        try:
            running = {}
            for workers in (1, 2):
                running[workers] = proxies.Spanring(rig.binaries / "spanring", folder(directory, f"workers{workers}"),
                                                    sink.backends, shapes.Setting(workers=workers))
                opened.append(running[workers])
                if rig.realtime:
                    put_before_others(running[workers].pid)
                if scarce:
                    opened.append(Quota(running[workers].pid, SHARE * workers))
            for number in range(rounds):
                for workers in (1, 2) if number % 2 == 0 else (2, 1):
                    result = Load(rig.binaries, running[workers].port, [*LOAD, "--seconds", seconds],
                                  rig.realtime).result(seconds + 60)
                    if result["errors"] or result["unanswered"]:
                        raise RuntimeError(f"errors {result['errors']}")
                    data["requests_per_s"][str(workers)].append(result["ok"] / result["seconds"])
                    report(f"scaling {number + 1}  {workers} workers {result['ok'] / result['seconds']:8.0f} requests/s")
        finally:
            for thing in opened:
                thing.close()
    return data


def ratio(data):
    pairs = zip(data["requests_per_s"]["2"], data["requests_per_s"]["1"])
    return Spread.of([two / one for two, one in pairs])


def text(data):
    how = ("each worker on a CPU of its own" if data["share"] == 1 else
           f"{data['share']:.0%} of a CPU for each worker, by quota: this machine has too few")
    one, two = (Spread.of(data["requests_per_s"][key]).show("{:,.0f}") for key in ("1", "2"))
    return f"## Workers\n\nOne worker {one} requests/s, two {two}; {how}."


def reach(data):
    value = ratio(data)
    return [("throughput of 2 workers ÷ 1", f"≥ {REACH}", value.show(), value.median >= REACH)]
