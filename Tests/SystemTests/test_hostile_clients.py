"""Clients that mean no good, in numbers: descriptors used up, half requests held, thousands of idle connections."""

import contextlib
import pathlib
import resource
import select
import socket
import time

import pytest

from costs import settled
from programs import GET, PATIENCE_SECONDS, Connection, ask, echo

#: What the program may take with 10,000 idle connections, and what each may add. A task of its own would add 3 KB.
IDLE_BYTES_MAX = 24 << 20
IDLE_BYTES_EACH_MAX = 1_000

HALVES = [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\nX",
          b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\nabc",
          b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\nabc"]


def descriptors(program):
    return len(list(pathlib.Path(f"/proc/{program.process.pid}/fd").iterdir()))


@contextlib.contextmanager
def many_descriptors(count):
    """This process may open `count` descriptors and some more; skips where the machine does not allow it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count + 200:
        pytest.skip(f"{count} connections need {count + 200} descriptors; the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 200), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect_all(port, count):
    """Connections that are on their way or stand; nobody waits for the server to accept them."""
    sockets = []
    for _ in range(count):
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(("127.0.0.1", port))
        sockets.append(connection)
    return sockets


def serves_fully(program):
    """A hundred requests on new connections, and fifty on one, all answered 200."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = ask(program.port, GET)
        if answer and answer[0] == 200:
            break
        assert time.monotonic() < deadline, "the service does not come back"
    for _ in range(100):
        assert ask(program.port, GET)[::2] == (200, echo(b""))
    with Connection(program.port) as connection:
        for _ in range(50):
            connection.send(GET)
            assert connection.read_response()[0] == 200


@pytest.mark.parametrize("limit", [64, 16])
def test_descriptors_used_up_by_500_clients_are_survived(start, limit):
    """64 descriptors: a ceiling that answers 503. 16: fewer than the server wants, so that accept fails (EMFILE)."""
    program = start("echo-server", preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    before = descriptors(program)
    with many_descriptors(500):
        clients = connect_all(program.port, 500)
        try:
            select.select([], clients, [], PATIENCE_SECONDS)
            for number, client in enumerate(clients):
                with contextlib.suppress(OSError):
                    client.send(HALVES[number % len(HALVES)])
            used = settled(program.cpu_ticks)  # Those over the ceiling have been answered.
            time.sleep(2)
            used = program.cpu_ticks() - used
            assert program.process.poll() is None, program.stderr()
            # A loop that spins would use some 200 of them.
            assert used < 40, f"{used} ticks of CPU while it could do nothing"
            print(f"limit {limit}: {used} ticks in two seconds, {descriptors(program)} descriptors open")
        finally:
            for client in clients:
                client.close()
    serves_fully(program)
    assert descriptors(program) <= before + 2
    assert program.terminate() == 0


def test_a_client_over_the_ceiling_is_told_so_while_the_others_are_served(start):
    program = start("echo-server", preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    kept, statuses = [], []
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            connection = stack.enter_context(Connection(program.port))
            kept.append(connection)
            connection.send(GET)
            with contextlib.suppress(BrokenPipeError):
                answer = connection.read_response()
                statuses.append(answer[0] if answer else None)
        assert statuses.count(200) == 34
        assert statuses.count(503) > 0
        assert set(statuses) <= {200, 503, None}
        for connection, status in zip(kept, statuses):
            if status == 200:
                connection.send(GET)
                assert connection.read_response()[0] == 200
    serves_fully(program)


def test_1000_half_open_and_dripping_connections_leave_a_good_client_alone(start):
    with many_descriptors(1_000):
        program = start("echo-server")
        held = []
        with contextlib.ExitStack() as stack:
            for number in range(1_000):
                held.append(stack.enter_context(Connection(program.port)))
                held[-1].send(HALVES[number % len(HALVES)])
            with Connection(program.port) as good:
                body = b"x" * 3_000
                request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                for number in range(500):
                    good.send(request)
                    assert good.read_response()[::2] == (200, echo(body))
                    for other in range(number % 5, 1_000, 50):
                        if HALVES[other % len(HALVES)]:
                            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                                held[other].send(b"a")
            assert ask(program.port, GET)[0] == 200
            assert len(program.threads()) == 1
        serves_fully(program)


@pytest.mark.parametrize("kind", ["unused", "used", "with a byte of a head"])
def test_10000_idle_connections_cost_little(start, kind):
    count = 10_000
    with many_descriptors(count):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard != resource.RLIM_INFINITY and hard < count + 272:
            pytest.skip(f"the server needs {count + 272} descriptors; the hard limit is {hard}")
        program = start("echo-server",
                        preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard)))
        serves_fully(program)
        before = program.memory_bytes("Pss")
        with contextlib.ExitStack() as held:
            for _ in range(count):
                address = "127.0.0.1", program.port
                connection = held.enter_context(socket.create_connection(address, PATIENCE_SECONDS))
                if kind == "used":
                    connection.sendall(GET)
                    assert connection.recv(4_096).startswith(b"HTTP/1.1 200")
                elif kind != "unused":
                    connection.sendall(b"G")
            assert ask(program.port, GET)[0] == 200
            after = program.memory_bytes("Pss")
            print(f"{count} {kind}: {before >> 10} KiB before, {after >> 10} KiB with them, "
                  f"{(after - before) // count} bytes each")
            assert after < IDLE_BYTES_MAX
            assert (after - before) / count < IDLE_BYTES_EACH_MAX
            assert descriptors(program) > count
        serves_fully(program)
