"""Requests about which two HTTP/1.1 parsers may disagree, and what this one has to make of them (rule HS-18).

CLOSED: the answers, and then the connection ends: whatever else was sent is not looked at. OPEN: the connection goes on
and the next request on it is answered as itself. EITHER: both are right. An answer is a status or several allowed ones.
Where RFC 9112 leaves a choice, the strict one is taken: what another parser might read otherwise is refused.
"""

from dataclasses import dataclass

CLOSED, OPEN, EITHER = "closed", "open", "either"
BODY = b"\x0a\x00\x0a\x00"  # two empty ResourceSpans
CHUNKS = b"4\r\n" + BODY + b"\r\n0\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: smuggled\r\n\r\n"
LINE = b"POST /v1/traces HTTP/1.1\r\n"
HOST = b"Host: interop.test\r\n"
TYPE = b"Content-Type: application/x-protobuf\r\n"
TE = b"Transfer-Encoding: chunked\r\n"


@dataclass(frozen=True)
class Case:
    group: str
    name: str
    sent: bytes
    answers: tuple  # of a status, or a tuple of allowed ones
    then: str
    is_head: bool = False  # HEAD: answers have no body
    held_back: bytes = b""  # sent after the first answer, which is then among the answers if it is 100


def post(*fields, body=b"", line=LINE, host=HOST):
    return line + host + TYPE + b"".join(fields) + b"\r\n" + body


def length(value, body=BODY):
    """A request with this Content-Length; behind it something that must not be taken for a request."""
    return post(b"Content-Length: " + value + b"\r\n", body=body)


def coding(value, body=CHUNKS):
    return post(b"Transfer-Encoding: " + value + b"\r\n", body=body)


def chunked(body):
    return post(TE, body=body)


def field(raw):
    """A well-framed request with these raw bytes among its fields."""
    return post(raw, b"Content-Length: 4\r\n", body=BODY)


def start(line, *fields):
    return post(*fields, b"Content-Length: 4\r\n", body=BODY, line=line)


def _cases():
    yield from _two_lengths()
    yield from _content_length()
    yield from _transfer_encoding()
    yield from _chunks()
    yield from _fields()
    yield from _request_line()
    yield from _host_and_expect()
    yield from _sizes()
    yield from _sequences()


def _refused(group, entries, status=400):
    for name, sent in entries:
        yield Case(group, name, sent + SMUGGLED, (status,), CLOSED)


def _taken(group, entries):
    for name, sent in entries:
        yield Case(group, name, sent, (200,), OPEN)


def _two_lengths():
    yield from _refused("both lengths", [
        ("Content-Length before Transfer-Encoding", post(b"Content-Length: 4\r\n", TE, body=b"0\r\n\r\n")),
        ("Transfer-Encoding before Content-Length", post(TE, b"Content-Length: 4\r\n", body=b"0\r\n\r\n")),
        ("Content-Length: 0", post(b"Content-Length: 0\r\n", TE, body=CHUNKS)),
        ("lengths that agree", post(b"Content-Length: 5\r\n", TE, body=b"0\r\n\r\n")),
        ("an unknown coding and a length", post(b"Transfer-Encoding: x\r\nContent-Length: 4\r\n", body=BODY)),
    ])


def _content_length():
    yield from _refused("Content-Length", [
        ("twice, equal", post(b"Content-Length: 4\r\nContent-Length: 4\r\n", body=BODY)),
        ("twice, different", post(b"Content-Length: 4\r\nContent-Length: 0\r\n", body=BODY)),
        ("a list of equals", length(b"4, 4")), ("a list", length(b"4,0")),
        ("a list that begins with nothing", length(b",4")),
        ("plus", length(b"+4")), ("minus", length(b"-4")), ("minus zero", length(b"-0")),
        ("hexadecimal", length(b"0x4")),
        ("a letter behind", length(b"4a")), ("two numbers", length(b"4 4")), ("an exponent", length(b"4e0")),
        ("a fraction", length(b"4.0")), ("a parameter", length(b"4;q=1")), ("quotes", length(b'"4"')),
        ("nothing", length(b"")), ("2^64 + 4", length(b"18446744073709551620")),
        ("a hundred digits", length(b"9" * 100)), ("digits of another script", length("٤".encode())),
        ("an underscore", length(b"0_4")), ("vertical tab before", length(b"\x0b4")),
    ])
    yield from _taken("Content-Length", [
        ("white space round it", length(b" \t4 \t")), ("leading zeros", length(b"0004")),
        ("a name in other case", post(b"cOnTeNt-LeNgTh: 4\r\n", body=BODY)),
        ("no white space", post(b"Content-Length:4\r\n", body=BODY)),
    ])
    yield Case("Content-Length", "2^63", length(b"9223372036854775808"), (413,), CLOSED)
    yield Case("Content-Length", "2^64 - 1", length(b"18446744073709551615"), (413,), CLOSED)
    yield Case("Content-Length", "neither length", post(body=SMUGGLED), (411,), CLOSED)


def _transfer_encoding():
    yield from _refused("Transfer-Encoding", [
        ("xchunked", coding(b"xchunked")), ("chunked twice", coding(b"chunked, chunked")),
        ("chunked, identity", coding(b"chunked, identity")), ("identity", coding(b"identity")),
        ("chunked is not last", coding(b"chunked, gzip")), ("quotes", coding(b'"chunked"')),
        ("a parameter", coding(b"chunked;q=1")), ("nothing", coding(b"")), 
        ("a comma behind", coding(b"chunked,")), ("a word behind", coding(b"chunked x")),
        ("two fields", post(TE, TE, body=CHUNKS)),
        ("two fields, one of them identity", post(TE, b"Transfer-Encoding: identity\r\n", body=CHUNKS)),
        ("vertical tab", coding(b"\x0bchunked")), ("form feed behind", coding(b"chunked\x0c")),
        ("NUL", coding(b"chunked\x00")),
        ("no-break space", coding(b"\xa0chunked")),
        ("a space before the colon", post(b"Transfer-Encoding : chunked\r\n", body=CHUNKS)),
        ("behind a bare LF", post(b"X: y\nTransfer-Encoding: chunked\r\n", body=CHUNKS)),
        ("behind a bare CR", post(b"X: y\rTransfer-Encoding: chunked\r\n", body=CHUNKS)),
        ("on the next line", post(b"Transfer-Encoding:\r\n chunked\r\n", body=CHUNKS)),
        ("folded in front", post(b"X: y\r\n Transfer-Encoding: chunked\r\n", body=CHUNKS)),
        ("in HTTP/1.0", post(TE, body=CHUNKS, line=b"POST /v1/traces HTTP/1.0\r\n")),
    ])
    yield Case("Transfer-Encoding", "a comma before", coding(b",chunked") + SMUGGLED, ((400, 501),), CLOSED)
    yield Case("Transfer-Encoding", "a coding we do not know, then chunked",
               coding(b"gzip, chunked") + SMUGGLED, (501,), CLOSED)
    yield from _taken("Transfer-Encoding", [
        ("plain", coding(b"chunked")), ("in other case", coding(b"cHuNkEd")),
        ("white space round it", coding(b"\t chunked \t")),
        ("an underscore makes it another field", field(b"Transfer_Encoding: chunked\r\n")),
    ])


def _chunks():
    end = b"0\r\n\r\n"
    yield from _refused("chunks", [
        ("a size that is no number", chunked(b"g\r\n" + BODY + b"\r\n" + end)),
        ("0x", chunked(b"0x4\r\n" + BODY + b"\r\n" + end)), ("plus", chunked(b"+4\r\n" + BODY + b"\r\n" + end)),
        ("minus", chunked(b"-4\r\n" + BODY + b"\r\n" + end)),
        ("a space before", chunked(b" 4\r\n" + BODY + b"\r\n" + end)),
        ("a space behind", chunked(b"4 \r\n" + BODY + b"\r\n" + end)),
        ("a tab behind", chunked(b"4\t\r\n" + BODY + b"\r\n" + end)),
        ("an underscore", chunked(b"0_4\r\n" + BODY + b"\r\n" + end)),
        ("no size", chunked(b"\r\n" + BODY + b"\r\n" + end)),
        ("only an extension", chunked(b";a=b\r\n" + BODY + b"\r\n" + end)),
        ("2^64 + 4", chunked(b"10000000000000004\r\n" + BODY + b"\r\n" + end)),
        ("a hundred digits", chunked(b"0" * 99 + b"4\r\n" + BODY + b"\r\n" + end)),
        ("a bare LF behind the size", chunked(b"4\n" + BODY + b"\r\n" + end)),
        ("a bare CR behind the size", chunked(b"4\r" + BODY + b"\r\n" + end)),
        ("a bare LF in the extension", chunked(b"4;a\n" + BODY + b"\r\n" + end)),
        ("a bare CR in the extension", chunked(b"4;a\rb\r\n" + BODY + b"\r\n" + end)),
        ("NUL in the extension", chunked(b"4;a\x00\r\n" + BODY + b"\r\n" + end)),
        ("more data than the size", chunked(b"3\r\n" + BODY + b"\r\n" + end)),
        ("less data than the size", chunked(b"5\r\n" + BODY + b"\r\n" + end)),
        ("no end of line behind the data", chunked(b"4\r\n" + BODY + end)),
        ("a bare LF behind the data", chunked(b"4\r\n" + BODY + b"\n" + end)),
        ("two other bytes behind the data", chunked(b"4\r\n" + BODY + b"XX" + end)),
        ("a bare LF behind the last size", chunked(b"4\r\n" + BODY + b"\r\n0\n\r\n")),
        ("a bare LF at the end", chunked(b"4\r\n" + BODY + b"\r\n0\r\n\n")),
        ("a bare LF in a trailer", chunked(b"4\r\n" + BODY + b"\r\n0\r\nA: b\n\r\n")),
        ("a folded trailer", chunked(b"4\r\n" + BODY + b"\r\n0\r\nA: b\r\n c\r\n\r\n")),
        ("NUL in a trailer", chunked(b"4\r\n" + BODY + b"\r\n0\r\nA: \x00\r\n\r\n")),
        ("a trailer without a colon", chunked(b"4\r\n" + BODY + b"\r\n0\r\nA b\r\n\r\n")),
        ("a trailer without a name", chunked(b"4\r\n" + BODY + b"\r\n0\r\n: b\r\n\r\n")),
        ("white space before a trailer's colon", chunked(b"4\r\n" + BODY + b"\r\n0\r\nA : b\r\n\r\n")),
        ("an extension of 64 KiB", chunked(b"4;" + b"a" * 65536 + b"\r\n" + BODY + b"\r\n" + end)),
    ])
    yield Case("chunks", "2^64 - 1", chunked(b"ffffffffffffffff\r\n" + BODY), ((400, 413),), CLOSED)
    yield Case("chunks", "trailers of 128 KiB",
               chunked(b"0\r\n" + b"A: b\r\n" * 21846 + b"\r\n") + SMUGGLED, ((400, 431),), CLOSED)
    yield from _taken("chunks", [
        ("one byte each", chunked(b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + end)),
        ("capital and small digits, leading zeros", chunked(b"0000004\r\n" + BODY + b"\r\n000\r\n\r\n")),
        ("an extension", chunked(b'4;a=b;c="d"\r\n' + BODY + b"\r\n0;e\r\n\r\n")),
        ("trailers that speak of lengths",
         chunked(b"4\r\n" + BODY + b"\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: x\r\n\r\n")),
        ("no body", chunked(b"0\r\n\r\n")),
    ])


def _fields():
    yield from _refused("fields", [
        ("obs-fold with a space", field(b"X: y\r\n z\r\n")), ("obs-fold with a tab", field(b"X: y\r\n\tz\r\n")),
        ("white space before the first field", LINE + b" X: y\r\n" + HOST + b"Content-Length: 0\r\n\r\n"),
        ("bare LF everywhere", post(b"Content-Length: 4\r\n").replace(b"\r\n", b"\n") + BODY),
        ("a bare LF before the body", post(b"Content-Length: 4\r\n")[:-2] + b"\n" + BODY),
        ("a bare CR in a value", field(b"X: a\rb\r\n")), ("NUL in a value", field(b"X: a\x00b\r\n")),
        ("NUL in a name", field(b"X\x00: a\r\n")), ("a control character in a value", field(b"X: a\x01b\r\n")),
        ("DEL in a value", field(b"X: a\x7fb\r\n")), ("no colon", field(b"X y\r\n")),
        ("a colon and no name", field(b": y\r\n")),
        ("a space before the colon", post(b"Content-Length : 4\r\n", body=BODY)),
        ("a tab before the colon", post(b"Content-Length\t: 4\r\n", body=BODY)),
        ("a space in a name", field(b"X Y: z\r\n")), ("a bracket in a name", field(b"X(: z\r\n")),
        ("a byte above 127 in a name", field(b"X\xe9: z\r\n")), ("a quote in a name", field(b'"X": z\r\n')),
    ])
    yield from _taken("fields", [
        ("a byte above 127 in a value", field(b"X: caf\xe9\r\n")), ("an empty value", field(b"X:\r\n")),
        ("every character of a token in a name", field(b"!#$%&'*+-.^_`|~09azAZ: y\r\n")),
        ("a hundred fields", field(b"X: y\r\n" * 80)),
    ])


def _request_line():
    def case(name, line, status, then=CLOSED):
        return Case("request line", name, start(line) + (SMUGGLED if then == CLOSED else b""), (status,), then)

    yield case("HTTP/0.9", b"GET /v1/traces\r\n", 400)
    yield case("a version and no target", b"POST HTTP/1.1\r\n", 400)
    yield case("HTTP/2.0", b"POST /v1/traces HTTP/2.0\r\n", 505)
    yield case("HTTP/3.7", b"POST /v1/traces HTTP/3.7\r\n", 505)
    yield case("HTTP/1.10", b"POST /v1/traces HTTP/1.10\r\n", 400)
    yield case("HTTP/1,1", b"POST /v1/traces HTTP/1,1\r\n", 400)
    yield case("HTTP/01.1", b"POST /v1/traces HTTP/01.1\r\n", 400)
    yield case("http/1.1", b"POST /v1/traces http/1.1\r\n", 400)
    yield case("a space behind the version", b"POST /v1/traces HTTP/1.1 \r\n", 400)
    yield case("two spaces", b"POST  /v1/traces HTTP/1.1\r\n", 400)
    yield case("a space in the target", b"POST /v1/traces x HTTP/1.1\r\n", 400)
    yield case("tabs", b"POST\t/v1/traces\tHTTP/1.1\r\n", 400)
    yield case("a space in front", b" POST /v1/traces HTTP/1.1\r\n", 400)
    yield case("NUL in the target", b"POST /v1/\x00traces HTTP/1.1\r\n", 400)
    yield case("a bare CR in the target", b"POST /v1/\rtraces HTTP/1.1\r\n", 400)
    yield case("no slash", b"POST v1/traces HTTP/1.1\r\n", 400)
    yield case("another scheme", b"POST ftp://interop.test/v1/traces HTTP/1.1\r\n", 400)
    yield case("a method that is no token", b"PO(ST /v1/traces HTTP/1.1\r\n", 400)
    yield case("two empty lines in front", b"\r\n\r\n" + LINE, 400)
    yield case("one empty line in front", b"\r\n" + LINE, 200, OPEN)
    yield case("a whole URL", b"POST http://interop.test/v1/traces HTTP/1.1\r\n", 200, OPEN)
    yield case("a whole URL with a port, scheme in capitals",
               b"POST HTTPS://interop.test:4318/v1/traces HTTP/1.1\r\n", 200, OPEN)
    yield case("a query", b"POST /v1/traces?a=b HTTP/1.1\r\n", 200, OPEN)
    yield case("another path", b"POST /v1/traces/ HTTP/1.1\r\n", 404, EITHER)
    yield case("dots", b"POST /v1/x/../traces HTTP/1.1\r\n", 404, EITHER)
    yield case("CONNECT", b"CONNECT interop.test:443 HTTP/1.1\r\n", (404, 405, 501), EITHER)
    yield case("TRACE", b"TRACE /v1/traces HTTP/1.1\r\n", 405, EITHER)
    yield case("an unknown method", b"BREW /v1/traces HTTP/1.1\r\n", 405, EITHER)
    yield case("a method in small letters", b"post /v1/traces HTTP/1.1\r\n", 405, EITHER)


def _host_and_expect():
    yield from _refused("Host", [
        ("none", post(b"Content-Length: 4\r\n", body=BODY, host=b"")), ("two", field(b"Host: elsewhere.test\r\n")),
        ("a path in it", post(b"Content-Length: 4\r\n", body=BODY, host=b"Host: a/b\r\n")),
        ("white space in it", post(b"Content-Length: 4\r\n", body=BODY, host=b"Host: a b\r\n")),
        ("two, in HTTP/1.0", post(b"Host: elsewhere.test\r\n", b"Content-Length: 4\r\n", body=BODY,
                                  line=b"POST /v1/traces HTTP/1.0\r\n")),
        ("user and password", post(b"Content-Length: 4\r\n", body=BODY, host=b"Host: u:p@a\r\n")),
    ])
    yield Case("Host", "none, in HTTP/1.0",
               post(b"Content-Length: 4\r\n", body=BODY, host=b"", line=b"POST /v1/traces HTTP/1.0\r\n"),
               (200,), CLOSED)
    yield Case("Expect", "100-continue", field(b"Expect: 100-continue\r\n"), (200,), OPEN)
    yield Case("Expect", "100-CONTINUE", field(b"Expect: 100-CONTINUE\r\n"), (200,), OPEN)
    yield Case("Expect", "100-continue, and the body held back",
               post(b"Expect: 100-continue\r\nContent-Length: 4\r\n"), (100, 200), OPEN, held_back=BODY)
    yield Case("Expect", "100-continue with chunks, held back",
               post(b"Expect: 100-continue\r\n", TE), (100, 200), OPEN, held_back=CHUNKS)
    yield Case("Expect", "something else", field(b"Expect: 200-ok\r\n") + SMUGGLED, (417,), CLOSED)
    yield Case("Expect", "a list", field(b"Expect: 100-continue, x\r\n") + SMUGGLED, (417,), CLOSED)
    yield Case("Expect", "in HTTP/1.0",
               post(b"Expect: 100-continue\r\nContent-Length: 4\r\n", body=BODY, line=b"POST /v1/traces HTTP/1.0\r\n"),
               (200,), CLOSED)
    refused = post(b"Expect: 100-continue\r\nContent-Length: 4\r\n", line=b"POST /smuggled HTTP/1.1\r\n")
    yield Case("Expect", "with a request that is refused", refused + BODY, (404,), EITHER)
    # Whether the body still comes is not known, so what comes next cannot be.
    yield Case("Expect", "with a request that is refused, and the body held back", refused, (404,), CLOSED)


def _sizes():
    yield Case("sizes", "a target of 64 KiB",
               start(b"POST /" + b"a" * 65536 + b" HTTP/1.1\r\n") + SMUGGLED, (414,), CLOSED)
    yield Case("sizes", "a field of 128 KiB", field(b"X: " + b"a" * 131072 + b"\r\n") + SMUGGLED, (431,), CLOSED)
    yield Case("sizes", "20,000 fields", field(b"X: y\r\n" * 20000) + SMUGGLED, (431,), CLOSED)
    yield Case("sizes", "a method of 64 KiB",
               start(b"P" * 65536 + b" /v1/traces HTTP/1.1\r\n") + SMUGGLED, ((400, 414),), CLOSED)


def _sequences():
    good = length(b"4")
    yield Case("sequences", "two requests at once", good + good, (200, 200), OPEN)
    yield Case("sequences", "a length, chunks, a length", good + chunked(CHUNKS) + good, (200, 200, 200), OPEN)
    yield Case("sequences", "twenty requests at once", good * 20, (200,) * 20, OPEN)
    yield Case("sequences", "an empty line between two", good + b"\r\n" + good, (200, 200), OPEN)
    yield Case("sequences", "a body that looks like a request",
               post(b"Content-Length: %d\r\n" % len(SMUGGLED), body=SMUGGLED), (400,), EITHER)
    yield Case("sequences", "rubbish behind a request", good + b"\x00\x01\x02" + SMUGGLED, (200, 400), CLOSED)
    yield Case("sequences", "Connection: close, then another",
               field(b"Connection: close\r\n") + SMUGGLED, (200,), CLOSED)
    yield Case("sequences", "Connection: keep-alive, CLOSE",
               field(b"Connection: keep-alive, CLOSE\r\n") + SMUGGLED, (200,), CLOSED)
    yield Case("sequences", "HTTP/1.0, then another",
               post(b"Content-Length: 4\r\n", body=BODY, line=b"POST /v1/traces HTTP/1.0\r\n") + SMUGGLED,
               (200,), CLOSED)
    yield Case("sequences", "a wrong path with a body, then another",
               start(b"POST /smuggled HTTP/1.1\r\n") + good, (404, 200), OPEN)
    yield Case("sequences", "GET with a body",
               LINE.replace(b"POST", b"GET") + HOST + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
               (405,), EITHER)
    yield Case("sequences", "HEAD with a body",
               LINE.replace(b"POST", b"HEAD") + HOST + b"Content-Length: 4\r\n\r\n" + BODY,
               (405,), EITHER, is_head=True)
    yield Case("sequences", "an upgrade to HTTP/2 that is not offered",
               field(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
               (200,), OPEN)
    yield Case("sequences", "an upgrade to a websocket",
               field(b"Connection: Upgrade\r\nUpgrade: websocket\r\n"), (200,), OPEN)
    yield Case("sequences", "HTTP/2's preface behind a request",
               good + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED, (200, (400, 505)), CLOSED)
    yield Case("sequences", "Connection names Content-Length", field(b"Connection: Content-Length\r\n"), (200,), OPEN)


CASES = tuple(_cases())
