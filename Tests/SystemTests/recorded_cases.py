"""The requests to the original that were recorded, and how one is sent again."""

import json

from programs import ROOT, ask


def load_cases():
    """What was recorded, and the environment in which it was."""
    about, *lines = (ROOT / "Tests/Corpus/original-cases.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines], json.loads(about)["env"]


def send(port, request):
    """One request, its target and fields to the letter; what came of it, in the form of the recording."""
    lines = [f"{request['method']} {request['path']} HTTP/1.1", "Host: a", *map(": ".join, request["headers"].items())]
    body = request.get("body")
    if body is not None:
        body = body.encode()
        lines.append(f"Content-Length: {len(body)}")
    framed = "\r\n".join([*lines, "", ""]).encode() + (body or b"")
    status, fields, content = ask(port, framed, request["method"] == "HEAD")
    return {"status": status, "content_type": fields.get("content-type"),
            "x_google_status": fields.get("x-google-status"), "body": content.decode()}
