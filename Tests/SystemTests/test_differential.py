"""Mutated requests, read by the real echo-server and by two other parsers, h11 and httptools (llhttp).

Whatever we accept must be the same request to everybody: a front end that reads it otherwise is how requests
are smuggled. What h11 accepts and we refuse must be explained by a line of a standard.
"""

import random
import re
import socket
from dataclasses import dataclass, field

import h11
import httptools
import pytest

from programs import PATIENCE_SECONDS, echo, starting

STREAMS = 40_000
SEED = 20260101

SEEDS = [
    [b"GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n"],
    [b"HEAD /h HTTP/1.1\r\nHost: a.example:8080\r\nAccept: */*\r\n\r\n"],
    [b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"],
    [b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"],
    [b"PUT /t HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n1\r\nx\r\n0\r\nT: v\r\n\r\n"],
    [b"DELETE /d HTTP/1.1\r\nHost: [::1]\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"],
    [b"GET http://a.example/abs HTTP/1.1\r\nHost: a.example\r\n\r\n"],
    [b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"],
    [b"GET /old HTTP/1.0\r\n\r\n"],
    [b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"],
    [b"POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok"],
]
PIECES = [
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b"\0", b":", b";", b",", b"0", b"1", b"5", b"a", b"-", b"+",
    b"\x0b", b"\x7f", b"\xe9", b'"', b"\\", b"#", b"?", b"%", b"%41", b"//", b"/../", b"@", b"HTTP/1.1", b"HTTP/1.0",
    b"http/1.1",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"content-length:3\r\n", b"Content-Length : 5\r\n",
    b"Content-Length: 5, 5\r\n", b"Content_Length: 7\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding:\x0bchunked\r\n",
    b"Transfer-Encoding: chunked, chunked\r\n", b"Transfer-Encoding : chunked\r\n", b"transfer-encoding: CHUNKED\r\n",
    b"Host: b\r\n", b"Host:\r\n", b"Host: a, b\r\n", b" folded\r\n", b"\tfolded\r\n", b"X: y\r\n", b"X\r\n", b": v\r\n",
    b"Connection: close\r\n", b"Connection: ,\r\n", b"Connection: x y\r\n", b"Connection: Content-Length\r\n",
    b"Expect: 200-ok\r\n", b"Expect: 100-Continue\r\n", b"Upgrade: websocket\r\nConnection: upgrade\r\n",
    b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", b"0\r\n\r\n", b"0x5", b"5;", b'5;a="b', b"5 ", b"05",
    b"FFFFFFFFFFFFFFFFF",
]


def mutate(stream, generator):
    """One to three changes: a piece put in, bytes taken out, doubled, changed, lines swapped, the case turned."""
    data = bytearray(stream)
    for _ in range(generator.choice((1, 1, 1, 2, 3))):
        at = generator.randrange(len(data) + 1)
        kind = generator.randrange(8)
        if kind <= 1:
            data[at:at] = generator.choice(PIECES)
        elif kind == 2:
            starts = [match.end() for match in re.finditer(rb"\r\n", data)] or [0]
            at = generator.choice(starts)
            data[at:at] = generator.choice(PIECES)
        elif kind == 3:
            del data[at:at + generator.choice((1, 1, 2, 5))]
        elif kind == 4:
            count = generator.choice((1, 2, 10, 40))
            data[at:at] = data[at:at + count]
        elif kind == 5 and at < len(data):
            data[at] = generator.choice((data[at] ^ 1 << generator.randrange(8), generator.randrange(256)))
        elif kind == 6:
            lines = bytes(data).split(b"\r\n")
            one, two = generator.randrange(len(lines)), generator.randrange(len(lines))
            lines[one], lines[two] = lines[two], lines[one]
            data = bytearray(b"\r\n".join(lines))
        elif kind == 7:
            data[at:at + 20] = bytes(data[at:at + 20]).swapcase()
        if not data:
            data = bytearray(b"\r\n")
    return bytes(data)


@dataclass
class Reading:
    """What a parser made of a stream: the complete requests, and why it stopped after them."""
    requests: list = field(default_factory=list)  # (method, target, length and hash of the body)
    end: str = "more"  # more, closed, refused, upgraded
    reason: str = ""


def request(method, target, body):
    method, target = method.decode("latin-1"), target.decode("latin-1")
    if re.match(r"https?://", target, re.I):  # Read by its path and query (RFC 9112 section 3.2.2).
        target = re.sub(r"^https?://[^/?]*", "", target, flags=re.I)
        target = target if target.startswith("/") else "/" + target
    return method, target, echo(body).decode().strip()


def read_by_echo_server(port, stream):
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.sendall(stream)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    reading = Reading()
    while answer:
        head, answer = answer.split(b"\r\n\r\n", 1)
        lines = head.split(b"\r\n")
        status = int(lines[0].split(b" ")[1])
        if status == 100:
            continue
        fields = {name.lower(): value.strip() for name, value in (line.split(b":", 1) for line in lines[1:])}
        method = fields.get(b"echo-method")
        length = 0 if method == b"HEAD" else int(fields[b"content-length"])
        body, answer = answer[:length].decode(), answer[length:]
        if method is None:
            assert not answer, "bytes after a refusal"
            if not body:  # A refusal of HEAD does not say why; that of GET would.
                why = read_by_echo_server(port, stream.replace(b"HEAD ", b"GET "))
                reading.end, reading.reason = why.end, why.reason
                return reading
            if "ended before it was complete" in body:
                return reading
            reading.end, reading.reason = "refused", body.strip()
            return reading
        target = fields[b"echo-target"].decode("latin-1")
        described = None if method in (b"HEAD", b"CONNECT") else body.strip()
        reading.requests.append((method.decode("latin-1"), target, described))
        if fields.get(b"connection") == b"close":
            reading.end = "closed"
    return reading


def read_by_h11(stream):
    reading, connection = Reading(), h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(stream)
    current, body = None, b""
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                return reading
            if event is h11.PAUSED:
                reading.end = "upgraded" if connection.their_state is not h11.DONE else "closed"
                return reading
            if isinstance(event, h11.Request):
                current, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                reading.requests.append(request(current.method, current.target, body))
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    reading.end = "closed"
                    return reading
                connection.start_next_cycle()
    except h11.RemoteProtocolError as error:
        reading.end, reading.reason = "refused", str(error)
        return reading


class Listener:
    """httptools' callbacks."""

    def __init__(self):
        self.reading, self.parser = Reading(), httptools.HttpRequestParser(self)
        self.url = self.body = b""

    def on_message_begin(self):
        self.url = self.body = b""

    def on_url(self, url):
        self.url += url

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.reading.requests.append(request(self.parser.get_method(), self.url, self.body))


def read_by_httptools(stream):
    listener = Listener()
    try:
        listener.parser.feed_data(stream)
    except httptools.HttpParserUpgrade:
        # It stops before a body, for another protocol to begin; we do not upgrade (RFC 9110 section 7.8).
        listener.reading.requests.pop()
        listener.reading.end = "upgraded"
    except httptools.HttpParserError as error:
        listener.reading.end, listener.reading.reason = "refused", str(error)
    return listener.reading


def same(ours, theirs):
    return ours[:2] == theirs[:2] and ours[2] in (None, theirs[2])


def difference(stream, ours, theirs):
    """How two parsers understand a stream differently, as far as both accept it; None when they do not."""
    for mine, other in zip(ours.requests, theirs.requests):
        if not same(mine, other):
            return f"we read {mine}, they read {other}"
    if len(ours.requests) > len(theirs.requests):
        # They refused, or closed, which loses nothing. Waiting for more would mean that bodies end elsewhere.
        if theirs.end == "more":
            return f"we read {ours.requests[len(theirs.requests)]} where they wait for more of a request"
        if theirs.end == "closed" and b"HTTP/1.0" not in stream and b"close" not in stream.lower():
            return f"we read {ours.requests[len(theirs.requests)]} where they end the connection"
    if len(theirs.requests) > len(ours.requests) and ours.end == "more":
        return f"they read {theirs.requests[len(ours.requests)]} where we wait for more of a request"
    return None


TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
#: In a request line: a byte that no URI holds, a CR alone, a broken percent, an asterisk and more, an
#: absolute form without a host, with user information (RFC 9110 4.2.4) or with a port that is none.
TARGET_FAULT = (
    rb"(?:^|\n)" + TOKEN + rb"* "
    rb"(?:[^ \r\n]*(?:[^\x21-\x7e\r\n]|\r(?!\n)|[\"#<>\\^`{|}\[\]]"
    rb"|%(?![0-9A-Fa-f]{2}))"
    rb"|\*[^ ]|https?:///|https?://[^/ ]*@|https?://[^/ ]*:[0-9]*[^/0-9 ])")
#: What we refuse though another may take it: the beginning of our answer, what must be in the stream then
#: (None: h11 refuses it too, once it has more of the head), and who entitles us.
EXPLAINED = [
    ("A line ends with CR and LF", rb"(?<!\r)\n|\r(?!\n)",
     "RFC 9112 2.2: a recipient MAY take a lone LF for the end of a line, and need not"),
    ("A field line does not begin", rb"\r?\n[ \t]",
     "RFC 9112 5.2: a server that receives an obs-fold MUST reject it or replace it"),
    ("A field value holds no control", rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]",
     "RFC 9110 5.5: field values with CR, LF or NUL are invalid and dangerous; with other CTLs invalid"),
    ("A field name is a token", rb"\r\n(?!" + TOKEN + rb"+:)[^\r\n]",
     "RFC 9112 5.1: a server MUST reject white space before the colon; RFC 9110 5.1: a name is a token"),
    ("A method is a token", None,
     "RFC 9112 3: a recipient of an invalid request-line SHOULD respond with 400; RFC 9110 9.1: a method is a token"),
    ("A request target holds only", TARGET_FAULT,
     "RFC 9112 3.2: no white space in a target, SHOULD respond with 400; RFC 3986 2: the characters of a URI"),
    ("The form of a request target", rb"[A-Za-z*!#$%&'+.^_`|~0-9-]+ [^/]",
     "RFC 9112 3.2: the four forms; authority-form for CONNECT and asterisk-form for OPTIONS only"),
    ("A version is HTTP/", None, "RFC 9112 2.3: HTTP-version is case-sensitive, two digits"),
    ("The major version is 1", rb"HTTP/[02-9]", "RFC 9110 15.6.6: a server may refuse to support a major version"),
    ("A request of HTTP/1.1 has a Host", rb"HTTP/1\.[1-9]", "RFC 9112 3.2: MUST respond with 400 when Host is missing"),
    ("A request has one Host", rb"(?i)\nhost:[^\n]*\n(.|\n)*host:",
     "RFC 9112 3.2: MUST respond with 400 to more than one Host field line"),
    ("Host is a host", rb"(?i)\nhost:", "RFC 9112 3.2: MUST respond with 400 to an invalid Host field value"),
    ("Content-Length is a decimal", rb"(?i)content-length:[ \t]*([^\r\n]*[^0-9\r\n]|\d{19,}|[ \t]*\r\n)",
     "RFC 9112 6.3: an invalid Content-Length is an unrecoverable error, MUST respond with 400"),
    ("Content-Length is given once", rb"(?i)content-length:[^\n]*\n(.|\n)*content-length:|content-length:[^\n]*,",
     "RFC 9110 8.6: a recipient MAY reject a repeated Content-Length as invalid"),
    ("Content-Length and Transfer-Encoding", rb"(?is)(?=.*content-length:)(?=.*transfer-encoding:)",
     "RFC 9112 6.1: a server MAY reject a request that contains both"),
    ("Transfer-Encoding is a list", rb"(?i)transfer-encoding:",
     "RFC 9112 6.3: chunked not the final coding: MUST respond with 400 and close"),
    ("The only transfer coding is chunked", rb"(?i)transfer-encoding:",
     "RFC 9112 6.1: a coding that is not understood: SHOULD respond with 501"),
    ("A message of HTTP/1.0 has no", rb"(?is)http/1\.0.*transfer-encoding:",
     "RFC 9112 6.1: Transfer-Encoding in HTTP/1.0: the framing is to be treated as faulty"),
    ("Connection is a list of tokens", rb"(?i)connection:", "RFC 9110 7.6.1: connection-option = token"),
    ("The only expectation is", rb"(?i)expect:", "RFC 9110 10.1.1: MAY respond with 417 to an unknown expectation"),
    ("A chunk size is", None, "RFC 9112 7.1: chunk-size = 1*HEXDIG; overflow must be prevented"),
    ("A chunk extension is", rb"\r\n[0-9A-Fa-f]+[ \t;]", "RFC 9112 7.1.1: the grammar of chunk-ext"),
    ("Chunk data is followed", None, "RFC 9112 7.1: chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF"),
]


def explanation(stream, reason, h11_accepts):
    for text, pattern, why in EXPLAINED:
        if reason.startswith(text):
            if pattern is None:
                return None if h11_accepts else why
            return why if re.search(pattern, stream, re.S) else None
    return None


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with starting(tmp_path_factory.mktemp("echo")) as start:
        server = start("echo-server", environment={"ECHO_REQUEST_LINE": "1"})
        yield server.port
        assert server.terminate() == 0, server.stderr()


def streams():
    generator = random.Random(SEED)
    for _ in range(STREAMS):
        parts = generator.choices(SEEDS, k=generator.choice((1, 1, 2)))
        yield mutate(b"".join(part[0] for part in parts), generator)


def test_whole_streams_are_the_same_requests_to_all_three(port):
    for parts in SEEDS:
        ours, theirs, others = (read_by_echo_server(port, parts[0]), read_by_h11(parts[0]),
                                read_by_httptools(parts[0]))
        assert len(ours.requests) == len(theirs.requests) == len(others.requests) == 1
        assert same(ours.requests[0], theirs.requests[0]) and same(ours.requests[0], others.requests[0])


def test_no_mutated_stream_is_another_request_to_another_parser(port):
    differences, unexplained, accepted, explained = [], [], 0, {}
    for stream in streams():
        ours, by_h11, by_httptools = (read_by_echo_server(port, stream), read_by_h11(stream),
                                      read_by_httptools(stream))
        accepted += len(ours.requests)
        for name, theirs in (("h11", by_h11), ("httptools", by_httptools)):
            if found := difference(stream, ours, theirs):
                differences.append(f"{name}: {stream!r}: {found}")
        if ours.end == "refused" and by_h11.end != "refused" or len(by_h11.requests) > len(ours.requests):
            h11_accepts = len(by_h11.requests) > len(ours.requests)
            why = explanation(stream, ours.reason, h11_accepts) if ours.end == "refused" else None
            if why is None:
                unexplained.append(f"{stream!r}: {ours.end} {ours.reason!r}; h11 read {by_h11.requests}")
            else:
                explained[why] = explained.get(why, 0) + 1
    for why, count in sorted(explained.items(), key=lambda item: -item[1]):
        print(f"{count:6} {why}")
    print(f"{accepted} requests of {STREAMS} streams accepted")
    assert accepted > STREAMS / 3
    assert not differences, "\n".join(differences[:20]) + f"\n{len(differences)} in all"
    assert not unexplained, "\n".join(unexplained[:20]) + f"\n{len(unexplained)} in all"
