"""Overload: what one slow spanring still answers when more arrives than it can take.

The router gets a fifth of a CPU (cgroup, either version), so that load and backends have time to spare; its peak is
measured, then 2 and 4 times as much arrives, in open loop, with deadlines of 2 and of 10 s; that five times.
"""
import os
import pathlib
import tempfile
from statistics import median

from processes import Load, Sink
from proxies import Spanring
from shapes import Setting, hosts

QUOTA = 0.2
PERIOD_US = 20_000
WINDOW_S = 4
ROUNDS = 5
FACTORS = (2, 4)
DEADLINES = ("2S", "10S")
GOODPUT_MIN = 0.8
RECOVERED_MIN = 0.8
MEMORY_SLACK_MIB = 64
BUDGET_MIB = 128
# The peak is that of the same connections: fewer of them would fill more of each read, and cost a quarter less.
PEAK = ("--connections", 16, "--in-flight", 8)
OVER = ("--connections", 16, "--in-flight", 128)
# Every span unique: what is sent again would be recognised and not be worked on.
REQUESTS = ("--spans", 100, "--fresh", "--traces", 2000, "--trace-spans", 12)


class Quota:
    """A cgroup that limits one process to a share of a CPU."""

    def __init__(self, pid, share):
        root = pathlib.Path("/sys/fs/cgroup")
        is_v2 = (root / "cgroup.controllers").exists()
        self.folder = (root if is_v2 else root / "cpu") / f"spanring-bench-{pid}"
        try:
            self.folder.mkdir()
            quota = int(PERIOD_US * share)
            if is_v2:
                (self.folder / "cpu.max").write_text(f"{quota} {PERIOD_US}")
            else:
                (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (self.folder / "cpu.cfs_quota_us").write_text(str(quota))
            (self.folder / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            self.close()
            raise RuntimeError(f"overload needs root and the cpu controller of cgroups: {error}") from None

    def close(self):
        try:
            self.folder.rmdir()
        except OSError:
            pass  # not there, or its process has not ended yet


def measure(binaries, proxy, load, extra=()):
    result = Load(binaries, proxy.port, [*load, *REQUESTS, "--seconds", WINDOW_S, *extra]).result(120)
    unexpected = {code: entry for code, entry in result["errors"].items() if code not in ("grpc 14", "grpc 4")}
    if unexpected:
        raise RuntimeError(f"calls ended otherwise than by an answer: {unexpected}")
    return result


def run(binaries, report):
    """(markdown text, whether everything holds, data)"""
    with tempfile.TemporaryDirectory(prefix="spanring-overload-") as directory:
        sink = Sink(binaries, directory, hosts(4))
        proxy = quota = None
        try:
            proxy = Spanring(binaries / "spanring", directory, sink.backends, Setting(),
                             more=f"memory: {{limit: {BUDGET_MIB}MiB}}")
            quota = Quota(proxy.pid, QUOTA)
            return overload(binaries, proxy, report)
        finally:
            for thing in (proxy, quota, sink):
                if thing is not None:
                    thing.close()


def overload(binaries, proxy, report):
    """Rounds of the peak and of each load, so that what the machine does meanwhile meets all of them alike."""
    peaks, loads = [], {(factor, deadline): [] for factor in FACTORS for deadline in DEADLINES}
    for round_ in range(ROUNDS):
        peaks.append(measure(binaries, proxy, PEAK)["ok"] / WINDOW_S)
        for (factor, deadline), results in loads.items():
            results.append(measure(binaries, proxy, OVER, ("--rate", int(peaks[-1] * factor), "--grpc-timeout", deadline)))
        report(f"round {round_ + 1}: peak {peaks[-1]:.0f} requests/s, then " +
               ", ".join(f"{factor}x {deadline.lower()} {results[-1]['ok'] / WINDOW_S:.0f}"
                         for (factor, deadline), results in loads.items()))
    after = measure(binaries, proxy, PEAK)["ok"] / WINDOW_S

    rows, passed = [f"| 1, closed loop of 128 | – | {median(peaks):.0f} | 1 | | |"], True
    for (factor, deadline), results in loads.items():
        shares = [load["ok"] / WINDOW_S / peak for load, peak in zip(results, peaks)]
        holds = median(shares) >= GOODPUT_MIN
        passed = passed and holds
        refused = {code: sum(load["errors"].get(code, {"count": 0})["count"] for load in results)
                   for code in ("grpc 14", "grpc 4")}
        rows.append(f"| {factor}, open loop | {deadline.lower()} | {median(load['ok'] for load in results) / WINDOW_S:.0f} | "
                    f"{median(shares):.2f} ({min(shares):.2f}–{max(shares):.2f}) | "
                    f"{refused['grpc 14']} / {refused['grpc 4']} | {'holds' if holds else 'MISSED'} |")
    # All peaks but the first were taken right after an overload.
    back = median([*peaks[1:], after]) / peaks[0]
    memory_mib = proxy.memory_kib("VmHWM") / 1024
    checks = [(f"back to {back:.2f} of the first peak at once, each of {ROUNDS} times", back >= RECOVERED_MIN),
              (f"at most {memory_mib:.0f} MiB resident, budget {BUDGET_MIB} MiB",
               memory_mib <= BUDGET_MIB + MEMORY_SLACK_MIB)]
    passed = passed and all(holds for _, holds in checks)
    table = "\n".join(["| Load, times the peak | deadline | OK per second | of the round's peak | UNAVAILABLE / "
                       "DEADLINE_EXCEEDED | |", "|---|---|---|---|---|---|", *rows])
    notes = "\n".join(f"* {text}: {'holds' if holds else 'MISSED'}" for text, holds in checks)
    data = {"peaks": peaks, "after": after, "memory_mib": memory_mib,
            "loads": [{"factor": factor, "deadline": deadline, "rounds": results}
                      for (factor, deadline), results in loads.items()]}
    return (f"One worker with {QUOTA:.0%} of a CPU, four backends, no compression, requests of 100 spans; medians (ranges) of "
            f"{ROUNDS} rounds of {WINDOW_S} s each.\n\n{table}\n\n{notes}\n\n"
            f"Verdict: {'PASS' if passed else 'FAIL'}"), passed, data
