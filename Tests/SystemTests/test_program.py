"""The shipped program as a program: how it starts, what it is made of, how it ends."""

import os
import resource
import shutil
import socket
import subprocess
import threading

import pytest

from cloud import event_handler, look_up, service_registry
from events import heartbeat, log, push, request
from programs import PATIENCE_SECONDS, PROGRAM, ROOT, Connection, ask, get, run

# Arguments and configuration


def test_version_is_the_version_file():
    result = run("--version")
    assert (result.returncode, result.stdout) == (0, f"twined-functions {(ROOT / 'VERSION').read_text().strip()}\n")


def test_help_names_every_variable_that_the_configuration_knows():
    text = run("--help").stdout
    for name in ["BIGQUERY_EVENTS_TABLE", "OCTUE_SERVICES_TOPIC_NAME", "TWINED_SERVICES_TOPIC_NAME",
                 "ARTIFACT_REGISTRY_REPOSITORY_ID", "KUBERNETES_ENDPOINT", "DEAD_LETTER_TOPIC_NAME", "PORT"]:
        assert name in text


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["check", "event-handler", "--json"]])
def test_what_cannot_be_written_is_exit_74(arguments):
    with open("/dev/full", "w") as full:
        result = subprocess.run([PROGRAM, *arguments], env={}, stdout=full, stderr=subprocess.PIPE, text=True,
                                timeout=2 * PATIENCE_SECONDS)
    assert result.returncode == 74
    assert result.stderr == "twined-functions: standard output cannot be written to\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["event-handler", "more"], ["--nonsense"], []])
def test_wrong_arguments_are_exit_64_with_the_usage(arguments):
    result = run(*arguments)
    assert result.returncode == 64
    assert "event-handler" in result.stderr
    assert result.stdout == ""


def test_every_wrong_setting_is_named_at_once_with_what_was_expected():
    result = run("event-handler", environment={"QUESTION_DEFAULT_MEMORY": "256 MB", "PORT": "99999"})
    assert result.returncode == 78
    for name in ["BIGQUERY_EVENTS_TABLE", "KUBERNETES_CLUSTER_ID", "KUEUE_LOCAL_QUEUE", "QUESTION_DEFAULT_MEMORY",
                 "PORT"]:
        lines = [line for line in result.stderr.splitlines() if line.strip().startswith(name)]
        assert len(lines) == 1, (name, result.stderr)
        assert "xpected" in lines[0]
    registry = run(environment={"FUNCTION_TARGET": "handle_request"})
    assert registry.returncode == 78
    assert "ARTIFACT_REGISTRY_REPOSITORY_ID" in registry.stderr


def test_a_port_that_is_taken_is_exit_71(cloud):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = {**cloud.environment("event-handler"), "PORT": str(taken.getsockname()[1])}
        result = run("event-handler", environment=environment)
    assert result.returncode == 71
    assert "listen" in result.stderr


def test_function_target_decides_without_an_argument(start, cloud):
    for target, path, expected in [("handle_event", "/", 405), ("handle_request", "/health", 200)]:
        function = "event-handler" if target == "handle_event" else "service-registry"
        program = start("twined-functions", environment={
            **cloud.environment(function), "FUNCTION_TARGET": target, "FUNCTION_SIGNATURE_TYPE": "cloudevent"})
        assert get(program.port, path)[0] == expected


# What it is made of


def test_it_is_static_and_stripped_and_has_no_foundation():
    content = PROGRAM.read_bytes()
    assert len(content) < 13_500_000
    headers = subprocess.run(["readelf", "-lS", PROGRAM], capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in headers
    assert ".symtab" not in headers
    for marker in [b"FoundationEssentials", b"10Foundation", b"NSNotificationCenter", b"libicu"]:
        assert marker not in content, marker


def test_both_functions_have_one_thread_under_load(start, cloud):
    handler = event_handler(start, cloud)
    registry = service_registry(start, cloud)
    threads = set()
    stop = threading.Event()

    def watch():
        while not stop.is_set():
            threads.add((len(handler.threads()), len(registry.threads())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(200):
            assert push(handler.port, heartbeat(1))[0] == 200
            assert look_up(registry.port, "/my-org/my-service")[0] == 200
    finally:
        stop.set()
        watcher.join()
    assert threads == {(1, 1)}


def test_it_runs_in_an_empty_root_with_only_a_directory_of_authorities(start, cloud, tmp_path):
    root = tmp_path / "root"
    (root / "certs").mkdir(parents=True)
    shutil.copy(PROGRAM, root / "twined-functions")
    shutil.copy(cloud.ready["ca"], root / "certs" / "ca.pem")
    subprocess.run(["openssl", "rehash", root / "certs"], check=True, capture_output=True)
    environment = {**cloud.environment("event-handler"), "SSL_CERT_DIR": "/certs"}
    del environment["SSL_CERT_FILE"]
    prefix = ["chroot", root] if os.geteuid() == 0 else ["unshare", "-r", "chroot", root]
    handler = start("twined-functions", "event-handler", environment=environment, prefix=prefix,
                    path="/twined-functions")
    assert push(handler.port, heartbeat(1))[0] == 200
    assert sorted(os.listdir(root)) == ["certs", "twined-functions"]
    assert handler.terminate() == 0


def test_openssl_reads_no_configuration_file(start, cloud, tmp_path):
    """Nor where random bytes are wanted before any TLS. Whoever opened the pipe, which nobody writes to, would hang."""
    os.mkfifo(tmp_path / "openssl.cnf")
    nowhere = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}": "http://127.0.0.1:1/" for name in ["BIGQUERY", "CONTAINER"]}
    for variables in [nowhere, {}]:
        handler = event_handler(start, cloud, LOG_EXECUTION_ID="true", OPENSSL_CONF=str(tmp_path / "openssl.cnf"),
                                **variables)
        assert ask(handler.port, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n{")[0] == 400
        if not variables:
            assert push(handler.port, heartbeat(1))[0] == 200


def test_no_core_dump_is_made(start, cloud):
    handler = event_handler(start, cloud)
    assert resource.prlimit(handler.process.pid, resource.RLIMIT_CORE) == (0, 0)


def test_it_may_open_as_many_descriptors_as_the_kernel_allows(start, cloud):
    """The lower of the two limits is for programs with select(2); many systems set it to 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    handler = start("twined-functions", "event-handler", environment=cloud.environment("event-handler"),
                    preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)))
    assert resource.prlimit(handler.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)


def test_a_target_that_is_no_uri_is_400(start, cloud):
    """Of either function: a broken escape, or what stands in no URI (RFC 3986 appendix A)."""
    for function in ["event-handler", "service-registry"]:
        program = start("twined-functions", function, environment=cloud.environment(function))
        for target in [b"/%zz", b"/%", b"/?a=%4", b'/"', b"/<a>", b"/{a}", b"/\\", b"/?a=[%"]:
            framed = b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n" % target
            assert ask(program.port, framed)[0] == 400, target


# How it lives and ends


def test_bad_input_is_answered_in_one_line_without_quoting_it_and_the_process_lives_on(start, cloud):
    handler = event_handler(start, cloud)
    marker, good = b"marker-3b1f", heartbeat(1).body()
    bodies = [
        marker, b'{"%s":1}' % marker, b'{"message":{"data":"%s","messageId":"1"},"subscription":"s"}' % marker,
        good.replace(b"eyJ", b"{{{"), good.replace(b'"uuid"', b'"%s"' % marker), b"[" * 100_000, b"\xff" * 100,
        good.replace(b"octue/parent-service:5.6.3", b"octue/parent-service:5.6.3\\u0000\\ud800"),
    ]
    for body in bodies:
        status, _, answer = ask(handler.port, request(body))
        assert status in (200, 400), body[:60]
        assert marker not in answer
        assert answer.count(b"\n") <= 1
    assert push(handler.port, heartbeat(1))[0] == 200
    assert len(log(handler)) >= len(bodies), "each line is what a line must be"


def test_health_is_answered_and_other_methods_are_405(start, cloud):
    handler = event_handler(start, cloud)
    for line, status, allow in [(b"GET /health", 200, None), (b"HEAD /health", 200, None),
                                (b"PUT /health", 405, "GET, HEAD, POST"), (b"GET /", 405, "POST"),
                                (b"HEAD /", 405, "POST"), (b"PUT /", 405, "POST"), (b"DELETE /x", 405, "POST"),
                                (b"OPTIONS *", 405, "POST")]:
        answer = ask(handler.port, line + b" HTTP/1.1\r\nHost: h\r\n\r\n", line.startswith(b"HEAD"))
        assert (answer[0], answer[1].get("allow")) == (status, allow)


def test_sigterm_ends_it_with_exit_0_and_the_log_says_so(start, cloud):
    handler = event_handler(start, cloud)
    assert push(handler.port, heartbeat(1))[0] == 200
    assert handler.terminate() == 0
    assert log(handler)[-1]["message"] == "stopped"
    assert handler.process.stdout.read() == b""


def test_it_takes_the_port_of_the_one_before_whose_connections_the_kernel_still_ends(start, cloud):
    before = event_handler(start, cloud)
    with Connection(before.port) as connection:
        connection.send(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
        assert connection.read_response()[0] == 200
        assert before.terminate() == 0
        after = start("twined-functions", "event-handler", environment=cloud.environment("event-handler"),
                      port=before.port)
        assert push(after.port, heartbeat(1))[0] == 200
