"""What a busy program keeps for the next event, and what it gives back when it rests."""

import contextlib
import pathlib
import re
import threading

import events
from cloud import event_handler
from costs import exchange, settled
from events import eventually
from programs import Connection

PAGE = 4_096


def faults(program):
    """Pages that were mapped because they were touched."""
    return program.stat(10)


def share_of_code(program):
    """How much of the program's code is mapped."""
    text = pathlib.Path(f"/proc/{program.process.pid}/smaps").read_text()
    size, resident = re.search(r" r-xp .*twined-functions\nSize: +(\d+) kB(?:.*\n)*?Rss: +(\d+) kB", text).groups()
    return int(resident) / int(size)


def large(number, mebibytes):
    return events.request(events.Event(number, "heartbeat", {"text": "x" * (mebibytes << 20)}).body())


def started(start, cloud):
    program = event_handler(start, cloud)
    cloud.wait("requests.container", atLeast=1)
    return program


def test_code_that_only_the_start_needed_is_not_held(start, cloud):
    """As much of it as is mapped right after the start, 85 %, would be most of what an idle program takes."""
    program = started(start, cloud)
    eventually(lambda: share_of_code(program) < 0.6, "code is given back")


def test_code_that_opened_connections_is_not_held(start, cloud):
    """Handshakes with BigQuery, and what the answers run through, leave 70 % of the code mapped."""
    program = started(start, cloud)
    eventually(lambda: share_of_code(program) < 0.6, "code is given back")
    cloud.post("/faults", {"service": "bigquery", "effect": "late", "delayMilliseconds": 50, "count": 16})
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Connection(program.port)) for _ in range(16)]
        threads = [
            threading.Thread(target=exchange, args=(connection, large(number, 0)))
            for number, connection in enumerate(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert cloud.get("/counts")["connections.bigquery"] >= 8
        eventually(lambda: share_of_code(program) < 0.6, "code is given back")
        exchange(connections[0], large(100, 0))


def test_memory_of_a_large_event_stays_for_the_next_one(start, cloud):
    """An event of 4 MiB passes through three buffers of its size: were each mapped anew, that would be 3,000 faults."""
    program = started(start, cloud)
    counts = []
    with Connection(program.port) as connection:
        for number in range(10):
            before = faults(program)
            exchange(connection, large(number, 4))
            counts.append(faults(program) - before)
    # At least one of them came before the program rested, however busy the machine is.
    assert min(counts) < (4 << 20) // PAGE // 2, counts


def test_memory_of_large_events_is_given_back_at_rest(start, cloud):
    program = started(start, cloud)
    before = settled(lambda: program.memory_bytes("Anonymous"))
    with Connection(program.port) as connection:
        for number in range(6):
            exchange(connection, large(number, 1 + number))
        eventually(lambda: program.memory_bytes("Anonymous") < before + (512 << 10), "memory is given back")
        exchange(connection, large(100, 1))
