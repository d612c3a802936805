"""What answers say beyond their status: rows, Jobs, quotas, hints, tokens, a cluster that has moved."""

import pytest

from events import (DEAD_LETTERS, SUBSCRIPTION, Event, cancellation, check_handled_once, deliver, errors_about,
                    eventually, heartbeat, jobs_of, log, push, question, rows_of)
from upstreams import (BIGQUERY, BY_NAME, CREATE, DELETE, GET, GKE, calls_of, check_failure_is_logged_once,
                       check_recovery, deliver_under, messages_on, start_cold, start_warm)


@pytest.mark.parametrize("preset, answer, attempts", [
    ("row-timeout", 503, 3), ("row-backend-error", 503, 3), ("row-stopped", 503, 3), ("row-invalid", 400, 1),
    ("google-rate-limit", 503, 3), ("google-forbidden", 503, 1), ("google-not-found", 503, 1),
    ("google-too-many-requests", 503, 3), ("payload-too-large", 400, 1), ("payload-too-large-413", 400, 1)])
def test_what_bigquery_says_decides_about_the_acknowledgement(start, shared, preset, answer, attempts):
    event = heartbeat(1)
    status, program = deliver_under(start, shared, event, BIGQUERY.fault(preset=preset))
    assert status == answer
    assert len(calls_of(shared, BIGQUERY)) == attempts
    [line] = errors_about(program, event)
    assert line["kind"] == "heartbeat" and line["question"] == event.question
    check_recovery(shared, program, event, BIGQUERY)


def test_an_answer_of_gke_that_cannot_be_read_is_asked_for_again(start, shared):
    shared.post("/faults", {**GKE.fault(status=200, body='{"endpoint": "1'), "count": 1})
    program = start_cold(start, shared)
    assert push(program.port, question(1))[0] == 200
    assert len(calls_of(shared, GKE)) == 2


def test_a_job_that_cannot_be_read_is_asked_for_again(start, shared):
    event = question(1)
    program = start_warm(start, shared)
    assert push(program.port, event)[0] == 200
    shared.post("/faults", {**GET.fault(status=200, body="<html>"), "count": 1})
    assert push(program.port, event)[0] == 200
    assert len(calls_of(shared, GET)) == 2 and len(jobs_of(shared, event)) == 1


@pytest.mark.parametrize("preset", ["row-invalid", "payload-too-large", "payload-too-large-413"])
def test_what_bigquery_will_never_take_goes_to_the_dead_letters(start, shared, preset):
    event = question(1)
    status, program = deliver_under(start, shared, event, BIGQUERY.fault(preset=preset),
                                    DEAD_LETTER_TOPIC_NAME=DEAD_LETTERS)
    assert status == 200
    [letter] = messages_on(shared, DEAD_LETTERS)
    assert letter["data"] == event.message()["data"] and letter["orderingKey"] == event.question
    reason = letter["attributes"].pop("twined-dead-letter-reason")
    assert reason == ("BigQuery finds the row invalid: see datetime" if preset == "row-invalid"
                      else "BigQuery finds the request too large")
    assert letter["attributes"] == {
        **event.attributes, "twined-dead-letter-subscription": SUBSCRIPTION,
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


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"messageIds":[]}', "<html>"])
def test_a_200_of_pubsub_that_names_no_message_is_not_believed(start, shared, body):
    upstream = BY_NAME["dead letter"]
    event = upstream.event(1)
    status, program = deliver_under(start, shared, event, upstream.fault(status=200, body=body), **upstream.variables)
    assert status == 503
    check_recovery(shared, program, event, upstream)


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
    [line] = log(program, "WARNING")
    assert (line["event"], line["owner"], line["job"]) == (second.uuid, first.uuid, first.job)
    assert not messages_on(shared, "services"), "the asker of the first question is not told"


def test_409_of_the_quotas_race_is_tried_again(start, shared):
    event = question(1)
    status, _ = deliver_under(start, shared, event, CREATE.fault(preset="quota-conflict", count=1))
    assert status == 200
    assert len(calls_of(shared, CREATE)) == 2 and not calls_of(shared, GET)
    check_handled_once(shared, event)


@pytest.mark.parametrize("body", ["", "[]", "null", "<html>", '{"kind":"Job"'])
def test_409_whose_job_is_nothing_readable_is_nobodys(start, shared, body):
    event = question(1)
    program = start_warm(start, shared)
    assert push(program.port, event)[0] == 200
    shared.post("/faults", GET.fault(status=200, body=body, count=3))
    assert [push(program.port, event)[0] for _ in range(2)] == [503, 200]
    check_handled_once(shared, event)
    assert not log(program, "WARNING")


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


def test_a_cancellation_that_comes_again_is_done(start, shared):
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
    # Thirty successes have paid for three retries: one event takes two of them, the next what is left.
    shared.post("/faults", BIGQUERY.fault(status=503, headers={"Retry-After": "0"}))
    inserts = []
    for number in (31, 32, 33):
        before = len(calls_of(shared, BIGQUERY))
        assert push(program.port, heartbeat(number))[0] == 503
        inserts.append(len(calls_of(shared, BIGQUERY)) - before)
    assert inserts == [3, 2, 1]


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
            call["status"] for call in calls_of(shared, GKE)), "GKE's first answer")
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
