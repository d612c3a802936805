"""What standard error gets: JSON for machines, readable lines for people, the times of an event's steps."""

import contextlib
import datetime
import json
import os
import pathlib
import pty
import re
import resource
import select
import signal
import subprocess
import time

import pytest

from cloud import event_handler
from events import cancellation, check_handled_once, eventually, heartbeat, log, push, question, request
from programs import PATIENCE_SECONDS, PROGRAM, Connection, ask, free_port

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@contextlib.contextmanager
def started(environment, stderr, arguments=("event-handler",), stdout=subprocess.DEVNULL):
    """A program whose standard error is a descriptor of ours."""
    process = subprocess.Popen([PROGRAM, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=stdout,
                               stderr=stderr)
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)


@contextlib.contextmanager
def on_a_terminal(arguments, environment):
    """A program whose standard output and error are a terminal; yields it and what reads the terminal."""
    reading, writing = pty.openpty()
    text = bytearray()

    def read_until(wanted):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while wanted not in text.decode():
            assert time.monotonic() < deadline, f"waited in vain for {wanted!r} in {text.decode()!r}"
            if select.select([reading], [], [], 0.1)[0]:
                try:
                    data = os.read(reading, 65_536)
                except OSError:  # EIO: nobody has the other side open any more.
                    data = b""
                assert data, f"ended without {wanted!r}: {text.decode()!r}"
                text.extend(data)
        return text.decode()

    try:
        with started(environment, writing, arguments, writing) as process:
            os.close(writing)
            yield process, read_until
    finally:
        os.close(reading)


def environment_of(cloud, port, **variables):
    return {**cloud.environment("event-handler"), "HOST": "127.0.0.1", "PORT": str(port), **variables}


@pytest.mark.parametrize("variables, is_coloured", [
    ({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_readable_lines(cloud, variables, is_coloured):
    port = free_port()
    with on_a_terminal(["event-handler"], environment_of(cloud, port, **variables)) as (process, read_until):
        read_until("listening")
        assert push(port, heartbeat(1, sender="\x1b[31mred\r\n"))[0] == 200
        assert push(port, b"{")[0] == 400
        read_until("it is no event")
        process.send_signal(signal.SIGTERM)
        lines = read_until("stopped").splitlines()
        assert process.wait(PATIENCE_SECONDS) == 0
    assert all(bool(ESCAPE.search(line)) == is_coloured for line in lines), lines
    plain = [ESCAPE.sub("", line) for line in lines]
    for line in plain:
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (INFO   |WARNING|ERROR  ) [a-z]", line), line
        assert line.isprintable()
    handled, = [line for line in plain if " event handled " in line]
    assert re.search(r" event=\S+ kind=heartbeat question=\S+ .*outcome=stored parse_ms=[0-9.]+ ", handled)
    if is_coloured:
        colours = {name: next(line for line in lines if name in line).split(name)[0][-5:]
                   for name in ("INFO", "WARNING")}
        assert colours == {"INFO": "\x1b[32m", "WARNING": "\x1b[33m"}


def test_check_colours_a_terminal_and_nothing_else(cloud):
    environment = cloud.environment("service-registry")
    with on_a_terminal(["check", "service-registry"], environment) as (_, read_until):
        assert "\x1b[32mok" in read_until("look-ups")
    with on_a_terminal(["check", "service-registry"], {**environment, "NO_COLOR": "1"}) as (_, read_until):
        assert "\x1b" not in read_until("look-ups")
    with on_a_terminal(["check", "service-registry", "--json"], environment) as (_, read_until):
        assert "\x1b" not in read_until('"look-ups"')


def test_a_pipe_gets_json_without_colours(start, cloud):
    program = event_handler(start, cloud)
    assert push(program.port, heartbeat(1))[0] == 200
    assert program.terminate() == 0
    assert [line["message"] for line in log(program)][0] == "listening"
    assert "\\u001b" not in program.stderr()


def handled(program, event):
    return eventually(
        lambda: [line for line in log(program) if line["message"] == "event handled" and line["event"] == event.uuid],
        "the event's line")[0]


STEPS = {"heartbeat": {"parse_ms", "store_ms"}, "question": {"parse_ms", "store_ms", "dispatch_ms"},
         "cancellation": {"parse_ms", "store_ms", "dispatch_ms"}}


def test_an_events_line_has_the_time_of_each_step_and_they_fit_into_the_whole(start, cloud):
    program = event_handler(start, cloud)
    asked = question(1, {"input_values": {"text": "x" * 2_000_000}})
    # The argument is over what Linux can exec: a question that is stored, reported and not dispatched.
    for event in [question(2), cancellation(3, question(2)), heartbeat(4, text="x"), asked]:
        assert push(program.port, event)[0] == 200
        line = handled(program, event)
        steps = {name for name in line if name.endswith("_ms")}
        assert steps == STEPS[event.kind]
        assert all(isinstance(line[name], float) and line[name] >= 0 for name in steps | {"ms"})
        assert sum(line[name] for name in steps) <= line["ms"] + 0.001
    assert handled(program, asked)["parse_ms"] > 0, "two megabytes are not read in no time"


def test_a_line_of_a_traced_request_names_the_trace_in_the_project_that_the_metadata_server_names(start, cloud):
    program = event_handler(start, cloud)
    assert push(program.port, heartbeat(1))[0] == 200, "stored in the table of a project that had to be asked for"
    event, trace = heartbeat(2), "4bf92f3577b34da6a3ce929d0e0e4736"
    traced = request(event.body(), [f"traceparent: 00-{trace}-00f067aa0ba902b7-01"])
    assert ask(program.port, traced)[0] == 200
    line = handled(program, event)
    assert line["logging.googleapis.com/trace"] == f"projects/demo-project/traces/{trace}"
    assert line["logging.googleapis.com/spanId"] == "00f067aa0ba902b7"


def test_an_event_that_cannot_be_read_has_its_time_too(start, cloud):
    program = event_handler(start, cloud)
    assert push(program.port, heartbeat(1, datetime=5))[0] == 400
    [line] = log(program, "ERROR")
    assert {"parse_ms", "ms"} <= line.keys() and "store_ms" not in line


def test_a_terminal_that_nobody_reads_stops_no_event(cloud):
    reading, writing = pty.openpty()
    port = free_port()
    with started(environment_of(cloud, port), writing) as process:
        os.close(writing)
        assert b"listening" in os.read(reading, 65_536)
        # A terminal holds a few KiB.
        assert [push(port, heartbeat(number))[0] for number in range(300)] == [200] * 300
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
    os.close(reading)


def test_a_log_file_that_may_not_grow_any_more_stops_no_event(start, cloud):
    limit = (2_048, 2_048)
    program = start("twined-functions", "event-handler", environment=cloud.environment("event-handler"),
                    preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert [push(program.port, heartbeat(number))[0] for number in range(30)] == [200] * 30
    assert program.terminate() == 0
    assert len(program.stderr()) == 2_048


def fill(pipe):
    """Writes until it takes nothing any more."""
    os.set_blocking(pipe, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe, bytes(4_096))


def test_what_is_wrong_at_the_start_is_no_reason_to_stay():
    """Nobody reads why it does not begin: a signal ends it; nobody is left to: it ends with its status."""
    reading, writing = os.pipe()
    fill(writing)
    os.set_blocking(writing, True)
    with started({"PORT": "x"}, writing) as process:
        status = pathlib.Path(f"/proc/{process.pid}/status")
        eventually(lambda: "State:\tS" in status.read_text(), "it waits for a reader")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == -signal.SIGTERM
    os.close(reading)
    with started({"PORT": "x"}, writing) as process:
        assert process.wait(PATIENCE_SECONDS) == 78
    os.close(writing)


def test_a_full_or_closed_standard_error_stops_no_event(cloud):
    reading, writing = os.pipe()
    port = free_port()
    with started(environment_of(cloud, port), writing) as process:
        os.close(writing)
        assert json.loads(os.read(reading, 65_536).splitlines()[0])["message"] == "listening"
        # Nobody reads: 64 KiB of the pipe and the buffer behind it are full long before the last event.
        bad = request(b"{")
        with Connection(port) as connection:
            for _ in range(3_000):
                connection.send(bad)
                assert connection.read_response()[0] == 400
            os.close(reading)
            for _ in range(10):
                connection.send(bad)
                assert connection.read_response()[0] == 400
        assert push(port, heartbeat(1))[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize("number", [signal.SIGILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE,
                                    signal.SIGTRAP])
def test_a_crash_is_reported_in_the_form_of_error_reporting(start, cloud, number):
    program = event_handler(start, cloud, K_SERVICE="main-handler")
    before = time.time()
    program.process.send_signal(number)
    assert program.process.wait(PATIENCE_SECONDS) == -number, "it ends as it would have"
    *_, line = log(program)
    assert (line["severity"], line["message"]) == ("ERROR", "the program crashed")
    assert line["@type"].endswith("ReportedErrorEvent") and line["serviceContext"]["service"] == "main-handler"
    assert re.fullmatch(rf"{number.name} at 0x[0-9a-f]+", line["signal"])
    moment = datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp()
    assert before - 5 <= moment <= time.time() + 5, "the date is reckoned by hand"


def test_a_fault_of_our_own_ends_the_process_with_a_report_and_is_no_500(start, shared):
    """Its connections end without an answer, which to Pub/Sub is as good as a 500: the event comes again."""
    event = question(1)
    shared.post("/faults", {"service": "bigquery", "effect": "late", "delayMilliseconds": 10_000, "count": 1})
    program = event_handler(start, shared)
    with Connection(program.port) as connection:
        connection.send(request(event.body()))
        program.process.send_signal(signal.SIGSEGV)
        assert connection.read_response() is None
    assert program.process.wait(PATIENCE_SECONDS) == -signal.SIGSEGV
    assert log(program)[-1]["message"] == "the program crashed"
    assert push(event_handler(start, shared).port, event)[0] == 200
    check_handled_once(shared, event)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_standard_descriptor_that_the_starter_closed_becomes_nobodys_connection(start, shared, number):
    """Else lines of the log would go to whoever is connected by that number."""
    program = start("twined-functions", "event-handler", environment=shared.environment("event-handler"),
                    preexec=lambda: os.close(number))
    events = [heartbeat(1), question(2)]
    for event in events:
        assert push(program.port, event)[0] == 200
    assert push(program.port, heartbeat(3, datetime=5))[0] == 400
    for event in events:
        check_handled_once(shared, event)
    assert program.terminate() == 0
    assert not [name for name in shared.get("/counts") if name.startswith("statuses.4")]


def test_a_crash_with_a_full_or_closed_standard_error_ends_all_the_same(cloud):
    for is_closed in [False, True]:
        reading, writing = os.pipe()
        with started(environment_of(cloud, free_port()), writing) as process:
            assert b"listening" in os.read(reading, 65_536)
            if is_closed:
                os.close(reading)
            else:
                fill(writing)
            process.send_signal(signal.SIGSEGV)
            assert process.wait(PATIENCE_SECONDS) == -signal.SIGSEGV
        os.close(writing)
        if not is_closed:
            os.close(reading)
