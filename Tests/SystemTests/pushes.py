"""Pushes with what every event has, as bytes."""

import base64
import http.client
import json

from programs import PATIENCE_SECONDS

#: What every event has.
ATTRIBUTES = {
    "datetime": "2024-04-11T09:26:39.144818+00:00", "uuid": "c8bda9fa-f072-4330-92b1-96920d06b28d",
    "parent": "my-org/parent:5.6.3", "originator": "my-org/ancestor:5.6.3", "sender": "my-org/parent:5.6.3",
    "sender_type": "PARENT", "sender_sdk_version": "0.69.1", "recipient": "my-org/my-service:0.1.0",
    "question_uuid": "ca534cdd-24cb-4ed2-af57-e36757192acb",
    "originator_question_uuid": "fb6cf9a3-84fb-45ce-a4da-0d2257bec319", "retry_count": "0"}

INPUT_VALUES = {"text": "a/b \u00e9 \U0001f600 <&>", "shell": "$(COMPUTE_PROVIDER) $$", "f": 1e22, "n": None}


def push(data, **attributes):
    """The body of a wrapped push; `data` is bytes, or an event."""
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    message = {"messageId": "1", "publishTime": "2024-04-11T09:26:39.144Z", "orderingKey": "k",
               "data": base64.b64encode(data).decode(), "attributes": {**ATTRIBUTES, **attributes}}
    return json.dumps({"subscription": "projects/demo-project/subscriptions/s", "message": message}).encode()


def question(**attributes):
    return push({"kind": "question", "input_values": INPUT_VALUES, "input_manifest": {"id": "x", "datasets": {}}},
                **attributes)


def post(port, body, **fields):
    """Delivers a push, with other field lines where they are given; the status of its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/json", **fields})
        return connection.getresponse().status
    finally:
        connection.close()
