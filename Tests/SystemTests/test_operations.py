"""docs/OPERATIONS.md has a heading for every line that the functions log, with its severity, and none besides."""

import re

from programs import ROOT

#: A line of the log in the sources: how grave it is, and its message.
CALL = re.compile(r'\b(?:log\.write|emit|log\.fault)\(\s*(?:([^"()]*?),\s*)?"((?:[^"\\]|\\.)*)"')
HEADING = re.compile(r"^### `(.*)` \((.*)\)$", re.M)


def logged():
    lines = {}
    for folder in ("Functions", "twined-functions"):
        for path in sorted((ROOT / "Sources" / folder).rglob("*.swift")):
            for severity, message in CALL.findall(path.read_text()):
                severities = re.findall(r"\.(debug|info|warning|error)\b", severity or ".error")
                lines.setdefault(message, set()).update(word.upper() for word in severities)
    return lines


def documented():
    text = (ROOT / "docs/OPERATIONS.md").read_text()
    return {message: set(severities.split(" or ")) for message, severities in HEADING.findall(text)}


def test_every_line_of_the_log_is_explained():
    assert len(logged()) >= 20
    assert documented() == logged()
