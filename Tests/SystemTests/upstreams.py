"""The upstreams of the event handler, what their statuses mean, and handlers with a fault in their way.

The table is that of the specification, written down a second time on purpose: the code has its own
(Sources/Functions/Policy.swift), and docs/RETRIES.md a third that is compared with the code.
"""

import dataclasses

from cloud import event_handler
from events import (DEAD_LETTERS, Event, cancellation, check_handled_once, deliver, errors_about, eventually,
                    heartbeat, log, push, question, rows_of)

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
    #: Calls that are seen with one event: the warm-up may make another beside it.
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
             line_of_cold_failure="the cluster's endpoint could not be obtained", calls=(1, 2)),
    Upstream("metadata", "metadata", "GET", "/token", {401: UNAVAILABLE}, "credentials", heartbeat,
             line_of_cold_failure="no access token could be obtained", calls=(1, 2)),
]
BY_NAME = {upstream.name: upstream for upstream in UPSTREAMS}
BIGQUERY = BY_NAME["bigquery"]
CREATE = BY_NAME["create"]
GET = BY_NAME["get"]
DELETE = BY_NAME["delete"]
GKE = BY_NAME["gke"]


def start_cold(start, cloud, **variables):
    """A handler that may still be without its token and its cluster."""
    return event_handler(start, cloud, CLOUD_RUN_TIMEOUT_SECONDS="10", GOOGLE_CLOUD_PROJECT="demo-project", **variables)


def start_warm(start, cloud, **variables):
    """A handler that has its token, its cluster and its connections."""
    program = start_cold(start, cloud, **variables)
    cloud.wait("tokens.issued", atLeast=1)
    cloud.wait("requests.container", atLeast=1)
    return program


def start_for(start, cloud, upstream, fault):
    """A handler in whose way the fault stands, and the event that meets it."""
    event = upstream.event(1)
    if upstream.line_of_cold_failure:
        cloud.post("/faults", fault)
        program = start_cold(start, cloud)
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
    return [line for line in log(program, "ERROR") if line.get("message_id") == str(event.number)]


def check_recovery(cloud, program, event, upstream):
    """With the fault gone, a redelivery is acknowledged, and all is there once."""
    cloud.post("/faults/clear", {})
    deliver(program.port, event)
    if upstream.name == "dead letter":
        assert cloud.get("/counts")["messages.published"] >= 1
        assert not rows_of(cloud, event)
    else:
        check_handled_once(cloud, event)


def deliver_under(start, cloud, event, *faults, **variables):
    """Delivers once to a warm handler under these faults: the status, the handler."""
    program = start_warm(start, cloud, **variables)
    cloud.post("/faults", list(faults))
    return push(program.port, event)[0], program


def messages_on(cloud, topic):
    return [m for m in cloud.get("/messages")["messages"] if m["topic"].endswith(topic)]
