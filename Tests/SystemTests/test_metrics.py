"""METRICS_PORT, read by Prometheus's own parser."""

import contextlib
import re
import resource
import signal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cloud import event_handler, look_up, service_registry
from events import Event, eventually, heartbeat, log, push, question, request
from programs import ROOT, Connection, ask, free_port, get, run


def scrape(port):
    """Every sample by its name and labels, and the families by their name."""
    status, fields, body = get(port, "/metrics")
    assert (status, fields["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    samples = {}
    for family in families.values():
        assert family.documentation and family.type in ("counter", "gauge", "histogram")
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in samples, "a series occurs twice"
            samples[key] = sample.value
    return samples, families


@pytest.fixture
def handler(start, cloud):
    port = free_port()
    program = event_handler(start, cloud, METRICS_PORT=str(port))
    program.metrics_port = port
    return program


def test_what_happens_is_counted_under_its_labels(handler, cloud):
    assert push(handler.port, heartbeat(1))[0] == 200
    assert push(handler.port, question(2))[0] == 200
    assert push(handler.port, question(2))[0] == 200, "a redelivery"
    assert push(handler.port, Event(3, "no such kind"))[0] == 200
    assert push(handler.port, Event(4, data=b"[]"))[0] == 400
    cloud.post("/faults", {"service": "bigquery", "count": 1, "status": 503})
    assert push(handler.port, Event(5, "result"))[0] == 200
    samples, _ = scrape(handler.metrics_port)
    events = {(dict(key[1:])["kind"], dict(key[1:])["outcome"]): value
              for key, value in samples.items() if key[0] == "twined_events_total"}
    assert events == {("heartbeat", "stored"): 1, ("question", "dispatched"): 2, ("other", "stored"): 1,
                      ("unreadable", "refused"): 1, ("result", "stored"): 1}

    def upstream(name, upstream, **labels):
        return samples[(name, *sorted({"upstream": upstream, **labels}.items()))]

    assert upstream("twined_upstream_calls_total", "bigquery", outcome="done") == 5
    assert upstream("twined_upstream_attempts_total", "bigquery", outcome="5xx") == 1
    assert upstream("twined_upstream_attempts_total", "bigquery", outcome="2xx") == 5
    assert upstream("twined_upstream_retries_total", "bigquery") == 1
    assert upstream("twined_upstream_calls_total", "kubernetes_create", outcome="already_exists") == 1
    assert upstream("twined_upstream_attempt_seconds_count", "bigquery") == 6
    assert samples[("twined_redeliveries_recognised_total",)] == 1
    assert samples[("twined_event_seconds_count", ("step", "all"))] == 6
    assert samples[("twined_event_seconds_count", ("step", "store"))] == 5
    assert samples[("twined_connections_accepted_total",)] >= 6
    assert samples[("twined_upstream_connections_opened_total",)] >= 2
    assert 2_000_000 < samples[("process_resident_memory_bytes",)] < 200_000_000
    assert samples[("twined_log_lines_dropped_total",)] == 0


def test_histograms_are_cumulative_and_end_at_their_count(handler):
    assert push(handler.port, heartbeat(1))[0] == 200
    samples, families = scrape(handler.metrics_port)
    checked = 0
    for family in families.values():
        if family.type != "histogram":
            continue
        series = {}
        for sample in family.samples:
            if sample.name.endswith("_bucket"):
                rest = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
                series.setdefault(rest, []).append((float(sample.labels["le"]), sample.value))
        for labels, buckets in series.items():
            assert buckets == sorted(buckets) and buckets[-1][0] == float("inf")
            assert [value for _, value in buckets] == sorted(value for _, value in buckets)
            assert buckets[-1][1] == samples[(f"{family.name}_count", *labels)]
            checked += 1
    assert checked >= 4


def test_the_registry_counts_look_ups(start, cloud):
    port = free_port()
    registry = service_registry(start, cloud, METRICS_PORT=str(port))
    for target in ["/my-org/my-service", "/my-org/my-service?revision_tag=0.1.0", "/my-org/none"]:
        look_up(registry.port, target)
    samples, _ = scrape(port)
    assert samples[("twined_lookups_total", ("outcome", "found"), ("query", "default"))] == 1
    assert samples[("twined_lookups_total", ("outcome", "found"), ("query", "exists"))] == 1
    assert samples[("twined_lookups_total", ("outcome", "missing"), ("query", "default"))] == 1


def refused(program):
    samples, _ = scrape(program.metrics_port)
    return {dict(key[1:])["reason"]: value for key, value in samples.items()
            if key[0] == "twined_requests_refused_total"}


@pytest.mark.parametrize("request_text, status, reason", [
    (b"GET / HTTP/1.1\r\n\r\n", 400, "malformed"),
    (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, "malformed"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501, "malformed"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n", 417, "malformed"),
    (b"GET /" + b"a" * 20_000, 414, "head_too_large"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000, 431, "head_too_large"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16777217\r\n\r\n", 413, "body_too_large"),
])
def test_a_request_that_no_handler_sees_is_counted_by_its_reason(handler, request_text, status, reason):
    assert ask(handler.port, request_text)[0] == status
    assert refused(handler) == {reason: 1}


def test_bodies_and_connections_over_the_ceilings_are_counted(start, cloud):
    port = free_port()
    program = start("twined-functions", "event-handler",
                    environment={**cloud.environment("event-handler"), "METRICS_PORT": str(port)},
                    preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    program.metrics_port = port
    with contextlib.ExitStack() as stack:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16777216\r\n\r\n"
        holding = [stack.enter_context(Connection(program.port)) for _ in range(4)]
        for connection in holding:
            connection.send(head + bytes(16_700_000))
        eventually(lambda: scrape(port)[0][("process_resident_memory_bytes",)] > 60_000_000, "the bodies")
        over = stack.enter_context(Connection(program.port))
        over.send(head)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            over.send(bytes(4_000_000))
        assert over.read_response()[0] == 503
        assert refused(program) == {"buffered_bytes": 1}
        many = [stack.enter_context(Connection(program.port)) for _ in range(60)]
        eventually(lambda: refused(program).get("connections", 0) >= 20, "refused connections")
    assert many


def upstream_requests(program):
    return scrape(program.metrics_port)[0][("twined_connections",)] >= 2


def test_what_comes_after_the_signal_to_end_is_counted_too(handler, cloud):
    with Connection(handler.port) as connection:
        connection.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.read_response()[0] == 200
        # Held until the metrics have been read: the program ends when all is answered.
        cloud.post("/faults", {"service": "bigquery", "count": -1, "end": "hang", "endAfterBytes": 0})
        with Connection(handler.port) as pushing:
            pushing.send(request(heartbeat(1).body()))
            eventually(lambda: upstream_requests(handler), "the event at BigQuery")
            handler.process.send_signal(signal.SIGTERM)
            eventually(lambda: "stopping" in handler.stderr(), "the signal")
            connection.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.read_response()[0] == 503
            assert refused(handler) == {"stopping": 1}


def test_every_reason_is_in_the_document():
    source = (ROOT / "Sources/Functions/MetricsText.swift").read_text()
    labels = set(re.findall(r'case \.\w+: "([a-z_]+)"', source))
    assert len(labels) == 8
    document = (ROOT / "docs/METRICS.md").read_text()
    table = document.split("| `reason` | answer | what to do |", 1)[1].split("\n\n", 1)[0]
    rows = re.findall(r"^\| (`[^|]+) \|", table, re.M)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == labels


def test_every_metric_is_in_its_document(handler):
    assert push(handler.port, heartbeat(1))[0] == 200
    document = (ROOT / "docs/METRICS.md").read_text()
    source = (ROOT / "Sources/Functions/MetricsText.swift").read_text()
    _, families = scrape(handler.metrics_port)
    assert families
    for name, family in families.items():
        full = f"{name}_total" if family.type == "counter" else name
        assert f"`{full}`" in document, full
        assert f'"{full}"' in source, full


def test_metrics_are_only_on_their_own_listener(handler):
    assert get(handler.port, "/metrics")[0] == 405
    assert get(handler.metrics_port, "/health")[0] == 404
    assert ask(handler.metrics_port, b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")[0] == 405
    assert handler.terminate() == 0


def test_without_the_variable_there_is_no_second_listener(start, cloud):
    program = event_handler(start, cloud)
    assert ["metrics_port" in line for line in log(program) if line["message"] == "listening"] == [False]


def test_a_metrics_port_that_is_taken_is_exit_71(handler, cloud):
    environment = {**cloud.environment("event-handler"), "HOST": "127.0.0.1", "PORT": str(free_port()),
                   "METRICS_PORT": str(handler.metrics_port)}
    result = run("event-handler", environment=environment)
    assert result.returncode == 71
    assert str(handler.metrics_port) in result.stderr


def test_who_opens_many_connections_to_the_metrics_takes_none_from_the_events(start, cloud):
    port = free_port()
    program = event_handler(start, cloud, METRICS_PORT=str(port))
    refused = 0
    with contextlib.ExitStack() as held:
        for _ in range(40):
            connection = held.enter_context(Connection(port))
            connection.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                answer = connection.read_response()
                refused += answer is None or answer[0] == 503
        assert refused == 40 - 16
        assert get(program.port, "/health")[0] == 200
