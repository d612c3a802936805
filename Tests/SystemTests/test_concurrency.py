"""Many events at once: the same one, many different ones, and a token that ends meanwhile."""

import asyncio
import contextlib
import pathlib
import resource

import pytest

from cloud import LocalCloud, event_handler
from events import check_handled_once, errors_about, eventually, heartbeat, log, push, question, request, rows_of
from programs import PATIENCE_SECONDS, Connection, free_port, starting
from upstreams import CREATE, GKE, calls_of, start_warm


async def answers(port, events):
    """Each event over a connection of its own, all at once: the heads of the answers, b"" where there was none."""
    async def deliver(event):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request(event.body(), close=True))
            await writer.drain()
            answer = await reader.read()
        except ConnectionError:  # One connection too many, which is only closed, with the request unread.
            return b""
        finally:
            writer.close()
        return answer.partition(b"\r\n\r\n")[0]

    return await asyncio.wait_for(asyncio.gather(*map(deliver, events)), PATIENCE_SECONDS)


def status_of(head):
    return int(head.split(b" ", 2)[1]) if head else None


def at_once(port, events):
    """The statuses of many events that come at the same time."""
    return [status_of(head) for head in asyncio.run(answers(port, events))]


@pytest.fixture(scope="module")
def aging(tmp_path_factory):
    """A cloud and a handler whose first token is refreshed from its eleventh second on: started early, used last."""
    directory = tmp_path_factory.mktemp("aging")
    with contextlib.closing(LocalCloud(directory)) as cloud, starting(directory) as start:
        cloud.post("/tokens", {"expiresInSeconds": 120})
        yield cloud, event_handler(start, cloud, GOOGLE_CLOUD_PROJECT="demo-project")


def test_one_question_twenty_times_at_once_becomes_one_job(start, shared, aging):
    event = question(1)
    program = start_warm(start, shared)
    # The first create takes so long that all others meet it on its way.
    shared.post("/faults", CREATE.fault(effect="late", delayMilliseconds=50, count=1))
    assert at_once(program.port, [event] * 20) == [200] * 20
    check_handled_once(shared, event)
    assert rows_of(shared, event)[0]["attempts"] == 20
    assert shared.get("/counts")["jobs.created"] == 1
    assert not errors_about(program, event)


@pytest.mark.parametrize("copies", [1, 2, 10])
def test_an_event_that_comes_again_changes_nothing(start, shared, copies):
    events = [heartbeat(1), question(2)]
    program = start_warm(start, shared)
    for _ in range(copies):
        assert at_once(program.port, events) == [200, 200]
    for event in events:
        check_handled_once(shared, event)


def test_a_burst_on_a_cold_handler_asks_for_token_and_cluster_once(start, shared):
    # What the first event has to wait for comes late, so that all of them wait for it.
    shared.post("/faults", [
        {"service": "metadata", "target": "/token", "effect": "late", "delayMilliseconds": 300},
        GKE.fault(effect="late", delayMilliseconds=300, count=1)])
    program = event_handler(start, shared, GOOGLE_CLOUD_PROJECT="demo-project")
    events = [question(number) if number % 2 else heartbeat(number) for number in range(1, 1_001)]
    assert at_once(program.port, events) == [200] * len(events)
    counts = shared.get("/counts")
    assert counts["tokens.issued"] == 1
    assert len(calls_of(shared, GKE)) == 1
    assert counts["rows.distinct"] == counts["rows.accepted"] == 1_000
    assert counts["jobs.created"] == counts["jobs.live"] == 500
    assert counts.get("jobs.duplicates", 0) == 0
    assert counts["connections.bigquery"] <= 64 and counts["connections.kubernetes"] <= 64
    assert not [line for line in log(program) if line["severity"] not in ("INFO", "DEBUG")]


def test_more_than_can_be_handled_is_refused_with_a_hint(start, shared):
    """1,024 at once are handled; what comes beyond is told to come again, and then finds room."""
    program = event_handler(start, shared, GOOGLE_CLOUD_PROJECT="demo-project")
    # Nothing is answered before all have come: the first of the 64 connections is free again after that.
    shared.post("/faults", {"service": "bigquery", "effect": "late", "delayMilliseconds": 5_000, "count": 64})
    events = [heartbeat(number) for number in range(1, 1_301)]
    heads = asyncio.run(answers(program.port, events))
    assert {status_of(head) for head in heads} == {200, 503}
    refused = [(event, head) for event, head in zip(events, heads, strict=True) if status_of(head) == 503]
    assert len(refused) <= len(events) - 1_024
    assert all(b"\r\nRetry-After: 1" in head for _, head in refused)
    refused = [event for event, _ in refused]
    assert at_once(program.port, refused) == [200] * len(refused)
    assert shared.get("/counts")["rows.distinct"] == len(events)


def test_where_descriptors_are_few_events_wait_for_a_connection_and_none_fails(start, shared):
    """64 descriptors leave room for 34 clients, and for fewer connections to upstreams than all of them would open."""
    metrics = free_port()
    program = start("twined-functions", "event-handler",
                    environment={**shared.environment("event-handler"), "GOOGLE_CLOUD_PROJECT": "demo-project",
                                 "METRICS_PORT": str(metrics)},
                    preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    shared.wait("tokens.issued", atLeast=1)
    shared.wait("requests.container", atLeast=1)
    # Late, so that all of them are on their way at once.
    shared.post("/faults", [{"service": service, "effect": "late", "delayMilliseconds": 50, "count": 34}
                            for service in ["bigquery", "kubernetes"]])
    # Whoever comes beyond is told so, and takes no descriptor from those who were let in; nor does who looks on.
    events = [question(number) for number in range(1, 41)]
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(Connection(metrics))
        statuses = at_once(program.port, events)
    assert set(statuses) <= {200, 503, None} and statuses.count(200) >= 34
    assert shared.get("/counts")["jobs.live"] == statuses.count(200)
    assert not [line for line in log(program) if line["severity"] not in ("INFO", "DEBUG")]


def test_tokens_revoked_under_load_cost_no_event(start, shared):
    program = start_warm(start, shared)
    statuses = at_once(program.port, [heartbeat(number) for number in range(1, 51)])
    shared.post("/tokens", {"revokeAll": True})
    statuses += at_once(program.port, [heartbeat(number) for number in range(51, 151)])
    assert statuses == [200] * 150
    assert shared.get("/counts")["tokens.issued"] == 2, "all who were refused share one fresh token"


def half_closed(ports):
    """Connections to these ports that the peer has closed and the program has not (CLOSE_WAIT)."""
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [line for line in lines if line[3] == "08" and int(line[2].rpartition(":")[2], 16) in ports]


def test_connections_that_upstreams_close_do_not_stay_open(start, shared):
    program = start_warm(start, shared)
    services = ["bigquery", "kubernetes"]
    # The answer and the connection's end come at the same moment, so that they are read together.
    shared.post("/faults", [{"service": service, "count": -1, "effect": True, "end": "close", "endAfterBytes": -1}
                            for service in services])
    for first in range(1, 101, 20):
        assert at_once(program.port, [question(number) for number in range(first, first + 20)]) == [200] * 20
    ports = [shared.ready["ports"][service] for service in services]
    eventually(lambda: not half_closed(ports), "the end of all half-closed connections")


def test_a_token_near_its_end_is_refreshed_while_events_pass(aging):
    cloud, program = aging
    numbers = iter(range(1, 100_000))

    def is_refreshed():
        assert push(program.port, heartbeat(next(numbers)))[0] == 200
        return cloud.get("/counts")["tokens.issued"] == 2

    eventually(is_refreshed, "a second token")
    assert "401" not in [name.partition(".")[2] for name in cloud.get("/counts") if name.startswith("statuses.")]
    assert not log(program, "WARNING") and not log(program, "ERROR")
