"""Writes python-repr.jsonl: the repr of what bytes decode to (UTF-8, errors replaced), for bytes that try to go wrong.

Run with python3.11 from this folder; the seed is fixed.
"""
import json
import random

random.seed(19)
samples = [b"", b"ns/name", b"it's/x", b"it's\"/x", b'"q"', b"\\", b"\x00\t\n\r\x1f\x7f", "é中😀".encode(), "\u2028\u2029\u00a0\u00ad\u200b\ufeff".encode(),
           "\U000e0001\U0010ffff\ue000\ufffd".encode(), b"\xff/x", b"\xed\xa0\x80", b"\xe2\x80", b"\xf0\x9f\x98", b"\xf0\x9f\x98a", b"\xc0\xaf", b"\xf5\x80",
           b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\x80\xbf", b"a\xe4\xb8", b"\xe4\xb8\xad\xe4", "\u0378\u0558\u1680\u180e\u3000\ua48d".encode()]
alphabet = [b"a", b"'", b'"', b"\\", b"\n", b"\x85", b"\xc2", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80", b"\xf0\x9f\x98\x80", b"\xf0\x9f", b"\xed\xa0\x80", b"\x00", b"\xff", "é".encode()]
for _ in range(150):
    samples.append(b"".join(random.choice(alphabet) for _ in range(random.randrange(1, 10))))
for _ in range(150):
    samples.append("".join(chr(random.choice([random.randrange(0xD800), random.randrange(0xE000, 0x110000), random.randrange(0x3000)])) for _ in range(4)).encode())
with open("python-repr.jsonl", "w") as file:
    for sample in samples:
        file.write(json.dumps({"hex": sample.hex(), "repr": repr(sample.decode("utf-8", "replace"))}) + "\n")
