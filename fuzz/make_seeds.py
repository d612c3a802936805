#!/usr/bin/env python3
"""Writes fuzz/seeds from the corpus, and from lists of its own.

For the heads and chunked bodies: of every heading's examples the first accepted and the first refused. A seed of
these is two bytes that steer the target (split points and ceilings, both zero or small) and the message. For the
other targets: what is written here, and a few of the recorded cases.
"""

import base64
import hashlib
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEEDS = ROOT / "fuzz" / "seeds"
TARGETS = {"request": "request_head", "response": "response_head", "chunked": "chunked"}
ESCAPE = re.compile(r"\\(?:x([0-9A-F]{2})|([0-9]+)\{([^}]*)\}|(.))")
NAMED = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}
EXAMPLE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^--\n(\w+)", re.M | re.S)

HTTP = {
    "response": [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP",
        "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nto the end", "HTTP/1.0 200 OK\r\n\r\nx",
        "HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 101 S\r\n\r\n", "HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 22\r\n\r\n"
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\xcf\x06\x00\x47\xdd\xdc\x79\x02\x00\x00\x00",
        "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 100 C\r\n\r\n" * 9 + "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ],
    "server": [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nokGET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nt: v\r\n\r\nHEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        "GET http://h/p?q HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n", "GET / HTTP/2.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET / HT",
    ],
}
JSON_TEXTS = [
    '{"a":[1,2.50,-0,1e5,1E-7,0.1,9007199254740993.0,123456789012345678901234567890],"b":{"c":null,"a":true}}',
    '"\\ud800\\udc00 \\ud800 \\u00e9\\/\\b\\f\\n\\r\\t\\"\\\\ \\u2028"', '"\u00e9\u2028\U0001f600"', "[]", "{}", "1e400", "01", "[1,]",
    '{"a":1,"b":2,"a":3}', '{"\\u0061":1,"a":2}', '["$(A)","$$","$","$"]', "NaN", '"\x01"', '{"a" :\t1 }\r\n', "[" * 513 + "]" * 513,
    "[" * 512 + "]" * 512, "-", "-0.0", "1.7976931348623157e308", "5e-324", "tru", '"\\u12"', "{" + ",".join(f'"k{i}":{i}' for i in range(20)) + "}",
    '"\ufffe\uffff"',
]
ATTRIBUTES = {
    "datetime": "2024-04-11T09:26:39.144818+00:00", "uuid": "c8bda9fa-f072-4330-92b1-96920d06b28d", "parent": "a/b:1",
    "originator": "a/b:1", "sender": "a/b:1", "sender_type": "PARENT", "sender_sdk_version": "0.70.0", "recipient": "a/c:1",
    "question_uuid": "q-1", "originator_question_uuid": "q", "cpus": "500m", "other": "\u00e9\"\\",
}
KEY = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
CREDENTIALS = [
    {"type": "service_account", "client_email": "a@b", "private_key": KEY, "token_uri": "https://t/", "project_id": "p"},
    {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r", "quota_project_id": "q"},
    {"type": "external_account", "audience": "a", "subject_token_type": "t", "token_url": "https://sts.x.y/v1/token",
     "credential_source": {"file": "/f", "format": {"type": "json", "subject_token_field_name": "t"}},
     "service_account_impersonation_url": "https://i/x:generateAccessToken",
     "service_account_impersonation": {"token_lifetime_seconds": 600}},
    {"type": "external_account", "audience": "a", "subject_token_type": "t", "universe_domain": "u.example",
     "credential_source": {"url": "http://169.254.169.254/t?a=b", "headers": {"Metadata": "True", "X-A": "b"}}},
    {"type": "impersonated_service_account", "delegates": ["d"],
     "service_account_impersonation_url": "https://i/v1/projects/-/serviceAccounts/a@b:generateAccessToken",
     "source_credentials": {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"}},
    {"access_token": "ya29.x", "expires_in": 3599, "token_type": "Bearer"},
    {"accessToken": "ya29.x", "expireTime": "2026-01-01T00:00:00.5+01:00"}, [], {"type": "gdch_service_account"},
]
TEXTS = {
    "base64": ["", "QQ", "QQ==", "QUI=", "QUJD", "QU\r\nJD", "Q", "Q=", "Q===", "QQ=A", "QUJD====", "QQ!", "+/+/", "-_", "QQ=\n=\n"],
    "push_token": [
        ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) for parts in [
            (b'{"alg":"RS256","kid":"k"}', b'{"iss":"accounts.google.com","exp":1}', b"s" * 256),
            (b'{"alg":"none","kid":"k"}', b"{}", b""), (b'{"alg":"RS256"}', b"{}", b"s"), (b"[]", b"{}", b"s")]
    ] + ["a.b", "..", "max-age=60", "public, MAX-AGE=9999999999", "no-cache"],
    "path": ["/my-org/my-service", "my%2Forg%2fx", "%", "%2", "%zz", "a=1&revision_tag=0.1.0", "a=%31+b&a=2", "a", "a&a=1", "=", "a==b",
             "'\"\\\u2028\u0007", "org.a__b--c/d"],
    "names": ["my-org/my-service", "my-org/my-service:0.1.0", "a__b", "a___b", "a.b-c", "q-1", "-q", "latest", ".x", "_x", "500m", "1Gi", "+1.",
              "-0", "-1", ".5k", "1e3", "1E-3", "1e1000", "1e0001", " 2 ", "projects/p/locations/l/clusters/c", "/projects/p/locations/l/repositories/r/",
              "https://a.b:8443/x?y", "http://127.0.0.1/bigquery/v2/", "http://[::1]:80", "localhost:8085", "d.t", "example.com:p.d.t",
              "projects/p/topics/a%2b~", "https://u@h/", "https://h#f"],
    "dates": ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "120", "00000000000000000000000009",
              "2024-02-29T23:59:60Z", "2026-01-01T00:00:00.123456+01:30", "-1", "Thu, 31 Feb 2099 24:00:00 GMT", "\x7f\xff\xff\xff", "\0\0\0\0"],
    "log": ["\x00plain", "\x7f\r\n\"\\\x00\u2028", "\x0100-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "\x00105445aa7843bc8bf206b12000100000/1;o=1", "\x3fa\u00e9\x1b[31m", "\xff\xfe"],
}


def replace(match):
    code, count, repeated, name = match.groups()
    if code:
        return chr(int(code, 16))
    return ESCAPE.sub(replace, repeated) * int(count) if count else NAMED[name]


def write(target, seed):
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


def write_corpus():
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
                folder = SEEDS / TARGETS[kind]
                folder.mkdir(parents=True, exist_ok=True)
                (folder / digest[:16]).write_bytes(seed)


def write_events():
    def message(data, **more):
        return {"data": base64.b64encode(data).decode(), "attributes": ATTRIBUTES, "messageId": "1", **more}

    question = b'{"kind":"question","input_values":{"a":[1.10,"$(X)"]},"input_manifest":null}'
    push = {"message": message(question, orderingKey="o"), "subscription": "s", "deliveryAttempt": 2}
    bodies = [
        (0, push), (2, push), (0, {"message": {"messageId": "1", "data": "!", "attributes": {"a": 1}}, "subscription": "s"}),
        (1, {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": push}),
        (1, {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data_base64": base64.b64encode(json.dumps(push).encode()).decode()}),
        (0, {"context": {"eventId": "1", "timestamp": "t", "eventType": "google.pubsub.topic.publish", "resource": {}}, "data": message(b'{"kind":"cancellation"}')}),
        (0, {"message": message(b'{"kind":"heartbeat","kind":"question","x":1}', attributes={**ATTRIBUTES, "uuid": "u" * 200}), "subscription": "s"}),
    ]
    for head, body in bodies:
        write("event", bytes([head]) + json.dumps(body).encode())
    write("event", b"\x03" + question)
    write("event", b"\x04{}")
    write("event", b"\x00" + json.dumps(push).replace("/", "\\/").encode())


def main():
    for old in SEEDS.glob("*/*"):
        if not old.name.startswith("found-"):
            old.unlink()
    write_corpus()
    for target, messages in HTTP.items():
        for number, text in enumerate(messages):
            write(target, (bytes([2, number]) if target == "response" else bytes([number])) + text.encode("latin-1"))
    for text in JSON_TEXTS:
        write("json", text.encode())
    write("json", b'"\xed\xa0\x80"')
    write("json", b'"\xc0\x80"')
    for content in CREDENTIALS:
        write("credentials", json.dumps(content).encode())
    write("credentials", b"\xef\xbb\xbf{}")
    for target, texts in TEXTS.items():
        for text in texts:
            write(target, text.encode("latin-1") if all(ord(c) < 256 for c in text) else text.encode())
    write_events()


if __name__ == "__main__":
    main()
