"""Memory: at rest, at the peak of a heavy load, after it; and flat while twice as much arrives as can be taken."""
import time

import overload
import proxies
import shapes
from processes import Load, put_before_others
from sections import backends, folder

SETTLE_S = 2
HEAVY = ("--spans", 1000, "--connections", 64, "--in-flight", 8, "--pool", 16)
AFTER_S = 60
AFTER_FACTOR_MAX = 1.5
IDLE_REACH_MIB = 25
SAMPLE_S = 0.5


def rss_mib(proxy):
    return round(proxy.memory_kib() / 1024, 1)


def run(rig, seconds, after_seconds, overload_seconds, report):
    """after_seconds: how long to wait for memory to be given back at most, 0: not at all."""
    with backends(rig) as (directory, sink):
        proxy = proxies.Spanring(rig.binaries / "spanring", folder(directory, "memory"), sink.backends,
                                 shapes.Setting(), realtime=rig.realtime)
        try:
            data = peak_and_after(rig, proxy, seconds, after_seconds)
        finally:
            proxy.close()
        report(f"memory: {data}")
        if overload_seconds:
            try:
                data["overload"] = under_overload(rig, directory, sink, overload_seconds)
            except RuntimeError as error:
                data["overload"] = {"failure": str(error)}
            report(f"memory: {data['overload']}")
        return data


def peak_and_after(rig, proxy, seconds, after_seconds):
    time.sleep(SETTLE_S)
    idle = rss_mib(proxy)
    result = Load(rig.binaries, proxy.port, [*HEAVY, "--seconds", seconds], rig.realtime).result(seconds + 60)
    if set(result["errors"]) - {"grpc 14"} or result["unanswered"]:  # more than it can take may be refused
        raise RuntimeError(f"memory: unanswered {result['unanswered']}, errors {result['errors']}")
    data = {"idle_mib": idle, "peak_mib": round(proxy.memory_kib("VmHWM") / 1024, 1), "load": " ".join(map(str, HEAVY))}
    if after_seconds:
        began = time.monotonic()
        while rss_mib(proxy) > AFTER_FACTOR_MAX * idle and time.monotonic() < began + after_seconds:
            time.sleep(SAMPLE_S)
        data |= {"after_mib": rss_mib(proxy), "after_s": round(time.monotonic() - began, 1)}
    return data


def under_overload(rig, directory, sink, seconds):
    """A router with a fifth of a CPU, twice its peak for so long, sampled."""
    proxy = proxies.Spanring(rig.binaries / "spanring", folder(directory, "overload"), sink.backends,
                             shapes.Setting(), more=f"memory: {{limit: {overload.BUDGET_MIB}MiB}}")
    quota = None
    try:
        if rig.realtime:
            put_before_others(proxy.pid)
        quota = overload.Quota(proxy.pid, overload.QUOTA)
        peak = overload.measure(rig.binaries, proxy, overload.PEAK)["ok"] / overload.WINDOW_S
        load = Load(rig.binaries, proxy.port, [*overload.OVER, *overload.REQUESTS, "--seconds", seconds,
                                               "--rate", int(2 * peak), "--grpc-timeout", "10S"])
        samples = []
        while load.child.poll() is None:
            samples.append(rss_mib(proxy))
            time.sleep(min(SAMPLE_S, seconds / 20))
        result = load.result(60)
        third = max(1, len(samples) // 3)
        return {"seconds": seconds, "peak_per_s": round(peak), "ok_per_s": round(result["ok"] / seconds),
                "middle_third_max_mib": max(samples[third:2 * third] or samples),
                "last_third_max_mib": max(samples[-third:]), "max_mib": max(samples),
                "budget_mib": overload.BUDGET_MIB}
    finally:
        proxy.close()
        if quota:
            quota.close()


def text(data):
    said = f"At rest {data['idle_mib']} MiB resident; at most {data['peak_mib']} MiB under `{data['load']}`"
    if "after_mib" in data:
        said += (f"; {data['after_s']} s after the last answer {data['after_mib']} MiB, "
                 f"{data['after_mib'] / data['idle_mib']:.2f} x the rest")
    parts = ["## Memory", said + "."]
    over = data.get("overload", {})
    if "failure" in over:
        parts.append(f"* No figure: overload: {over['failure']}")
    elif over:
        parts.append(f"Twice what it can take ({over['peak_per_s']} requests/s), for {over['seconds']:.0f} s, budget "
                     f"{over['budget_mib']} MiB: at most {over['max_mib']} MiB; in the middle third "
                     f"{over['middle_third_max_mib']}, in the last {over['last_third_max_mib']}; "
                     f"{over['ok_per_s']} OK per second.")
    return "\n\n".join(parts)


def reach(data):
    rows = [("RSS at rest, MiB", f"≤ {IDLE_REACH_MIB}", f"{data['idle_mib']}", data["idle_mib"] <= IDLE_REACH_MIB)]
    if "after_mib" in data:
        after = data["after_mib"] / data["idle_mib"]
        rows.append((f"RSS within {AFTER_S} s after the peak ({data['peak_mib']} MiB) ÷ at rest",
                     f"≤ {AFTER_FACTOR_MAX}", f"{after:.2f} after {data['after_s']} s", after <= AFTER_FACTOR_MAX))
    over = data.get("overload", {})
    if "max_mib" in over:
        growth = over["last_third_max_mib"] / over["middle_third_max_mib"]
        holds = growth <= 1.05 and over["max_mib"] <= over["budget_mib"]
        rows.append((f"RSS at 2x overload for {over['seconds']:.0f} s, MiB",
                     f"flat, ≤ {over['budget_mib']}", f"{over['max_mib']}, last third ÷ middle {growth:.2f}", holds))
    return rows
