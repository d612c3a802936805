"""Programs that are not ours: the Pub/Sub emulator, the SDK, kubectl and gcloud, started by the tests.

A machine may lack them. What needs them is then skipped with a notice, but in CI (CI=true) that is a failure,
so that nobody takes a run without them for one with them; SKIP_REAL_CLIENTS=1 says that it is meant.
"""

import json
import os
import pathlib
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from events import TOPIC
from programs import PATIENCE_SECONDS, ROOT, free_port

ENVIRONMENT = ROOT / ".build/venv-clients"
SDK = pathlib.Path(__file__).resolve().parent / "sdk"
PROJECT = "demo-project"


def require(*programs):
    """Skips or fails a test without these programs: names in PATH, or paths in the clients' environment."""
    if os.environ.get("SKIP_REAL_CLIENTS") == "1":
        pytest.skip("SKIP_REAL_CLIENTS=1")
    missing = [name for name in programs
               if not (any(ENVIRONMENT.glob(name)) if "/" in name else shutil.which(name))]
    if not missing:
        return
    notice = f"not on this machine: {', '.join(map(shown, missing))}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{notice} (SKIP_REAL_CLIENTS=1 allows it)")
    pytest.skip(notice)


def shown(program):
    return f"{program.rsplit('/', 1)[-1]} (of requirements-clients.txt)" if "/" in program else program


def require_emulator():
    require("gcloud", "java")
    installation = pathlib.Path(os.path.realpath(shutil.which("gcloud"))).parents[1]
    folders = [installation / "platform", pathlib.Path("/usr/lib/google-cloud-sdk/platform")]
    if not any((folder / "pubsub-emulator").is_dir() for folder in folders):
        require("pubsub-emulator")


def environment(directory, **variables):
    """What every client gets: a home of its own, and nothing of whoever runs the tests."""
    return {"PATH": f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}", "HOME": str(directory), "LC_ALL": "C.UTF-8",
            "CLOUDSDK_CONFIG": str(directory / "gcloud"), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true", "PYTHONDONTWRITEBYTECODE": "1", **variables}


def run(*command, environment, cwd=None, check=True):
    """A client's standard output, once it has ended; its standard error is shown when it failed."""
    result = subprocess.run([*map(str, command)], env=environment, cwd=cwd, stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=2 * PATIENCE_SECONDS)
    if check:
        assert result.returncode == 0, f"{command[:4]}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout if check else result


#: Runs a command that leads a process group (gcloud makes one of its own), and ends the whole group when the
#: command ends, or standard input: that is the tests' end of a pipe, so it ends with them, however they end.
SUPERVISOR = """
exec 3<&0
"$@" </dev/null 3<&- & leader=$!
{ cat <&3 >/dev/null; kill -- -$leader || kill $leader; } 2>/dev/null &
wait $leader
for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -- -$leader 2>/dev/null || exit 0
    sleep 0.5
done
kill -s KILL -- -$leader
"""


class PubSubEmulator:
    """Google's own Pub/Sub emulator, spoken to through its REST face."""

    def __init__(self, directory):
        self.host = f"127.0.0.1:{free_port()}"
        self.log_path = directory / "pubsub-emulator.log"
        (directory / "data").mkdir()
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", SUPERVISOR, "sh", "gcloud", "beta", "emulators", "pubsub", "start",
                 f"--project={PROJECT}", f"--host-port={self.host}", f"--data-dir={directory / 'data'}"],
                env=environment(directory), stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)

    def wait_until_listening(self):
        deadline = time.monotonic() + 2 * PATIENCE_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log_path.read_text(errors="replace")
            try:
                with urllib.request.urlopen(f"http://{self.host}/", timeout=1):
                    return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError(self.log_path.read_text(errors="replace"))

    def request(self, method, path, body=None):
        """A call of the REST face; path below the project."""
        request = urllib.request.Request(
            f"http://{self.host}/v1/projects/{PROJECT}/{path}", json.dumps(body or {}).encode(), method=method,
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error

    def create_topic(self, name):
        self.request("PUT", f"topics/{name}")

    def subscribe(self, name, topic=TOPIC, **options):
        self.request("PUT", f"subscriptions/{name}", {"topic": f"projects/{PROJECT}/topics/{topic}", **options})

    def unsubscribe(self, name):
        self.request("DELETE", f"subscriptions/{name}")

    def publish(self, *messages, topic=TOPIC):
        return self.request("POST", f"topics/{topic}:publish", {"messages": list(messages)})["messageIds"]

    def pull(self, subscription, count=1):
        """That many messages, acknowledged; it waits for them."""
        received = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(received) < count:
            assert time.monotonic() < deadline, f"{len(received)} of {count} messages"
            # A pull that waits does not see a dead letter that comes meanwhile.
            answer = self.request("POST", f"subscriptions/{subscription}:pull",
                                  {"maxMessages": 10, "returnImmediately": True})
            messages = answer.get("receivedMessages", [])
            if messages:
                self.request("POST", f"subscriptions/{subscription}:acknowledge",
                             {"ackIds": [message["ackId"] for message in messages]})
            received += [message["message"] for message in messages]
            time.sleep(0.05)
        return received

    def close(self):
        self.process.stdin.close()
        self.process.wait(2 * PATIENCE_SECONDS)
