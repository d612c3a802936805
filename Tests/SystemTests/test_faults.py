"""Every outcome of every upstream: what is answered, how often it was tried, what came of it, and what is logged.

The tables here are those of the specification, written down a second time on purpose: the code has its own
(Sources/Functions/Policy.swift), and docs/RETRIES.md a third that is compared with the code.
"""

import dataclasses

import pytest

from cloud import LocalCloud, event_handler, service_registry
from events import (DEAD_LETTERS, Event, cancellation, check_handled_once, deliver, errors_about, eventually,
                    heartbeat, jobs_of, log, push, question, rows_of)
from programs import Connection

AGAIN = ("again", 503, 3)
UNAVAILABLE = ("unavailable", 503, 1)
FRESH_TOKEN = ("fresh token", 503, 2)
DONE = ("done", 200, 1)

STATUSES = [201, 202, 203, 204, 206, 299, 300, 301, 302, 303, 304, 307, 308, 400, 402, 403, 404, 405, 406, 408, 409,
            410, 412, 413, 415, 422, 425, 429, 451, 500, 501, 502, 503, 504, 505, 507, 599]
ANY = {401: FRESH_TOKEN, **dict.fromkeys([408, 429, 500, 502, 503, 504], AGAIN)}


@dataclasses.dataclass(frozen=True)
class Upstream:
    """One upstream: which requests are its own, what makes the handler call it, and what its statuses mean."""

    name: str
    service: str
    method: str
    target: str
    #: Beside ANY; whatever neither names is UNAVAILABLE.
    outcomes: dict
    #: As the log names it.
    logged: str
    event: object
    prepare: object = None
    variables: dict = dataclasses.field(default_factory=dict)
    #: Asked by the warm-up already: its faults are set before the program starts.
    line_of_cold_failure: str = None
    #: Calls that one event may make of it.
    calls: tuple = (1,)

    def outcome(self, status):
        return self.outcomes.get(status) or ANY.get(status) or UNAVAILABLE

    def fault(self, **what):
        return {"service": self.service, "method": self.method, "target": self.target, "count": -1, **what}

    def __str__(self):
        return self.name.replace(" ", "-")


def its_job_exists(cloud, port, event):
    deliver(port, event)


def its_question_was_asked(cloud, port, event):
    deliver(port, Event(999, "question", {"input_values": 1}, question=event.question))


def malformed(number):
    return Event(number, "heartbeat", sender=None)


UPSTREAMS = [
    Upstream("bigquery", "bigquery", "POST", "insertAll", {413: ("refused", 400, 1)}, "bigquery", heartbeat),
    Upstream("create", "kubernetes", "POST", "/jobs",
             {201: DONE, 202: DONE, 409: AGAIN, **dict.fromkeys([400, 413, 422], ("undispatchable", 200, 1))},
             "kubernetes", question),
    Upstream("get", "kubernetes", "GET", "/jobs/", {403: DONE, 404: DONE}, "kubernetes", question, its_job_exists),
    Upstream("delete", "kubernetes", "DELETE", "/jobs/", {202: DONE, 404: DONE, 409: AGAIN}, "kubernetes",
             lambda number: cancellation(number, question(number)), its_question_was_asked),
    Upstream("dead letter", "pubsub", "POST", ":publish", {}, "pubsub", malformed,
             variables={"DEAD_LETTER_TOPIC_NAME": DEAD_LETTERS}),
    Upstream("gke", "container", "GET", "/clusters/", {}, "gke", question,
             line_of_cold_failure="the cluster's endpoint cannot be had", calls=(1, 2)),
    Upstream("metadata", "metadata", "GET", "/token", {401: UNAVAILABLE}, "credentials", heartbeat,
             line_of_cold_failure="no access token could be had"),
]
BY_NAME = {upstream.name: upstream for upstream in UPSTREAMS}


@pytest.fixture(scope="module")
def module_cloud(tmp_path_factory):
    cloud = LocalCloud(tmp_path_factory.mktemp("cloud"))
    try:
        yield cloud
        assert cloud.program.process.poll() is None, cloud.program.stderr()
    finally:
        cloud.close()


@pytest.fixture
def shared(module_cloud):
    """The local cloud, as new."""
    module_cloud.reset()
    return module_cloud


def start_warm(start, cloud, **variables):
    """A handler that has its token, its cluster and its connections."""
    program = event_handler(start, cloud, CLOUD_RUN_TIMEOUT_SECONDS="10",
                            GOOGLE_CLOUD_PROJECT="demo-project", **variables)
    cloud.wait("tokens.issued", atLeast=1)
    cloud.wait("requests.container", atLeast=1)
    return program


def start_for(start, cloud, upstream, fault):
    """A handler in whose way the fault stands, and the event that meets it."""
    event = upstream.event(1)
    if upstream.line_of_cold_failure:
        cloud.post("/faults", fault)
        program = event_handler(start, cloud, CLOUD_RUN_TIMEOUT_SECONDS="10", GOOGLE_CLOUD_PROJECT="demo-project")
        eventually(lambda: upstream.line_of_cold_failure in program.stderr(), "the warm-up's failure")
        return program, event
    program = start_warm(start, cloud, **upstream.variables)
    if upstream.prepare:
        upstream.prepare(cloud, program.port, event)
    cloud.post("/faults", fault)
    return program, event


def calls_of(cloud, upstream, since=0):
    found = cloud.get(f"/requests?service={upstream.service}&method={upstream.method}&since={since}")["requests"]
    return [call for call in found if upstream.target in call["target"]]


def next_index(cloud):
    requests = cloud.get("/requests")["requests"]
    return requests[-1]["index"] + 1 if requests else 0


def check_failure_is_logged_once(program, event, upstream, status, attempts):
    """One ERROR line names event, question, upstream, status, attempts, and what happens next."""
    is_event = "sender" in event.attributes
    lines = errors_about(program, event) if is_event else errors_about_message(program, event)
    assert len(lines) == 1, lines
    line = lines[0]
    assert "will be redelivered" in line["message"]
    assert line["upstream"] == upstream.logged and line["reason"]
    if is_event:
        assert line["kind"] == event.kind and line["question"] == event.question
    if upstream.name == "metadata":
        # The token is fetched for all who wait, so its attempts are nobody's; the reason says what came.
        assert line["attempt"] == 0 and str(status) in line["reason"]
    else:
        assert line.get("status") == status and line["attempt"] == attempts


def errors_about_message(program, event):
    """What is no event has no uuid: it is named by its message."""
    return [line for line in log(program)
            if line["severity"] == "ERROR" and line.get("message_id") == str(event.number)]


def check_recovery(cloud, program, event, upstream):
    """With the fault gone, a redelivery is acknowledged, and all is there once."""
    cloud.post("/faults/clear", {})
    deliver(program.port, event)
    if upstream.name == "dead letter":
        assert cloud.get("/counts")["messages.published"] >= 1
        assert not rows_of(cloud, event)
    else:
        check_handled_once(cloud, event)


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
    "a length too large, then the end": ({"contentLengthBy": 10, "end": "close", "endAfterBytes": -1}, 2),
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
    what, attempts = WIRE[wire]
    program, event = start_warm(start, shared, **upstream.variables), upstream.event(1)
    if upstream.prepare:
        upstream.prepare(shared, program.port, event)
    since = next_index(shared)
    if upstream.line_of_cold_failure:
        shared.reset()
        shared.post("/faults", upstream.fault(**what, effect=True, count=1))
        program = start_warm(start, shared)
    else:
        shared.post("/faults", upstream.fault(**what, effect=True, count=1))
    assert push(program.port, event)[0] == 200
    assert [fault["applied"] for fault in shared.get("/faults")["faults"]] == [1]
    assert len(calls_of(shared, upstream, 0 if upstream.line_of_cold_failure else since)) == attempts
    if upstream.name == "dead letter":
        assert shared.get("/counts")["messages.published"] == attempts
    else:
        check_handled_once(shared, event)
    assert not [line for line in log(program) if line["severity"] == "ERROR" and upstream.name != "dead letter"]
