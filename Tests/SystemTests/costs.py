"""What an event costs, in counts that do not depend on the machine's speed.

Each count is the difference of two runs of the real program, one of which had more events, divided by their number.
"""

import collections
import contextlib
import dataclasses
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
from typing import Callable

import callgrind
import events
from cloud import LocalCloud
from programs import BUILD, PATIENCE_SECONDS, ROOT, Connection, Program

#: What `scripts/release` linked, before it was stripped: the same instructions, with the functions' names.
UNSTRIPPED = ROOT / ".build-release" / "release" / "twined-functions"
SHIPPED = BUILD / "twined-functions"
LOOK_UP = b"GET /my-org/my-service?revision_tag=0.1.0 HTTP/1.1\r\nHost: a\r\n\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
#: Numbers of events begin here, so that all have as many digits.
FIRST = 1_000_000
SMALL_BODY, LARGE_BODY = 64 << 10, 1 << 20


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of request: what to send, and what must have happened before."""
    function: str
    request: Callable[[int], bytes]
    fewer: int = 100
    more: int = 400
    #: Events that another instance handles first.
    before: Callable[[int], bytes] | None = None


def _posted(event):
    return events.request(event.body())


def _heartbeat(number, **content):
    return _posted(events.Event(number, "heartbeat", content))


def _question(number):
    return _posted(events.question(number))


def _cancellation(number):
    return _posted(events.cancellation(number + 1_000_000, of=events.question(number)))


KINDS = {
    "heartbeat": Kind("event-handler", _heartbeat),
    "question": Kind("event-handler", _question),
    "cancellation": Kind("event-handler", _cancellation, before=_question),
    "duplicate": Kind("event-handler", _question, before=_question),
    "look-up": Kind("service-registry", lambda _: LOOK_UP),
    "body-64KiB": Kind("event-handler", lambda n: _heartbeat(n, text="x" * SMALL_BODY), fewer=4, more=12),
    "body-1MiB": Kind("event-handler", lambda n: _heartbeat(n, text="x" * LARGE_BODY), fewer=2, more=6),
}


class Meter:
    """A local cloud, and instances of the program that are counted against it."""

    def __init__(self, directory, program=UNSTRIPPED, environment=None):
        self.directory = pathlib.Path(directory)
        self.program = pathlib.Path(program).resolve()
        self.environment = environment or {}
        if not self.program.exists():
            raise AssertionError(f"{self.program} is not there; `make release` builds it")
        # valgrind does not know what Swift's debuggers read, and gives up on it; the names it knows.
        self.countable = self.directory / "countable"
        subprocess.run(["strip", "--strip-debug", "-o", self.countable, self.program], check=True)
        self.cloud = LocalCloud(self.directory, "--no-recording")
        self.runs = 0

    def close(self):
        self.cloud.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Runs

    def profile(self, kind):
        """What one more event of a kind costs, by callgrind."""
        kind = KINDS[kind]
        fewer, more = (self._counted(kind, count) for count in (kind.fewer, kind.more))
        return more.less(fewer, kind.more - kind.fewer)

    def system_calls(self, kind):
        """System calls by name of one more event of a kind, by strace."""
        kind = KINDS[kind]
        fewer, more = (self._traced(kind, count) for count in (kind.fewer, kind.more))
        more.subtract(fewer)
        return {name: count / (kind.more - kind.fewer) for name, count in more.items() if count > 0}

    def _counted(self, kind, count):
        output = self.directory / f"callgrind-{self.runs}"
        self._run(kind, count, "valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", "--quiet")
        profile = callgrind.Profile.read(output)
        output.unlink()
        return profile

    def _traced(self, kind, count):
        output = self.directory / f"trace-{self.runs}"
        self._run(kind, count, "strace", "-D", "-f", "-q", "-o", output)
        text = events.eventually(lambda: _ended_trace(output), "the end of the trace")
        return collections.Counter(re.findall(r"^\d+ +(\w+)\(", text, re.M))

    def _run(self, kind, count, *prefix):
        """One instance, from start to a graceful end, that handles `count` requests on one connection."""
        self.cloud.reset()
        numbers = range(FIRST, FIRST + count)
        if kind.before:
            with self._started(kind.function) as (_, connection):
                for number in numbers:
                    exchange(connection, kind.before(number))
        with self._started(kind.function, *prefix) as (_, connection):
            for number in numbers:
                exchange(connection, kind.request(number))

    @contextlib.contextmanager
    def _started(self, function, *prefix, program=None):
        """An instance that has what it fetches at start, and the first connection to it."""
        self.runs += 1
        before = self.cloud.get("/counts")
        program = self._launch(function, *prefix, program=program)
        try:
            with contextlib.closing(first_connection(program)) as connection:
                for counter in ["tokens.issued"] + ["requests.container"] * (function == "event-handler"):
                    self.cloud.wait(counter, atLeast=before.get(counter, 0) + 1)
                yield program, connection
            code = program.terminate()
            assert code == 0, f"ended with {code}:\n{program.stderr()}"
        finally:
            program.close()

    def _launch(self, function, *prefix, program=None, variables=None):
        path = program or (self.countable if prefix else self.program)
        variables = self.cloud.environment(function) if variables is None else variables
        variables = {**variables, "PATH": "/usr/local/bin:/usr/bin:/bin", "GOOGLE_CLOUD_PROJECT": "demo-project",
                     **self.environment}
        return Program("twined-functions", [function], variables, log_directory=self.directory, prefix=prefix,
                       path=path)


def first_connection(program):
    """The first connection that the program accepts: none is made and given up before."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if program.process.poll() is not None:
            raise AssertionError(f"{program.name} ended with {program.process.returncode}:\n{program.stderr()}")
        with contextlib.suppress(ConnectionRefusedError):
            return Connection(program.port)
        time.sleep(0.005)
    raise AssertionError(f"{program.name} does not listen:\n{program.stderr()}")


def exchange(connection, request):
    connection.send(request)
    answer = connection.read_response()
    assert answer is not None and answer[0] == 200, answer


def _ended_trace(path):
    text = path.read_text(errors="replace")
    return text if "+++ exited with" in text or "+++ killed by" in text else None
