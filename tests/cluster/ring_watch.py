"""What the router says of its ring, asked again and again: when it changed, and that it never was empty."""
import re
import subprocess
import threading
import time

import places  # noqa: F401
from rig_processes import START_DEADLINE_S

POLL_S = 0.015
MEMBERS = re.compile(r"^spanring_ring_members (\d+)", re.MULTILINE)
FINGERPRINT = re.compile(r'^spanring_ring_fingerprint\{fingerprint="([0-9a-f]+)"\}', re.MULTILINE)


class RingWatch:
    """Thread rule: the thread of the watch writes, others read what is complete. Ends with stop()."""

    def __init__(self, router):
        self._router = router
        self._end = threading.Event()
        self._changed = threading.Condition()
        self.changes = []        # [(ns, members, fingerprint)], times before the question was sent
        self.fewest = None       # members, from the first ring on
        self.polls = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._end.set()
        self._thread.join()

    def current(self):
        return self.changes[-1] if self.changes else (0, 0, "")

    def follow(self, fingerprint, since_ns, deadline_s=START_DEADLINE_S):
        """Milliseconds from `since_ns` until the ring had this fingerprint; None if it did not in time."""
        end = time.monotonic() + deadline_s
        with self._changed:
            while True:
                at, _, seen = self.current()
                if seen == fingerprint:
                    return max(0, (at - since_ns) / 1e6)
                if not self._changed.wait(end - time.monotonic()) and time.monotonic() >= end:
                    return None

    def _run(self):
        while not self._end.wait(POLL_S):
            at = time.monotonic_ns()
            page = self._router.get(self._router.metrics_port, "/metrics")[1]
            members, fingerprint = MEMBERS.search(page), FINGERPRINT.search(page)
            if not members:
                continue
            count, mark = int(members[1]), fingerprint[1] if fingerprint else ""
            with self._changed:
                self.polls += 1
                if count or self.fewest is not None:
                    self.fewest = count if self.fewest is None else min(self.fewest, count)
                if (count, mark) != self.current()[1:]:
                    self.changes.append((at, count, mark))
                    self._changed.notify_all()


class Rings:
    """The ring of a set of backends, by `spanring owner` with that set as a static list. Asked once for each set."""

    def __init__(self, binary, directory):
        self._binary, self._directory = binary, directory
        self._known = {}

    def fingerprint(self, addresses):
        key = tuple(sorted(addresses))
        if key not in self._known:
            config = self.config(key)
            said = subprocess.run([self._binary, "owner", "--config", config, "0" * 31 + "1"], capture_output=True,
                                  text=True, check=True, timeout=60).stdout
            self._known[key] = said.splitlines()[-1].split()[1]
        return self._known[key]

    def config(self, addresses):
        names = ", ".join(f'"{address}"' for address in sorted(addresses))
        path = self._directory / f"ring-{len(self._known)}.yaml"
        path.write_text("exporters: {loadbalancing: {protocol: {otlp: {tls: {insecure: true}}}, resolver: "
                        f"{{static: {{hostnames: [{names}]}}}}}}}}\n")
        return path
