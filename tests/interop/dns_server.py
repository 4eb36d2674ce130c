"""A small scripted DNS server on a loopback UDP port: A records for known names, an empty answer for their
other types, NXDOMAIN for the rest. Written for this run, so that discovery is judged by a second implementation.
"""

import socket
import struct
import threading

TYPE_A = 1
NXDOMAIN = 3


class DnsServer:
    def __init__(self, ttl_s=5):
        self._records = {}
        self._ttl_s = ttl_s
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._socket.getsockname()[1]
        self.queries = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def set_records(self, records):
        """{name: [IPv4 address, …]}: the whole zone, from the next query on."""
        self._records = {name.lower().rstrip("."): list(addresses) for name, addresses in records.items()}

    def close(self):
        self._socket.close()

    def _serve(self):
        while True:
            try:
                query, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            try:
                self._socket.sendto(self._answer(query), peer)
            except (IndexError, struct.error, UnicodeDecodeError):
                continue  # not a query we can read
            self.queries += 1

    def _answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii"))
            at += 1 + query[at]
        question = query[12 : at + 5]
        (qtype,) = struct.unpack("!H", query[at + 1 : at + 3])
        known = self._records.get(".".join(labels).lower())
        addresses = known if known and qtype == TYPE_A else []
        flags = 0x8580 | (0 if known else NXDOMAIN)
        header = query[:2] + struct.pack("!HHHHH", flags, 1, len(addresses), 0, 0)
        answers = b"".join(
            struct.pack("!HHHIH", 0xC00C, TYPE_A, 1, self._ttl_s, 4) + socket.inet_aton(a) for a in addresses
        )
        return header + question + answers
