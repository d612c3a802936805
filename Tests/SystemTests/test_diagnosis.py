"""What is broken is said in the log: who failed, where, why, and what to do about it."""

import pytest

from cloud import event_handler, look_up, service_registry
from events import DEAD_LETTERS, cancellation, eventually, heartbeat, log, push, question

#: Nothing that passes by itself asks somebody to do something.
SOON = {"CLOUD_RUN_TIMEOUT_SECONDS": "10"}


def fault(service, **members):
    return "/faults", {"service": service, "count": -1, **members}


def error(program):
    """The one ERROR line of the event that was pushed."""
    [line] = log(program, "ERROR")
    return line


@pytest.mark.parametrize("broken, upstream, status, reason, remedy", [
    (fault("bigquery", preset="google-forbidden"), "bigquery", 403, "403", "roles/bigquery.dataEditor"),
    (("/settings", {"tables": []}), "bigquery", 404, "404", "BIGQUERY_EVENTS_TABLE"),
    (fault("bigquery", status=401), "bigquery", 401, "401", "service account"),
    (("/listeners", {"service": "bigquery", "open": False}), "bigquery", None, "refused", "egress"),
    (("/certificates", {"service": "bigquery", "issuer": "unknown"}), "bigquery", None, "not trusted", "SSL_CERT_FILE"),
    (fault("bigquery", status=503), "bigquery", 503, "503", None),
    (fault("container", preset="google-forbidden"), "gke", 403, "403", "roles/container.clusterViewer"),
    (("/cluster", {"exists": False}), "gke", 404, "404", "KUBERNETES_CLUSTER_ID"),
    (("/listeners", {"service": "container", "open": False}), "gke", None, "refused", "egress"),
    (("/kubernetes", {"denied": ["create jobs"]}), "kubernetes", 403, "403", "roles/container.developer"),
    (("/kubernetes", {"namespaces": []}), "kubernetes", 404, "404", "JOB_NAMESPACE"),
    (("/kubernetes", {"quota": {"default": 0}}), "kubernetes", 403, "403", "quota"),
    (("/listeners", {"service": "kubernetes", "open": False}), "kubernetes", None, "refused", "authorised networks"),
    (("/certificates", {"service": "kubernetes", "issuer": "unknown"}), "kubernetes", None, "not trusted",
     "KUBERNETES_ENDPOINT"),
    (fault("kubernetes", target="/jobs", preset="webhook"), "kubernetes", 500, "500", None),
])
def test_an_event_that_fails_says_who_where_why_and_what_to_do(
        start, cloud, broken, upstream, status, reason, remedy):
    cloud.post(*broken)
    program = event_handler(start, cloud, **SOON)
    assert push(program.port, question(1))[0] == 503
    line = error(program)
    assert (line["upstream"], line.get("status")) == (upstream, status)
    assert reason in line["reason"]
    if status is None:
        assert f"127.0.0.1:{cloud.ready['ports'][broken[1]['service']]}" in line["reason"], "where it was asked"
    assert remedy in line["remedy"] if remedy else "remedy" not in line


@pytest.mark.parametrize("broken, words", [
    (("/kubernetes", {"denied": ["create jobs"]}), 'cannot create resource "jobs"'),
    (("/settings", {"tables": []}), "octue_twined"),
    (("/kubernetes", {"quota": {"default": 0}}), "exceeded quota"),
])
def test_the_upstreams_own_words_are_there_where_they_name_the_permission_or_the_object(start, cloud, broken, words):
    cloud.post(*broken)
    program = event_handler(start, cloud, **SOON)
    assert push(program.port, question(1))[0] == 503
    assert words in error(program)["detail"]


@pytest.mark.parametrize("message, said", [
    ('admission webhook "jobs.policy.example" denied the request: argument "patient 4711" is not allowed',
     'admission webhook "jobs.policy.example" denied the request'),
    ("jobs.batch \"question-1\" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'b' denied request: patient",
     "jobs.batch \"question-1\" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'b' denied request"),
])
def test_who_denied_a_job_is_said_and_not_what_it_said_of_the_job(start, cloud, message, said):
    cloud.post(*fault("kubernetes", target="/jobs", status=403, bodyJSON={"kind": "Status", "message": message}))
    program = event_handler(start, cloud)
    assert push(program.port, question(1))[0] == 503
    assert error(program)["detail"] == said


def test_which_field_of_a_job_is_not_taken_is_said_and_not_its_value(start, cloud):
    message = ('Job.batch "a" is invalid: [spec.b: Unsupported value: "patient 4711": supported values: "c", spec.d: '
               'Invalid value: "4711": must be positive]')
    cloud.post(*fault("kubernetes", target="/jobs", status=422, bodyJSON={"kind": "Status", "message": message}))
    program = event_handler(start, cloud)
    assert push(program.port, question(1))[0] == 200
    assert error(program)["detail"] == 'Job.batch "a" is invalid: [spec.b: Unsupported'


@pytest.mark.parametrize("answered, said", [
    ({"preset": "row-stopped"}, "stopped"), ({"preset": "row-backend-error"}, "backendError"),
    ({"bodyJSON": {"insertErrors": [{"index": 0, "errors": [{"reason": "not a name", "location": "patient"}]}]}}, None),
    ({"body": "<html>"}, None),
])
def test_why_bigquery_took_a_row_not_is_said_by_its_name(start, cloud, answered, said):
    cloud.post(*fault("bigquery", **answered))
    program = event_handler(start, cloud, **SOON)
    assert push(program.port, question(1))[0] == 503
    line, = [line for line in log(program) if "not stored" in line["message"]]
    assert line.get("detail") == said and line["status"] == 200
    assert line["reason"] == ("answered 200, but did not store the row" if said else "an answer that cannot be read")


@pytest.mark.parametrize("reason, remedy", [
    ("quotaExceeded", "quotas"), ("rateLimitExceeded", "quotas"), ("billingNotEnabled", "billing"),
    ("accessDenied", "roles/bigquery.dataEditor")])
def test_a_403_that_is_not_about_roles_does_not_ask_for_one(start, cloud, reason, remedy):
    body = {"error": {"code": 403, "message": "x", "errors": [{"reason": reason, "domain": "global", "message": "x"}]}}
    cloud.post(*fault("bigquery", status=403, bodyJSON=body))
    program = event_handler(start, cloud, **SOON)
    assert push(program.port, question(1))[0] == 503
    line, = [line for line in log(program) if "not stored" in line["message"]]
    assert remedy in line["remedy"]


@pytest.mark.parametrize("message", [
    "argument patient is not allowed", "Bearer abc", '{"echo": "of what was sent"}', "two\nlines", "ü", "x" * 501, 5,
    None])
def test_words_that_may_repeat_what_was_sent_stay_unsaid(start, cloud, message):
    cloud.post(*fault("bigquery", status=403, bodyJSON={"error": {"message": message}}))
    program = event_handler(start, cloud)
    assert push(program.port, question(1))[0] == 503
    assert "detail" not in error(program)


def test_a_cancellation_that_is_refused_says_so_too(start, cloud):
    cloud.post("/kubernetes", {"denied": ["delete jobs"]})
    program = event_handler(start, cloud)
    assert push(program.port, cancellation(1, question(2)))[0] == 503
    assert "delete" in error(program)["remedy"] and error(program)["outcome"] == "not cancelled"


@pytest.mark.parametrize("broken, reason", [
    (("/listeners", {"service": "metadata", "open": False}), "refused"),
    (fault("metadata", status=404), "404"),
])
def test_without_a_metadata_server_the_credentials_are_at_fault_and_not_bigquery(start, cloud, broken, reason):
    cloud.post(*broken)
    program = event_handler(start, cloud, **SOON)
    assert push(program.port, question(1))[0] == 503
    line = error(program)
    assert line["upstream"] == "credentials" and reason in line["reason"]
    without_token = "no access token could be obtained"
    warning = eventually(
        lambda: [line for line in log(program) if line["message"] == without_token], "its line")[0]
    assert "service account" in warning["remedy"] and reason in warning["reason"]


def test_a_dead_letter_that_cannot_be_published_says_both_what_is_wrong(start, cloud):
    cloud.post(*fault("pubsub", preset="google-forbidden"))
    program = event_handler(start, cloud, DEAD_LETTER_TOPIC_NAME=DEAD_LETTERS)
    assert push(program.port, heartbeat(1, datetime=5))[0] == 503
    line = error(program)
    assert line["fault"] and "403" in line["reason"] and "roles/pubsub.publisher" in line["remedy"]


@pytest.mark.parametrize("broken, severity, status, reason, remedy", [
    (fault("artifactregistry", preset="google-forbidden"), "ERROR", 403, "403", "roles/artifactregistry.reader"),
    (("/images", {"repositoryExists": False}), "ERROR", None, "does not exist", "ARTIFACT_REGISTRY_REPOSITORY_ID"),
    (("/listeners", {"service": "artifactregistry", "open": False}), "WARNING", None, "refused", "egress"),
    (fault("artifactregistry", status=503), "WARNING", 503, "503", None),
])
def test_a_look_up_that_fails_says_who_where_why_and_what_to_do(
        start, cloud, broken, severity, status, reason, remedy):
    cloud.post(*broken)
    program = service_registry(start, cloud)
    assert look_up(program.port, "/my-org/my-service?revision_tag=9.9.9")[0] == 502
    line, = [line for line in log(program) if line["message"] == "a look-up failed"]
    assert (line["severity"], line["upstream"], line.get("status")) == (severity, "artifact registry", status)
    assert reason in line["reason"]
    assert remedy in line["remedy"] if remedy else "remedy" not in line
