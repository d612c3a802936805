"""Every status and every kind of trouble on the wire, for every upstream of the event handler: what is answered,
how often it was tried, what came of it, and what is logged."""

import concurrent.futures
import contextlib
import signal
import time

import pytest

from cloud import LocalCloud
from events import check_handled_once, errors_about, eventually, heartbeat, jobs_of, log, push, request
from programs import Connection, starting
from upstreams import (BIGQUERY, STATUSES, UPSTREAMS, calls_of, check_failure_is_logged_once, check_recovery,
                       errors_about_message, next_index, start_cold, start_for, start_warm)


@pytest.mark.parametrize("status", sorted([401, *STATUSES]))
@pytest.mark.parametrize("upstream", UPSTREAMS, ids=str)
def test_what_every_status_of_an_upstream_means(start, shared, upstream, status):
    word, answer, attempts = upstream.outcome(status)
    program, event = start_for(start, shared, upstream, upstream.fault(status=status))
    since = next_index(shared)
    jobs = len(jobs_of(shared, event))
    assert push(program.port, event)[0] == answer
    assert len(calls_of(shared, upstream, since)) in [attempts * calls for calls in upstream.calls]
    assert len(jobs_of(shared, event)) == jobs, "the fault let something through"
    if word == "undispatchable":
        assert [line["message"] for line in errors_about(program, event)] == [
            "question not dispatched: it never can be"]
        assert shared.get("/counts")["messages.published"] == 1
    elif word == "refused":
        assert [line["message"] for line in errors_about(program, event)] == [
            "event cannot be stored, it is left to the subscription's policy"]
    elif answer == 503:
        check_failure_is_logged_once(program, event, upstream, status, attempts)
    if word not in ("undispatchable", "done"):
        check_recovery(shared, program, event, upstream)


# MARK: Trouble on the wire

#: What befalls the answer, with how many requests the call then takes in all: one where it can be read
#: nevertheless, two where it is tried again.
WIRE = {
    "reset before the answer": ({"end": "reset"}, 2),
    "closed before the answer": ({"end": "close"}, 2),
    "reset within the head": ({"end": "reset", "endAfterBytes": 20}, 2),
    "closed within the head": ({"end": "close", "endAfterBytes": 20}, 2),
    "reset within the body": ({"end": "reset", "endAfterBodyBytes": 1}, 2),
    "closed within the body": ({"end": "close", "endAfterBodyBytes": 1}, 2),
    "reset after the answer": ({"end": "reset", "endAfterBytes": -1}, 1),
    "closed after the answer": ({"end": "close", "endAfterBytes": -1}, 1),
    "a length too large, then the end": (
        {"framing": "length", "contentLengthBy": 10, "end": "close", "endAfterBytes": -1}, 2),
    "a body without the end of its chunks": ({"framing": "chunked", "end": "close", "endAfterBodyBytes": 1}, 2),
    "drip": ({"drip": {"bytes": 16, "everyMilliseconds": 1}}, 1),
    "no HTTP": ({"garbage": True}, 2),
    "two lengths": ({"duplicateContentLength": True}, 2),
    "length and chunks": ({"lengthAndChunked": True}, 2),
    "a status line that is none": ({"statusLine": "HTTP/1.1 2OO OK"}, 2),
    "another protocol": ({"statusLine": "SSH-2.0-OpenSSH"}, 2),
    "an answer over 8 MiB": ({"bodyFillBytes": 8_388_609}, 2),
    "three interim answers": ({"interim": 3}, 1),
    "a flood of interim answers": ({"interim": 9}, 2),
    "chunks of three bytes": ({"framing": "chunked", "chunkBytes": 3}, 1),
    "an end by closing": ({"framing": "close"}, 1),
    "gzip": ({"gzip": True}, 1),
    "gzip in chunks": ({"gzip": True, "framing": "chunked", "chunkBytes": 5}, 1),
    "bytes after the answer": ({"extra": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"}, 1),
}


@pytest.mark.parametrize("wire", WIRE)
@pytest.mark.parametrize("upstream", UPSTREAMS, ids=str)
def test_one_broken_answer_is_made_good_within_the_event(start, shared, upstream, wire):
    what, requests = WIRE[wire]
    fault = upstream.fault(**what, effect=True, count=1)
    event = upstream.event(1)
    since = 0
    if upstream.line_of_cold_failure:
        shared.post("/faults", fault)
        program = start_warm(start, shared)
    else:
        program = start_warm(start, shared, **upstream.variables)
        if upstream.prepare:
            upstream.prepare(shared, program.port, event)
        since = next_index(shared)
        shared.post("/faults", fault)
    assert push(program.port, event)[0] == 200
    assert [fault["applied"] for fault in shared.get("/faults")["faults"]] == [1]
    assert len(calls_of(shared, upstream, since)) == requests
    if upstream.name == "dead letter":
        assert shared.get("/counts")["messages.published"] == requests
    else:
        check_handled_once(shared, event)
        assert not log(program, "ERROR")


#: Trouble that does not end: requests of one call in all. An attempt on a kept connection that fails before any byte
#: of an answer is repeated at once on a new one, so there may be as many more as connections were kept.
LASTING = {
    "reset before the answer, nothing done": ({"end": "reset", "effect": False}, (3, 4, 5, 6)),
    "reset before the answer, all done": ({"end": "reset", "effect": True}, (3, 4, 5, 6)),
    "closed within the head": ({"end": "close", "endAfterBytes": 20, "effect": True}, (3,)),
    "closed within the body": ({"end": "close", "endAfterBodyBytes": 1, "effect": True}, (3,)),
    "no HTTP": ({"garbage": True, "effect": False}, (3,)),
    "an answer over 8 MiB": ({"bodyFillBytes": 8_388_609, "effect": False}, (3,)),
}


@pytest.mark.parametrize("trouble", LASTING)
@pytest.mark.parametrize("upstream", UPSTREAMS, ids=str)
def test_lasting_trouble_is_met_with_three_attempts_and_a_redelivery(start, shared, upstream, trouble):
    what, requests = LASTING[trouble]
    program, event = start_for(start, shared, upstream, upstream.fault(**what))
    since = next_index(shared)
    answer = push(program.port, event)[0]
    if upstream.name == "create" and what["effect"]:
        # The first attempt made the Job, whatever became of its answer; the repeated ones are answered 409.
        assert len(jobs_of(shared, event)) == 1
    assert answer == 503
    assert len(calls_of(shared, upstream, since)) in [each * calls for each in requests for calls in upstream.calls]
    assert len(errors_about(program, event) or errors_about_message(program, event)) == 1
    check_recovery(shared, program, event, upstream)


@pytest.mark.parametrize("upstream", UPSTREAMS, ids=str)
def test_a_refused_connection_is_tried_again_until_the_listener_is_back(start, shared, upstream):
    event = upstream.event(1)
    if upstream.prepare:
        upstream.prepare(shared, start_warm(start, shared).port, event)
    asked = shared.get("/counts").get("requests.container", 0)
    shared.post("/listeners", {"service": upstream.service, "open": False})
    program = start_cold(start, shared, **upstream.variables)
    if upstream.line_of_cold_failure:
        eventually(lambda: upstream.line_of_cold_failure in program.stderr(), "the warm-up's failure")
    assert push(program.port, event)[0] == 503
    assert len(errors_about(program, event) or errors_about_message(program, event)) == 1
    if upstream.service == "kubernetes":
        # The cluster may have moved: GKE is asked once more, whatever the number of attempts.
        assert shared.get("/counts")["requests.container"] == asked + 2
    shared.post("/listeners", {"service": upstream.service, "open": True})
    check_recovery(shared, program, event, upstream)


def test_an_answer_that_came_while_the_program_stood_still_is_taken(start, shared):
    """As where the platform gives no processor time: the attempt's time is over when it goes on."""
    program = start_warm(start, shared)
    assert push(program.port, heartbeat(1))[0] == 200
    shared.post("/settings", {"latencyMilliseconds": {"bigquery": 1_000}})
    with Connection(program.port) as connection:
        connection.send(request(heartbeat(2).body()))
        time.sleep(0.5)  # The answer comes after this, and before what follows is over.
        program.process.send_signal(signal.SIGSTOP)
        time.sleep(2)  # The attempt has a third of five seconds.
        program.process.send_signal(signal.SIGCONT)
        assert connection.read_response()[0] == 200
    assert len(calls_of(shared, BIGQUERY)) == 2


def test_an_upstream_that_hangs_costs_no_more_than_the_events_time(tmp_path):
    """All of them at once, each with a cloud and a handler of its own; nothing is sent after the answer."""
    with concurrent.futures.ThreadPoolExecutor(len(UPSTREAMS)) as pool:
        list(pool.map(lambda upstream: hang(tmp_path / str(upstream), upstream), UPSTREAMS))


def hang(directory, upstream):
    directory.mkdir()
    with contextlib.closing(LocalCloud(directory)) as cloud, starting(directory) as start:
        fault = upstream.fault(end="hang", effect=False)
        if upstream.line_of_cold_failure:
            cloud.post("/faults", fault)
            event, since = upstream.event(1), 0
            program = start_cold(start, cloud)
        else:
            program, event = start_for(start, cloud, upstream, fault)
            since = next_index(cloud)
        assert push(program.port, event)[0] == 503
        assert len(errors_about(program, event) or errors_about_message(program, event)) == 1
        sent = calls_of(cloud, upstream, since)
        assert 1 <= len(sent) <= 3
        if not upstream.line_of_cold_failure:
            assert len(sent) == 3, "a stalled attempt is given up in time for the next ones"
            # What comes after the answer is another event's; the event itself sends nothing more.
            if upstream.name != "bigquery":
                assert push(program.port, heartbeat(2))[0] == 200
            after = calls_of(cloud, upstream, since)
            assert not [call for call in after[len(sent):] if event.uuid in call["body"]]
        check_recovery(cloud, program, event, upstream)
