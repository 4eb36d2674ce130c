"""Latency that a proxy adds over a direct connection, at half load, in an open loop.

The generator has a plan of when each request begins (Poisson arrivals) and counts from there, so that a stall is seen
by every request that it delayed. Half load is half of what the proxy takes in a closed loop. The same plan goes to the
backends directly right before or after; what is added is the difference of the two quantiles within a round.
"""
import proxies
import shapes
from processes import Load
from sections import Spread, backends, folder

SHAPE = shapes.by_name(["100"])[0]
# Many may be in flight: an open loop does not wait.
LOAD = ("--spans", SHAPE.spans, "--connections", 4, "--in-flight", 200, "--pool", SHAPE.pool, "--poisson")
WARM_UP_S = 0.5
CAPACITY_S = 1.5
RATE_MIN = 0.9
PEERS = ("nginx", "collector")
P50_REACH_US, P99_REACH_US = 300, 1000


def send(rig, target, seconds, arguments):
    result = Load(rig.binaries, target, [*arguments, "--warm-up", WARM_UP_S, "--seconds", WARM_UP_S + seconds],
                  rig.realtime).result(seconds + 60)
    if result["errors"] or result["unanswered"]:
        raise RuntimeError(f"unanswered {result['unanswered']}, errors {result['errors']}")
    return result


def at_rate(rig, target, seconds, rate):
    result = send(rig, target, seconds, [*LOAD, "--rate", rate])
    achieved = result["ok"] / result["seconds"]
    if achieved < RATE_MIN * rate:
        raise RuntimeError(f"{achieved:.0f} requests/s instead of {rate}: the load could not be kept up")
    return result


def start_all(rig, directory, sink, peers):
    setting = shapes.Setting()
    found = {}
    try:
        for peer in PEERS:
            if peer in peers and not proxies.unavailable(peer, rig):
                found[peer] = proxies.start_peer(peer, rig, folder(directory, peer), sink.backends, setting, None)
        found["spanring"] = proxies.Spanring(rig.binaries / "spanring", folder(directory, "spanring"), sink.backends,
                                             setting, realtime=rig.realtime)
    except BaseException:
        for proxy in found.values():
            proxy.close()
        raise
    return found


def run(rig, peers, rounds, seconds, report):
    data = {"rounds": rounds, "seconds": seconds, "proxies": {}}
    with backends(rig) as (directory, sink):
        running = start_all(rig, directory, sink, peers)
        try:
            rates = {}
            for name, proxy in running.items():
                closed = send(rig, proxy.port, CAPACITY_S, SHAPE.arguments())
                rates[name] = max(1, int(closed["ok"] / closed["seconds"] / 2))
                data["proxies"][name] = {"rate": rates[name], "rounds": []}
            for number in range(rounds):
                for name, proxy in running.items():
                    row = measure(rig, sink, proxy, seconds, rates[name], number)
                    data["proxies"][name]["rounds"].append(row)
                    report(f"latency {number + 1}  {name:10} at {rates[name]} requests/s: {row}")
        finally:
            for proxy in running.values():
                proxy.close()
    return data


def measure(rig, sink, proxy, seconds, rate, number):
    """{"direct": …, "proxy": …}, or {"failure": …}"""
    ways = {"direct": sink.backends[0], "proxy": proxy.port}
    row = {}
    try:
        for way in ways if number % 2 == 0 else reversed(ways):
            result = at_rate(rig, ways[way], seconds, rate)
            row[way] = {"p50_us": result["p50_us"], "p99_us": result["p99_us"]}
    except RuntimeError as error:
        return {"failure": f"{way}: {error}"}
    return row


def added(data, name, quantile):
    rows = [row for row in data["proxies"].get(name, {}).get("rounds", []) if "failure" not in row]
    return Spread.of([row["proxy"][quantile] - row["direct"][quantile] for row in rows]) if rows else None


def text(data):
    lines = ["| Proxy | requests/s | direct p50 / p99 µs | through it p50 / p99 µs | added p50 µs | added p99 µs |",
             "|---|---|---|---|---|---|"]
    failures = []
    for name, entry in data["proxies"].items():
        rows = [row for row in entry["rounds"] if "failure" not in row]
        failures += [f"* No figure: {name}: {row['failure']}" for row in entry["rounds"] if "failure" in row]
        if not rows:
            lines.append(f"| {proxies.TITLES.get(name, name)} | {entry['rate']:,} | no figure | | | |")
            continue
        pairs = []
        for way in ("direct", "proxy"):
            mid = [Spread.of([row[way][quantile] for row in rows]).median for quantile in ("p50_us", "p99_us")]
            pairs.append(f"{mid[0]:,.0f} / {mid[1]:,.0f}")
        lines.append(f"| {proxies.TITLES.get(name, name)} | {entry['rate']:,} | {pairs[0]} | {pairs[1]} | "
                     f"{added(data, name, 'p50_us').show('{:,.0f}')} | {added(data, name, 'p99_us').show('{:,.0f}')} |")
    note = f"Requests of 100 spans, half of what each takes, {data['rounds']} rounds of {data['seconds']} s."
    return "\n\n".join(filter(None, ["## Latency added, open loop", note, "\n".join(lines), "\n".join(failures)]))


def reach(data):
    rows = []
    for quantile, limit in (("p50_us", P50_REACH_US), ("p99_us", P99_REACH_US)):
        spread = added(data, "spanring", quantile)
        rows.append((f"latency added over a direct connection at half load, {quantile[:3]}, ms", f"≤ {limit / 1000}",
                     Spread(spread.median / 1000, spread.low / 1000, spread.high / 1000).show("{:.3f}")
                     if spread else "–", spread.median <= limit if spread else None))
    return rows
