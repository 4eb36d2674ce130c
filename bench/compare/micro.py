"""The parts alone: what the micro-benchmarks (Google Benchmark) say."""
import json
import subprocess

from processes import PROXY_CORE, PROXY_PRIORITY, pinned
from sections import Spread

REPETITIONS = 5
# program, benchmark, what it is, counter, reach (None: there is none)
ROWS = (
    ("splitter_bench", "BM_Walk/spans:100/utf8:1", "splitter: full walk with checks, ns/span", "ns_per_span", 35),
    ("splitter_bench", "BM_Walk/spans:1000/utf8:1", "the same at 1000 spans, ns/span", "ns_per_span", 35),
    ("splitter_bench", "BM_WalkAndCopy/spans:100", "walk and copy into four shards, ns/span", "ns_per_span", None),
    ("splitter_bench", "BM_WalkAndCopy/spans:100", "bytes of a span, and its share of the rest", "bytes_per_span", None),
    ("splitter_bench", "BM_WalkAndCopy/spans:100", "bytes copied per span by the splitter", "copied_per_span", None),
    ("splitter_bench", "BM_ProtobufParse/spans:100", "what it replaces, Protobuf objects: parsing alone, ns/span",
     "ns_per_span", None),
    ("ring_bench", "BM_OwnerOf/spanring/1000", "lookup with hash, 1000 backends, ns", "cpu_time", 5),
)


def run(rig, report):
    data = {}
    for program in dict.fromkeys(row[0] for row in ROWS):
        names = "|".join(f"^{row[1]}$" for row in ROWS if row[0] == program)
        command = [rig.binaries / program, f"--benchmark_filter={names}", f"--benchmark_repetitions={REPETITIONS}",
                   "--benchmark_enable_random_interleaving=true", "--benchmark_min_time=0.1", "--benchmark_format=json"]
        done = subprocess.run(pinned(PROXY_CORE, command, PROXY_PRIORITY if rig.realtime else None), text=True,
                              capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr.strip()[-300:]}")
        for entry in json.loads(done.stdout)["benchmarks"]:
            if entry["run_type"] == "iteration":
                data.setdefault(entry["run_name"], []).append(
                    {key: value for key, value in entry.items() if isinstance(value, (int, float))})
        report(f"micro: {program}")
    return data


def spread(data, name, counter):
    values = [entry[counter] for entry in data.get(name, []) if counter in entry]
    return Spread.of(values) if values else None


def text(data):
    rows = [(what, spread(data, name, counter)) for _, name, what, counter, _ in ROWS]
    return "\n".join(["## Parts alone", "", "| | median (range) |", "|---|---|",
                      *(f"| {what} | {value.show('{:.1f}') if value else '–'} |" for what, value in rows)])


def reach(data):
    rows = []
    for _, name, what, counter, limit in ROWS:
        value = spread(data, name, counter)
        if limit is not None:
            rows.append((what, f"≤ {limit}", value.show("{:.1f}") if value else "–",
                         value.median <= limit if value else None))
    return rows
