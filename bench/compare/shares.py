"""Where the CPU time of spanring goes: samples of `perf record -e cpu-clock`, sorted by what they were at.

A sample in the kernel belongs to the system call it is in; one in spanring or a library to the innermost function of
ours that is known by its class (router/FOLDER/*.h), unless a library says more: memcpy is a copy, ISA-L is the codec.
"""
import collections
import pathlib
import re
import subprocess

import proxies
import shapes
from processes import Load, wait_until
from sections import backends, folder

ROUTER = pathlib.Path(__file__).resolve().parents[2] / "router"
SAMPLES_PER_S = 1999
WARM_UP_SPANS = 100_000
KERNEL = (
    ("kernel: send", re.compile(r"sys_(sendmsg|sendto|writev|write)$")),
    ("kernel: receive", re.compile(r"sys_(recvmsg|recvfrom|readv|read)$")),
    ("kernel: wait", re.compile(r"sys_(epoll_\w+|ppoll|poll)$")),
)
LIBRARIES = (
    ("copy", re.compile(r"^_*mem(cpy|move|set)")),
    ("allocator", re.compile(r"^(_*(int_)?(malloc|free|calloc|realloc)|operator (new|delete)|cfree|unlink_chunk|tcache)")),
)
OBJECTS = (
    ("HTTP/2", "libnghttp2"), ("codec", "libisal"), ("codec", "libzstd"), ("codec", "libsnappy"), ("codec", "libz."),
    ("TLS", "libssl"), ("TLS", "libcrypto"), ("JSON", "simdjson"), ("clock", "[vdso]"),
)
FOLDERS = {
    "http2": "HTTP/2", "transport": "transport", "http1": "HTTP/1", "otlp": "split", "ring": "split",
    "codec": "codec", "auth": "auth",
}
OTHER_FOLDER = "forward: ingress, plan, verdict, backends"
FRAME = re.compile(r"^\s+[0-9a-f]+ (.*?)(?:\+0x[0-9a-f]+)? \((.*)\)$")
CLASS = re.compile(r"router::(?:\(anonymous namespace\)::)?(\w+)")


def classes():
    """Class, struct or free function -> folder."""
    found = {}
    for path in ROUTER.glob("*/*.h"):
        for name in re.findall(r"^(?:class|struct) (\w+)|^[\w:<>*& ,]+ (\w+)\(", path.read_text(), re.MULTILINE):
            found.setdefault(name[0] or name[1], path.parent.name)
    for path in ROUTER.glob("*/*.cc"):
        for name in re.findall(r"^[\w:<>*& ,]+?\b([A-Z]\w+)\(", path.read_text(), re.MULTILINE):
            found.setdefault(name, path.parent.name)
    return found


def category(frames, folders):
    """frames: (symbol, object), innermost first."""
    symbol, where = frames[0]
    if "kernel" in where or where == "[unknown]":
        for name, pattern in KERNEL:
            if any(pattern.search(frame) for frame, _ in frames):
                return name
        return "kernel: other"
    for name, pattern in LIBRARIES:
        if pattern.search(symbol):
            return name
    for name, part in OBJECTS:
        if part in where:
            return name
    for frame, _ in frames:
        if (known := CLASS.search(frame)) and known[1] in folders:
            return FOLDERS.get(folders[known[1]], OTHER_FOLDER)
    return "event loop and other"


def stacks(script):
    """Lists of frames from the output of perf script."""
    frames = []
    for line in script.splitlines() + [""]:
        if match := FRAME.match(line):
            frames.append((match[1], match[2]))
        elif frames:
            yield frames
            frames = []


def run(rig, names, seconds, report):
    data = {}
    for name in names:
        shape = shapes.by_name([name])[0]
        if shape.setting.tls:
            raise RuntimeError("profiles are made without TLS; other shapes: all")
        with backends(rig, shape.setting) as (directory, sink):
            data[name] = record(rig, shape, seconds, folder(directory, name), sink)
        report(f"profile of {name}: {data[name]['samples']} samples")
    return data


def record(rig, shape, seconds, directory, sink):
    proxy = proxies.Spanring(rig.binaries / "spanring", directory, sink.backends, shape.setting, realtime=rig.realtime)
    try:
        load = Load(rig.binaries, proxy.port, [*shape.arguments(), "--seconds", seconds + 2], rig.realtime)
        wait_until(lambda: sink.counters()["spans"] > WARM_UP_SPANS, "the load to run")
        file = directory / "perf.data"
        done = subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", str(SAMPLES_PER_S), "-g", "-o", file,
                               "-p", str(proxy.pid), "sleep", str(seconds)], capture_output=True, text=True, check=False)
        load.result(60)
    except FileNotFoundError:
        raise RuntimeError("perf is not installed (apt-get install linux-perf)") from None
    finally:
        proxy.close()
    if done.returncode != 0:
        raise RuntimeError(f"perf record: {done.stderr.strip()[-300:]}")
    script = subprocess.run(["perf", "script", "-i", file, "-F", "ip,sym,symoff,dso"], capture_output=True, text=True,
                            check=False, errors="replace").stdout
    folders, counts, leaves = classes(), collections.Counter(), collections.defaultdict(collections.Counter)
    for frames in stacks(script):
        kind = category(frames, folders)
        counts[kind] += 1
        leaves[kind][frames[0][0]] += 1
    total = sum(counts.values())
    if total == 0:
        raise RuntimeError("perf took no samples")
    return {"samples": total, "shares": {kind: count / total for kind, count in counts.most_common()},
            "leaves": {kind: [name[:60] for name, _ in found.most_common(4)] for kind, found in leaves.items()}}


def text(data):
    kinds = dict.fromkeys(kind for row in data.values() for kind in row["shares"])
    titles = [shapes.by_name([name])[0].title for name in data]
    lines = ["| Share of CPU time | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for kind in sorted(kinds, key=lambda kind: -max(row["shares"].get(kind, 0) for row in data.values())):
        lines.append(f"| {kind} | " + " | ".join(f"{row['shares'].get(kind, 0):.1%}" for row in data.values()) + " |")
    samples = ", ".join(str(row["samples"]) for row in data.values())
    return "\n\n".join(["## Profile", "\n".join(lines), f"Samples: {samples} (`perf record -e cpu-clock`)."])


def details(data):
    """What each kind consists of, for whoever looks closer."""
    return "\n".join(f"{name}: {kind}: {', '.join(found)}" for name, row in data.items()
                     for kind, found in row["leaves"].items())


def reach(_):
    return []
