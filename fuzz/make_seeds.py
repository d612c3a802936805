#!/usr/bin/env python3
"""Writes fuzz/seeds from the corpus: of every heading's examples the first accepted and the first refused.

A seed is two bytes that steer the target (split points and ceilings, both zero or small) and the message.
"""

import hashlib
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGETS = {"request": "request_head", "response": "response_head", "chunked": "chunked"}
ESCAPE = re.compile(r"\\(?:x([0-9A-F]{2})|([0-9]+)\{([^}]*)\}|(.))")
NAMED = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}
EXAMPLE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^--\n(\w+)", re.M | re.S)


def replace(match):
    code, count, repeated, name = match.groups()
    if code:
        return chr(int(code, 16))
    return ESCAPE.sub(replace, repeated) * int(count) if count else NAMED[name]


def main():
    for target in TARGETS.values():
        folder = ROOT / "fuzz" / "seeds" / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
    for path in sorted((ROOT / "Tests" / "Corpus").glob("*.md")):
        if path.name == "README.md":
            continue
        for section in path.read_text(encoding="ascii").split("\n## ")[1:]:
            seen = set()
            for kind, text, outcome in EXAMPLE.findall(section):
                if outcome in seen:
                    continue
                seen.add(outcome)
                message = ESCAPE.sub(replace, text.replace("\n", "")).encode("latin-1")
                digest = hashlib.sha256(message).hexdigest()
                seed = bytes([int(digest[:2], 16), 0]) + message
                (ROOT / "fuzz" / "seeds" / TARGETS[kind] / digest[:16]).write_bytes(seed)


if __name__ == "__main__":
    main()
