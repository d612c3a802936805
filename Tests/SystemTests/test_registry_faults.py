"""What the registry says when Artifact Registry fails: never 404, which clients read as "look elsewhere"."""

import pytest

from cloud import look_up, service_registry
from events import log

AGAIN = (502, 3)
UNAVAILABLE = (502, 1)
ANY = {401: (502, 2), **dict.fromkeys([408, 429, 500, 502, 503, 504], AGAIN)}
STATUSES = [201, 202, 204, 206, 301, 302, 307, 308, 400, 401, 402, 403, 405, 406, 408, 409, 410, 412, 413, 422, 425,
            429, 451, 500, 501, 502, 503, 504, 505, 507, 599]
TAG = ("/my-org/my-service?revision_tag=0.1.0", "/tags/0.1.0", "Service revision found")
DEFAULT_TAG = ("/my-org/my-service", "/tags/default", '{"revision_tag":"0.1.0"}\n')
IMAGE = ("/my-org/my-service", "/dockerImages/", '{"revision_tag":"0.1.0"}\n')
MISSING = ("/my-org/no-such-service?revision_tag=1", "/repositories/octue-twined-services", "does not exist")


def start_warm(start, cloud, **variables):
    program = service_registry(start, cloud, GOOGLE_CLOUD_PROJECT="demo-project", **variables)
    cloud.wait("tokens.issued", atLeast=1)
    return program


def fault(target, **what):
    return {"service": "artifactregistry", "target": target, "count": -1, **what}


def failures(program):
    return [line for line in log(program) if line["message"] == "a look-up failed"]


def calls_of(cloud, target):
    return [call for call in cloud.requests("artifactregistry") if target in call["target"]]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("call", [TAG, DEFAULT_TAG, IMAGE], ids=["tag", "default-tag", "image"])
def test_what_every_status_means(start, shared, call, status):
    path, target, found = call
    answer, attempts = ANY.get(status, UNAVAILABLE)
    program = start_warm(start, shared)
    shared.post("/faults", fault(target, status=status))
    assert look_up(program.port, path)[0] == answer
    assert len(calls_of(shared, target)) == attempts
    [line] = failures(program)
    assert line["service"] == "my-org/my-service" and line["upstream"] == "artifact registry"
    assert str(status) in line["reason"] and line["severity"] == ("WARNING" if attempts == 3 else "ERROR")
    shared.post("/faults/clear", {})
    assert look_up(program.port, path) == (200, found)


@pytest.mark.parametrize("body", ["", "<html>a proxy's page</html>", '{"name": "cut', "[]"])
@pytest.mark.parametrize("call", [TAG, DEFAULT_TAG, IMAGE], ids=["tag", "default-tag", "image"])
def test_a_200_that_is_no_object_says_nothing(start, shared, call, body):
    path, target, found = call
    program = start_warm(start, shared)
    shared.post("/faults", fault(target, status=200, body=body))
    assert look_up(program.port, path)[0] == 502
    assert len(calls_of(shared, target)) == 3
    [line] = failures(program)
    assert line["reason"] == "an answer that cannot be read"
    shared.post("/faults/clear", {})
    assert look_up(program.port, path) == (200, found)


@pytest.mark.parametrize("status", [400, 403, 500, 503])
def test_a_repository_that_cannot_be_seen_is_no_missing_revision(start, shared, status):
    path, target, missing = MISSING
    program = start_warm(start, shared)
    shared.post("/faults", [{**fault("no-such-service"), "status": 404},
                            fault("/repositories/octue-twined-services", status=status)])
    assert look_up(program.port, path)[0] == 502
    shared.post("/faults/clear", {})
    status, text = look_up(program.port, path)
    assert status == 404 and missing in text


@pytest.mark.parametrize("path", ["/my-org/my-service", "/my-org/my-service?revision_tag=0.1.0", "/a/b"])
def test_a_missing_repository_is_502(start, shared, path):
    shared.post("/images", {"repositoryExists": False})
    program = start_warm(start, shared)
    assert look_up(program.port, path)[0] == 502
    [line] = failures(program)
    assert line["severity"] == "ERROR" and line["reason"].endswith("does not exist")


@pytest.mark.parametrize("body", ["{}", '{"version":1}', '{"version":"a/../b"}', "{no JSON}"])
def test_an_answer_that_is_none_is_502(start, shared, body):
    program = start_warm(start, shared)
    shared.post("/faults", fault("/tags/default", status=200, body=body))
    assert look_up(program.port, "/my-org/my-service")[0] == 502
    [line] = failures(program)
    assert line["severity"] == "ERROR" and line["reason"].endswith("is not what its API says")


@pytest.mark.parametrize("what, requests", [
    ({"end": "reset"}, 2), ({"end": "close", "endAfterBytes": 20}, 2), ({"end": "close", "endAfterBodyBytes": 1}, 2),
    ({"garbage": True}, 2), ({"interim": 3}, 1), ({"framing": "close"}, 1), ({"gzip": True}, 1),
    ({"framing": "chunked", "chunkBytes": 3}, 1), ({"drip": {"bytes": 9, "everyMilliseconds": 1}}, 1)])
def test_one_broken_answer_is_made_good(start, shared, what, requests):
    path, target, found = IMAGE
    program = start_warm(start, shared)
    shared.post("/faults", fault(target, effect=True, **{**what, "count": 1}))
    assert look_up(program.port, path) == (200, found)
    assert len(calls_of(shared, target)) == requests


def test_no_answer_in_time_is_504(start, shared):
    program = start_warm(start, shared, CLOUD_RUN_TIMEOUT_SECONDS="10")
    shared.post("/faults", fault("/tags/", end="hang"))
    assert look_up(program.port, "/my-org/my-service?revision_tag=0.1.0")[0] == 504
    sent = len(calls_of(shared, "/tags/"))
    shared.post("/faults/clear", {})
    assert look_up(program.port, "/my-org/my-service")[0] == 200
    assert len(calls_of(shared, "/tags/")) == sent + 1, "nothing is sent after the answer"


def test_a_revoked_token_is_replaced_once(start, shared):
    program = start_warm(start, shared)
    assert look_up(program.port, TAG[0])[0] == 200
    shared.post("/tokens", {"revokeAll": True})
    assert look_up(program.port, TAG[0])[0] == 200
    assert shared.get("/counts")["tokens.issued"] == 2


def test_a_registry_without_a_token_is_502(start, shared):
    shared.post("/faults", {"service": "metadata", "count": -1, "status": 403})
    program = service_registry(start, shared, GOOGLE_CLOUD_PROJECT="demo-project")
    assert look_up(program.port, TAG[0])[0] == 502
    assert not shared.requests("artifactregistry")


def test_a_default_tag_whose_image_is_gone_is_no_default(start, shared):
    program = start_warm(start, shared)
    shared.post("/faults", fault("/dockerImages/", status=404))
    status, text = look_up(program.port, DEFAULT_TAG[0])
    assert status == 404 and "default" in text.lower()
    assert calls_of(shared, "/tags/default") and calls_of(shared, "/dockerImages/")
    assert not failures(program)
