"""What docs/COMPATIBILITY.md says of the programs, where no other test shows it; and that its tests are there."""

import base64
import json
import re
import subprocess

import pytest

from cloud import event_handler
from events import DEAD_LETTERS, Event, cancellation, heartbeat, push, question, request
from programs import ROOT, ask

HEARTBEAT = heartbeat(1)
INPUT_VALUES = {"text": "a/b \u00e9 \U0001f600 <&>", "shell": "$(COMPUTE_PROVIDER) $$", "f": 1e22, "n": None}
QUESTION = question(2, {"input_values": INPUT_VALUES, "input_manifest": {"id": "x", "datasets": {}}})


def created_job(cloud):
    [job] = cloud.get("/jobs")["live"]
    return job["job"]


def container(job):
    [container] = job["spec"]["template"]["spec"]["containers"]
    return container


# The page


def test_every_test_that_the_page_names_is_there():
    tests = set()
    for path in [*ROOT.glob("Tests/*Tests/*.swift"), *ROOT.glob("Tests/SystemTests/test_*.py")]:
        text = path.read_text()
        tests |= set(re.findall(r'@Test\(\s*"((?:[^"\\]|\\.)*)"', text))
        tests |= set(re.findall(r"^def (test_\w+)", text, re.M))
    rows = [re.split(r"(?<!\\)\|", line)[1:-1]
            for line in (ROOT / "docs/COMPATIBILITY.md").read_text().splitlines() if line.startswith("|")]
    rows = [row for row in rows if set(row[0]) - set(" -") and row[0].strip() != "feature"]
    assert len(rows) > 50
    for row in rows:
        assert len(row) == 4, row
        named = re.findall(r"`([^`]+)`", row[3])
        assert named, f"no test for {row[0].strip()}"
        missing = [name for name in named if name not in tests]
        assert not missing, f"{row[0].strip()}: {missing}"


# Ways in


FORMS = {
    "raw push": ({}, HEARTBEAT.body()),
    "binary CloudEvent": ({"ce-id": "1", "ce-source": "//pubsub.googleapis.com/projects/p/topics/t",
                           "ce-type": "google.cloud.pubsub.topic.v1.messagePublished", "ce-specversion": "1.0"},
                          HEARTBEAT.body()),
    "structured CloudEvent": ({"Content-Type": "application/cloudevents+json"}, json.dumps({
        "specversion": "1.0", "id": "1", "source": "//pubsub.googleapis.com/projects/p/topics/t",
        "type": "google.cloud.pubsub.topic.v1.messagePublished", "data": json.loads(HEARTBEAT.body())}).encode()),
    "legacy background event": ({}, json.dumps({
        "context": {"eventId": "1", "timestamp": "2024-04-11T09:26:39.144Z",
                    "eventType": "google.pubsub.topic.publish", "resource": {"name": "n", "service": "s"}},
        "data": HEARTBEAT.message()}).encode()),
    "unwrapped push": ({"x-goog-pubsub-message-id": "1", "x-goog-pubsub-ordering-key": HEARTBEAT.question,
                        "x-goog-pubsub-subscription-name": "projects/p/subscriptions/s",
                        "Content-Type": "application/x-www-form-urlencoded", **HEARTBEAT.attributes},
                       HEARTBEAT.data()),
}


@pytest.mark.parametrize("fields, body", FORMS.values(), ids=FORMS.keys())
def test_every_way_in_gives_the_same_row(start, cloud, fields, body):
    framed = request(body, [f"{name}: {value}" for name, value in fields.items()])
    assert ask(event_handler(start, cloud).port, framed)[0] == 200
    [row] = cloud.get("/rows")["distinct"]
    assert row["insertId"] == HEARTBEAT.uuid
    stored = row["json"]
    metadata = json.loads(stored.pop("backend_metadata"))
    assert metadata == {"message_id": "1", "ordering_key": HEARTBEAT.question}
    others = {"retry_count": "0", "forward_logs": "1"}
    assert json.loads(stored.pop("other_attributes")) == others
    assert stored == {key: value for key, value in HEARTBEAT.attributes.items() if key not in others} | {
        "kind": "heartbeat", "event": "{}", "backend": "GoogleCloudPubSub"}


def test_an_event_that_comes_often_is_one_row_and_one_job(start, cloud):
    handler = event_handler(start, cloud)
    for _ in range(5):
        assert push(handler.port, QUESTION)[0] == 200
    assert len(cloud.get("/rows")["distinct"]) == 1
    assert len(cloud.get("/jobs")["live"]) == 1


# Jobs


def test_a_job_has_what_a_service_revision_expects(start, cloud):
    assert push(event_handler(start, cloud).port, QUESTION)[0] == 200
    job = created_job(cloud)
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "local-queue"
    assert (job["spec"]["suspend"], job["spec"]["parallelism"], job["spec"]["completions"]) == (True, 1, 1)
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "main-octue-twined-kubernetes-service-account"
    assert container(job)["command"] == ["octue", "twined", "question", "ask-local"]
    assert container(job)["env"] == [
        {"name": "TWINED_SERVICES_TOPIC_NAME", "value": "main.octue.twined.services"},
        {"name": "COMPUTE_PROVIDER", "value": "GOOGLE_KUEUE"},
        {"name": "OCTUE_SERVICE_REVISION_TAG", "value": "1.0.0"},
        {"name": "OCTUE_SERVICES_TOPIC_NAME", "value": "main.octue.twined.services"}]
    arguments = dict(zip(container(job)["args"][::2], container(job)["args"][1::2], strict=True))
    assert json.loads(arguments["--attributes"]) == QUESTION.attributes
    assert json.loads(arguments["--input-values"]) == INPUT_VALUES
    assert json.loads(arguments["--input-manifest"]) == {"id": "x", "datasets": {}}


def test_a_question_may_ask_for_its_own_resources(start, cloud):
    handler = event_handler(start, cloud)
    assert push(handler.port, question(2, cpus="500m", memory="2Gi", ephemeral_storage="3Gi"))[0] == 200
    assert container(created_job(cloud))["resources"]["requests"] == {
        "cpu": "500m", "memory": "2Gi", "ephemeral-storage": "3Gi"}


def test_the_options_of_a_job_are_its_fields(start, cloud):
    handler = event_handler(
        start, cloud, JOB_COMMAND="octue question ask local", JOB_NAMESPACE="kueue-system",
        JOB_TTL_SECONDS_AFTER_FINISHED="600", JOB_BACKOFF_LIMIT="0", JOB_ACTIVE_DEADLINE_SECONDS="3600",
        JOB_PRIORITY_CLASS="urgent")
    assert push(handler.port, QUESTION)[0] == 200
    job = created_job(cloud)
    assert job["metadata"]["namespace"] == "kueue-system"
    assert job["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "urgent"
    assert {name: job["spec"][name] for name in
            ("ttlSecondsAfterFinished", "backoffLimit", "activeDeadlineSeconds")} == {
                "ttlSecondsAfterFinished": 600, "backoffLimit": 0, "activeDeadlineSeconds": 3600}
    assert container(job)["command"] == ["octue", "question", "ask", "local"]


def test_a_cancellation_takes_the_job_and_its_pod(start, cloud):
    handler = event_handler(start, cloud)
    assert push(handler.port, QUESTION)[0] == 200
    for _ in range(2):
        assert push(handler.port, cancellation(3, QUESTION))[0] == 200
    jobs = cloud.get("/jobs")
    assert (jobs["live"], jobs["pods"], jobs["orphanedPods"]) == ([], 0, [])
    assert len(cloud.get("/rows")["distinct"]) == 2


# Where things are


def test_the_older_name_of_the_topic_alone_will_do(start, cloud):
    variables = cloud.environment("event-handler")
    topic = variables.pop("TWINED_SERVICES_TOPIC_NAME")
    handler = start("twined-functions", "event-handler", environment={**variables, "OCTUE_SERVICES_TOPIC_NAME": topic})
    assert push(handler.port, QUESTION)[0] == 200
    values = {entry["name"]: entry["value"] for entry in container(created_job(cloud))["env"]}
    assert values["TWINED_SERVICES_TOPIC_NAME"] == values["OCTUE_SERVICES_TOPIC_NAME"] == topic


def test_the_events_table_may_be_another_projects(start, cloud):
    table = "projects/other-project/datasets/d/tables/t"
    cloud.post("/settings", {"tables": [table]})
    handler = event_handler(start, cloud, BIGQUERY_EVENTS_TABLE="other-project.d.t")
    assert push(handler.port, HEARTBEAT)[0] == 200
    assert [row["table"] for row in cloud.get("/rows")["distinct"]] == [table]


ENDPOINTS = {
    "auto": lambda here: {"endpoint": here},
    "auto, none but a public one": lambda here: {
        "endpoint": None, "controlPlaneEndpointsConfig": {"ipEndpointsConfig": {
            "enabled": True, "enablePublicEndpoint": True, "publicEndpoint": here, "privateEndpoint": "127.0.0.1:1"}}},
    "public": lambda here: {
        "endpoint": "127.0.0.1:1", "controlPlaneEndpointsConfig": {"ipEndpointsConfig": {
            "enabled": True, "enablePublicEndpoint": True, "publicEndpoint": here}}},
    "private": lambda here: {
        "endpoint": "127.0.0.1:1", "controlPlaneEndpointsConfig": {"ipEndpointsConfig": {
            "enabled": True, "enablePublicEndpoint": False, "privateEndpoint": here}}},
    "private, of an older cluster": lambda here: {
        "endpoint": "127.0.0.1:1", "privateClusterConfig": {"privateEndpoint": here}},
    "dns": lambda here: {
        "endpoint": "127.0.0.1:1", "controlPlaneEndpointsConfig": {"dnsEndpointConfig": {
            "endpoint": here.replace("127.0.0.1", "localhost"), "allowExternalTraffic": True}}},
}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_the_cluster_is_reached_at_the_endpoint_that_is_chosen(start, cloud, name):
    cloud.post("/cluster", ENDPOINTS[name](f"127.0.0.1:{cloud.ready['ports']['kubernetes']}"))
    choice = name.split(",")[0]
    if choice == "dns":
        # Its certificate is a public one; that of the other endpoints is the cluster's own.
        cloud.post("/certificates", {"service": "kubernetes", "issuer": "public", "commonName": "localhost",
                                     "subjectAlternativeNames": ["DNS:localhost"]})
    handler = event_handler(start, cloud, KUBERNETES_ENDPOINT=choice)
    assert push(handler.port, QUESTION)[0] == 200, handler.stderr()
    assert created_job(cloud)


# Credentials


@pytest.fixture(scope="module")
def private_key():
    return subprocess.run(["openssl", "genrsa", "2048"], check=True, capture_output=True, text=True).stdout


ACCOUNT = "handler@demo-project.iam.gserviceaccount.com"


def credentials(kind, address, private_key, directory):
    """A credentials file of each kind whose addresses are its own to say: here those of the local cloud."""
    impersonation = f"{address}/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
    user = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r",
            "token_uri": f"{address}/token"}
    (directory / "subject").write_text("subject-token")
    (directory / "subject.json").write_text(json.dumps({"id_token": "subject-token"}))
    external = {"type": "external_account", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
                "token_url": f"{address}/v1/token", "credential_source": {"file": str(directory / "subject")}}
    of_json = {"file": str(directory / "subject.json"),
               "format": {"type": "json", "subject_token_field_name": "id_token"}}
    return {
        "service_account": {"type": "service_account", "project_id": "demo-project", "private_key_id": "1",
                            "private_key": private_key, "client_email": ACCOUNT, "token_uri": f"{address}/token"},
        "authorized_user": user,
        "external_account": external,
        "external_account, JSON": {**external, "credential_source": of_json},
        "external_account, impersonating": {**external, "service_account_impersonation_url": impersonation},
    }[kind]


TOKENS = {"service_account": "jwt", "authorized_user": "refresh", "external_account": "sts",
          "external_account, JSON": "sts", "external_account, impersonating": "impersonated"}


@pytest.mark.parametrize("kind, prefix", TOKENS.items())
def test_each_kind_of_credentials_gives_a_token(start, cloud, private_key, tmp_path, kind, prefix):
    address = f"https://localhost:{cloud.ready['ports']['credentials']}"
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(credentials(kind, address, private_key, tmp_path)))
    handler = event_handler(start, cloud, GOOGLE_APPLICATION_CREDENTIALS=str(path), GOOGLE_CLOUD_PROJECT="demo-project")
    assert push(handler.port, HEARTBEAT)[0] == 200, handler.stderr()
    [request] = cloud.requests("bigquery")
    [token] = [value for name, value in request["fields"] if name.lower() == "authorization"]
    assert prefix in token
    assert cloud.requests("metadata") == []


def test_the_metadata_server_gives_a_token_and_the_project(start, cloud):
    variables = {name: value for name, value in cloud.environment("event-handler").items()
                 if name not in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")}
    handler = start("twined-functions", "event-handler", environment=variables)
    assert push(handler.port, HEARTBEAT)[0] == 200
    paths = [request["target"].split("?")[0] for request in cloud.requests("metadata")]
    assert "/computeMetadata/v1/instance/service-accounts/default/token" in paths
    assert len(cloud.get("/rows")["distinct"]) == 1


# Limits


def test_a_ten_megabyte_message_of_pubsub_is_taken(start, cloud):
    """As much as Pub/Sub carries: base64 makes 13.4 MB of it, and the row is over BigQuery's limit."""
    handler = event_handler(start, cloud, DEAD_LETTER_TOPIC_NAME=DEAD_LETTERS)
    event = Event(1, "result", {"output_values": "\u00e9" * 4_700_000})
    assert 9_400_000 < len(event.data()) < 10_000_000
    assert push(handler.port, event)[0] == 200
    [row] = cloud.get("/rows")["distinct"]
    assert len(json.loads(row["json"]["event"])["output_values"]) == 4_700_000
    # Of letters that JSON escapes itself there is no shorter form.
    assert push(handler.port, Event(2, "result", {"o": '"' * 2_700_000}))[0] == 200
    assert len(cloud.get("/rows")["distinct"]) == 1
    [letter] = cloud.get("/messages")["messages"]
    assert len(base64.b64decode(letter["data"])) > 5_400_000
