"""The list of checks of a run and how it is shown."""


class Checks:
    def __init__(self):
        self.results = []  # (name, passed, detail)
        self.gaps = []  # the same of what is known to be missing; a gap that is closed fails until it is made a check
        self.skips = []  # (client, why it could not be run here)
        self.cell_names = []
        self.cells = []  # (client, protocol, compression, TLS, auth, traces, whole, spans, equal)
        self.rows = []  # (client, protocol, compression, traces, must be kept, kept whole, spans, spans equal)

    def that(self, name, passed, detail):
        self.results.append((name, bool(passed), str(detail)))
        print(f"  {'pass' if passed else 'FAIL'}  {name}: {detail}", flush=True)

    def gap(self, name, passed, detail):
        """Something spanring is known not to do yet: shown in every run, fails only once it is done."""
        if passed:
            self.that(f"{name} (no longer a gap: make it a check)", False, detail)
            return
        self.gaps.append((name, str(detail)))
        print(f"  gap   {name}: {detail}", flush=True)

    def row(self, *cells):
        self.rows.append([str(cell) for cell in cells])

    def cell(self, cell, *counts):
        client = f"{cell.client}, {cell.variant}" if cell.variant else cell.client
        self.cell_names.append(cell.name)
        self.cells.append([client, cell.protocol, cell.compression, cell.security, cell.auth, *map(str, counts)])

    def skip(self, client, why):
        self.skips.append((client, why))
        print(f"  SKIPPED  {client}: {why}", flush=True)

    @property
    def failed(self):
        return [result for result in self.results if not result[1]]

    def table(self):
        head = ["client", "protocol", "compression", "traces", "must keep", "kept whole, once", "spans compared",
                "equal"]
        return _table(head, self.rows)

    def cells_table(self):
        head = ["client", "protocol", "compression", "TLS", "auth", "traces", "whole", "spans", "equal"]
        return _table(head, self.cells)


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
