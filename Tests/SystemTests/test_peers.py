"""The peers of bench/peers do the same work as our program, so that their times can be compared."""

import json

import pytest

from events import cancellation, heartbeat, push, question, request
from programs import PATIENCE_SECONDS, Connection, get

pytestmark = pytest.mark.peers

PEERS = ["peers/go", "peers/hummingbird"]
OURS = "twined-functions"
INPUTS = {
    "input_values": {"height": 32, "site": "Tromsø 😀 a/b <&> \u2028 \\ \"", "big": 1e22, "x": [1, 2.5, None, True, {}],
                     "shell": "$(COMPUTE_PROVIDER) $$ $", "negative": -7, "long": 9007199254740993},
    "input_manifest": {"id": "x", "datasets": {}}, "children": [{"key": "c", "id": "octue/child:1"}]}


def handler(start, cloud, program, **variables):
    return start(program, "event-handler", environment={**cloud.environment("event-handler"), **variables})


def readable(row):
    """A row with its JSON columns as what they say: the libraries write JSON each in its own form."""
    columns = dict(row["json"])
    for name in ("event", "other_attributes", "backend_metadata"):
        assert isinstance(columns[name], str)
        columns[name] = json.loads(columns[name])
    return {"insertId": row["insertId"], "table": row["table"], "attempts": row["attempts"], "json": columns}


def sent_job(cloud):
    """The last Job as it was sent, its arguments as what they say."""
    body = json.loads(cloud.requests("kubernetes", "POST")[-1]["body"])
    container = body["spec"]["template"]["spec"]["containers"][0]
    arguments = container["args"]
    # The kubelet expands what has a dollar and a parenthesis, and halves two dollars.
    assert not any("$(" in argument or "$$" in argument for argument in arguments)
    container["args"] = [(name, json.loads(value)) for name, value in zip(arguments[::2], arguments[1::2])]
    return body


def left_behind(start, cloud, program, *events, **variables):
    """What a program leaves in the cloud after some events: rows, the Job that it sent, ended Jobs, calls."""
    cloud.reset()
    running = handler(start, cloud, program, **variables)
    for event in events:
        assert push(running.port, event)[0] == 200, running.stderr()
    jobs = cloud.get("/jobs")
    found = {
        "rows": [readable(row) for row in cloud.get("/rows")["distinct"]],
        "live": [job["name"] for job in jobs["live"]],
        "ended": [(job["name"], job["propagationPolicy"], job["orphanedPods"]) for job in jobs["ended"]],
        "pods": jobs["pods"],
        "calls": [(r["method"], r["target"], r["status"]) for r in cloud.requests()
                  if r["service"] in ("bigquery", "kubernetes")]}
    if cloud.requests("kubernetes", "POST"):
        found["job"] = sent_job(cloud)
    assert running.terminate() == 0
    return found


@pytest.fixture(params=PEERS)
def peer(request):
    return request.param


@pytest.mark.parametrize("events, variables", [
    ([heartbeat(1)], {}),
    ([heartbeat(1, parent_question_uuid="11111111-1111-4111-8111-111111111111", note="é")], {}),
    ([question(1, INPUTS)], {}),
    ([question(1, {"input_values": {}, "input_manifest": None})], {}),
    ([question(1, {"input_values": 0.0, "input_manifest": False})], {}),
    ([question(1, INPUTS, cpus="2", memory="2Gi", ephemeral_storage="3Gi")], {}),
    ([question(1, INPUTS)], {"JOB_NAMESPACE": "default", "JOB_COMMAND": "octue question ask local",
                             "QUESTION_DEFAULT_CPUS": "500m"}),
    ([question(1, INPUTS, recipient="no revision")], {"REPORT_UNDISPATCHABLE_QUESTIONS": "false"}),
], ids=["heartbeat", "other attributes", "question", "no inputs", "inputs false in Python", "own resources",
        "own settings", "undispatchable"])
def test_an_event_leaves_the_same_row_and_job_as_ours(start, cloud, peer, events, variables):
    assert left_behind(start, cloud, peer, *events, **variables) == left_behind(
        start, cloud, OURS, *events, **variables)


def test_a_cancellation_ends_the_job_and_its_pods_as_ours(start, cloud, peer):
    asked = question(1, INPUTS)
    events = [asked, cancellation(2, asked), cancellation(3, question(4))]
    found = left_behind(start, cloud, peer, *events)
    assert found["ended"] == [(asked.job, "Background", 0)] and found["pods"] == 0
    assert found == left_behind(start, cloud, OURS, *events)


def test_a_second_delivery_stores_no_second_row_and_makes_no_second_job(start, cloud, peer):
    found = left_behind(start, cloud, peer, question(1), question(1))
    assert [row["insertId"] for row in found["rows"]] == [question(1).uuid] and len(found["live"]) == 1
    assert [row["attempts"] for row in found["rows"]] == [2]


def test_connections_token_and_cluster_are_kept(start, cloud, peer):
    running = handler(start, cloud, peer)
    with Connection(running.port) as connection:
        for number in range(1, 21):
            connection.send(request(question(number).body()).replace(b"POST /", b"POST /?a=b", 1))
            assert connection.read_response()[0] == 200
    counts = cloud.get("/counts")
    assert counts["rows.distinct"] == counts["jobs.created"] == 20
    assert counts["connections.bigquery"] == counts["connections.kubernetes"] == 1
    assert counts["requests.container"] == counts["tokens.issued"] == 1


def test_a_certificate_of_a_strange_ca_gets_no_request(start, cloud, peer):
    running = handler(start, cloud, peer)
    cloud.post("/certificates", {"service": "bigquery", "issuer": "unknown"})
    assert push(running.port, heartbeat(1))[0] == 503
    cloud.post("/certificates", {"service": "bigquery", "restore": True})
    # Another CA than the cluster's own will not do for the cluster, a public one neither.
    cloud.post("/certificates", {"service": "kubernetes", "issuer": "public"})
    assert push(running.port, question(2))[0] == 503
    assert cloud.get("/counts")["requests.bigquery"] == 1
    assert not cloud.requests("kubernetes")
    cloud.post("/certificates", {"service": "kubernetes", "restore": True})
    assert push(running.port, question(2))[0] == 200


@pytest.mark.parametrize("fault, kind, status", [
    ({"service": "bigquery", "status": 503}, heartbeat, 503),
    ({"service": "kubernetes", "status": 500}, question, 503),
    ({"service": "bigquery", "bodyJSON": {"insertErrors": [{"index": 0, "errors": [{"reason": "stopped"}]}]},
      "status": 200}, heartbeat, 503),
    ({"service": "bigquery", "bodyJSON": {"insertErrors": [{"index": 0, "errors": [{"reason": "invalid"}]}]},
      "status": 200}, heartbeat, 400),
], ids=["no BigQuery", "no cluster", "row not taken", "row invalid"])
def test_upstream_trouble_is_no_acknowledgement(start, cloud, peer, fault, kind, status):
    running = handler(start, cloud, peer)
    cloud.post("/faults", fault)
    assert push(running.port, kind(1))[0] == status
    assert push(running.port, kind(1))[0] == 200


def test_what_is_no_event_is_refused(start, cloud, peer):
    running = handler(start, cloud, peer)
    for body in (b"{}", b"no JSON", b'{"message":{"data":"e30=","attributes":{}}}'):
        assert push(running.port, body)[0] == 400
    assert cloud.get("/counts").get("rows.attempts", 0) == 0


def test_look_ups_have_the_same_answers_and_calls_as_ours(start, cloud, peer):
    def answers(program):
        cloud.reset()
        running = start(program, "service-registry", environment=cloud.environment("service-registry"))
        answered = [get(running.port, target) for target in (
            "/my-org/my-service?revision_tag=0.1.0", "/my-org/my-service", "//my-org/my-service/",
            "/my-org%2Fmy-service?revision_tag=", "/my-org/my-service?revision_tag=9.9.9", "/my-org/no-such-service",
            "/My-Org/x?revision_tag=1", "/favicon.ico")]
        found = [(status, fields.get("content-type"), body) for status, fields, body in answered]
        calls = [(r["method"], r["status"], r["target"]) for r in cloud.requests("artifactregistry")]
        assert running.terminate() == 0
        return found, [(m, s, t.replace("%40", "@").replace("%3A", ":")) for m, s, t in calls]

    found, calls = answers(peer)
    assert found[0][0] == found[1][0] == 200 and found[4][0] == 404
    assert (found, calls) == answers(OURS)


@pytest.mark.parametrize("function", ["event-handler", "service-registry"])
def test_health_and_a_missing_setting_are_as_with_ours(start, cloud, peer, function):
    running = start(peer, function, environment=cloud.environment(function))
    assert get(running.port, "/health")[0] == 200
    broken = start(peer, function, wait=False)
    assert broken.process.wait(PATIENCE_SECONDS) == 78
    assert "is not set" in broken.stderr()
