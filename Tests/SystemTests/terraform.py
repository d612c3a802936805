"""The Terraform module as data."""

import pathlib
import re

import hcl2

META_ARGUMENTS = {"count", "for_each", "depends_on", "lifecycle", "provider"}


def plain(text):
    """A name or string without the quotes and interpolation that the parser keeps."""
    text = str(text)
    if text.startswith("${") and text.endswith("}") and "}" not in text[:-1]:
        text = text[2:-1]
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def arguments(body, prefix=""):
    """Every argument of a block by its path; dynamic blocks count as what they make."""
    found = set()
    for name, value in body.items():
        name = plain(name)
        if name.startswith("__") or (not prefix and name in META_ARGUMENTS):
            continue
        if name == "dynamic":
            for block in value:
                for made, inner in block.items():
                    if not made.startswith("__"):
                        found |= arguments(inner["content"][0], f"{prefix}{plain(made)}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for block in value:
                found |= arguments(block, f"{prefix}{name}.")
        else:
            found.add(prefix + name)
    return found


class Module:
    def __init__(self, directory):
        self.files = sorted(pathlib.Path(directory).glob("*.tf"))
        self.text = "\n".join(path.read_text() for path in self.files)
        self.resources, self.data, self.variables, self.outputs, self.locals, self.modules = {}, {}, {}, {}, {}, {}
        for path in self.files:
            with open(path, encoding="utf-8") as file:
                parsed = hcl2.load(file)
            for group, target in [("resource", self.resources), ("data", self.data)]:
                for block in parsed.get(group, []):
                    for kind, named in block.items():
                        if not kind.startswith("__"):
                            target.update({(plain(kind), plain(name)): body for name, body in named.items()
                                           if not name.startswith("__")})
            for group, target in [("variable", self.variables), ("output", self.outputs), ("module", self.modules)]:
                for block in parsed.get(group, []):
                    target.update({plain(name): body for name, body in block.items() if not name.startswith("__")})
            for block in parsed.get("locals", []):
                self.locals.update({name: value for name, value in block.items() if not name.startswith("__")})

    def environment(self, *names):
        found = {}
        for name in names:
            found.update({plain(k): plain(v) for k, v in self.locals[name].items() if not k.startswith("__")})
        return found

    def arguments(self):
        """The arguments that are used of each kind of resource."""
        found = {}
        for (kind, _), body in self.resources.items():
            found.setdefault(kind, set()).update(arguments(body))
        return found

    def references(self, pattern):
        code = re.sub(r"#[^\n]*", "", self.text)
        return set(re.findall(pattern, code))
