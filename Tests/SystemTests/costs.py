"""What an event costs, in counts that do not depend on the machine's speed.

Each count is the difference of two runs of the real program, one of which had more events, divided by their number.
"""

import collections
import contextlib
import dataclasses
import math
import pathlib
import re
import socket
import subprocess
import time
from typing import Callable

import callgrind
import events
from cloud import LocalCloud
from programs import PATIENCE_SECONDS, ROOT, Connection, Program

#: What `scripts/release` linked, before it was stripped: the same instructions, with the functions' names.
UNSTRIPPED = ROOT / ".build-release" / "release" / "twined-functions"
LOOK_UP = b"GET /my-org/my-service?revision_tag=0.1.0 HTTP/1.1\r\nHost: a\r\n\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
#: Numbers of events begin here, so that all have as many digits.
FIRST = 1_000_000


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of request: what to send, and what must have happened before."""
    function: str
    request: Callable[[int], bytes]
    fewer: int = 50
    more: int = 250
    #: Events that another instance handles first.
    before: Callable[[int], bytes] | None = None


def _posted(event):
    return events.request(event.body())


def _heartbeat(number, **content):
    return _posted(events.Event(number, "heartbeat", content))


def _question(number):
    return _posted(events.question(number))


def _small_body(number):
    return _heartbeat(number, text="x" * (64 << 10))


def _large_body(number):
    return _heartbeat(number, text="x" * (1 << 20))


def _cancellation(number):
    return _posted(events.cancellation(number + 1_000_000, of=events.question(number)))


KINDS = {
    "heartbeat": Kind("event-handler", _heartbeat),
    "question": Kind("event-handler", _question),
    "cancellation": Kind("event-handler", _cancellation, before=_question),
    "duplicate question": Kind("event-handler", _question, before=_question),
    "look-up": Kind("service-registry", lambda _: LOOK_UP),
    "body of 64 KiB": Kind("event-handler", _small_body, fewer=2, more=6),
    "body of 1 MiB": Kind("event-handler", _large_body, fewer=1, more=3),
}
#: What an instance has asked for once it is warm.
WARM = {
    "event-handler": ["tokens.issued", "requests.container", "accepted.bigquery", "accepted.kubernetes"],
    "service-registry": ["tokens.issued", "accepted.artifactregistry"],
}
#: The system calls of a loop; see Meter.system_calls.
OFTEN = {"epoll_wait", "recvfrom", "sendto", "poll", "write"}
#: Kinds whose system calls are figures too. Those of large bodies depend on how the kernel cuts them.
TRACED = ["heartbeat", "question", "cancellation", "duplicate question", "look-up"]
#: Kinds whose askers wait for the answer and nothing else.
WAITED = ["heartbeat", "question", "look-up"]


class Meter:
    """A local cloud, and instances of the program that are counted against it."""

    def __init__(self, directory, program=UNSTRIPPED, environment=None):
        self.directory = pathlib.Path(directory)
        self.program = pathlib.Path(program).resolve()
        self.environment = environment or {}
        if not self.program.exists():
            raise AssertionError(f"{self.program} is not there; `make release` builds it")
        if not callgrind.has_names(self.program):
            raise AssertionError(f"{self.program} is stripped: by its functions' names allocations are counted")
        # valgrind does not know what Swift's debuggers read, and gives up on it; the names it knows.
        self.countable = self.directory / "countable"
        subprocess.run(["strip", "--strip-debug", "-o", self.countable, self.program], check=True)
        self.stripped = self.directory / "stripped"
        subprocess.run(["strip", "-o", self.stripped, self.program], check=True)
        self.cloud = LocalCloud(self.directory, "--no-recording")
        self.runs = 0

    def close(self):
        self.cloud.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Figures

    def figures(self):
        """Every figure by name, one after the other as it is measured."""
        totals = {}
        for kind in KINDS:
            # A large body comes, and its row goes, in as many pieces as the kernel makes of it, each with memory of its
            # own: the least of some counts is the program's.
            runs = 4 if kind.startswith("body") else 1
            each = min((self.profile(kind) for _ in range(runs)), key=lambda profile: profile.allocations)
            totals[kind] = each.total
            yield f"{kind}: instructions", round(each.total)
            yield f"{kind}: allocations", round(each.allocations, 1)
        for kind in WAITED:
            yield f"{kind}: instructions that its answer waits for", round(self.waited(kind))
        more_bytes = len(_large_body(FIRST)) - len(_small_body(FIRST))
        yield "body: instructions per byte", round((totals["body of 1 MiB"] - totals["body of 64 KiB"]) / more_bytes, 2)
        for kind in TRACED:
            yield f"{kind}: system calls", sum(self.system_calls(kind).values())
        yield "start: instructions to the first answer", self.start().total
        yield "program: bytes", self.stripped.stat().st_size
        # Where the kernel puts stack and heap by chance, some pages more are touched or not: the least counts.
        memory = [self.anonymous_bytes(heartbeats=1_000) for _ in range(5)]
        yield "idle: anonymous bytes", min(before for before, _ in memory)
        yield "idle after 1,000 heartbeats: anonymous bytes", min(after for _, after in memory)

    # Runs

    def profile(self, kind):
        """What one more event of a kind costs, by callgrind."""
        kind = KINDS[kind]
        fewer, more = (self._counted(kind, count) for count in (kind.fewer, kind.more))
        return more.less(fewer, kind.more - kind.fewer)

    def waited(self, kind):
        """Instructions of one more event between a wait of the loop's and what it then sends: a request, or the answer.
        Those after that, up to the next wait, cost nobody any time who waits for this event."""
        counts = 10, 50
        fewer, more = (self._until_sent(KINDS[kind], count) for count in counts)
        return (more - fewer) / (counts[1] - counts[0])

    def system_calls(self, kind):
        """System calls by name of one more event of a kind, by strace. Whole ones: on a busy machine an answer comes
        in two parts now and then, and is waited for twice."""
        counts = KINDS[kind].fewer, KINDS[kind].more
        fewer, more = (collections.Counter(map(_call, self.trace(kind, count))) for count in counts)
        more.subtract(fewer)
        each = {name: count / (counts[1] - counts[0]) for name, count in more.items() if name}
        # Those that wait and receive come once too often now and then; any other counts, however seldom it comes.
        return {name: round(count) if name in OFTEN else math.ceil(count) for name, count in each.items()
                if round(count) > 0 or (name not in OFTEN and count > 0.05)}

    def start(self):
        """Instructions from exec over the first answer to a graceful end, with everything that does not depend on an
        upstream: they listen, but never answer."""
        output = self.directory / "callgrind-start"
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"127.0.0.1:{silent.getsockname()[1]}"
            variables = self.cloud.environment("event-handler") | {
                "GCE_METADATA_HOST": address, "GCE_METADATA_IP": address,
                "CLOUDSDK_API_ENDPOINT_OVERRIDES_BIGQUERY": f"https://{address}/"}
            program = self._launch("event-handler", *_counting(output), variables=variables)
            try:
                with contextlib.closing(first_connection(program)) as connection:
                    exchange(connection, HEALTH)
                assert program.terminate() == 0, program.stderr()
            finally:
                program.close()
        return callgrind.Profile.read(output)

    def anonymous_bytes(self, heartbeats):
        """Anonymous memory when idle: after start, and after so many heartbeats."""
        self.cloud.reset()
        with self._started("event-handler") as (program, connection):
            before = settled(lambda: program.memory_bytes("Anonymous"))
            for number in range(FIRST, FIRST + heartbeats):
                exchange(connection, _heartbeat(number))
            return before, settled(lambda: program.memory_bytes("Anonymous"))

    def _counted(self, kind, count):
        output = self.directory / f"callgrind-{self.runs}"
        self._run(kind, count, *_counting(output))
        profile = callgrind.Profile.read(output)
        output.unlink()
        return profile

    def _until_sent(self, kind, count):
        output = self.directory / f"callgrind-{self.runs}"
        self._run(kind, count, *_counting(output), *(f"--dump-before={name}" for name in ("send", "epoll_wait")))
        return callgrind.until(output, "send")

    def trace(self, kind, count):
        """strace's lines of one instance that handles so many of a kind."""
        output = self.directory / f"trace-{self.runs}"
        self._run(KINDS[kind], count, "strace", "-D", "-f", "-q", "-o", output)
        return events.eventually(lambda: _ended_trace(output), "the end of the trace").splitlines()

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
    def _started(self, function, *prefix):
        """An instance that has what it fetches at start, and the first connection to it."""
        self.runs += 1
        before = self.cloud.get("/counts")
        program = self._launch(function, *prefix)
        try:
            with contextlib.closing(first_connection(program)) as connection:
                for counter in WARM[function]:
                    self.cloud.wait(counter, atLeast=before.get(counter, 0) + 1)
                settled(program.cpu_ticks)  # The last handshake ends by itself.
                yield program, connection
            code = program.terminate()
            assert code == 0, f"ended with {code}:\n{program.stderr()}"
        finally:
            program.close()

    def _launch(self, function, *prefix, variables=None):
        path = self.countable if prefix else self.stripped
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


def settled(measure, seconds=0.3):
    """What is measured once it has not changed for a while."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    value, since = measure(), time.monotonic()
    while time.monotonic() < since + seconds:
        assert time.monotonic() < deadline, "it does not settle"
        time.sleep(0.02)
        if (now := measure()) != value:
            value, since = now, time.monotonic()
    return value


def _counting(output):
    return "valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", "--quiet"


def _call(line):
    """The name of the system call that a line of strace's is about."""
    found = re.match(r"\d+ +(\w+)\(", line)
    return found[1] if found else ""


def _ended_trace(path):
    text = path.read_text(errors="replace")
    return text if "+++ exited with" in text or "+++ killed by" in text else None
