"""Where the parts of other rigs are that this one uses, put on the import path; and the programs of a run."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The last first: tests/interop has modules whose names tests/faults has too.
for folder in ("tests/interop", "bench/compare", "tests/faults"):
    sys.path.insert(1, str(ROOT / folder))


def read_programs(path):
    """{name: path} of what build_programs.sh has printed."""
    return {name: pathlib.Path(rest) for name, rest in
            (line.split(" ", 1) for line in path.read_text().splitlines())}
