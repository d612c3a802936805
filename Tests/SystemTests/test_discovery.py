"""Every request that the programs send to Google is one that Google's discovery documents describe."""

import json
import re
import urllib.parse

import pytest

import clients
from cloud import check, event_handler, service_registry
from discovery import DOCUMENTS, Discovery
from events import DEAD_LETTERS, Event, heartbeat, push, question
from recorded_cases import load_cases, send

pytestmark = pytest.mark.clients

NAMES = {"bigquery": "bigquery.v2", "container": "container.v1", "artifactregistry": "artifactregistry.v1",
         "pubsub": "pubsub.v1"}

KINDS = ["question", "delivery_acknowledgement", "heartbeat", "log_record", "monitor_message", "exception", "result",
         "cancellation", "another kind"]

#: What a run over everything asks of Google; were one of them missing, it would not have been looked at.
METHODS = {
    "bigquery.tabledata.insertAll", "container.projects.locations.clusters.get", "pubsub.projects.topics.publish",
    "artifactregistry.projects.locations.repositories.get",
    "artifactregistry.projects.locations.repositories.packages.tags.get",
    "artifactregistry.projects.locations.repositories.dockerImages.get",
    # `check` alone:
    "bigquery.tables.get", "bigquery.tables.testIamPermissions", "pubsub.projects.topics.testIamPermissions",
    "artifactregistry.projects.locations.repositories.testIamPermissions"}


@pytest.fixture(scope="module")
def documents():
    clients.require(f"{DOCUMENTS}/bigquery.v2.json")
    names = {**NAMES, "sts": "sts.v1", "iamcredentials": "iamcredentials.v1"}
    return {service: Discovery(name) for service, name in names.items()}


def run_everything(start, cloud):
    """Both functions over the recorded cases, every kind of event, what cannot be stored or run, and `check`."""
    cases, environment = load_cases()
    variables = {**environment, "DEAD_LETTER_TOPIC_NAME": DEAD_LETTERS}
    ports = {"handle_event": event_handler(start, cloud, **variables).port,
             "handle_request": service_registry(start, cloud, **environment).port}
    # Whether a miss is the repository's is asked only while it has not been seen.
    assert send(ports["handle_request"], {"method": "GET", "path": "/my-org/nope", "headers": {}})["status"] == 404
    for case in cases:
        send(ports[case["function"]], case["request"])
    handler = ports["handle_event"]
    for number, kind in enumerate(KINDS):
        attributes = {"parent_question_uuid": "p", "cpus": "2", "memory": "2Gi", "extra": "\u00e9"}
        assert push(handler, Event(number, kind, {"input_values": 1}, **attributes))[0] == 200
    assert push(handler, Event(90, data=b"\xff\x00 not an event"))[0] == 200
    assert push(handler, b'{"subscription":"s","message":{"messageId":"1","data":"!","attributes":{"a":1}}}')[0] == 200
    assert push(handler, question(91, question_uuid="No-Name-Of-A-Job", parent_question_uuid="p"))[0] == 200
    assert check(cloud, "event-handler", **variables).returncode == 0
    assert check(cloud, "service-registry", **environment).returncode == 0


def test_every_request_of_a_run_over_everything_is_one_that_google_documents(start, cloud, documents):
    run_everything(start, cloud)
    problems, seen = set(), set()
    for request in cloud.requests():
        if request["service"] not in NAMES:
            continue
        method, found = documents[request["service"]].check(request["method"], request["target"], request.get("body"))
        seen.add(method)
        problems |= {f"{request['method']} {request['target']}: {problem}" for problem in found}
    assert not problems, "\n".join(sorted(problems))
    assert seen == METHODS


def test_the_requests_for_a_token_are_those_that_google_documents(start, cloud, documents, tmp_path):
    """A token of another provider is exchanged, and the one for it impersonates a service account."""
    address = f"https://localhost:{cloud.ready['ports']['credentials']}"
    account = "handler@demo-project.iam.gserviceaccount.com"
    (tmp_path / "subject").write_text("subject-token")
    (tmp_path / "credentials.json").write_text(json.dumps({
        "type": "external_account", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "token_url": f"{address}/v1/token", "credential_source": {"file": str(tmp_path / "subject")},
        "service_account_impersonation_url":
            f"{address}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"}))
    handler = event_handler(start, cloud, GOOGLE_CLOUD_PROJECT="demo-project",
                            GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "credentials.json"))
    assert push(handler.port, heartbeat(1))[0] == 200
    exchange, impersonation = cloud.requests("credentials")
    # The exchange is a form (RFC 8693); the document describes it as JSON, with names in its own spelling.
    form = dict(urllib.parse.parse_qsl(exchange["body"], strict_parsing=True))
    members = {re.sub("_(.)", lambda found: found[1].upper(), name): value for name, value in form.items()}
    assert documents["sts"].check("POST", exchange["target"], json.dumps(members)) == ("sts.token", [])
    assert members["subjectToken"] == "subject-token"
    method = "iamcredentials.projects.serviceAccounts.generateAccessToken"
    assert documents["iamcredentials"].check("POST", impersonation["target"], impersonation["body"]) == (method, [])


TABLE = "/bigquery/v2/projects/p/datasets/d/tables/t"
CLUSTER = "/v1/projects/p/locations/l/clusters/c"
ROW = {"insertId": "i", "json": {"a": 1}}

MISTAKES = {
    "another path": ("bigquery", "POST", f"{TABLE}/insertOne", {"rows": [ROW]}),
    "another verb": ("bigquery", "PUT", f"{TABLE}/insertAll", {"rows": [ROW]}),
    "an unknown parameter": ("bigquery", "POST", f"{TABLE}/insertAll?pretty=false", {"rows": [ROW]}),
    "a parameter of another type": ("bigquery", "POST", f"{TABLE}/insertAll?prettyPrint=no", {"rows": [ROW]}),
    "an unknown member": ("bigquery", "POST", f"{TABLE}/insertAll", {"rows": [{**ROW, "insertID": "i"}]}),
    "a member of another type": ("bigquery", "POST", f"{TABLE}/insertAll", {"rows": [{**ROW, "insertId": 1}]}),
    "no body": ("bigquery", "POST", f"{TABLE}/insertAll", None),
    "a body": ("bigquery", "GET", TABLE, {}),
    "a mask of nothing": ("container", "GET", f"{CLUSTER}?fields=endpoint,masterAuth(clusterCaCertificate,ca)", None),
    "a mask's path to nothing": ("container", "GET", f"{CLUSTER}?fields=masterAuth/ca,endpoint", None),
    "data that is no base64": ("pubsub", "POST", "/v1/projects/p/topics/t:publish", {"messages": [{"data": "!"}]}),
    "an attribute that is no string": ("pubsub", "POST", "/v1/projects/p/topics/t:publish",
                                       {"messages": [{"attributes": {"a": 1}}]}),
    "a package of two segments": (
        "artifactregistry", "GET", "/v1/projects/p/locations/l/repositories/r/packages/a/b/tags/t", None),
}


@pytest.mark.parametrize("service, verb, target, body", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_request_that_google_does_not_document_is_found(documents, service, verb, target, body):
    assert documents[service].check(verb, target, None if body is None else json.dumps(body))[1]
