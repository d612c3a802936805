"""Looks services up with the SDK's registry client: arguments are ENDPOINT and then service ids. Prints JSON.

Of an id with a tag: whether it is registered. Of one without: its default revision. Null: it is not found.
"""

import json
import sys

from octue.twined.cloud.registry import get_default_sruid, raise_if_revision_not_registered
from octue.twined.exceptions import ServiceNotFound


def look_up(service, registries):
    try:
        if ":" not in service:
            return get_default_sruid(*service.split("/"), registries)
        raise_if_revision_not_registered(service, registries)
        return service
    except ServiceNotFound:
        return None


endpoint, *services = sys.argv[1:]
json.dump([look_up(service, [{"name": "r", "endpoint": endpoint}]) for service in services], sys.stdout)
