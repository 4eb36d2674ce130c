"""What a request costs besides time: system calls, wake-ups, switches of context (counted by perf's tracepoints, which
do not slow the process down as strace would) and allocations (a preloaded library that counts)."""
import re
import subprocess

import proxies
import shapes
from processes import Load, Process, PROXY_CORE, accepts, wait_until
from sections import backends, folder

SHAPES = ("100", "1000", "one")
TRACEPOINTS = {
    "system calls": "raw_syscalls:sys_enter",
    "epoll_wait": "syscalls:sys_enter_epoll_wait,syscalls:sys_enter_epoll_pwait",
    "receiving": "syscalls:sys_enter_recvfrom,syscalls:sys_enter_recvmsg,syscalls:sys_enter_read,"
                 "syscalls:sys_enter_readv",
    "sending": "syscalls:sys_enter_sendto,syscalls:sys_enter_sendmsg,syscalls:sys_enter_write,"
               "syscalls:sys_enter_writev",
    "switches of context": "sched:sched_switch",
}
WINDOW_S = 2
FEW, MANY = 2000, 12000  # requests of the two runs that allocations are counted in


def run(rig, report):
    data = {}
    for name in SHAPES:
        shape = shapes.by_name([name])[0]
        data[name] = {}
        with backends(rig) as (directory, sink):
            try:
                data[name] |= calls(rig, shape, folder(directory, "calls"), sink)
                data[name]["allocations"] = allocations(rig, shape, directory, sink)
            except RuntimeError as error:
                data[name]["failure"] = str(error)
        report(f"costs of {name}: {data[name]}")
    return data


def calls(rig, shape, directory, sink):
    """{what: per request}"""
    proxy = proxies.Spanring(rig.binaries / "spanring", directory, sink.backends, shape.setting, realtime=rig.realtime)
    try:
        load = Load(rig.binaries, proxy.port, [*shape.arguments(), "--seconds", WINDOW_S + 2], rig.realtime)
        wait_until(lambda: sink.counters()["spans"] > 100 * shape.spans, "the load to run")
        before = sink.counters()["spans"]
        events = ",".join(TRACEPOINTS.values())
        counted = subprocess.run(["perf", "stat", "-x", ";", "-e", events, "-p", str(proxy.pid), "sleep",
                                  str(WINDOW_S)], text=True, capture_output=True, check=False)
        requests = (sink.counters()["spans"] - before) / shape.spans
        load.result(60)
    except FileNotFoundError:
        raise RuntimeError("perf is not installed (apt-get install linux-perf)") from None
    finally:
        proxy.close()
    counts = {event: int(value) for value, event in
              re.findall(r"^(\d+);[^;]*;([\w:]+)", counted.stderr, re.MULTILINE)}
    if counted.returncode != 0 or "raw_syscalls:sys_enter" not in counts:
        raise RuntimeError(f"perf cannot count system calls here (tracefs, root): {counted.stderr.strip()[-200:]}")
    return {what: sum(counts.get(event, 0) for event in names.split(",")) / requests
            for what, names in TRACEPOINTS.items()}


class Counted(Process):
    """A spanring whose allocations are counted; the number is in `file` when it has ended."""

    def __init__(self, rig, directory, sink, shape):
        self.file = directory / "allocations"
        config = directory / "spanring.yaml"
        self.port, _ = proxies.spanring_config(config, sink.backends, shape.setting)
        command = ["env", f"LD_PRELOAD={rig.binaries / 'liballocation_counter.so'}",
                   f"ALLOCATION_COUNTER_FILE={self.file}", rig.binaries / "spanring", "--config", config]
        super().__init__("counted", command, directory, PROXY_CORE)
        wait_until(lambda: not self.alive() or accepts(self.port), "spanring to listen")
        if not self.alive():
            raise RuntimeError(f"spanring ended:\n{self.tail()}")


def allocations(rig, shape, directory, sink):
    """Per request, once everything has its size: the difference of a long and a short run."""
    totals = []
    for requests in (FEW, MANY):
        proxy = Counted(rig, folder(directory, f"allocations{requests}"), sink, shape)
        try:
            Load(rig.binaries, proxy.port, [*shape.arguments(), "--requests", requests], rig.realtime).result(120)
        finally:
            proxy.close()
        if not proxy.file.exists():
            raise RuntimeError("allocations were not counted (liballocation_counter.so)")
        totals.append(int(proxy.file.read_text()))
    return (totals[1] - totals[0]) / (MANY - FEW)


def text(data):
    columns = [*TRACEPOINTS, "allocations"]
    lines = ["| Per request | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    failures = []
    for name, row in data.items():
        shape = shapes.by_name([name])[0]
        lines.append(f"| {shape.title} | " + " | ".join(f"{row[key]:.2f}" if key in row else "–" for key in columns) + " |")
        if "failure" in row:
            failures.append(f"* No figure: {name}: {row['failure']}")
    return "\n\n".join(filter(None, ["## Costs of a request", "\n".join(lines), "\n".join(failures)]))


def reach(_):
    return []
