"""The real programs as processes: started on free ports of the loopback, ended by the tests that started them."""

import contextlib
import hashlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TWINED_BUILD", ROOT / "build"))
#: What is shipped.
PROGRAM = BUILD / "twined-functions"

#: How long a test waits for something that must happen. It bounds a failing run; nothing is measured by it.
PATIENCE_SECONDS = 30

#: The least request.
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def free_port(host="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


class Program:
    """One process, its standard error collected in a file that a failing test shows."""

    def __init__(self, name, arguments=(), environment=None, port=None, log_directory=None, preexec=None,
                 prefix=(), path=None):
        self.port = port or free_port()
        self.name = name
        directory = pathlib.Path(log_directory)
        self.log_path = directory / f"{name.replace('/', '-')}-{self.port}.log"
        self.log = open(self.log_path, "wb")
        variables = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": str(self.port)}
        variables.update(environment or {})
        self.process = subprocess.Popen(
            [*prefix, path or BUILD / name, *arguments], env=variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.log, preexec_fn=preexec)

    def wait_until_listening(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.stderr()}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            time.sleep(0.005)
        raise AssertionError(f"{self.name} does not listen:\n{self.stderr()}")

    def stderr(self):
        return self.log_path.read_text(errors="replace")

    def threads(self):
        return os.listdir(f"/proc/{self.process.pid}/task")

    def stat(self, number):
        """A field of /proc/PID/stat by its number in proc(5)."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[number - 3])

    def cpu_ticks(self):
        """User and system time so far, in ticks of the kernel's (100 a second)."""
        return self.stat(14) + self.stat(15)

    def memory_bytes(self, kind):
        """Memory of a kind that smaps_rollup knows: Anonymous, or Pss, the program's own share."""
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return 1024 * int(re.search(rf"^{kind}: +(\d+) kB$", text, re.M)[1])

    def terminate(self):
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        self.process.stdout.close()
        self.log.close()


@contextlib.contextmanager
def starting(directory):
    """Yields what starts programs, and ends them afterwards, whatever became of them."""
    running = []

    def start(name, *arguments, environment=None, wait=True, **options):
        running.append(Program(name, arguments, environment, log_directory=directory, **options))
        return running[-1].wait_until_listening() if wait else running[-1]

    try:
        yield start
    finally:
        for program in reversed(running):
            program.close()


def run(*arguments, environment=None):
    """What the shipped program said, once it has ended by itself."""
    return subprocess.run([PROGRAM, *arguments], env=environment or {}, capture_output=True, text=True,
                          timeout=2 * PATIENCE_SECONDS)


class Connection:
    """A raw TCP connection: bytes as they are, answers parsed by hand and as strictly as it gets."""

    def __init__(self, port, host="127.0.0.1", connect_seconds=PATIENCE_SECONDS):
        self.socket = socket.create_connection((host, port), connect_seconds)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def _fill(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self._fill():
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.split(b"\r\n")
        version, status, *_ = lines[0].split(b" ", 2)
        assert version == b"HTTP/1.1"
        fields = [tuple(part.strip() for part in line.split(b":", 1)) for line in lines[1:]]
        return int(status), [(name.lower().decode(), value.decode("latin-1")) for name, value in fields]

    def read_response(self, head_request=False):
        """Status, fields and body of the next final answer; None when the connection has ended instead."""
        head = self.read_head()
        while head and 100 <= head[0] < 200:
            head = self.read_head()
        if head is None:
            return None
        status, fields = head
        names = dict(fields)
        if head_request or status in (204, 304):
            return status, names, b""
        if names.get("transfer-encoding") == "chunked":
            return status, names, self._read_chunks()
        length = int(names["content-length"])
        while len(self.buffer) < length:
            assert self._fill(), "the body was cut off"
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return status, names, body

    def _read_chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self.buffer:
                assert self._fill(), "a chunk was cut off"
            size, self.buffer = self.buffer.split(b"\r\n", 1)
            count = int(size, 16)
            while len(self.buffer) < count + 2:
                assert self._fill(), "a chunk was cut off"
            body += self.buffer[:count]
            assert self.buffer[count:count + 2] == b"\r\n"
            self.buffer = self.buffer[count + 2:]
            if count == 0:
                return body

    def is_ended(self):
        """Whether the peer has closed, with nothing more to read."""
        return not self.buffer and not self._fill()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def echo(body):
    """What the echo-server answers to a body."""
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}\n".encode()


def ask(port, request, head_request=False):
    """Status, fields and body of the answer to one request; None where the connection ended without one."""
    with Connection(port) as connection:
        # What refuses a request may do so before all of it has come.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.send(request)
        return connection.read_response(head_request)


def get(port, target, fields=()):
    """The answer to a GET, with field lines besides."""
    return ask(port, "\r\n".join([f"GET {target} HTTP/1.1", "Host: a", *fields, "", ""]).encode())
