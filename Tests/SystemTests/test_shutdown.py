"""The end of the program: whatever has been accepted is answered, and the exit status is 0."""

import contextlib
import os
import signal
import threading
import time

import pytest

from cloud import event_handler, service_registry
from events import errors_about, eventually, heartbeat, log, push, question, request, rows_of
from programs import PATIENCE_SECONDS, Connection
from upstreams import BIGQUERY, start_warm

#: More of them, for a long run, through the environment.
ROUNDS = int(os.environ.get("TWINED_SHUTDOWN_ROUNDS", "20"))
CLIENTS = 12


class Client(threading.Thread):
    """Sends events for as long as connections are taken, and keeps each or not. `ends` is set with the signal."""

    def __init__(self, port, first, keeps, ends):
        super().__init__()
        self.port, self.numbers, self.keeps, self.ends = port, iter(range(first, first + 100_000)), keeps, ends
        self.statuses, self.stored, self.violation = [], [], None

    def run(self):
        while True:
            try:
                connection = Connection(self.port, connect_seconds=0.2)
            except TimeoutError:
                if self.ends.is_set():
                    return  # Not taken at all: nothing was accepted.
                continue
            except OSError:
                return  # Refused.
            with connection:
                while True:
                    event = heartbeat(next(self.numbers))
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        connection.send(request(event.body()))
                    answer = connection.read_response()
                    if answer is None:
                        self.violation = f"no answer after {self.statuses[-3:]}, {self.keeps=}"
                        return
                    self.statuses.append(answer[0])
                    if answer[0] == 200:
                        self.stored.append(event.uuid)
                    if not self.keeps or answer[1].get("connection") == "close":
                        break


def wait_for_exit(program):
    return program.process.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_under_load_every_accepted_request_is_answered(start, shared, number):
    program = start_warm(start, shared)
    ends = threading.Event()
    clients = [Client(program.port, (index + 1) * 1_000_000, index % 3 > 0, ends) for index in range(CLIENTS)]
    for client in clients:
        client.start()
    shared.wait("rows.accepted", atLeast=20 + 17 * number)
    ends.set()
    program.process.send_signal(signal.SIGTERM)
    for client in clients:
        client.join(PATIENCE_SECONDS)
        assert not client.is_alive()
    assert wait_for_exit(program) == 0
    assert [client.violation for client in clients if client.violation] == []
    statuses = {status for client in clients for status in client.statuses}
    assert statuses <= {200, 503}, statuses
    stored = {row["insertId"] for row in shared.get("/rows")["distinct"]}
    assert {uuid for client in clients for uuid in client.stored} <= stored, "acknowledged means stored"
    assert [line["message"] for line in log(program)][-1] == "stopped"


def test_what_hangs_is_answered_503_before_the_platform_kills(start, shared):
    """An event whose upstream hangs, and requests of which half has come: 503 at the end of the drain, exit 0."""
    program = start_warm(start, shared)
    shared.post("/faults", BIGQUERY.fault(end="hang", effect=False))
    body = heartbeat(2).body()
    with Connection(program.port) as hanging, Connection(program.port) as half_head, \
            Connection(program.port) as half_body, Connection(program.port) as silent:
        hanging.send(request(heartbeat(1).body()))
        half_head.send(b"POST / HTTP/1.1\r\nHost: a\r\n")
        half_body.send(request(body)[:-10])
        shared.wait("requests.bigquery", atLeast=1)
        program.process.send_signal(signal.SIGTERM)
        eventually(lambda: "stopping, what is in flight is finished" in program.stderr(), "the signal's line")
        # The rest of a request that was begun before the end is in time, and told to come again elsewhere.
        half_body.send(body[-10:])
        for refused in half_body, hanging:
            status, fields, _ = refused.read_response()
            assert status == 503 and fields["connection"] == "close"
        assert half_head.read_response()[0] in (408, 503)
        assert silent.is_ended()
    assert wait_for_exit(program) == 0


def test_an_event_in_flight_is_finished(start, shared):
    program = start_warm(start, shared)
    shared.post("/faults", BIGQUERY.fault(effect="late", delayMilliseconds=500, count=1))
    event = heartbeat(1)
    with Connection(program.port) as connection:
        connection.send(request(event.body()))
        eventually(lambda: shared.requests("bigquery"), "the row on its way")
        program.process.send_signal(signal.SIGTERM)
        status, fields, _ = connection.read_response()
        assert status == 200 and fields["connection"] == "close"
        assert connection.is_ended()
    assert wait_for_exit(program) == 0
    assert rows_of(shared, event) and not errors_about(program, event)


@pytest.mark.parametrize("signals", [[signal.SIGTERM] * 2, [signal.SIGINT], [signal.SIGINT, signal.SIGTERM]],
                         ids=["SIGTERM twice", "SIGINT", "SIGINT and SIGTERM"])
def test_signals_in_a_row_end_it_once(start, shared, signals):
    program = start_warm(start, shared)
    for which in signals:
        program.process.send_signal(which)
    assert wait_for_exit(program) == 0
    assert [line["message"] for line in log(program)].count("stopped") == 1


def test_new_connections_are_refused_from_then_on(start, shared):
    program = start_warm(start, shared)
    shared.post("/faults", BIGQUERY.fault(effect="late", delayMilliseconds=1_500, count=1))
    with Connection(program.port) as connection:
        connection.send(request(question(1).body()))
        eventually(lambda: shared.requests("bigquery"), "the row on its way")
        program.process.send_signal(signal.SIGTERM)
        eventually(lambda: "stopping, what is in flight is finished" in program.stderr(), "the signal's line")

        def is_refused():
            try:
                Connection(program.port).close()
            except ConnectionRefusedError:
                return True

        eventually(is_refused, "a refused connection")
        assert connection.read_response()[0] == 200, "stored and dispatched, though it had only begun"
    assert len(shared.get("/jobs")["live"]) == 1
    assert wait_for_exit(program) == 0


@pytest.mark.parametrize("function", [event_handler, service_registry], ids=["event-handler", "service-registry"])
def test_sigterm_during_the_start_ends_it_and_once_it_listens_with_0(start, shared, function):
    """Before it listens the signal may end it as any program; from the listening on the exit status is 0."""
    name = function.__name__.replace("_", "-")
    variables = {**shared.environment(name), "GOOGLE_CLOUD_PROJECT": "demo-project"}
    programs = []
    for number in range(12):
        programs.append(start("twined-functions", name, wait=False, environment=variables))
        time.sleep(number * 0.0003)  # Any point of the start will do; nothing depends on which.
        programs[-1].process.send_signal(signal.SIGTERM)
    for program in programs:
        status = wait_for_exit(program)
        assert status == 0 if "listening" in program.stderr() else status in (0, -signal.SIGTERM)
    program = function(start, shared)
    program.process.send_signal(signal.SIGTERM)
    assert wait_for_exit(program) == 0


def test_a_restarted_handler_goes_on_where_the_last_one_was_cut(start, shared):
    """SIGKILL while an event is in flight, then its redelivery to the next instance."""
    program = start_warm(start, shared)
    event = question(1)
    shared.post("/faults", BIGQUERY.fault(end="hang", effect=True, count=1))
    with Connection(program.port) as connection:
        connection.send(request(event.body()))
        shared.wait("rows.accepted", atLeast=1)
        program.process.kill()
        assert connection.read_response() is None
    again = start_warm(start, shared)
    assert push(again.port, event)[0] == 200
    assert len(rows_of(shared, event)) == 1 and len(shared.get("/jobs")["live"]) == 1
