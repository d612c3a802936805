"""Each request of conformance_cases against the real server: its status, and what becomes of the connection."""

import pytest

from conformance_cases import (
    BAD, BODIES_ACCEPTED, CHUNKED, CHUNKS_REFUSED, CLOSING, CODINGS_REFUSED, EXPECTATIONS_REFUSED, FIELDS_ACCEPTED,
    FIELDS_REFUSED, GET, HOSTS_ACCEPTED, HOSTS_REFUSED, LENGTHS_REFUSED, LENGTHS_TOO_LARGE, METHODS_ACCEPTED, POST,
    REQUEST_LINES_REFUSED, STAYING, TARGETS_ACCEPTED, TARGETS_REFUSED, VERSIONS_REFUSED)
from programs import Connection, echo, starting

NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The echo server, which tells how it has read the request line."""
    with starting(tmp_path_factory.mktemp("echo")) as start:
        server = start("echo-server", environment={"ECHO_REQUEST_LINE": "1"})
        yield server
        assert server.terminate() == 0, server.stderr()


def refused(server, text, statuses):
    """One refusal, after it the end; what follows the refused request is not answered."""
    with Connection(server.port) as connection:
        connection.send(text.encode("latin-1"))
        status, fields, _ = connection.read_response()
        assert status in statuses
        assert fields["connection"] == "close" and "date" in fields
        assert connection.is_ended()


def accepted(server, text):
    """The answer; the request after it is answered too, so the end was found where it is."""
    with Connection(server.port) as connection:
        connection.send(text.encode("latin-1"))
        answer = connection.read_response()
        connection.send(NEXT)
        following = connection.read_response()
        assert (following[0], following[1]["echo-target"]) == (200, "/next")
        return answer


@pytest.mark.parametrize(
    "text", REQUEST_LINES_REFUSED + TARGETS_REFUSED + HOSTS_REFUSED + FIELDS_REFUSED + CHUNKS_REFUSED, ids=ascii)
def test_what_breaks_a_rule_is_400_and_the_end(server, text):
    refused(server, text, BAD)


@pytest.mark.parametrize("text", LENGTHS_REFUSED, ids=ascii)
def test_a_length_that_is_none_is_400_and_the_end(server, text):
    refused(server, text, BAD)


@pytest.mark.parametrize("text", LENGTHS_TOO_LARGE)
def test_a_body_that_is_too_large_is_413_as_soon_as_it_is_announced(server, text):
    refused(server, text, {413})


@pytest.mark.parametrize("text", CODINGS_REFUSED, ids=ascii)
def test_any_other_transfer_coding_is_refused(server, text):
    refused(server, text, {400, 501})


@pytest.mark.parametrize("text", VERSIONS_REFUSED + ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_another_protocol_is_refused(server, text):
    refused(server, text, {400, 505})


@pytest.mark.parametrize("text", EXPECTATIONS_REFUSED)
def test_another_expectation_is_417(server, text):
    refused(server, text, {417})


@pytest.mark.parametrize("text", HOSTS_ACCEPTED + FIELDS_ACCEPTED + STAYING, ids=ascii)
def test_what_keeps_the_rules_is_answered_and_the_connection_kept(server, text):
    assert accepted(server, text)[0] == 200


@pytest.mark.parametrize("target, read", TARGETS_ACCEPTED)
def test_a_target_is_read_as_its_path_and_query(server, target, read):
    host = target.split("//")[1].split("/")[0].split("?")[0] if target[0] != "/" else "a"
    status, fields, _ = accepted(server, f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert (status, fields["echo-target"]) == (200, read)


@pytest.mark.parametrize("method", METHODS_ACCEPTED)
def test_a_method_is_any_token_and_its_case_counts(server, method):
    status, fields, _ = accepted(server, f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (status, fields["echo-method"]) == (200, method)


@pytest.mark.parametrize("text, body", BODIES_ACCEPTED, ids=ascii)
def test_a_body_ends_where_it_says(server, text, body):
    status, _, answer = accepted(server, text)
    assert (status, answer) == (200, echo(body.encode()))


@pytest.mark.parametrize("text", CLOSING, ids=ascii)
def test_close_ends_the_connection_after_the_answer(server, text):
    with Connection(server.port) as connection:
        connection.send(text.encode() + NEXT)
        status, fields, _ = connection.read_response()
        assert (status, fields["connection"]) == (200, "close")
        assert connection.is_ended()


def test_options_asterisk_is_answered_and_connect_is_501_and_the_end(server):
    status, fields, _ = accepted(server, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (status, fields["echo-target"]) == (200, "*")
    # What follows would be meant for a tunnel, and there is none.
    with Connection(server.port) as connection:
        connection.send(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.read_response()[0] == 501
        assert connection.is_ended()


@pytest.mark.parametrize("text, statuses", [
    ((GET + "\r\n") * 3, [200, 200, 200]), (GET + "\r\nBAD\r\n\r\n" + GET + "\r\n", [200, 400]),
    (GET + "\r\n" + CHUNKED + "1\r\nx\r\n0\r\n\r\n" + POST + "Content-Length: 2\r\n\r\nok" + GET + "\r\n", [200] * 4),
    (POST + "Content-Length: 1\r\n\r\nx\r\n" + GET + "\r\n", [200, 200]), ((GET + "\r\n") * 100, [200] * 100)])
def test_pipelined_requests_are_answered_in_order(server, text, statuses):
    with Connection(server.port) as connection:
        connection.send(text.encode())
        assert [connection.read_response()[0] for _ in statuses] == statuses
        if statuses[-1] == 400:
            assert connection.is_ended()


@pytest.mark.parametrize("text, status", [
    (GET + "\r\n", 200), (GET, 400), ("GE", 400), (POST + "Content-Length: 5\r\n\r\nabc", 400),
    (CHUNKED + "3\r\nab", 400), ("", None)])
def test_a_client_that_has_sent_all_it_will_still_gets_its_answer(server, text, status):
    with Connection(server.port) as connection:
        connection.send(text.encode())
        connection.socket.shutdown(1)
        answer = connection.read_response()
        assert (answer and answer[0]) == status
        assert connection.is_ended()


@pytest.mark.parametrize("text, has_interim", [
    (POST + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", True),
    (POST + "expect: 100-CONTINUE\r\nTransfer-Encoding: chunked\r\n\r\n", True),
    ("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", False)])
def test_100_continue_is_for_those_who_wait_for_it_and_not_for_http_1_0(server, text, has_interim):
    with Connection(server.port) as connection:
        connection.send(text.encode())
        if has_interim:
            assert connection.read_head()[0] == 100
        connection.send(b"3\r\nabc\r\n0\r\n\r\n" if "chunked" in text else b"abc")
        assert connection.read_head()[0] == 200


def test_head_has_the_length_and_no_body(server):
    with Connection(server.port) as connection:
        connection.send(b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + NEXT)
        status, fields, _ = connection.read_response(head_request=True)
        assert (status, int(fields["content-length"])) == (200, len(echo(b"abc")))
        assert connection.read_response()[1]["echo-target"] == "/next"
