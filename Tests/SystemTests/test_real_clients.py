"""The event handler and the registry with those who will use them: Pub/Sub's own emulator and the SDK.

Only the JSON schemas that the SDK downloads are replaced (sdk/sitecustomize.py); Jobs are run here instead of
by a cluster, with the command, the arguments and the environment that the handler put into them.
"""

import base64
import contextlib
import json
import re
import subprocess
import time

import pytest

import clients
from clients import PROJECT, SDK, PubSubEmulator
from cloud import event_handler, service_registry
from events import DEAD_LETTERS, TOPIC, Event, heartbeat, log, question
from programs import PATIENCE_SECONDS

pytestmark = pytest.mark.clients

#: What must come through unchanged: escapes, other scripts, numbers beyond a double, what a kubelet expands.
INPUT_VALUES = {"text": "a/b \u00e9 \U0001f600 <&>\u2028", "shell": "$(COMPUTE_PROVIDER) $$ ${x} `y`",
                "big": 12345678901234567890123, "float": 1e22, "negative": -0.0, "list": [1, 2.5, None, True, {}]}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    clients.require_emulator()
    emulator = PubSubEmulator(tmp_path_factory.mktemp("pubsub"))
    try:
        emulator.wait_until_listening()
        emulator.create_topic(TOPIC)
        emulator.create_topic(DEAD_LETTERS)
        yield emulator
    finally:
        emulator.close()


@pytest.fixture
def sdk(tmp_path, cloud):
    """The environment of programs that use the SDK: credentials are the metadata server's, as in a cluster."""
    clients.require("bin/octue")
    metadata = f"127.0.0.1:{cloud.ready['ports']['metadata']}"
    return clients.environment(tmp_path, PYTHONPATH=str(SDK), GCE_METADATA_HOST=metadata,
                               GCE_METADATA_IP=metadata,
                               OCTUE_SERVICE_CONFIGURATION_PATH=str(SDK / "app" / "octue.yaml"))


@pytest.fixture
def subscribe(emulator):
    """Subscriptions that end with the test."""
    names = []

    def subscribe_for_the_test(topic=TOPIC, **options):
        name = f"subscription-{time.monotonic_ns()}"
        emulator.subscribe(name, topic, **options)
        names.append(name)
        return name

    yield subscribe_for_the_test
    for name in names:
        emulator.unsubscribe(name)


def push_to(handler, **options):
    return {"pushConfig": {"pushEndpoint": f"http://127.0.0.1:{handler.port}/?__GCP_CloudEventsMode=X", **options},
            "enableMessageOrdering": True, "retryPolicy": {"minimumBackoff": "0.2s", "maximumBackoff": "0.5s"}}


FORMS = {"wrapped": {}, "unwrapped": {"noWrapper": {"writeMetadata": True}}}


def start_asking(sdk, emulator, registry, **question):
    """The asker's program, running: it waits for its answer unless it asks asynchronously."""
    request = {"child": {"id": "my-org/my-service", "backend": {"name": "GCPPubSubBackend", "project_id": PROJECT},
                         "service_registries": [{"name": "r", "endpoint": f"http://127.0.0.1:{registry.port}"}]},
               "ask": {"input_values": INPUT_VALUES, "timeout": PATIENCE_SECONDS, "raise_errors": False, **question}}
    return subprocess.Popen(
        ["python", SDK / "ask.py", json.dumps(request)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**sdk, "PUBSUB_EMULATOR_HOST": emulator.host})


@contextlib.contextmanager
def asking(*arguments, **question):
    process = start_asking(*arguments, **question)
    try:
        yield process
    finally:
        process.kill()
        # What a failing test shows.
        print(*process.communicate(), sep="\n")


def answer_of(process):
    output, errors = process.communicate(timeout=2 * PATIENCE_SECONDS)
    assert process.returncode == 0, errors
    return json.loads(output)


def run_job(job, sdk, emulator):
    """Runs a Job's container as a kubelet does: `$(NAME)` and `$$` in its arguments are expanded first."""
    [container] = job["spec"]["template"]["spec"]["containers"]
    variables = {entry["name"]: entry["value"] for entry in container["env"]}

    def expanded(argument):
        return re.sub(r"\$\$|\$\((\w+)\)", lambda found: "$" if found[0] == "$$" else
                      variables.get(found[1], found[0]), argument)

    return clients.run(*container["command"], *map(expanded, container["args"]),
                       environment={**sdk, **variables, "PUBSUB_EMULATOR_HOST": emulator.host}, cwd=sdk["HOME"])


def rows(cloud):
    return [row["json"] for row in cloud.get("/rows")["distinct"]]


def wait_for_row(cloud, kind):
    """The first row of that kind; one waits for rows, whatever comes before it."""
    while True:
        known = rows(cloud)
        for row in known:
            if row["kind"] == kind:
                return row
        cloud.wait("rows.distinct", atLeast=len(known) + 1)


def as_message(event):
    """The event as one publishes it."""
    message = event.message()
    return {"data": message["data"], "attributes": message["attributes"]}


@pytest.mark.parametrize("form", FORMS)
def test_a_question_of_the_sdk_is_stored_run_and_answered(start, cloud, sdk, emulator, subscribe, form):
    handler = event_handler(start, cloud, PUBSUB_EMULATOR_HOST=emulator.host)
    registry = service_registry(start, cloud)
    subscribe(**push_to(handler, **FORMS[form]))
    is_waiting = form == "wrapped"
    with asking(sdk, emulator, registry, asynchronous=not is_waiting, cpus=1, memory="2Gi") as process:
        cloud.wait("jobs.created", equals=1)
        [job] = cloud.get("/jobs")["live"]
        container = job["job"]["spec"]["template"]["spec"]["containers"][0]
        assert container["image"].endswith("/my-org/my-service:0.1.0")
        assert container["resources"]["requests"] == {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "1Gi"}
        result = json.loads(run_job(job["job"], sdk, emulator))
        expected = {"echo": INPUT_VALUES, "sdk": "0.69.1", "provider": "GOOGLE_KUEUE", "revision": "0.1.0"}
        assert result == {"kind": "result", "output_values": expected}
        answer = answer_of(process)
    assert answer["failure"] is None
    assert job["name"] == f"question-{answer['question_uuid']}"
    if is_waiting:
        assert answer["answer"]["output_values"] == expected
    row = wait_for_row(cloud, "result")
    assert json.loads(row["event"]) == {"output_values": expected}
    assert (row["sender"], row["sender_type"]) == ("my-org/my-service:0.1.0", "CHILD")
    kinds = {row["kind"] for row in rows(cloud)}
    assert kinds >= {"question", "delivery_acknowledgement", "log_record", "monitor_message", "result"}
    for row in rows(cloud):
        assert row["question_uuid"] == answer["question_uuid"]
        assert row["sender_sdk_version"] == "0.69.1"
        metadata = json.loads(row["backend_metadata"])
        # The emulator leaves the ordering key out of a wrapped push.
        assert metadata["ordering_key"] == (None if is_waiting else answer["question_uuid"])
    cloud.wait("jobs.created", equals=1)


def test_an_older_sdk_in_an_image_runs_its_job(start, cloud, sdk, emulator, subscribe):
    """The command has another spelling there, and the topic's variable another name."""
    clients.require("older-sdk/octue/cli.py")
    handler = event_handler(start, cloud, JOB_COMMAND="octue twined question ask local")
    subscribe(**push_to(handler))
    asked = question(1, {"input_values": INPUT_VALUES}, recipient="my-org/my-service:0.1.0",
                     save_diagnostics="SAVE_DIAGNOSTICS_OFF")
    emulator.publish(as_message(asked))
    cloud.wait("jobs.created", equals=1)
    [job] = cloud.get("/jobs")["live"]
    older = {**sdk, "PYTHONPATH": f"{clients.ENVIRONMENT / 'older-sdk'}:{SDK}"}
    run_job(job["job"], older, emulator)
    row = wait_for_row(cloud, "result")
    expected = {"echo": INPUT_VALUES, "sdk": "0.66.1", "provider": "GOOGLE_KUEUE", "revision": "0.1.0"}
    assert json.loads(row["event"])["output_values"] == expected


def test_an_asker_who_waits_is_told_that_the_question_cannot_run(start, cloud, sdk, emulator, subscribe):
    """The exception event that the handler publishes is one that the SDK takes for its child's."""
    handler = event_handler(start, cloud, PUBSUB_EMULATOR_HOST=emulator.host)
    registry = service_registry(start, cloud)
    subscribe(**push_to(handler))
    with asking(sdk, emulator, registry, question_uuid="No-Name-Of-A-Job") as process:
        answer = answer_of(process)
    name, text = answer["failure"]
    assert name == "QuestionNotDispatched"
    assert "cannot name a Kubernetes Job" in text
    assert "my-org/my-service:0.1.0" in text
    assert wait_for_row(cloud, "exception")["question_uuid"] == "No-Name-Of-A-Job"
    assert cloud.get("/jobs")["live"] == []


@pytest.mark.parametrize("prefix, path", [("", ""), ("", "/"), ("services", "/services"),
                                          ("services", "/services/")])
def test_the_sdks_registry_client_finds_and_misses_revisions(start, cloud, sdk, prefix, path):
    registry = service_registry(start, cloud, **({"PATH_PREFIX": prefix} if prefix else {}))
    services = ["my-org/my-service", "my-org/my-service:0.1.0", "my-org/my-service:9.9.9", "my-org/nope",
                "my-org/untagged", "my-org/nope:0.1.0"]
    found = clients.run("python", SDK / "look_up.py", f"http://127.0.0.1:{registry.port}{path}", *services,
                        environment=sdk)
    assert json.loads(found) == ["my-org/my-service:0.1.0", "my-org/my-service:0.1.0", None, None, None, None]


def test_pubsub_delivers_again_what_was_answered_503(start, cloud, emulator, subscribe):
    handler = event_handler(start, cloud)
    # As many failures as one delivery has attempts.
    cloud.post("/faults", {"service": "bigquery", "status": 503, "count": 3})
    subscribe(**push_to(handler))
    emulator.publish(as_message(heartbeat(1, uuid="again")))
    assert wait_for_row(cloud, "heartbeat")["uuid"] == "again"
    assert cloud.get("/counts")["requests.bigquery"] == 4


def test_nothing_is_lost_or_doubled_when_the_handler_is_killed(start, cloud, emulator, subscribe):
    """Pub/Sub delivers again what a dead handler left unacknowledged, to the one that takes its place."""
    handler = event_handler(start, cloud)
    subscribe(**push_to(handler))
    cloud.post("/settings", {"latencyMilliseconds": {"bigquery": 5}})
    count = 60
    emulator.publish(*[{**as_message(question(number, uuid=f"u-{number}", question_uuid=f"q-{number}")),
                        "orderingKey": f"q-{number}"} for number in range(count)])
    cloud.wait("rows.accepted", atLeast=10)
    handler.process.kill()
    handler.process.wait(PATIENCE_SECONDS)
    start("twined-functions", "event-handler", environment=cloud.environment("event-handler"), port=handler.port)
    cloud.wait("jobs.live", equals=count)
    cloud.wait("rows.distinct", equals=count)
    assert {row["uuid"] for row in rows(cloud)} == {f"u-{number}" for number in range(count)}


def test_the_largest_message_of_pubsub_comes_through(start, cloud, emulator, subscribe):
    handler = event_handler(start, cloud)
    subscribe(**push_to(handler))
    values = "\u00e9" * 4_700_000
    emulator.publish(as_message(Event(1, "result", {"output_values": values})))
    assert json.loads(wait_for_row(cloud, "result")["event"]) == {"output_values": values}


def test_pubsub_gives_up_what_is_refused_and_delivers_the_rest(start, cloud, emulator, subscribe):
    """A message that is no event is 400 at each of its deliveries, until the subscription's policy takes it.

    Without ordering: the emulator gives up a message of an ordered subscription without a dead letter.
    """
    handler = event_handler(start, cloud)
    dead_letters = subscribe(DEAD_LETTERS)
    policy = {"deadLetterTopic": f"projects/{PROJECT}/topics/{DEAD_LETTERS}", "maxDeliveryAttempts": 5}
    subscribe(pushConfig=push_to(handler)["pushConfig"], deadLetterPolicy=policy)
    refused = {"data": base64.b64encode(b"not an event").decode(), "attributes": {"a": "b"}}
    emulator.publish(refused, as_message(heartbeat(1, uuid="good")))
    assert wait_for_row(cloud, "heartbeat")["uuid"] == "good"
    [message] = emulator.pull(dead_letters)
    assert message["data"] == refused["data"]
    assert message["attributes"]["a"] == "b"
    assert message["attributes"]["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert len(log(handler, "ERROR")) == 5
    assert len(rows(cloud)) == 1


def test_a_dead_letter_topic_of_ours_takes_it_at_the_first_delivery(start, cloud, emulator, subscribe):
    handler = event_handler(start, cloud, PUBSUB_EMULATOR_HOST=emulator.host,
                            DEAD_LETTER_TOPIC_NAME=DEAD_LETTERS)
    dead_letters = subscribe(DEAD_LETTERS)
    source = subscribe(**push_to(handler))
    data = base64.b64encode("no JSON \u00e9".encode()).decode()
    [identifier] = emulator.publish({"data": data, "attributes": {"a": "b"}, "orderingKey": "k"})
    [message] = emulator.pull(dead_letters)
    assert message["data"] == data
    reason = message["attributes"].pop("twined-dead-letter-reason")
    assert "JSON" in reason
    assert message["attributes"] == {
        "a": "b", "twined-dead-letter-message-id": identifier,
        "twined-dead-letter-subscription": f"projects/{PROJECT}/subscriptions/{source}"}
    # The next message comes, so the first one was acknowledged: they are delivered in order.
    emulator.publish(as_message(heartbeat(1, uuid="next")) | {"orderingKey": "k"})
    assert wait_for_row(cloud, "heartbeat")["uuid"] == "next"
    assert len(log(handler, "ERROR")) == 1
