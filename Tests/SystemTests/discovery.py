"""Google's discovery documents, and whether a request is one that they describe."""

import base64
import binascii
import json
import re
import urllib.parse

import clients

DOCUMENTS = "lib/python3*/site-packages/googleapiclient/discovery_cache/documents"


class Discovery:
    """One service of Google's, as its discovery document describes it."""

    def __init__(self, name):
        [path] = clients.ENVIRONMENT.glob(f"{DOCUMENTS}/{name}.json")
        document = json.loads(path.read_text())
        self.schemas = document["schemas"]
        self.parameters = document["parameters"]
        self.methods = [(method, self._pattern(document["servicePath"] + method["path"], method))
                        for method in self._methods(document)]

    def _methods(self, resource):
        yield from resource.get("methods", {}).values()
        for inner in resource.get("resources", {}).values():
            yield from self._methods(inner)

    def _pattern(self, template, method):
        """The method's path as a regular expression over the raw path of a target."""
        parts = re.split(r"\{\+?(\w+)\}", template)
        for index in range(1, len(parts), 2):
            pattern = method["parameters"][parts[index]].get("pattern", "[^/]+")
            parts[index] = f"(?:{pattern.removeprefix('^').removesuffix('$')})"
            parts[index - 1] = re.escape(parts[index - 1])
        parts[-1] = re.escape(parts[-1])
        return re.compile("/" + "".join(parts))

    def check(self, verb, target, body):
        """The id of the method that a request is, and what the document does not know about it."""
        path, _, query = target.partition("?")
        found = [method for method, pattern in self.methods
                 if method["httpMethod"] == verb and pattern.fullmatch(path)]
        if not found:
            return None, [f"no method {verb} {path}"]
        # Several templates may match a path (of a listing and of what it lists, say); the longest says most.
        method = max(found, key=lambda one: len(one["path"]))
        return method["id"], [*self._query_problems(method, query), *self._body_problems(method, body)]

    def _query_problems(self, method, query):
        known = {**self.parameters, **{name: parameter for name, parameter in method["parameters"].items()
                                       if parameter["location"] == "query"}}
        seen = set()
        for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)):
            if name not in known:
                yield f"query parameter {name}"
                continue
            if name in seen and not known[name].get("repeated"):
                yield f"query parameter {name} twice"
            seen.add(name)
            yield from self._text_problems(f"query parameter {name}", value, known[name])
            if name == "fields":
                yield from self._mask_problems(value, method["response"])
        for name, parameter in known.items():
            if parameter.get("required") and name not in seen:
                yield f"query parameter {name} is missing"

    def _text_problems(self, place, value, parameter):
        """A parameter is text, also where its type is another."""
        forms = {"integer": r"-?\d+", "boolean": "true|false"}
        if not re.fullmatch(forms.get(parameter["type"], ".*"), value, re.DOTALL):
            yield f"{place}: {value!r} is no {parameter['type']}"
        if value not in parameter.get("enum", [value]):
            yield f"{place}: {value!r} is none of its values"

    def _mask_problems(self, mask, response):
        """A partial response names members that the answer can have: `a,b(c,d),e/f`."""
        for path in mask_paths(mask):
            schema = response
            for name in path:
                schema = self._resolved(schema).get("properties", {}).get(name)
                if schema is None:
                    yield f"fields: {name} of {mask}"
                    break

    def _body_problems(self, method, body):
        if "request" not in method:
            return ["a body where there is none"] if body else []
        try:
            document = json.loads(body)
        except (TypeError, ValueError):
            return ["the body is no JSON"]
        return self._problems("body", document, method["request"])

    def _resolved(self, schema):
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"]]
        return schema.get("items", schema) if schema.get("type") == "array" else schema

    def _problems(self, place, value, schema):
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"]]
        kind = schema["type"]
        kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": float}
        if kind != "any" and type(value) is not kinds[kind]:
            yield f"{place}: {type(value).__name__} for {kind}"
        elif kind == "object":
            for name, member in value.items():
                inner = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
                if inner is None:
                    yield f"{place}.{name} is unknown"
                elif member is not None:
                    # Protobuf's JSON takes null for a member of any type, as if it were not there.
                    yield from self._problems(f"{place}.{name}", member, inner)
        elif kind == "array":
            for index, member in enumerate(value):
                yield from self._problems(f"{place}[{index}]", member, schema["items"])
        elif kind == "string":
            yield from self._string_problems(place, value, schema)

    def _string_problems(self, place, value, schema):
        if value not in schema.get("enum", [value]):
            yield f"{place}: {value!r} is none of its values"
        if schema.get("format") == "byte":
            try:
                base64.b64decode(value, validate=True)
            except binascii.Error as error:
                yield f"{place}: {error}"
        if schema.get("format") in ("int64", "uint64") and not re.fullmatch(r"-?\d+", value):
            yield f"{place}: no number"


def mask_paths(mask):
    """The paths that a mask selects."""
    outer, base, path = [], [], []
    for token in re.findall(r"[^,()/]+|[,()]", mask):
        if token == "(":
            outer.append(base)
            base = path
        elif token == ")":
            yield path
            path, base = base, outer.pop()
        elif token == ",":
            yield path
            path = base
        else:
            path = [*path, token]
    yield path
