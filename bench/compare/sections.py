"""The parts of a run besides the shapes: each module has run() → data for JSON, text(data) → Markdown, and
reach(data) → rows of the table of reaches: (what, reach, measured, whether it holds: None if not measured)."""
import contextlib
import dataclasses
import pathlib
import statistics
import tempfile

import shapes
from processes import Sink


@contextlib.contextmanager
def backends(rig, setting=shapes.Setting()):
    """(folder, sink): a sink of the setting's backends, and a place for files, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="spanring-bench-") as directory:
        sink = Sink(rig.binaries, directory, shapes.hosts(setting.backends), realtime=rig.realtime)
        try:
            yield pathlib.Path(directory), sink
        finally:
            sink.close()


def folder(directory, name):
    made = pathlib.Path(directory) / name
    made.mkdir()
    return made


@dataclasses.dataclass
class Spread:
    """Median and range of some values."""
    median: float
    low: float
    high: float

    @staticmethod
    def of(values):
        return Spread(statistics.median(values), min(values), max(values))

    def show(self, form="{:.2f}"):
        return f"{form.format(self.median)} ({form.format(self.low)}–{form.format(self.high)})"
