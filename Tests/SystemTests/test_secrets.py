"""Tokens, keys and inputs: searched for in everything the real program writes, and at every place they are not for."""

import base64
import contextlib
import itertools
import json
import os
import re
import socket
import threading

import pytest

from cloud import event_handler, look_up, service_registry
from events import DEAD_LETTERS, Event, log_lines, push, request
from programs import ask, free_port, get

TOKEN = "ya29.MARKED-TOKEN-5d1c"
DATA = "marked-input-8a37"
ATTRIBUTE = "marked-attribute-11f0"
SECRET = "marked-secret-c09e"
MARKS = [TOKEN, DATA, ATTRIBUTE, SECRET]

#: The services that get the program's access token, over verified TLS.
TRUSTED = {"bigquery", "container", "kubernetes", "artifactregistry", "pubsub"}

NUMBERS = itertools.count(1)


def event(kind="heartbeat", question="q-1", **others):
    """An event whose data and free attributes are marked."""
    return Event(next(NUMBERS), kind, {"input_values": {DATA: DATA}, "input_manifest": DATA}, question, **{
        "parent": ATTRIBUTE, "originator": ATTRIBUTE, "sender": ATTRIBUTE, "other": ATTRIBUTE, **others})


def output(program):
    """All that a program wrote, once it has ended."""
    assert program.terminate() == 0
    return program.stderr() + program.process.stdout.read().decode()


def assert_unmarked(text, marks=MARKS):
    for mark in marks:
        assert mark not in text
        encoded = base64.b64encode(mark.encode()).decode().rstrip("=")[:-1]
        assert encoded not in text


def authorizations(cloud):
    """Which service got which Authorization."""
    found = {}
    for request in cloud.requests():
        for name, value in request["fields"]:
            if name.lower() == "authorization":
                found.setdefault(request["service"], set()).add(value)
    return found


class Trap:
    """A listener that nobody may connect to; what comes all the same is kept."""

    def __init__(self, answer=b""):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.answer = answer
        self.received = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(5)
                    self.received.append(connection.recv(1 << 20))
                    connection.sendall(self.answer)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(5)


@pytest.fixture
def trap():
    trap = Trap(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                b"Connection: close\r\n\r\n{}")
    yield trap
    trap.close()


@pytest.fixture
def marked_cloud(cloud):
    cloud.post("/tokens", {"metadata": TOKEN})
    return cloud


def test_no_token_and_no_input_is_written_whatever_happens_to_an_event(start, marked_cloud):
    cloud = marked_cloud
    handler = event_handler(start, cloud, LOG_LEVEL="DEBUG", LOG_EXECUTION_ID="true",
                            DEAD_LETTER_TOPIC_NAME=DEAD_LETTERS)
    answers = []
    for faults in [
        [], [{"service": "bigquery", "status": 503}], [{"service": "bigquery", "status": 403, "body": TOKEN}],
        [{"service": "kubernetes", "status": 422, "bodyJSON": {"message": f'denied: args[3]={{"a": "{DATA}"}}'}}],
        [{"service": "kubernetes", "status": 422, "bodyJSON": {"message": f'is invalid: args: Invalid value: "{DATA}"'}}],
        [{"service": "kubernetes", "status": 400, "bodyJSON": {"message": f'args[3]: "{DATA}" matches nothing'}}],
        [{"service": "kubernetes", "status": 403, "bodyJSON": {
            "message": f'admission webhook "a.b" denied the request: jobs.batch is forbidden: User "{DATA}" may not'}}],
        [{"service": "bigquery", "status": 403, "bodyJSON": {"error": {"message": f"row {DATA} is not allowed"}}}],
        [{"service": "container", "status": 401}], [{"service": "kubernetes", "status": 401, "count": 2}],
        [{"service": "kubernetes", "garbage": TOKEN}], [{"service": "bigquery", "end": "reset"}],
        [{"service": "pubsub", "status": 400, "body": DATA}], [{"service": "bigquery", "preset": "row-invalid"}],
    ]:
        for fault in faults:
            cloud.post("/faults", fault)
        for pushed in [event("question"), event("question", recipient=ATTRIBUTE), event("cancellation"), event()]:
            answers.append(ask(handler.port, request(pushed.body(), [f"Authorization: Bearer {SECRET}"])))
        cloud.post("/faults/clear", {})
    bare = json.dumps({"message": {"data": DATA, "messageId": "1"}, "subscription": ATTRIBUTE})
    for body in [event(data=DATA.encode()).body(), DATA.encode(), bare.encode()]:
        answers.append(ask(handler.port, request(body)))
    marked = f"DELETE /{DATA}?{ATTRIBUTE} HTTP/1.1\r\nHost: a\r\nX-Mark: {SECRET}\r\n\r\n"
    answers += [ask(handler.port, marked.encode()), ask(handler.port, request(b"", [f"Bad Name: {SECRET}"]))]
    statuses = {answer[0] for answer in answers}
    assert {200, 400, 405, 503} <= statuses, statuses
    for answer in answers:
        assert_unmarked(repr(answer))
    written = output(handler)
    assert len(log_lines(written)) > 40
    assert_unmarked(written)
    found = authorizations(cloud)
    assert set(found) <= TRUSTED and {"bigquery", "container", "kubernetes", "pubsub"} <= set(found)
    for values in found.values():
        assert all(re.fullmatch(r"Bearer ya29\.\S+", value) and SECRET not in value for value in values)


def test_the_registry_writes_no_token_and_quotes_nothing_but_the_name(start, marked_cloud):
    registry = service_registry(start, marked_cloud, LOG_LEVEL="DEBUG")
    fields = [f"Authorization: Bearer {SECRET}", f"X-Mark: {DATA}"]
    answers = [get(registry.port, target, fields) for target in [
        "/my-org/my-service", f"/my-org/my-service?revision_tag={ATTRIBUTE}", f"/a/b?{DATA}", "/%0d%0aX-Injected:%201",
        f"/my-org/my-service?revision_tag=%0d%0a{DATA}"]]
    assert answers[3][0] == 404 and answers[3][2] == rb"No default service revision found for '\r\nX-Injected: 1'."
    for status, fields, body in answers:
        assert_unmarked(repr((fields, body)))
        assert "x-injected" not in fields
    assert_unmarked(output(registry))
    assert set(authorizations(marked_cloud)) == {"artifactregistry"}


def test_the_token_goes_to_no_listener_in_clear(start, marked_cloud, trap):
    environment = marked_cloud.environment("event-handler")
    environment.pop("CLOUDSDK_API_ENDPOINT_OVERRIDES_BIGQUERY", None)
    environment.pop("CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", None)
    environment["BIGQUERY_EMULATOR_HOST"] = f"127.0.0.1:{trap.port}"
    environment["PUBSUB_EMULATOR_HOST"] = f"127.0.0.1:{marked_cloud.ready['ports']['pubsub-emulator']}"
    handler = start("twined-functions", "event-handler", environment=environment)
    assert push(handler.port, event("question", recipient="undispatchable"))[0] == 200
    assert handler.terminate() == 0
    stored = [received for received in trap.received if received.startswith(b"POST /bigquery/v2/projects/")]
    assert stored and not any(b"uthorization" in received or b"ya29" in received for received in trap.received)
    published = marked_cloud.requests("pubsub-emulator")
    assert published and "pubsub-emulator" not in authorizations(marked_cloud)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(start, marked_cloud, trap, status):
    handler = event_handler(start, marked_cloud)
    registry = service_registry(start, marked_cloud)
    for service in ["bigquery", "kubernetes", "artifactregistry"]:
        for scheme in ["http", "https"]:
            marked_cloud.post("/faults", {
                "service": service, "status": status,
                "headers": {"Location": f"{scheme}://127.0.0.1:{trap.port}/stolen"}})
            if service == "artifactregistry":
                assert look_up(registry.port, f"/my-org/{scheme}")[0] == 502
            else:
                assert push(handler.port, event("question", question=None))[0] == 503
    assert marked_cloud.get("/counts")["faults.applied"] == 6
    assert handler.terminate() == 0 and registry.terminate() == 0
    assert trap.received == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_of_whoever_gives_tokens_and_endpoints_are_not_followed(start, marked_cloud, trap, status):
    location = {"Location": f"http://127.0.0.1:{trap.port}/stolen"}
    for service in ["metadata", "container"]:
        marked_cloud.post("/faults", {"service": service, "status": status, "count": -1, "headers": location})
    handler = event_handler(start, marked_cloud)
    assert push(handler.port, event("question"))[0] == 503
    assert handler.terminate() == 0
    assert trap.received == []
    assert TOKEN not in handler.stderr()


def test_a_persons_secrets_go_to_the_token_endpoint_alone(start, marked_cloud, tmp_path):
    cloud = marked_cloud
    port = cloud.ready["ports"]["credentials"]
    path = tmp_path / "adc.json"
    path.write_text(json.dumps({
        "type": "authorized_user", "client_id": "client", "client_secret": SECRET, "refresh_token": SECRET + "-refresh",
        "token_uri": f"https://127.0.0.1:{port}/token"}))
    handler = event_handler(start, cloud, GOOGLE_APPLICATION_CREDENTIALS=str(path), LOG_LEVEL="DEBUG",
                            GOOGLE_CLOUD_PROJECT="demo-project")
    assert push(handler.port, event("question"))[0] == 200
    cloud.post("/tokens", {"revokeAll": True})
    cloud.post("/faults", {"service": "credentials", "status": 400, "bodyJSON": {"error": SECRET}})
    assert push(handler.port, event())[0] in (200, 503)
    written = output(handler)
    assert_unmarked(written)
    assert "ya29." not in written
    for request in cloud.requests():
        if request["service"] != "credentials":
            assert SECRET not in json.dumps(request)
        else:
            assert "ya29." not in json.dumps([request["target"], request["fields"], request["body"]])


BROKEN = [
    f'{{"type":"{SECRET}"}}', SECRET, f'"{SECRET}"', f'{{"type":"authorized_user","client_id":"{SECRET}"}}',
    f'{{"type":"service_account","client_email":"a@b","private_key":"{SECRET}"}}',
    f'{{"type":"authorized_user","client_id":"i","client_secret":"{SECRET}\\n","refresh_token":"r"}}',
    f'{{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r",'
    f'"token_uri":"http://{SECRET}/"}}',
    f'{{"type":"service_account","client_email":"a@b",'
    f'"private_key":"-----BEGIN PRIVATE KEY-----\\n{SECRET}\\n-----END PRIVATE KEY-----"}}',
    f'{{"type":"external_account","audience":"a","subject_token_type":"t",'
    f'"credential_source":{{"url":"ftp://{SECRET}"}}}}',
    f'{{"type":"external_account","audience":"a","subject_token_type":"t",'
    f'"credential_source":{{"url":"https://a.b/","headers":{{"A":"{SECRET}\\r\\n"}}}}}}',
    f'{{"type":"impersonated_service_account","service_account_impersonation_url":"{SECRET}",'
    f'"source_credentials":{{"type":"authorized_user","client_id":"i","client_secret":"{SECRET}",'
    f'"refresh_token":"{SECRET}"}}}}',
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_credentials_file_is_named_and_never_quoted(start, cloud, tmp_path, content):
    path = tmp_path / "adc.json"
    path.write_text(content)
    program = start("twined-functions", "event-handler", wait=False, environment={
        **cloud.environment("event-handler"), "GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    assert program.process.wait(30) == 78
    written = program.stderr() + program.process.stdout.read().decode()
    assert str(path) in written
    assert_unmarked(written)


def test_no_core_dump_is_made_and_nobody_else_may_look_into_the_process(start, cloud):
    user = os.getuid() or 65534

    def become_user():
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

    environment = cloud.environment("service-registry")
    # What only root may read is not needed here.
    environment.pop("SSL_CERT_FILE", None)
    port = free_port()
    program = start("twined-functions", "service-registry", environment=environment, port=port, preexec=become_user)
    directory = f"/proc/{program.process.pid}"
    status = open(f"{directory}/status").read()
    assert re.search(rf"^Uid:\s+{user}\s", status, re.M)
    limits = open(f"{directory}/limits").read()
    assert re.search(r"^Max core file size\s+0\s+0\s", limits, re.M)
    # The files of a process that may not be dumped belong to root, whoever it runs as (proc(5)).
    assert os.stat(f"{directory}/environ").st_uid == 0
    assert os.stat(f"/proc/{os.getpid()}/environ").st_uid == os.getuid()
    assert program.terminate() == 0
