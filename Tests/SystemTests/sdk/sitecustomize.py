"""The SDK downloads its JSON schemas at run time. Here nothing is downloaded: they are schemas that take all."""

import io
import urllib.request

REGISTRY = "https://jsonschema.registry.octue.com/"
urlopen = urllib.request.urlopen


def open_without_the_registry(url, *arguments, **options):
    address = url if isinstance(url, str) else url.full_url
    if address.startswith(REGISTRY):
        return io.BytesIO(b'{"$schema": "https://json-schema.org/draft/2020-12/schema"}')
    return urlopen(url, *arguments, **options)


urllib.request.urlopen = open_without_the_registry
