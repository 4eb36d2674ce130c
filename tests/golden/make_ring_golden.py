#!/usr/bin/env python3
"""Writes ring_spanring_v1.csv: a second, plain implementation of the native ring, made to be read.

Needs the `xxhash` module (Debian: python3-xxhash). Usage: make_ring_golden.py > ring_spanring_v1.csv
It shares no code and no trick with router/ring: full sort, binary search, linear walk.
"""
import bisect
import math
import random
import struct
import sys

import xxhash

MASK = (1 << 64) - 1


def splitmix64(state):
    """Yields the SplitMix64 sequence that starts after `state`."""
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def round_half_up(x):
    return math.floor(x) + (1 if x - math.floor(x) >= 0.5 else 0)


def build_table(members, slots_log2, seed):
    """members: list of (endpoint, weight). Returns the endpoint of every slot."""
    members = sorted(set(members))
    slots = 1 << slots_log2
    points = []
    for endpoint, weight in members:
        endpoint_hash = xxhash.xxh3_64_intdigest(endpoint.encode(), seed)
        sequence = splitmix64(endpoint_hash)
        for _ in range(round_half_up(2048 * weight)):
            points.append((next(sequence), endpoint_hash, endpoint))
    points.sort()
    positions = [p[0] for p in points]

    weight_sum = 0.0
    for _, weight in members:
        weight_sum += weight
    cap = {e: math.ceil(1.05 * slots * w / weight_sum) for e, w in members}
    load = {e: 0 for e, _ in members}
    table = [None] * slots
    shift = 64 - slots_log2
    for x in range(slots):
        slot = (x * 2654435761) % slots
        middle = (slot << shift) | (1 << (shift - 1))
        index = bisect.bisect_left(positions, middle) % len(points)
        while load[points[index][2]] >= cap[points[index][2]]:
            index = (index + 1) % len(points)
        owner = points[index][2]
        load[owner] += 1
        table[slot] = owner
    return table


def trace_hash(trace_id, seed):
    if len(trace_id) != 16:
        return xxhash.xxh3_64_intdigest(trace_id, seed)
    low, high = struct.unpack("<QQ", trace_id)
    k_low, k_high = 0x2D358DCCAA6C78A5, 0x8BB84B93962EACC9
    product = (low ^ k_low ^ seed) * (high ^ k_high)
    product = ((product & MASK) ^ k_low ^ seed) * ((product >> 64) ^ k_high)
    return (product & MASK) ^ (product >> 64)


def trace_ids():
    rng = random.Random(20240601)
    ids = [bytes.fromhex(h) for h in (
        "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c",
        "ffffffffffffffffffffffffffffffff", "5b8efff798038103d269b633813fc60c",
        "00000000000000000000000000000000", "00000000000000000000000000000001",
        "0000000000000000a3ce929d0e0e4736", "01000000000000000000000000000000")]
    ids += [rng.randbytes(16) for _ in range(40)]
    ids += [b"", b"\x00", b"trace", rng.randbytes(8), rng.randbytes(15), rng.randbytes(17),
            rng.randbytes(64)]  # not valid trace IDs, but they have an owner too
    return ids


def rings():
    ten = [(f"10.0.0.{i}:4317", 1.0) for i in range(1, 11)]
    fifty = [(f"192.168.{i // 7}.{i * 5}:4317", 1.0) for i in range(50)]
    weighted = [("a:1", 0.25), ("b:2", 1.0), ("c:3", 2.5), ("d:4", 1.0 / 3.0), ("e:5", 0.7)]
    six = [(f"[2001:db8::{i:x}]:4317", 1.0) for i in (1, 2, 15, 16, 255, 4096)]
    return [("one", 16, 0, ten[:1]), ("three", 18, 0, ten[:3]), ("ten", 18, 0, ten),
            ("ten_seeded", 16, 0x1234567890ABCDEF, ten), ("fifty", 18, 0, fifty),
            ("weighted", 17, 0, weighted), ("ipv6", 20, 7, six)]


def main():
    out = sys.stdout
    for name, slots_log2, seed, members in rings():
        table = build_table(members, slots_log2, seed)
        order = {e: i for i, (e, _) in enumerate(sorted(members))}
        digest = xxhash.xxh3_64_intdigest(struct.pack(f"<{len(table)}H", *(order[e] for e in table)))
        listed = " ".join(f"{e}={w!r}" for e, w in members)
        out.write(f"ring,{name},{slots_log2},{seed},{digest:016x},{listed}\n")
        for trace_id in trace_ids():
            h = trace_hash(trace_id, seed)
            out.write(f"owner,{name},{trace_id.hex()},{h:016x},{table[h >> (64 - slots_log2)]}\n")


main()
