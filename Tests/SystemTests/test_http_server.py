"""The HTTP server as its peers see it: raw bytes against the real echo-server (RFC 9110, RFC 9112)."""

import contextlib
import random

import pytest

from events import eventually
from programs import GET, Connection, ask, echo

ACCEPTED = {
    "plain": GET,
    "HTTP/1.0 without Host": b"GET / HTTP/1.0\r\n\r\n",
    "a higher minor version": b"GET / HTTP/1.9\r\nHost: a\r\n\r\n",
    "one empty line before the request": b"\r\n" + GET,
    "absolute form": b"GET http://a.example/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n",
    "asterisk form": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "an unknown method": b"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n",
    "white space around a value": b"GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n",
    "an empty value": b"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n",
    "obs-text in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe9\r\n\r\n",
    "a port in Host": b"GET / HTTP/1.1\r\nHost: a:8080\r\n\r\n",
    "an IPv6 Host": b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
    "leading zeros in Content-Length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 002\r\n\r\nok",
    "a chunk extension": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                         b'2;a="b;c"\r\nok\r\n0\r\n\r\n',
    "Transfer-Encoding in capitals": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n"
                                     b"2\r\nok\r\n0\r\n\r\n",
    "trailers": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: v\r\n\r\n",
    "TE and Upgrade that nobody needs": b"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nUpgrade: h2c\r\n"
                                        b"Connection: TE, Upgrade\r\n\r\n",
}

REFUSED = {
    "no Host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    "an empty Host": (400, b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    "user information in Host": (400, b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    "a list in Host": (400, b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    "a path in Host": (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "a port that is none": (400, b"GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"),
    "white space before the colon": (400, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    "a folded line": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n"),
    "white space before the first field": (400, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    "a bare LF": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "a bare LF between fields": (400, b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    "a bare CR in a value": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
    "NUL in a value": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
    "a field without a colon": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
    "a field without a name": (400, b"GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n"),
    "two spaces": (400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a tab for a space": (400, b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a space in the target": (400, b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a fragment": (400, b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a target beyond ASCII": (400, b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a broken percent": (400, b"GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a relative target": (400, b"GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    "an asterisk for GET": (400, b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    "HTTP/0.9": (400, b"GET /\r\n\r\n"),
    "HTTP/2": (505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    "http in lower case": (400, b"GET / http/1.1\r\nHost: a\r\n\r\n"),
    "a version of three parts": (400, b"GET / HTTP/1.1.1\r\nHost: a\r\n\r\n"),
    "two lengths": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"),
    "a list of lengths": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\nok"),
    "a signed length": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nok"),
    "a negative length": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
    "a hexadecimal length": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2\r\n\r\nok"),
    "an empty length": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
    "a length of 2^64": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n"),
    "a length of 2^63": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n"),
    "a length of 2^32": (413, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4294967296\r\n\r\n"),
    "length and chunks": (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    "chunks in HTTP/1.0": (400, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "chunked twice": (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    "chunked not last": (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    "another coding": (501, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "xchunked": (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "a chunk size that is none": (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"),
    "a chunk size with a sign": (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nok"),
    "a chunk size of 2^64": (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  b"10000000000000000\r\n"),
    "a chunk without its end": (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokx"),
    "a chunk line ended by LF": (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\nok"),
    "an expectation": (417, b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 2\r\n\r\nok"),
    "a long request line": (414, b"GET /" + b"a" * 20_000),
    "a long field": (431, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000),
    "many fields": (431, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 250),
    "a long head": (431, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: %s\r\n" % (b"y" * 16_000) * 11),
    "a body over the limit": (413, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16777217\r\n\r\n"),
    "a tunnel": (501, b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    "TLS": (400, bytes.fromhex("16030100c5010000c10303") + bytes(64)),
}


@pytest.mark.parametrize("data", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_valid_request_is_answered_and_the_connection_serves_on(echo_server, data):
    with Connection(echo_server.port) as connection:
        connection.send(data)
        status, fields, body = connection.read_response()
        assert status == 200
        assert body == echo(b"ok" if b"ok" in data else b"")
        assert "date" in fields
        if b"HTTP/1.0" not in data:
            connection.send(GET)
            assert connection.read_response()[0] == 200


@pytest.mark.parametrize("status, data", REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_request_is_refused_at_once_and_the_connection_ends(echo_server, status, data):
    with Connection(echo_server.port) as connection:
        connection.send(data)
        answer = connection.read_response()
        assert answer[0] == status
        if status != 501 or b"CONNECT" not in data:
            assert answer[1]["connection"] == "close"
            assert connection.is_ended()


@pytest.mark.parametrize("status, data", REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_comes_after_the_answers_to_the_requests_before_it(echo_server, status, data):
    with Connection(echo_server.port) as connection:
        connection.send(GET + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + data)
        assert connection.read_response()[::2] == (200, echo(b""))
        assert connection.read_response()[::2] == (200, echo(b"hello"))
        assert connection.read_response()[0] == status


def test_nothing_of_a_refused_request_is_reflected(echo_server):
    for marker in (b"marker<script>", b"marker\xff"):
        for data in (b"GET /" + marker + b" HTTP/1.1\r\nHost: a\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: a\r\n" + marker + b": x\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: " + marker + b"\r\n\r\n"):
            _, fields, body = ask(echo_server.port, data)
            assert b"marker" not in body
            assert "marker" not in str(fields)


def test_pipelined_requests_are_answered_in_order(echo_server):
    bodies = [bytes([65 + i]) * (i * 977) for i in range(20)]
    with Connection(echo_server.port) as connection:
        for i, body in enumerate(bodies):
            if i % 2:
                connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            else:
                chunks = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:100], body[100:]) if p)
                connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
                                + b"0\r\n\r\n")
        for body in bodies:
            assert connection.read_response()[2] == echo(body)


def test_requests_in_random_pieces_are_the_same_requests(echo_server):
    generator = random.Random(11)
    data = b"".join(list(ACCEPTED.values())[3:])
    expected = len(ACCEPTED) - 3
    for _ in range(10):
        with Connection(echo_server.port) as connection:
            at = 0
            while at < len(data):
                count = generator.randint(1, 60)
                connection.send(data[at:at + count])
                at += count
            assert [connection.read_response()[0] for _ in range(expected)] == [200] * expected


def test_head_is_answered_like_get_without_a_body(echo_server):
    with Connection(echo_server.port) as connection:
        connection.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        status, fields, _ = connection.read_response(head_request=True)
        assert (status, int(fields["content-length"])) == (200, len(echo(b"")))
        assert connection.read_response()[2] == echo(b"")


def test_connection_close_is_obeyed_and_said(echo_server):
    for field in (b"close", b"Close", b"x, close", b"keep-alive, close"):
        with Connection(echo_server.port) as connection:
            connection.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: " + field + b"\r\n\r\n" + GET)
            assert connection.read_response()[1]["connection"] == "close"
            assert connection.is_ended()


def test_http_1_0_closes_unless_it_asks_to_be_kept(echo_server):
    with Connection(echo_server.port) as connection:
        connection.send(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.read_response()[0] == 200
        assert connection.is_ended()
    with Connection(echo_server.port) as connection:
        connection.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert connection.read_response()[1]["connection"].lower() == "keep-alive"
        connection.send(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.read_response()[0] == 200


def test_100_continue_is_sent_before_the_body_and_not_for_a_body_that_is_refused(echo_server):
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    with Connection(echo_server.port) as connection:
        connection.send(head % 5)
        assert connection.read_head()[0] == 100
        connection.send(b"hello")
        assert connection.read_response()[2] == echo(b"hello")
        connection.send(head % 99_999_999)
        assert connection.read_head()[0] == 413


def test_a_refused_upload_still_reads_its_answer(echo_server):
    """Lingering close: the answer is not lost to a reset while the client goes on sending."""
    with Connection(echo_server.port) as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n")
        connection.send(bytes(4_000_000))
        assert connection.read_response()[0] == 413


def test_the_largest_body_is_taken_by_length_and_in_chunks(echo_server):
    body = random.Random(3).randbytes(16 * 1024 * 1024)
    answer = ask(echo_server.port, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert answer[2] == echo(body)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[at:at + 70_000]), body[at:at + 70_000])
                      for at in range(0, len(body), 70_000))
    answer = ask(echo_server.port, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
                 + b"0\r\n\r\n")
    assert answer[2] == echo(body)


def test_connections_that_say_nothing_or_half_a_request_are_no_error(echo_server):
    for data in (b"", b"GET", GET[:-2], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"):
        with Connection(echo_server.port) as connection:
            connection.send(data)
    assert ask(echo_server.port, GET)[0] == 200


def test_clients_that_hold_half_requests_leave_a_good_client_alone(echo_server):
    with contextlib.ExitStack() as held:
        for number in range(300):
            held.enter_context(Connection(echo_server.port)).send(GET[: number % len(GET)])
        for _ in range(100):
            assert ask(echo_server.port, GET)[0] == 200


def test_each_answer_says_when_it_was_made(echo_server):
    first = ask(echo_server.port, GET)[1]["date"]
    with Connection(echo_server.port) as connection:
        def later():
            connection.send(GET)
            return connection.read_response()[1]["date"] != first
        eventually(later, "another second")


def test_the_server_has_one_thread(echo_server):
    assert len(echo_server.threads()) == 1
