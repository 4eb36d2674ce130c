"""The programs of a run by name, and why the others are not there."""

import pathlib


class Tools(dict):
    def __init__(self, judge_folder, clients_file):
        super().__init__(collector=judge_folder / "judge-collector", telemetrygen=judge_folder / "telemetrygen")
        self.missing = {}
        for line in clients_file.read_text().splitlines():
            name, rest = line.split(" ", 1)
            if rest.startswith("- "):
                self.missing[name] = rest[2:]
            else:
                self[name] = rest if name == "java" else pathlib.Path(rest)  # java's is a class path
