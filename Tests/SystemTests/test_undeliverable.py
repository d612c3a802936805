"""Events that can never be stored, and questions that can never be dispatched."""

import base64
import json
import re
import uuid

import pytest

from cloud import event_handler
from events import (DEAD_LETTERS, SUBSCRIPTION, Event, deliver, errors_about, jobs_of, log, push, pushed, question,
                    rows_of)
from upstreams import BIGQUERY, calls_of, deliver_under, errors_about_message, messages_on, start_warm


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


# MARK: Questions that are never dispatched

NAMESPACE = uuid.UUID("9e4a1f0c-6b57-4c3e-8d72-f10b5a96c2e8")

#: What makes a question undispatchable, and a word of the reason that the asker is given.
UNDISPATCHABLE = {
    "question_uuid in capitals": ({"question_uuid": "ABCDEF"}, "UUID"),
    "question_uuid too long": ({"question_uuid": "a" * 55}, "UUID"),
    "question_uuid with a slash": ({"question_uuid": "a/b"}, "UUID"),
    "question_uuid with a hyphen at its end": ({"question_uuid": "a-"}, "UUID"),
    "recipient without tag": ({"recipient": "octue/child"}, "recipient"),
    "recipient without namespace": ({"recipient": "child:1.0.0"}, "recipient"),
    "recipient with a registry": ({"recipient": "a/b/c:1.0.0"}, "recipient"),
    "recipient with a space": ({"recipient": "octue/chi ld:1.0.0"}, "recipient"),
    "recipient in capitals": ({"recipient": "Octue/child:1.0.0"}, "recipient"),
    "recipient with two tags": ({"recipient": "octue/child:1:2"}, "recipient"),
    "recipient with a tag of 129 characters": ({"recipient": "octue/child:" + "a" * 129}, "recipient"),
    "cpus that are none": ({"cpus": "many"}, "cpus"),
    "cpus that are empty": ({"cpus": ""}, "cpus"),
    "memory that is negative": ({"memory": "-1Gi"}, "memory"),
    "ephemeral storage of an unknown unit": ({"ephemeral_storage": "1GiB"}, "ephemeral_storage"),
    "attributes over 128 KiB": ({"extra": "x" * 131_072}, "--attributes"),
}


def check_exception_event(message, event, reason):
    """Exactly what the child would have said, so that the asker's SDK takes it."""
    content = json.loads(base64.b64decode(message["data"]))
    assert content == {"kind": "exception", "exception_type": "QuestionNotDispatched",
                       "exception_message": content["exception_message"], "exception_traceback": []}
    assert reason in content["exception_message"]
    attributes = dict(message["attributes"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", attributes.pop("datetime"))
    assert attributes == {
        "uuid": str(uuid.uuid5(NAMESPACE, event.uuid)), "parent": event.attributes["parent"],
        "originator": event.attributes["originator"], "sender": event.attributes["recipient"],
        "sender_type": "CHILD", "sender_sdk_version": event.attributes["sender_sdk_version"],
        "recipient": event.attributes["sender"], "question_uuid": event.attributes["question_uuid"],
        "originator_question_uuid": event.attributes["originator_question_uuid"],
        "retry_count": event.attributes.get("retry_count", "0"),
        **{name: event.attributes[name] for name in ["parent_question_uuid"] if name in event.attributes}}
    assert message["orderingKey"] == event.attributes["question_uuid"]


def check_undispatched(shared, program, event, reason):
    assert [row["insertId"] for row in rows_of(shared, event)] == [event.uuid], "stored all the same"
    assert not jobs_of(shared, event)
    for message in messages_on(shared, "services"):
        check_exception_event(message, event, reason)
    lines = errors_about(program, event)
    assert {line["message"] for line in lines} == {"question not dispatched: it never can be"}
    assert reason in lines[0]["reason"]


@pytest.mark.parametrize("what", UNDISPATCHABLE)
def test_the_asker_of_an_undispatchable_question_is_told(start, shared, what):
    attributes, reason = UNDISPATCHABLE[what]
    event = question(1, **attributes)
    status, program = deliver_under(start, shared, event)
    assert status == 200
    assert not shared.requests("kubernetes"), "the cluster is not asked"
    assert len(messages_on(shared, "services")) == 1
    check_undispatched(shared, program, event, reason)


def test_inputs_over_128_kibibytes_are_undispatchable(start, shared):
    event = question(1, {"input_values": "x" * 131_072})
    status, program = deliver_under(start, shared, event)
    assert status == 200
    check_undispatched(shared, program, event, "--input-values")


@pytest.mark.parametrize("preset", ["invalid", "400", "413"])
def test_what_the_cluster_never_takes_is_told_in_its_own_words_and_logged_without_values(start, shared, preset):
    fault = {"preset": preset} if preset == "invalid" else {
        "status": int(preset), "bodyJSON": {"kind": "Status", "message": "no such thing"}}
    event = question(1, parent_question_uuid="a", retry_count=None)
    program = start_warm(start, shared)
    shared.post("/faults", {"service": "kubernetes", "method": "POST", "count": -1, **fault})
    assert push(program.port, event)[0] == 200
    assert len(messages_on(shared, "services")) == 1
    check_undispatched(shared, program, event, "The cluster refused the question's Job with status")
    line = errors_about(program, event)[0]
    if preset == "invalid":
        assert line["detail"].startswith('Job.batch "') and line["detail"].endswith("image: Required value")
    else:
        assert "detail" not in line


def test_a_second_delivery_tells_the_asker_under_the_same_uuid(start, shared):
    event = question(1, cpus="many")
    program = start_warm(start, shared)
    assert [push(program.port, event)[0] for _ in range(2)] == [200, 200]
    messages = messages_on(shared, "services")
    assert len(messages) == 2 and len({message["attributes"]["uuid"] for message in messages}) == 1
    assert len(rows_of(shared, event)) == 1


def test_the_asker_is_not_told_where_that_is_off(start, shared):
    event = question(1, cpus="many")
    status, program = deliver_under(start, shared, event, REPORT_UNDISPATCHABLE_QUESTIONS="false")
    assert status == 200
    assert not messages_on(shared, "services")
    check_undispatched(shared, program, event, "cpus")


@pytest.mark.parametrize("status, attempts", [(403, 1), (404, 1), (400, 1), (503, 3), (401, 2)])
def test_that_the_asker_cannot_be_told_changes_nothing(start, shared, status, attempts):
    event = question(1, cpus="many")
    fault = {"service": "pubsub", "count": -1, "status": status}
    answer, program = deliver_under(start, shared, event, fault)
    assert answer == 200
    assert len(shared.requests("pubsub")) == attempts
    assert len(rows_of(shared, event)) == 1
    undispatched, untold = errors_about(program, event)
    assert undispatched["message"] == "question not dispatched: it never can be"
    assert untold["message"] == "the asker could not be notified"
    assert (untold["upstream"], untold["status"], untold["attempt"]) == ("pubsub", status, attempts)


# MARK: Dead letters

def push_body(**members):
    return pushed({"messageId": "1", **members})


GOOD = Event(1).message()

#: Messages that can be no event: the body, and whether Pub/Sub could take them as they are.
MALFORMED = {
    "no data": (push_body(attributes=GOOD["attributes"]), True),
    "data that is no JSON": (push_body(attributes=GOOD["attributes"], data="bm8="), True),
    "data that is no object": (push_body(attributes=GOOD["attributes"], data="W10="), True),
    "no kind": (push_body(attributes=GOOD["attributes"], data="e30="), True),
    "a kind that is a number": (push_body(attributes=GOOD["attributes"], data="eyJraW5kIjoxfQ=="), True),
    "no attributes": (push_body(data=GOOD["data"]), True),
    "an attribute missing": (push_body(attributes={"uuid": "a"}, data=GOOD["data"], orderingKey="k"), True),
    "data that is no base64": (push_body(attributes=GOOD["attributes"], data="!"), False),
    "data that is a number": (push_body(attributes=GOOD["attributes"], data=1), False),
    "an attribute that is a number": (push_body(attributes={"uuid": 1}, data=GOOD["data"]), False),
    "attributes that are a list": (push_body(attributes=[], data=GOOD["data"]), False),
}


@pytest.mark.parametrize("what", MALFORMED)
@pytest.mark.parametrize("has_topic", [True, False], ids=["topic", "no-topic"])
def test_a_message_that_is_no_event(start, shared, what, has_topic):
    body, is_publishable = MALFORMED[what]
    variables = {"DEAD_LETTER_TOPIC_NAME": DEAD_LETTERS} if has_topic else {}
    status, program = deliver_under(start, shared, body, **variables)
    assert not shared.requests("bigquery")
    [line] = errors_about_message(program, Event(1))
    letters = messages_on(shared, DEAD_LETTERS)
    if not has_topic:
        assert status == 400 and not letters
        assert line["message"] == "event cannot be stored, it is left to the subscription's policy"
        return
    assert status == 200
    assert line["message"] == "event cannot be stored; it is in the dead-letter topic"
    [letter] = letters
    message = json.loads(body)["message"]
    ours = {"twined-dead-letter-reason": line["reason"], "twined-dead-letter-message-id": "1",
            "twined-dead-letter-subscription": SUBSCRIPTION}
    if is_publishable:
        assert letter["attributes"] == {**message.get("attributes", {}), **ours}
        assert letter["data"] == message.get("data", "")
    else:
        assert letter["attributes"] == {**ours, "twined-dead-letter-form": "request"}
        assert base64.b64decode(letter["data"]) == body
    assert letter["orderingKey"] == message.get("orderingKey", "")


@pytest.mark.parametrize("attributes", [
    {f"a{number}": "" for number in range(98)}, {"googclient": "x"}, {"a": "x" * 1_025}, {"a" * 257: "x"}, {"": "x"}],
    ids=["98 attributes", "a reserved name", "a long value", "a long name", "an empty name"])
def test_what_pubsub_cannot_take_at_all_is_refused(start, shared, attributes):
    status, program = deliver_under(start, shared, push_body(attributes=attributes, data=GOOD["data"]),
                                    DEAD_LETTER_TOPIC_NAME=DEAD_LETTERS)
    assert status == 400
    assert not shared.requests("pubsub")
    [line] = errors_about_message(program, Event(1))
    assert line["outcome"] == "refused: Pub/Sub cannot take it either"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"1", b"{", b'{"message":1}', b'{"message":{}}'])
def test_what_is_no_message_in_any_form_is_only_400(start, shared, body):
    status, program = deliver_under(start, shared, body, DEAD_LETTER_TOPIC_NAME=DEAD_LETTERS)
    assert status == 400
    assert not shared.requests("pubsub") and not shared.requests("bigquery")
    assert [line["message"] for line in log(program)][-1] == "request refused: it is no event"


def test_a_dead_letter_is_published_until_it_is_there(start, shared):
    event = Event(1, sender=None)
    program = start_warm(start, shared, DEAD_LETTER_TOPIC_NAME=DEAD_LETTERS)
    shared.post("/faults", {"service": "pubsub", "count": 4, "status": 503})
    assert deliver(program.port, event) == [503, 200]
    assert len(messages_on(shared, DEAD_LETTERS)) == 1
    assert not calls_of(shared, BIGQUERY)


def test_a_topic_with_its_project_is_published_to_there(start, shared):
    event = Event(1, sender=None)
    program = event_handler(start, shared, GOOGLE_CLOUD_PROJECT="another-project",
                            DEAD_LETTER_TOPIC_NAME=f"projects/demo-project/topics/{DEAD_LETTERS}")
    assert deliver(program.port, event) == [200]
    [call] = shared.requests("pubsub")
    assert call["target"].startswith(f"/v1/projects/demo-project/topics/{DEAD_LETTERS}:publish")
    assert len(messages_on(shared, DEAD_LETTERS)) == 1
