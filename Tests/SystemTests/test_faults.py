"""Every outcome of every upstream: what is answered, how often it was tried, what came of it, and what is logged.

The tables here are those of the specification, written down a second time on purpose: the code has its own
(Sources/Functions/Policy.swift), and docs/RETRIES.md a third that is compared with the code.
"""

import concurrent.futures
import dataclasses

import pytest

from cloud import LocalCloud, event_handler, service_registry
from events import (DEAD_LETTERS, Event, cancellation, check_handled_once, deliver, errors_about, eventually,
                    heartbeat, jobs_of, log, push, question, rows_of)
from programs import Program

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
    "a length too large, then the end": ({"framing": "length", "contentLengthBy": 10, "end": "close", "endAfterBytes": -1}, 2),
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
        assert not [line for line in log(program) if line["severity"] == "ERROR"]


#: Trouble that does not end: requests of one call in all, one more where the kept connection was the first to fail.
LASTING = {
    "reset before the answer, nothing done": ({"end": "reset", "effect": False}, (3, 4)),
    "reset before the answer, all done": ({"end": "reset", "effect": True}, (3, 4)),
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
    program = event_handler(start, shared, CLOUD_RUN_TIMEOUT_SECONDS="10", GOOGLE_CLOUD_PROJECT="demo-project",
                            **upstream.variables)
    if upstream.line_of_cold_failure:
        eventually(lambda: upstream.line_of_cold_failure in program.stderr(), "the warm-up's failure")
    assert push(program.port, event)[0] == 503
    assert len(errors_about(program, event) or errors_about_message(program, event)) == 1
    if upstream.service == "kubernetes":
        # The cluster may have moved: GKE is asked once more, whatever the number of attempts.
        assert shared.get("/counts")["requests.container"] == asked + 2
    shared.post("/listeners", {"service": upstream.service, "open": True})
    check_recovery(shared, program, event, upstream)


def test_an_upstream_that_hangs_costs_no_more_than_the_events_time(tmp_path):
    """All of them at once, each with a cloud and a handler of its own; nothing is sent after the answer."""
    with concurrent.futures.ThreadPoolExecutor(len(UPSTREAMS)) as pool:
        list(pool.map(lambda upstream: hang(tmp_path / str(upstream), upstream), UPSTREAMS))


def hang(directory, upstream):
    directory.mkdir()
    cloud = LocalCloud(directory)
    programs = []

    def start_program(name, *arguments, environment=None):
        programs.append(Program(name, arguments, environment, log_directory=directory))
        return programs[-1].wait_until_listening()

    try:
        fault = upstream.fault(end="hang", effect=False)
        if upstream.line_of_cold_failure:
            cloud.post("/faults", fault)
            event, since = upstream.event(1), 0
            program = event_handler(start_program, cloud, CLOUD_RUN_TIMEOUT_SECONDS="10",
                                    GOOGLE_CLOUD_PROJECT="demo-project")
        else:
            program, event = start_for(start_program, cloud, upstream, fault)
            since = next_index(cloud)
        assert push(program.port, event)[0] == 503
        assert len(errors_about(program, event) or errors_about_message(program, event)) == 1
        sent = calls_of(cloud, upstream, since)
        assert 1 <= len(sent) <= 3
        if not upstream.line_of_cold_failure:
            assert len(sent) == 3, "a stalled attempt is given up in time for the next ones"
            # What comes after the answer is another event's; the event itself sends nothing more.
            assert push(program.port, heartbeat(2))[0] == (503 if upstream.name == "bigquery" else 200)
            after = calls_of(cloud, upstream, since)
            assert not [call for call in after[len(sent):] if event.uuid in call["body"]]
        check_recovery(cloud, program, event, upstream)
    finally:
        for program in programs:
            program.close()
        cloud.close()


# MARK: What the answers say beyond their status

def deliver_under(start, cloud, event, *faults, **variables):
    """Delivers once to a warm handler under these faults: the status, the handler."""
    program = start_warm(start, cloud, **variables)
    cloud.post("/faults", list(faults))
    return push(program.port, event)[0], program


def messages_on(cloud, topic):
    return [m for m in cloud.get("/messages")["messages"] if m["topic"].endswith(topic)]


BIGQUERY = BY_NAME["bigquery"]
CREATE = BY_NAME["create"]
GET = BY_NAME["get"]
DELETE = BY_NAME["delete"]


@pytest.mark.parametrize("preset, answer, attempts", [
    ("row-timeout", 503, 3), ("row-backend-error", 503, 3), ("row-stopped", 503, 3), ("row-invalid", 400, 1),
    ("google-rate-limit", 503, 3), ("google-forbidden", 503, 1), ("google-not-found", 503, 1),
    ("google-too-many-requests", 503, 3), ("payload-too-large", 400, 1), ("payload-too-large-413", 400, 1)])
def test_what_bigquery_says_decides(start, shared, preset, answer, attempts):
    event = heartbeat(1)
    status, program = deliver_under(start, shared, event, BIGQUERY.fault(preset=preset))
    assert status == answer
    assert len(calls_of(shared, BIGQUERY)) == attempts
    [line] = errors_about(program, event)
    assert line["kind"] == "heartbeat" and line["question"] == event.question
    check_recovery(shared, program, event, BIGQUERY)


@pytest.mark.parametrize("preset", ["row-invalid", "payload-too-large", "payload-too-large-413"])
def test_what_bigquery_will_never_take_goes_to_the_dead_letters(start, shared, preset):
    event = question(1)
    status, program = deliver_under(start, shared, event, BIGQUERY.fault(preset=preset),
                                    DEAD_LETTER_TOPIC_NAME=DEAD_LETTERS)
    assert status == 200
    [letter] = messages_on(shared, DEAD_LETTERS)
    assert letter["data"] == event.message()["data"] and letter["orderingKey"] == event.question
    reason = letter["attributes"].pop("twined-dead-letter-reason")
    assert reason.startswith("BigQuery finds")
    assert letter["attributes"] == {
        **event.attributes, "twined-dead-letter-subscription": "projects/demo-project/subscriptions/events",
        "twined-dead-letter-message-id": "1"}
    assert not jobs_of(shared, event)
    assert [line["message"] for line in errors_about(program, event)] == [
        "event cannot be stored; it is in the dead-letter topic"]


@pytest.mark.parametrize("body", ["", "[]", "1", "null", "{", '{"insertErrors":1}', '{"insertErrors":{}}'])
def test_a_200_that_is_no_answer_of_bigquerys_is_not_believed(start, shared, body):
    event = heartbeat(1)
    status, program = deliver_under(start, shared, event, BIGQUERY.fault(status=200, body=body))
    assert status == 503
    assert len(calls_of(shared, BIGQUERY)) == 3
    check_recovery(shared, program, event, BIGQUERY)


def test_no_word_of_a_row_that_failed_without_a_reason_is_taken_for_success(start, shared):
    event = heartbeat(1)
    body = '{"insertErrors":[{"index":0,"errors":[{}]}]}'
    status, program = deliver_under(start, shared, event, BIGQUERY.fault(status=200, body=body))
    assert status == 503
    check_recovery(shared, program, event, BIGQUERY)


def test_409_of_its_own_job_is_done(start, shared):
    event = question(1)
    program = start_warm(start, shared)
    assert [push(program.port, event)[0] for _ in range(3)] == [200, 200, 200]
    check_handled_once(shared, event)
    assert len(calls_of(shared, CREATE)) == 3 and len(calls_of(shared, GET)) == 2


def test_409_of_another_events_job_is_done_with_a_warning_that_names_both(start, shared):
    first, second = question(1), Event(2, "question", {"input_values": 2}, question=question(1).question)
    program = start_warm(start, shared)
    assert [push(program.port, event)[0] for event in (first, second)] == [200, 200]
    check_handled_once(shared, first)
    assert rows_of(shared, second) and len(jobs_of(shared, second)) == 1
    [line] = [line for line in log(program) if line["severity"] == "WARNING"]
    assert (line["event"], line["owner"], line["job"]) == (second.uuid, first.uuid, first.job)
    assert not messages_on(shared, "services"), "the asker of the first question is not told"


def test_409_of_the_quotas_race_is_tried_again(start, shared):
    event = question(1)
    status, _ = deliver_under(start, shared, event, CREATE.fault(preset="quota-conflict", count=1))
    assert status == 200
    assert len(calls_of(shared, CREATE)) == 2 and not calls_of(shared, GET)
    check_handled_once(shared, event)


def test_409_whose_job_may_not_be_read_is_done(start, shared):
    event = question(1)
    shared.post("/kubernetes", {"denied": ["get jobs"]})
    program = start_warm(start, shared)
    assert [push(program.port, event)[0] for _ in range(2)] == [200, 200]
    check_handled_once(shared, event)
    assert [call["status"] for call in calls_of(shared, GET)] == [403]


@pytest.mark.parametrize("preset", ["timeout", "timeout-plain"])
@pytest.mark.parametrize("effect", [True, False], ids=["made", "not made"])
def test_504_says_nothing_about_the_job(start, shared, preset, effect):
    event = question(1)
    status, program = deliver_under(start, shared, event, CREATE.fault(preset=preset, effect=effect, count=1))
    assert status == 200
    assert len(calls_of(shared, CREATE)) == 2
    assert len(calls_of(shared, GET)) == effect, "only a Job that is there already is read"
    check_handled_once(shared, event)
    assert not errors_about(program, event)


def test_an_exceeded_quota_is_success_for_a_job_of_its_own(start, shared):
    event = question(1)
    program = start_warm(start, shared)
    deliver(program.port, event)
    shared.post("/kubernetes", {"quota": {"default": 1}})
    assert push(program.port, event)[0] == 200
    check_handled_once(shared, event)


def test_an_exceeded_quota_without_a_job_is_503_until_there_is_room(start, shared):
    event = question(1)
    shared.post("/kubernetes", {"quota": {"default": 0}})
    program = start_warm(start, shared)
    assert push(program.port, event)[0] == 503
    assert len(calls_of(shared, CREATE)) == 1 and len(calls_of(shared, GET)) == 1
    check_failure_is_logged_once(program, event, CREATE, 403, 1)
    assert not messages_on(shared, "services"), "a full quota passes, so the asker is not told"
    shared.post("/kubernetes", {"quota": {"default": None}})
    check_recovery(shared, program, event, CREATE)


def test_an_exceeded_quota_with_anothers_job_is_503(start, shared):
    first, second = question(1), Event(2, "question", {"input_values": 2}, question=question(1).question)
    program = start_warm(start, shared)
    deliver(program.port, first)
    shared.post("/kubernetes", {"quota": {"default": 1}})
    assert push(program.port, second)[0] == 503
    shared.post("/kubernetes", {"quota": {"default": None}})
    assert push(program.port, second)[0] == 200
    check_handled_once(shared, first)


@pytest.mark.parametrize("preset, answer, attempts", [
    ("forbidden", 503, 1), ("unauthorized", 503, 2), ("invalid", 200, 1), ("webhook", 503, 3),
    ("terminating", 503, 1)])
def test_what_the_cluster_says_decides(start, shared, preset, answer, attempts):
    event = question(1)
    status, program = deliver_under(start, shared, event, CREATE.fault(preset=preset))
    assert status == answer
    assert len(calls_of(shared, CREATE)) == attempts
    assert bool(messages_on(shared, "services")) == (preset == "invalid")
    if answer == 503:
        check_failure_is_logged_once(
            program, event, CREATE, calls_of(shared, CREATE)[-1]["status"], attempts)
        check_recovery(shared, program, event, CREATE)


def test_a_cancellation_of_a_job_that_is_going_already_is_done(start, shared):
    asked = question(1)
    program = start_warm(start, shared)
    deliver(program.port, asked)
    event = cancellation(2, asked)
    assert [push(program.port, event)[0] for _ in range(2)] == [200, 200]
    check_handled_once(shared, event)
    assert [call["status"] for call in calls_of(shared, DELETE)] == [200, 404]
    assert shared.get("/jobs")["pods"] == 0


@pytest.mark.parametrize("question_uuid", ["", ".", "..", "a/b", "A", "?", "%2e", "a" * 55])
def test_a_cancellation_that_names_no_job_sends_nothing(start, shared, question_uuid):
    program = start_warm(start, shared)
    bystander = question(7)
    deliver(program.port, bystander)
    event = Event(1, "cancellation", question_uuid=question_uuid)
    assert push(program.port, event)[0] == 200
    assert rows_of(shared, event) and not calls_of(shared, DELETE)
    check_handled_once(shared, bystander)


# MARK: Retry-After, tokens, the cluster's move

@pytest.mark.parametrize("value, attempts", [
    ("0", 3), ("Sun, 06 Nov 1994 08:49:37 GMT", 3), ("Sunday, 06-Nov-94 08:49:37 GMT", 3),
    ("Sun Nov  6 08:49:37 1994", 3), ("3600", 1), ("99999999999999999999", 1),
    ("Fri, 01 Jan 2100 00:00:00 GMT", 1), ("soon", 3), ("-1", 3), ("", 3), ("1.5", 3)])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed_where_it_fits_the_deadline(start, shared, status, value, attempts):
    event = heartbeat(1)
    answer, program = deliver_under(
        start, shared, event, BIGQUERY.fault(status=status, headers={"Retry-After": value}))
    assert answer == 503
    assert len(calls_of(shared, BIGQUERY)) == attempts
    check_recovery(shared, program, event, BIGQUERY)


def test_retry_after_is_waited_for(start, shared):
    event = heartbeat(1)
    answer, _ = deliver_under(
        start, shared, event, BIGQUERY.fault(status=429, headers={"Retry-After": "1"}, count=1))
    assert answer == 200
    first, second = calls_of(shared, BIGQUERY)
    assert second["receivedMilliseconds"] - first["receivedMilliseconds"] >= 1000


def test_an_outage_is_met_with_a_budget(start, shared):
    """Ten retries, then one attempt an event, until successes have paid for more."""
    program = start_warm(start, shared)
    shared.post("/faults", BIGQUERY.fault(status=503, headers={"Retry-After": "0"}))
    events = [heartbeat(number) for number in range(1, 31)]
    for event in events:
        assert push(program.port, event)[0] == 503
    assert len(calls_of(shared, BIGQUERY)) == len(events) + 10
    shared.post("/faults/clear", {})
    for event in events:
        assert push(program.port, event)[0] == 200
        check_handled_once(shared, event)


@pytest.mark.parametrize("kind", [heartbeat, question], ids=["heartbeat", "question"])
def test_a_revoked_token_is_replaced_once(start, shared, kind):
    program = start_warm(start, shared)
    deliver(program.port, kind(1))
    shared.post("/tokens", {"revokeAll": True})
    event = kind(2)
    assert push(program.port, event)[0] == 200
    check_handled_once(shared, event)
    assert shared.get("/counts")["tokens.issued"] == 2
    assert [call["status"] for call in calls_of(shared, BIGQUERY)] == [200, 401, 200]
    assert not errors_about(program, event)


@pytest.mark.parametrize("change", [{"rotate": True}, "endpoint"], ids=["its authority rotates", "its address changes"])
def test_a_cluster_that_has_moved_is_found_within_the_event(start, shared, change):
    if change == "endpoint":
        # Where GKE says it is, nobody listens; then it says where it is now.
        endpoint = f"127.0.0.1:{shared.ready['ports']['kubernetes']}"
        shared.post("/cluster", {"endpoint": "127.0.0.1:1"})
        program = start_warm(start, shared)
        eventually(lambda: all(
            call["status"] for call in calls_of(shared, BY_NAME["gke"])), "GKE's first answer")
        shared.post("/cluster", {"endpoint": endpoint})
    else:
        program = start_warm(start, shared)
        # The server starts anew with its new certificate: what is still connected is told to go.
        shared.post("/cluster", change)
    event = question(1)
    assert push(program.port, event)[0] == 200
    check_handled_once(shared, event)
    assert shared.get("/counts")["requests.container"] == 2
    assert not errors_about(program, event)


def test_a_cluster_of_unknown_authority_gets_nothing(start, shared):
    program = start_warm(start, shared)
    shared.post("/certificates", {"service": "kubernetes", "issuer": "unknown"})
    event = question(1)
    assert push(program.port, event)[0] == 503
    assert not calls_of(shared, CREATE)
    assert shared.get("/counts")["requests.container"] == 2
    shared.post("/certificates", {"service": "kubernetes", "restore": True})
    check_recovery(shared, program, event, CREATE)


# MARK: Large events

def test_an_event_over_ten_mebibytes_is_never_sent(start, shared):
    event = Event(1, "result", {"output_values": "x" * 10_485_760})
    status, program = deliver_under(start, shared, event)
    assert status == 400
    assert not calls_of(shared, BIGQUERY)
    [line] = errors_about(program, event)
    assert "10485760" in line["reason"]


def test_text_that_only_fits_as_utf8_is_sent_as_utf8(start, shared):
    text = "é" * 3_000_000  # Six bytes each as an escape, and a seventh for the backslash; two as UTF-8.
    event = Event(1, "result", {"output_values": text})
    status, _ = deliver_under(start, shared, event)
    assert status == 200
    [row] = rows_of(shared, event)
    assert row["json"]["event"] == '{"output_values": "' + text + '"}'


def test_an_event_over_ten_megabytes_is_no_dead_letter(start, shared):
    event = Event(1, "result", {"output_values": "x" * 10_485_760})
    status, program = deliver_under(start, shared, event, DEAD_LETTER_TOPIC_NAME=DEAD_LETTERS)
    assert status == 400
    assert not messages_on(shared, DEAD_LETTERS)
    [line] = errors_about(program, event)
    assert line["outcome"] == "refused: Pub/Sub cannot take it either"
