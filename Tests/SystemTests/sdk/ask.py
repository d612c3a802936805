"""Asks a question as a user's program does, with the SDK's Child.

The argument is JSON: "child" (arguments of Child) and "ask" (arguments of Child.ask). Prints JSON.
"""

import json
import sys

from google.cloud.pubsub_v1 import SubscriberClient

# Before Child: the SDK's modules import each other in a circle.
import octue.resources  # noqa: F401
from octue.twined.resources import Child

pull_everything = SubscriberClient.pull


def pull_answers(client, request, **options):
    """The emulator knows no filters: what the filter of the SDK's subscription keeps off is dropped here."""
    response = pull_everything(client, request=request, **options)
    others = [message for message in response.received_messages if message.message.attributes["sender_type"] != "CHILD"]
    if others:
        client.acknowledge(request={"subscription": request["subscription"],
                                    "ack_ids": [message.ack_id for message in others]})
    response.received_messages = [message for message in response.received_messages if message not in others]
    return response


SubscriberClient.pull = pull_answers

request = json.loads(sys.argv[1])
answer, question_uuid = Child(**request["child"]).ask(**request["ask"])
failure = [type(answer).__name__, str(answer)] if isinstance(answer, Exception) else None
json.dump({"answer": None if failure else answer, "failure": failure, "question_uuid": question_uuid}, sys.stdout)
