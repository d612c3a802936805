"""Faults in combinations that nobody thought of: drawn from a seed, which a failure names and which replays it."""

import os
import random

import pytest

from drawn_faults import draw_fault
from events import (DEAD_LETTERS, Event, cancellation, check_handled_once, deliver, errors_about, jobs_of, log,
                    question)
from upstreams import messages_on, start_warm

#: More of them, for a long run, through the environment.
SEEDS = range(int(os.environ.get("TWINED_FAULT_SEEDS", "40")))


def draw_events(chance):
    """A few events; questions may be cancelled, and malformed ones are among them."""
    events = []
    for number in range(1, chance.randint(2, 5)):
        kind = chance.choice(["heartbeat", "question", "question", "result", "malformed"])
        if kind == "question":
            events.append(question(number))
        elif kind == "malformed":
            events.append(Event(number, "heartbeat", sender=None))
        else:
            events.append(Event(number, kind, {"text": "é" * chance.choice([0, 1, 1_000, 30_000])}))
    questions = [event for event in events if event.kind == "question"]
    if questions and chance.random() < 0.4:
        events.append(cancellation(9, chance.choice(questions)))
    return events


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_fails_everything_is_there_once_in_the_end(start, shared, seed):
    chance = random.Random(seed)
    faults = [draw_fault(chance) for _ in range(chance.randint(1, 4))]
    events = draw_events(chance)
    program = start_warm(start, shared, DEAD_LETTER_TOPIC_NAME=DEAD_LETTERS)
    shared.post("/faults", faults)
    failures = 0
    for event in events:
        statuses = deliver(program.port, event)
        assert set(statuses) <= {200, 503}, faults
        failures += len(statuses) - 1
        if "sender" in event.attributes:
            assert len(errors_about(program, event)) == len(statuses) - 1, faults
        # Once acknowledged, it may come again all the same.
        if chance.random() < 0.3 and event.kind != "cancellation":
            deliver(program.port, event)
    cancelled = {event.question for event in events if event.kind == "cancellation"}
    malformed = [event for event in events if "sender" not in event.attributes]
    letters = {message["attributes"]["twined-dead-letter-message-id"] for message in messages_on(shared, DEAD_LETTERS)}
    assert letters == {str(event.number) for event in malformed}, faults
    for event in events:
        if event in malformed:
            continue
        if event.kind == "question" and event.question in cancelled:
            assert not jobs_of(shared, event), faults
        else:
            check_handled_once(shared, event)
    assert len(log(program, "ERROR")) >= failures
