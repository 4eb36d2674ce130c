"""The list of checks of a run and how it is shown."""


class Checks:
    def __init__(self):
        self.results = []  # (name, passed, detail)
        self.gaps = []  # the same of what is known to be missing; a gap that is closed fails until it is made a check
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

    @property
    def failed(self):
        return [result for result in self.results if not result[1]]

    def table(self):
        head = ["client", "protocol", "compression", "traces", "must keep", "kept whole, once", "spans compared", "equal"]
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in self.rows])
