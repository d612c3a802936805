"""`check`: what it finds wrong, what it says to do, and that it changes nothing."""

import json
import signal
import socket
import subprocess

import pytest

from cloud import check
from events import DEAD_LETTERS, TOPIC
from programs import PATIENCE_SECONDS, PROGRAM, run


def findings(cloud, function, **variables):
    result = check(cloud, function, "--json", **variables)
    assert result.stderr == ""
    report = json.loads(result.stdout)
    assert report["function"] == function
    failed = [finding for finding in report["checks"] if finding["state"] == "failed"]
    assert report["ok"] == (not failed)
    assert result.returncode == (1 if failed else 0)
    assert all(finding.get("remedy") for finding in failed)
    return {finding["check"]: finding for finding in report["checks"]}


def failures(cloud, function, **variables):
    return {what: finding for what, finding in findings(cloud, function, **variables).items()
            if finding["state"] == "failed"}


WITH_DEAD_LETTERS = {"DEAD_LETTER_TOPIC_NAME": DEAD_LETTERS}


def test_where_nothing_is_wrong_every_line_is_ok_and_nothing_is_changed(cloud):
    for function, variables in [("event-handler", WITH_DEAD_LETTERS), ("service-registry", {})]:
        result = check(cloud, function, **variables)
        assert (result.returncode, result.stderr) == (0, ""), result.stdout
        assert all(line.startswith("ok ") for line in result.stdout.splitlines())
    counts = cloud.get("/counts")
    for counter in ["rows.attempts", "jobs.created", "jobs.deleted", "jobs.invalid", "messages.published"]:
        assert counts[counter] == 0, counter
    for request in cloud.requests():
        changes_nothing = request["method"] == "GET" or request["target"].endswith(
            (":testIamPermissions", "/selfsubjectaccessreviews", "/token"))
        assert changes_nothing, request["target"]


def test_everything_that_an_event_needs_is_looked_at(cloud):
    assert list(findings(cloud, "event-handler", **WITH_DEAD_LETTERS)) == [
        "settings", "access token", "bigquery table", "storing events", "gke cluster", "kubernetes create",
        "kubernetes get", "kubernetes delete", "namespace", "service account", "kueue", "local queue", "network topic",
        "dead-letter topic"]
    assert list(findings(cloud, "service-registry")) == ["settings", "access token", "artifact registry", "look-ups"]


@pytest.mark.parametrize("function, permission, line, role", [
    ("event-handler", "bigquery.tables.updateData", "storing events", "roles/bigquery.dataEditor"),
    ("event-handler", "pubsub.topics.publish", "network topic", "roles/pubsub.publisher"),
    ("event-handler", "pubsub.topics.publish", "dead-letter topic", "roles/pubsub.publisher"),
    ("service-registry", "artifactregistry.tags.get", "look-ups", "roles/artifactregistry.reader"),
    ("service-registry", "artifactregistry.dockerimages.get", "look-ups", "roles/artifactregistry.reader"),
])
def test_a_missing_permission_is_answered_with_its_role(cloud, function, permission, line, role):
    cloud.post("/settings", {"deniedPermissions": [permission]})
    failed = failures(cloud, function, **(WITH_DEAD_LETTERS if function == "event-handler" else {}))
    assert permission in failed[line]["detail"]
    assert role in failed[line]["remedy"]
    assert failed[line]["subject"] in failed[line]["remedy"]


@pytest.mark.parametrize("service, function, line, role", [
    ("bigquery", "event-handler", "bigquery table", "roles/bigquery.dataEditor"),
    ("container", "event-handler", "gke cluster", "roles/container.clusterViewer"),
    ("artifactregistry", "service-registry", "artifact registry", "roles/artifactregistry.reader"),
])
def test_a_403_is_answered_with_the_role(cloud, service, function, line, role):
    cloud.post("/faults", {"service": service, "count": -1, "preset": "google-forbidden"})
    failed = failures(cloud, function)
    assert list(failed) == [line]
    assert role in failed[line]["remedy"]


def test_a_403_of_pubsub_or_the_cluster_is_answered_with_the_role_for_each_thing_that_needs_it(cloud):
    for service in ["pubsub", "kubernetes"]:
        cloud.post("/faults", {"service": service, "count": -1, "status": 403})
    failed = failures(cloud, "event-handler", **WITH_DEAD_LETTERS)
    assert set(failed) == {"kubernetes create", "kubernetes get", "kubernetes delete", "network topic",
                           "dead-letter topic"}
    for what, line in failed.items():
        role = "roles/container.developer" if what.startswith("kubernetes") else "roles/pubsub.publisher"
        assert role in line["remedy"]
        assert line["subject"].removeprefix("jobs in ") in line["remedy"]
        assert "service-account@demo-project.iam.gserviceaccount.com" in line["remedy"], "whom to grant it to"


@pytest.mark.parametrize("verb", ["create", "get", "delete"])
def test_a_verb_that_the_cluster_refuses_is_answered_with_the_roles(cloud, verb):
    cloud.post("/kubernetes", {"denied": [f"{verb} jobs"]})
    failed = failures(cloud, "event-handler")
    assert list(failed) == [f"kubernetes {verb}"]
    assert "roles/container.developer" in failed[f"kubernetes {verb}"]["remedy"]


@pytest.mark.parametrize("change, line, named", [
    ({"namespaces": ["other"]}, "namespace", "default"),
    ({"serviceAccounts": []}, "service account", "KUBERNETES_SERVICE_ACCOUNT_NAME"),
    ({"localQueues": []}, "local queue", "local-queue"),
    ({"inactiveLocalQueues": ["local-queue"]}, "local queue", "ClusterQueue cluster-queue"),
    ({"kueueVersion": None}, "kueue", "install Kueue"),
    ({"priorityClasses": []}, "priority class", "JOB_PRIORITY_CLASS"),
])
def test_a_missing_object_is_named(cloud, change, line, named):
    cloud.post("/kubernetes", change)
    failed = failures(cloud, "event-handler", JOB_PRIORITY_CLASS="urgent")
    assert line in failed
    assert named in failed[line]["remedy"]


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2", "v1"])
def test_kueue_is_asked_in_the_version_that_it_serves(cloud, version):
    cloud.post("/kubernetes", {"kueueVersion": version, "priorityClasses": ["urgent"]})
    found = findings(cloud, "event-handler", JOB_PRIORITY_CLASS="urgent")
    assert {line["state"] for line in found.values()} == {"ok"}
    assert version in found["kueue"]["detail"]
    assert [r["target"] for r in cloud.requests("kubernetes") if f"kueue.x-k8s.io/{version}/" in r["target"]]


def test_an_object_that_may_not_be_read_is_no_failure(cloud):
    cloud.post("/kubernetes", {"denied": ["get namespaces", "get serviceaccounts", "get localqueues"]})
    found = findings(cloud, "event-handler")
    assert {found[line]["state"] for line in ["namespace", "service account", "local queue"]} == {"unknown"}


def test_missing_objects_of_google_are_named(cloud):
    cloud.post("/settings", {"tables": [], "topics": [f"projects/demo-project/topics/{TOPIC}"]})
    cloud.post("/cluster", {"exists": False})
    failed = failures(cloud, "event-handler", **WITH_DEAD_LETTERS)
    assert set(failed) == {"bigquery table", "gke cluster", "dead-letter topic"}
    for line in failed.values():
        assert line["subject"] in line["remedy"]
        assert line["detail"] == "answered 404"
    cloud.post("/images", {"repositoryExists": False})
    assert "octue-twined-services" in failures(cloud, "service-registry")["artifact registry"]["remedy"]


def test_an_upstream_that_cannot_be_reached_is_told_from_one_that_refuses(cloud):
    for service in ["bigquery", "kubernetes", "artifactregistry"]:
        cloud.post("/listeners", {"service": service, "open": False})
    failed = failures(cloud, "event-handler")
    assert set(failed) == {"bigquery table", "kubernetes create"}
    assert "KUBERNETES_ENDPOINT" in failed["kubernetes create"]["remedy"]
    assert str(cloud.ready["ports"]["bigquery"]) in failed["bigquery table"]["remedy"]
    assert set(failures(cloud, "service-registry")) == {"artifact registry"}


def test_a_certificate_that_is_not_trusted_is_said_to_be_one(cloud):
    cloud.post("/certificates", {"service": "bigquery", "issuer": "unknown"})
    cloud.post("/certificates", {"service": "kubernetes", "issuer": "unknown"})
    failed = failures(cloud, "event-handler")
    assert "SSL_CERT_FILE" in failed["bigquery table"]["remedy"]
    assert "certificate" in failed["kubernetes create"]["remedy"]


def test_without_a_token_nothing_else_is_asked(cloud):
    cloud.post("/faults", {"service": "metadata", "count": -1, "status": 404})
    failed = failures(cloud, "event-handler")
    assert list(failed) == ["access token"]
    assert "service account" in failed["access token"]["remedy"]
    assert cloud.requests("bigquery") == []


def test_wrong_settings_are_findings_too(cloud):
    failed = failures(cloud, "event-handler", KUEUE_LOCAL_QUEUE=None, QUESTION_DEFAULT_MEMORY="256 MB")
    assert list(failed) == ["setting"]
    result = check(cloud, "event-handler", KUEUE_LOCAL_QUEUE=None, QUESTION_DEFAULT_MEMORY="256 MB")
    assert result.returncode == 1
    for name in ["KUEUE_LOCAL_QUEUE", "QUESTION_DEFAULT_MEMORY"]:
        assert [line for line in result.stdout.splitlines() if name in line and "→" in line]


def test_a_cluster_without_the_endpoint_that_is_asked_for_is_told_apart(cloud):
    failed = failures(cloud, "event-handler", KUBERNETES_ENDPOINT="dns")
    assert "KUBERNETES_ENDPOINT" in failed["gke cluster"]["remedy"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_check_ends_by_a_signal_while_it_waits_for_an_upstream(cloud, number):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        environment = {**cloud.environment("event-handler"), "GCE_METADATA_HOST": address, "GCE_METADATA_IP": address}
        process = subprocess.Popen([PROGRAM, "check", "event-handler"], env=environment, stdout=subprocess.DEVNULL)
        try:
            silent.settimeout(PATIENCE_SECONDS)
            connection, _ = silent.accept()
            process.send_signal(number)
            assert process.wait(PATIENCE_SECONDS) == -number
            connection.close()
        finally:
            process.kill()
            process.wait()


def test_wrong_arguments_of_check_are_exit_64(cloud):
    for arguments in [["nonsense"], ["event-handler", "service-registry"], ["--jsn"], []]:
        result = run("check", *arguments)
        assert result.returncode == 64, arguments
        assert "check" in result.stderr
