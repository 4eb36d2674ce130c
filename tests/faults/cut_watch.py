"""How long the routers take to notice that the wire to a backend is cut, and that it is mended (rules FM-02, FM-03)."""
import time

import ledgers

NOTICED_MAX_S = 2.5     # FM-03: the connection is given up
BACK_MAX_S = 1.5        # FM-02: after the wire is mended
LOOK_S = 0.05
S = 1_000_000_000


class CutWatch:
    """Made when the wire is cut. Thread rule: one thread."""

    def __init__(self, address):
        self.address = address
        self.cut_ns, self.mended_ns, self.looked_ns = time.monotonic_ns(), 0, 0
        self.given_up_ns = self.down_ns = self.back_ns = 0

    def mended(self):
        self.mended_ns = time.monotonic_ns()

    def look(self, routers):
        """Notes the first time at which no worker has a connection, at which all say DOWN, at which all are back."""
        now = time.monotonic_ns()
        if self.back_ns or now - self.looked_ns < LOOK_S * S:
            return
        self.looked_ns = now
        states = [self.states(router.metrics()) for router in routers]
        if not all(states):
            return
        now = time.monotonic_ns()
        others = [sum(count for state, count in each.items() if state != "ready") for each in states]
        if not self.given_up_ns and not any(each.get("ready") for each in states):
            self.given_up_ns = now
        if not self.down_ns and all(set(each) == {"down"} for each in states):
            self.down_ns = now
        if self.mended_ns and not any(others):
            self.back_ns = now

    def states(self, metrics):
        """{state: workers} of this backend, without those of none."""
        family = metrics.get("spanring_backend_state", {})
        result = {}
        for labels, count in family.items():
            if f'endpoint="{self.address}"' in labels and count:
                result[labels.split('state="')[1].split('"')[0]] = count
        return result

    def check(self, troubles, notes):
        """Faults, as lines, unless the machine stood still; the figures go to `notes`."""
        def seconds(end, begin):
            return (end - begin) / S if end and begin else float("inf")
        noticed, down = seconds(self.given_up_ns, self.cut_ns), seconds(self.down_ns, self.cut_ns)
        back = seconds(self.back_ns, self.mended_ns)
        notes[f"{self.address} cut"] = f"given up after {noticed:.2f} s, down after {down:.2f} s, " \
                                       f"back {back:.2f} s after it was mended"
        stalls = [trouble for trouble in troubles if trouble.where == "machine"]
        faults = []
        for name, figure, most, begin in (("FM-03: given up", noticed, NOTICED_MAX_S, self.cut_ns),
                                          ("FM-02: back", back, BACK_MAX_S, self.mended_ns)):
            is_excused = figure != float("inf") and any(
                stall.begin < begin + figure * S and stall.end > begin for stall in stalls)
            if figure > most and not is_excused:
                faults.append(f"{name} after {figure:.2f} s, not {most}")
        return faults
