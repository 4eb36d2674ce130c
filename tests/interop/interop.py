"""The interop run: scenarios in order, then one table. Started by run.sh, which builds what is needed first."""

import argparse
import pathlib
import sys
import time

import descriptors
import scenario_backends
import scenario_bytes
import scenario_clients
import scenario_conformance
import scenario_ring
import scenario_sampling
from checks import Checks
from dns_server import DnsServer
from rig import Rig, RunFailed, tail
from routers import CollectorRouter, SpanringRouter
from tools import Tools

DOCS_BEGIN, DOCS_END = "<!-- results -->", "<!-- end of results -->"
SCENARIOS = ("schemas", "sampling", "bytes", "clients", "backends", "conformance", "ring")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="run.sh")
    parser.add_argument("--tools", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--clients", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--run-dir", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--proto-dir", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--bin-dir", type=pathlib.Path, help="the folder with the spanring binary")
    parser.add_argument("--router", choices=("spanring", "collector", "cut"), default="spanring")
    parser.add_argument("--only", choices=SCENARIOS, action="append", help="run only this scenario (repeatable)")
    parser.add_argument("--docs", type=pathlib.Path, help="write the results between the markers of this page")
    args = parser.parse_args()
    if args.router == "spanring" and args.bin_dir is None:
        sys.exit("interop: BIN_DIR is needed: the folder with the spanring binary")
    return args


def make_router(args, rig, dns):
    if args.router == "spanring":
        return SpanringRouter(rig, args.bin_dir / "spanring", dns)
    routing_key = "traceID" if args.router == "collector" else "service"
    return CollectorRouter(rig, args.tools / "judge-collector", routing_key)


def run_scenarios(args, rig, router, checks):
    tools = Tools(args.tools, args.clients)
    steps = {
        "schemas": lambda: descriptors.run(args.proto_dir, rig.dir, checks),
        "sampling": lambda: scenario_sampling.run(rig, args.tools, router, checks),
        "bytes": lambda: scenario_bytes.run(rig, router, checks),
        "clients": lambda: scenario_clients.run(rig, tools, router, checks),
        "backends": lambda: scenario_backends.run(rig, tools, router, checks),
        "conformance": lambda: scenario_conformance.run(rig, tools, router, args.proto_dir, checks),
        "ring": lambda: scenario_ring.run(rig, args.tools, router, checks),
    }
    for name in args.only or SCENARIOS:
        started = time.monotonic()
        print(f"interop: {name}", flush=True)
        try:
            steps[name]()
        except RunFailed as failure:
            checks.that(f"{name} ran to its end", False, failure)
            rig.close()
        print(f"  {time.monotonic() - started:.1f} s", flush=True)


def write_docs(page, checks):
    before, rest = page.read_text().split(DOCS_BEGIN)
    _, after = rest.split(DOCS_END)
    clients = tuple(row[0].split(",")[0] for row in checks.rows)  # their checks are the tables
    cells = tuple(checks.cell_names)
    listed = "\n".join(f"* {name}: {detail}" for name, _, detail in checks.results
                       if not name.startswith(clients + cells) and "ends cleanly" not in name)
    listed += "".join(f"\n* **known gap**: {name}: {detail}" for name, detail in checks.gaps)
    listed += "".join(f"\n* **not run**: {client}: {why}" for client, why in checks.skips)
    page.write_text(f"{before}{DOCS_BEGIN}\n\n{checks.cells_table()}\n\nWith real tail samplers behind:\n\n"
                    f"{checks.table()}\n\n{listed}\n\n{DOCS_END}{after}")


def main():
    args = parse_arguments()
    checks = Checks()
    dns = DnsServer()
    with Rig(args.run_dir) as rig:
        router = make_router(args, rig, dns)
        run_scenarios(args, rig, router, checks)
    dns.close()
    print(f"\nrouter: {router.name}\n{checks.table()}\n\n{checks.cells_table()}\n")
    for client, why in checks.skips:
        print(f"skipped: {client}: {why}")
    if args.docs and not checks.failed:
        write_docs(args.docs, checks)
    for name, detail in checks.gaps:
        print(f"known gap: {name}: {detail}")
    if checks.failed:
        print("failed:")
        for name, _, detail in checks.failed:
            print(f"  {name}: {detail}")
        print(f"logs, configurations and sent bytes: {args.run_dir}")
        for log in sorted(args.run_dir.glob("*router*.log")):
            print(f"  {log}\n{tail(log, 3)}")
    print(f"{len(checks.results) - len(checks.failed)} passed, {len(checks.failed)} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
