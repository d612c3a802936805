"""Every recorded request to the original, replayed against the real programs and the local cloud.

Answers, rows, Jobs and deletes must be equal as JSON values, with numbers and strings kept apart and texts
compared to the letter, by Python's parser and not by ours. Every intended difference is a row of the last
table in docs/DIFFERENCES.md, with its old and its new value; a row that no case needs fails as well.
"""

import json
import re

from cloud import event_handler, service_registry
from programs import ROOT
from recorded_cases import load_cases, send

ABSENT = "absent"
PRESENT = "present"


def load_differences():
    """The rows of the last table: cases (with `;;` between, or `*`), path, original, ours."""
    text = (ROOT / "docs/DIFFERENCES.md").read_text().split("## Recorded requests", 1)[1]
    rows = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 4 or not cells[1].startswith("`"):
            continue
        cases, path, original, ours = [cell.strip("`").replace("\\|", "|") for cell in cells]
        rows.append({"unused": {case.strip() for case in cases.split(";;")}, "used": set(), "path": path,
                     "original": parse(original), "ours": parse(ours)})
    return rows


def parse(text):
    return text if text in (ABSENT, PRESENT) or text.startswith("= ") else json.loads(text)


def show(value):
    text = value if value in (ABSENT, PRESENT) else json.dumps(value)
    return text.replace("|", "\\|")


def differences(original, ours, path=""):
    """The paths at which two values differ, with both values."""
    if type(original) is not type(ours):
        yield path, original, ours
    elif isinstance(original, dict):
        for key in [*original, *(key for key in ours if key not in original)]:
            yield from differences(original.get(key, ABSENT), ours.get(key, ABSENT), f"{path}.{key}" if path else key)
    elif isinstance(original, list):
        for index in range(max(len(original), len(ours))):
            if index >= len(ours):
                # All of it is gone; there is nothing of ours to compare it with.
                yield f"{path}[{index}]", PRESENT, ABSENT
            else:
                yield from differences(original[index] if index < len(original) else ABSENT, ours[index],
                                       f"{path}[{index}]")
    elif original != ours:
        yield path, original, ours


def value_at(document, path):
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        document = document[key] if key else document[int(index)]
    return document


def observe(case, port, cloud):
    """What the programs did, in the form of the recording."""
    observed = {"response": send(port, case["request"])}
    if case["response"].get("body") is None:
        observed["response"]["body"] = None
    if "upstream" not in case:
        return observed
    observed["upstream"] = {
        "bigquery": [{"path": r["target"], "body": json.loads(r["body"])} for r in cloud.requests("bigquery")],
        "kubernetes": [{"method": r["method"], "path": r["target"], "body": body_of(r["body"])}
                       for r in cloud.requests("kubernetes")],
    }
    return observed


def body_of(text):
    return json.loads(text) if text else None


def recorded(case):
    expected = {"response": case["response"]}
    if "upstream" in case:
        expected["upstream"] = {
            service: [{**call, "body": body_of(call.get("body"))} for call in calls]
            for service, calls in case["upstream"].items()}
    return expected


def explain(rows, name, path, original, ours, observed):
    """Whether a row names this difference; it is then used."""
    for row in rows:
        if path != row["path"]:
            continue
        expected = row["ours"]
        if isinstance(expected, str) and expected.startswith("= "):
            expected = value_at(observed, expected[2:])
        if not strictly_equal(row["original"], original) or not strictly_equal(expected, ours):
            continue
        for pattern in row["unused"] | row["used"]:
            if name == pattern or pattern == "*":
                row["unused"].discard(pattern)
                row["used"].add(pattern)
                return True
    return False


def strictly_equal(left, right):
    return not list(differences(left, right))


def test_every_recorded_request_has_the_recorded_outcome_but_for_the_listed_differences(start, cloud):
    cases, environment = load_cases()
    rows = load_differences()
    assert len(cases) == 222
    ports = {"handle_event": event_handler(start, cloud, **environment).port,
             "handle_request": service_registry(start, cloud, **environment).port}
    unexplained = []
    for case in cases:
        cloud.post("/reset", {"keep": ["settings", "images", "cluster", "tokens"]})
        observed = observe(case, ports[case["function"]], cloud)
        for path, original, ours in differences(recorded(case), observed):
            if not explain(rows, case["name"], path, original, ours, observed):
                unexplained.append(f"| `{case['name']}` | `{path}` | `{show(original)}` | `{show(ours)}` |")
    unused = [f"unused: {case}: {row['path']}" for row in rows for case in row["unused"]]
    assert not unexplained and not unused, "\n".join(unexplained + unused)
