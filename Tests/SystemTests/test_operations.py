"""docs/OPERATIONS.md has a heading for every line that the functions log, with its severity, and a row for every field
of such a line; and none besides."""

import re

from cloud import event_handler, look_up, service_registry
from events import cancellation, heartbeat, log, push, question
from programs import ROOT, free_port

#: A line of the log in the sources: how grave it is, and its message.
CALL = re.compile(r'\b(?:log\.write|emit|LogLine)\(\s*(?:([^"()]*?),\s*)?"((?:[^"\\]|\\.)*)"')
#: A field of a line in the sources; LogLine.swift itself adds but one.
FIELD = re.compile(r'\b(?:field|json|beginField)\(\s*"([^"]+)"')
ROW = re.compile(r"^\| (`[^|]*`) \| [^|]*[a-z][^|]* \|$", re.M)
#: In every line, and explained above the table.
ALWAYS = {"severity", "message", "time"}
HEADING = re.compile(r"^### `(.*)` \((.*)\)$", re.M)


def sources():
    for folder in ("Functions", "twined-functions"):
        for path in sorted((ROOT / "Sources" / folder).rglob("*.swift")):
            yield path.read_text()


def logged():
    lines = {}
    for text in sources():
        for severity, message in CALL.findall(text):
            severities = re.findall(r"\.(debug|info|warning|error)\b", severity or ".error")
            lines.setdefault(message, set()).update(word.upper() for word in severities)
    return lines


def document():
    return (ROOT / "docs/OPERATIONS.md").read_text()


def documented():
    return {message: set(severities.split(" or ")) for message, severities in HEADING.findall(document())}


def fields_explained():
    table = document().split("\n| field | meaning |\n", 1)[1].split("\n\n", 1)[0]
    return {name for names in ROW.findall(table) for name in re.findall(r"`([^`]+)`", names)}


def test_every_line_of_the_log_is_explained():
    assert len(logged()) >= 20
    assert documented() == logged()


def test_every_field_of_a_line_is_explained():
    fields = {name for text in sources() for name in FIELD.findall(text)}
    assert len(fields) >= 25 and "metrics_port" in fields
    assert fields_explained() == fields
    assert all(f"`{name}`" in document() for name in ALWAYS)


def test_lines_of_running_functions_have_no_other_fields(start, cloud):
    """Read from what is written, so that a field that the sources do not spell out is found too."""
    handler = event_handler(start, cloud, LOG_LEVEL="DEBUG", LOG_EXECUTION_ID="true", METRICS_PORT=str(free_port()))
    asked, other = question(1), question(2, question=question(1).question)
    cloud.post("/faults", {"service": "bigquery", "count": 1, "status": 503})
    for event in [heartbeat(3), asked, other, cancellation(4, asked), question(5, recipient="none")]:
        assert push(handler.port, event)[0] == 200
    assert push(handler.port, b"{")[0] == push(handler.port, heartbeat(6, uuid=None))[0] == 400
    cloud.post("/faults", {"service": "bigquery", "count": -1, "preset": "google-forbidden"})
    assert push(handler.port, heartbeat(7))[0] == 503
    registry = service_registry(start, cloud)
    cloud.post("/faults", {"service": "artifactregistry", "count": -1, "preset": "google-forbidden"})
    assert look_up(registry.port, "/my-org/my-service?revision_tag=1.0.0")[0] == 502
    assert handler.terminate() == registry.terminate() == 0
    lines = log(handler) + log(registry)
    assert len({line["message"] for line in lines}) >= 10
    assert set().union(*lines) - ALWAYS <= fields_explained()
