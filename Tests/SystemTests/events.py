"""Events of the network as Pub/Sub pushes them, what became of them, and the handler's log."""

import base64
import json
import time

from programs import PATIENCE_SECONDS, ask

TOPIC = "main.octue.twined.services"
SUBSCRIPTION = "projects/demo-project/subscriptions/events"
DEAD_LETTERS = "main.octue.twined.dead-letters"
#: What one line of the log may hold (docs/LIMITS.md).
LOG_LINE_BYTES_MAX = 16_384


def uuid(number, family=0):
    return f"{number:08x}-{family:04x}-4000-8000-000000000000"


class Event:
    """One event: what is pushed, and what must become of it."""

    def __init__(self, number, kind="heartbeat", content=None, question=None, data=None, **attributes):
        """`data`: bytes that are pushed in place of the content."""
        self.number = number
        self.raw = data
        self.kind = kind
        self.uuid = attributes.get("uuid", uuid(number))
        self.question = question or uuid(number, 1)
        self.content = {"kind": kind, **(content or {})}
        self.attributes = {
            "uuid": self.uuid, "datetime": "2024-04-11T09:26:39.144818+00:00",
            "parent": "octue/parent-service:5.6.3", "originator": "octue/parent-service:5.6.3",
            "sender": "octue/parent-service:5.6.3", "sender_type": "PARENT", "sender_sdk_version": "0.70.0",
            "recipient": "octue/child-service:1.0.0", "question_uuid": self.question,
            "originator_question_uuid": self.question, "retry_count": "0", "forward_logs": "1",
            **attributes}
        self.attributes = {name: value for name, value in self.attributes.items() if value is not None}

    @property
    def job(self):
        return f"question-{self.question}"

    def message(self):
        return {"messageId": str(self.number), "orderingKey": self.question, "attributes": self.attributes,
                "data": base64.b64encode(self.data()).decode()}

    def data(self):
        return self.raw or json.dumps(self.content, ensure_ascii=False).encode()

    def body(self):
        return pushed(self.message())


def pushed(message):
    """The body of a message's push."""
    return json.dumps({"subscription": SUBSCRIPTION, "message": message}).encode()


def heartbeat(number, **attributes):
    return Event(number, "heartbeat", **attributes)


def question(number, content=None, **attributes):
    return Event(number, "question", content or {"input_values": {"height": number}}, **attributes)


def cancellation(number, of, **attributes):
    return Event(number, "cancellation", question=of.question, **attributes)


def request(body, fields=(), close=False):
    """A POST, with field lines besides; JSON unless one of them says otherwise."""
    lines = ["POST / HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", *fields]
    if not any(field.lower().startswith("content-type") for field in fields):
        lines.append("Content-Type: application/json")
    if close:
        lines.append("Connection: close")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def push(port, event):
    """Status and text of the answer; (None, "") where the connection ended without one."""
    answer = ask(port, request(event if isinstance(event, bytes) else event.body()))
    return (None, "") if answer is None else (answer[0], answer[2].decode())


def deliver(port, event, attempts=20):
    """Delivers until it is acknowledged, as Pub/Sub does; the statuses."""
    statuses = []
    while len(statuses) < attempts:
        statuses.append(push(port, event)[0])
        if statuses[-1] == 200:
            return statuses
    raise AssertionError(f"not acknowledged: {statuses}")


def eventually(find, what):
    """What `find` finds, asked again until there is something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = find()
        if found:
            return found
        time.sleep(0.003)
    raise AssertionError(f"waited in vain for {what}")


def log(program, severity=None):
    """What a program has logged so far, of one severity or of all."""
    return [line for line in log_lines(program.stderr()) if severity in (None, line["severity"])]


def log_lines(stderr):
    """The lines of a log: every one is one JSON object, of bounded length, with severity, message and time."""
    lines = []
    for text in stderr.splitlines(keepends=True):
        if not text.endswith("\n"):
            continue  # Still being written, or cut by a kill.
        assert len(text) <= LOG_LINE_BYTES_MAX and text.isascii(), text[:200]
        line = json.loads(text, object_pairs_hook=without_duplicates)
        assert isinstance(line, dict) and {"severity", "message", "time"} <= line.keys(), text
        lines.append(line)
    return lines


def without_duplicates(pairs):
    assert len(dict(pairs)) == len(pairs), f"a name occurs twice: {pairs}"
    return dict(pairs)


def errors_about(program, event):
    return [line for line in log(program, "ERROR") if line.get("event") == event.uuid]


def rows_of(cloud, event):
    return [row for row in cloud.get("/rows")["distinct"] if row["json"]["uuid"] == event.uuid]


def jobs_of(cloud, event):
    """Jobs ever made for the event's question and still there."""
    return [job for job in cloud.get("/jobs")["live"] if job["name"] == event.job]


def check_handled_once(cloud, event):
    """The promise: acknowledged means one row, and for a question one Job, its own."""
    rows = rows_of(cloud, event)
    assert [row["insertId"] for row in rows] == [event.uuid]
    if event.kind == "question":
        jobs = jobs_of(cloud, event)
        assert len(jobs) == 1
        assert owner_of(jobs[0]) == event.uuid
    if event.kind == "cancellation":
        assert not jobs_of(cloud, event)


def owner_of(job):
    arguments = job["job"]["spec"]["template"]["spec"]["containers"][0]["args"]
    return json.loads(arguments[arguments.index("--attributes") + 1])["uuid"]
