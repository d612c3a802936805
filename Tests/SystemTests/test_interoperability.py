"""Both ends speak with programs that we did not write: curl, OpenSSL's client, Python's TLS, HTTP and JSON.

The functions and the local cloud share our HTTP, TLS and JSON code, so both could misread alike; here each
meets a stranger.
"""

import http.server
import json
import shutil
import ssl
import subprocess
import threading
import urllib.error
import urllib.request

import pytest

from cloud import event_handler, service_registry
from events import heartbeat, push
from programs import PATIENCE_SECONDS


def curl(*arguments, data=None):
    result = subprocess.run(["curl", "-sS", "--max-time", str(PATIENCE_SECONDS), *map(str, arguments)], input=data,
                            capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def test_curl_understands_the_event_handler(start, cloud):
    handler = event_handler(start, cloud)
    url = f"http://127.0.0.1:{handler.port}/"
    pushed = ("-H", "Content-Type: application/json", "--data-binary", "@-", url)
    body = heartbeat(1).body()
    for options in [], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"], ["--http1.0"]:
        assert curl(*options, *pushed, data=body) == b"OK"
    assert curl("-o", "/dev/null", "-w", "%{http_code} %{num_connects}", url, "-o", "/dev/null", url) == b"405 1405 0"


def test_curl_understands_the_registry(start, cloud):
    registry = service_registry(start, cloud)
    base = f"http://127.0.0.1:{registry.port}"
    assert curl(f"{base}/my-org/my-service?revision_tag=0.1.0") == b"Service revision found"
    assert json.loads(curl(f"{base}/my-org/my-service")) == {"revision_tag": "0.1.0"}
    assert curl("-I", f"{base}/my-org/my-service").startswith(b"HTTP/1.1 200 OK\r\n")


def test_curl_and_python_verify_the_local_cloud_and_read_its_answers(cloud):
    port = cloud.ready["ports"]["bigquery"]
    token = json.loads(curl("-H", "Metadata-Flavor: Google", f"http://127.0.0.1:{cloud.ready['ports']['metadata']}"
                            "/computeMetadata/v1/instance/service-accounts/default/token"))["access_token"]
    url = (f"https://localhost:{port}/bigquery/v2/projects/demo-project/datasets/octue_twined/tables/service-events"
           "/insertAll")
    answer = curl("--cacert", cloud.ready["ca"], "-H", f"Authorization: Bearer {token}", "-H",
                  "Content-Type: application/json", "--data-binary", "@-", url,
                  data=b'{"rows":[{"json":{"nonsense":1}}]}')
    assert json.loads(answer)["insertErrors"][0]["errors"][0]["reason"] == "invalid"
    context = ssl.create_default_context(cafile=cloud.ready["ca"])
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url, b"{}"), context=context, timeout=PATIENCE_SECONDS)
    assert refused.value.code == 401
    assert json.loads(refused.value.read())["error"]["code"] == 401
    refused.value.close()


def test_openssl_verifies_the_local_cloud_and_refuses_another_authority(cloud):
    def connect(service, authority, name):
        return subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{cloud.ready['ports'][service]}", "-CAfile", authority,
             "-verify_return_error", *name], input=b"", capture_output=True, timeout=PATIENCE_SECONDS)

    assert connect("bigquery", cloud.ready["ca"], ["-verify_hostname", "localhost"]).returncode == 0
    assert connect("kubernetes", cloud.ready["clusterCA"], ["-verify_ip", "127.0.0.1"]).returncode == 0
    assert connect("kubernetes", cloud.ready["ca"], ["-verify_ip", "127.0.0.1"]).returncode != 0
    assert connect("bigquery", cloud.ready["ca"], ["-verify_hostname", "elsewhere.example"]).returncode != 0


class StrangeBigQuery(http.server.BaseHTTPRequestHandler):
    """BigQuery as Python's own HTTP server would be it."""

    protocol_version = "HTTP/1.1"
    bodies = []

    def do_POST(self):
        self.bodies.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        answer = b'{"kind":"bigquery#tableDataInsertAllResponse"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def strange_bigquery(tmp_path):
    """A server of Python's with a certificate of OpenSSL's."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=strange", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), StrangeBigQuery)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    StrangeBigQuery.bodies.clear()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server, certificate
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_of_pythons_understands_our_client(start, cloud, strange_bigquery, tmp_path):
    server, certificate = strange_bigquery
    authorities = tmp_path / "both.pem"
    with open(authorities, "wb") as both:
        for path in (certificate, cloud.ready["ca"]):
            with open(path, "rb") as one:
                shutil.copyfileobj(one, both)
    handler = event_handler(
        start, cloud, SSL_CERT_FILE=str(authorities),
        CLOUDSDK_API_ENDPOINT_OVERRIDES_BIGQUERY=f"https://localhost:{server.server_address[1]}/bigquery/v2/")
    for _ in range(3):
        assert push(handler.port, heartbeat(1))[0] == 200
    path, headers, body = StrangeBigQuery.bodies[-1]
    assert path.endswith("/tables/service-events/insertAll?prettyPrint=false")
    assert headers["Authorization"].startswith("Bearer ")
    row = json.loads(body)["rows"][0]
    assert json.loads(row["json"]["event"]) == {}
    assert row["json"]["kind"] == "heartbeat"
