"""Requests over a real connection, with what must come of each: RFC 9110 and 9112, group by group.

The corpus of Tests/Corpus holds the grammar byte by byte; these show that the whole server, with its sockets and its
framing of what follows, does the same. `refused` ends the connection; after `accepted` the next request is answered.
"""

GET = "GET / HTTP/1.1\r\nHost: a\r\n"
POST = "POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"
BAD = {400}


def line(text):
    return f"{text}\r\nHost: a\r\n\r\n"


def host(text):
    return f"GET / HTTP/1.1\r\n{text}\r\n"


#: RFC 9112 sections 2.3 and 3: one space between the parts, a version of its form, a target of its form.
REQUEST_LINES_REFUSED = [line(text) for text in [
    "GET /", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET / HTTP/1.1 ",
    " GET / HTTP/1.1", "GET / http/1.1", "GET / HTTP/1", "GET / HTTP/1.", "GET / HTTP/.1", "GET / HTTP/1.10",
    "GET / HTTP/01.1", "GET / HTTP/1.1.1", "GET / HTTP/1,1", "GET / HTP/1.1", "GET / HTTP/ 1.1", "GET / HTTP /1.1",
    "GET / HTTPS/1.1", "GET / HTTP/x.1", "GET / HTTP/1.x", "GET / HTTP/+1.1", "GET / HTTP/-1.1", "GET HTTP/1.1",
    "GET  HTTP/1.1", "GET /a b HTTP/1.1", "G\0ET / HTTP/1.1", "GET /\0 HTTP/1.1", "GET / HTTP/1.1\0",
    "G(T / HTTP/1.1", "GET: / HTTP/1.1", '"GET" / HTTP/1.1', "G/T / HTTP/1.1", "G\x80T / HTTP/1.1",
    "GET\x0b/ HTTP/1.1", "GET /\rHTTP/1.1", "\rGET / HTTP/1.1", ""]]
#: RFC 9112 section 3.2, RFC 3986: no fragment, no byte that is no character of a URI, a form that fits the method.
TARGETS_REFUSED = [line(f"{text} HTTP/1.1") for text in [
    "GET /#x", "GET a", "GET ./a", "GET *", "OPTIONS **", "OPTIONS */", "GET /\x01", "GET /\x7f", "GET /%zz", "GET /%4",
    'GET /"', "GET /<>", "GET /{}", "GET /|", "GET /^", "GET /`", "GET /\\", "GET /\xe9", "GET http:\\\\a/",
    "GET http:///", "GET http://u@a/", "GET http://", "GET http:a", "GET http://a:x/", "GET http://a/#f", "GET a:80",
    "CONNECT a", "CONNECT /", "CONNECT http://a/", "CONNECT a:", "CONNECT u@a:1"]]
TARGETS_ACCEPTED = [
    ("/", "/"), ("//a//b", "//a//b"), ("/?", "/?"), ("/a?b=c?d/e", "/a?b=c?d/e"), ("/a/../b", "/a/../b"),
    ("/!$&'()*+,;=:@-._~", "/!$&'()*+,;=:@-._~"), ("/%20%C3%A9", "/%20%C3%A9"), ("http://a", "/"), ("http://a/", "/"),
    ("http://a?x", "/?x"), ("http://a/b?c", "/b?c"), ("HTTP://a/", "/"), ("https://a:80/p", "/p"),
    ("http://[::1]/", "/"), ("/" + "a" * 8_000, "/" + "a" * 8_000)]
#: RFC 9110 section 2.5: another major version is another protocol.
VERSIONS_REFUSED = [line(f"GET / {version}") for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9"]]
METHODS_ACCEPTED = ["get", "Get", "FOO", "!#$%&'*+-.^_`|~09azAZ", "M" * 32, "PATCH", "TRACE", "DELETE", "PUT",
                    "OPTIONS"]

#: RFC 9112 section 3.2, RFC 9110 section 7.2: exactly one Host, and it is one.
HOSTS_REFUSED = [host(text) for text in [
    "", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n", *(f"Host: {value}\r\n" for value in [
        "a, b", "a b", "a/b", "u@a", "a:b", "a:-1", "a:65536", "a:99999999999", "a?b", "a#b", "http://a", "[::1",
        "::1]", "::1", "[xyz]", "[]", "[::1]x", "a\\b", "<a>", '"a"', "a\0b", "a\x80", "a%zz", "a^b", "a|b", "{a}",
        "a:1:2", "a :80", "a\tb", ":80", "a:+80"]), "Host: a\r\n b\r\n", "Host : a\r\n", " Host: a\r\n"]] + [
    "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.0\r\nHost: a/b\r\n\r\n",
    "GET http://a/ HTTP/1.1\r\n\r\n"]
HOSTS_ACCEPTED = [host(f"Host: {value}\r\n") for value in [
    "a", "A.EXAMPLE", "a:80", "a:", "127.0.0.1:8080", "[::1]", "[::1]:80", "a-b", "a_b", "a%41", "a.", "1", "a:65535",
    "!$&'()*+;=", "x" * 255, "\t a \t"]] + [host("A: b\r\nHost: a\r\n"), "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"]

#: RFC 9112 sections 2.2 and 5: CRLF ends lines; a token, a colon, a value of visible bytes; no folding.
FIELDS_REFUSED = [GET + text + "\r\n" for text in [
    "Foo\r\n", ": x\r\n", "Foo : x\r\n", "Foo\t: x\r\n", " Foo: x\r\n", "Fo o: x\r\n", "Foo: a\r\n b\r\n",
    "Foo: a\r\n\tb\r\n", "Foo: a\r\n \r\n", "Foo: a\0b\r\n", "Foo: a\rb\r\n", "Foo: a\nb\r\n", "Foo: a\x01\r\n",
    "Foo: \x1f\r\n", "Foo: a\x7f\r\n", "Foo: a\x0bb\r\n", "\xef\xbb\xbfFoo: x\r\n", "Foo: a\r\r\n",
    *(f"Fo{byte}o: x\r\n" for byte in '({"/@;=,<[?\\\x80\x7f\0')]] + [
    "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\n", "GET / HTTP/1.1\rHost: a\r\r", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"]
FIELDS_ACCEPTED = [GET + text + "\r\n\r\n" for text in [
    "Foo:x", "Foo:", "Foo: \t ", "Foo: a b\tc", "Foo: \xe9\xff", 'Foo: "a:b"', "Foo: ::", "!#$%&'*+-.^_`|~: x", "1: x",
    "X: a\r\nX: b", "Foo: " + "a" * 16_000, "Range: bytes=0-1", "TE: trailers\r\nConnection: TE",
    "Connection: Upgrade\r\nUpgrade: websocket"]]

#: RFC 9112 section 6.3: digits, once, and nothing beside them.
LENGTHS_REFUSED = [POST + f"Content-Length: {value}\r\n\r\nabc" for value in [
    "-1", "+3", "0x3", "a", "3.0", "3e0", "3 3", "3, 4", "3, 3", ",", "3,", ",3", "", '"3"', "9223372036854775808",
    "18446744073709551616", "18446744073709551619", "9" * 100, "1_0", "3;", "3\xa0", "- 3", "3abc"]] + [
    POST + text for text in [
        "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "Content-Length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "Content-Length : 3\r\n\r\nabc", "Content-Length:\r\n 3\r\n\r\nabc",
        "Content-Length: 3\r\n Content-Length: 4\r\n\r\n"]]
LENGTHS_TOO_LARGE = [
    *(POST + f"Content-Length: {value}\r\n\r\n" for value in ["16777217", "2147483648", "4294967299"]),
    CHUNKED + "1000001\r\n", CHUNKED + "7fffffffffffffff\r\n"]
BODIES_ACCEPTED = [
    (POST + "Content-Length: 3\r\n\r\nabc", "abc"), (POST + "Content-Length: \t 3 \t\r\n\r\nabc", "abc"),
    (POST + "Content-Length: 0\r\n\r\n", ""), (POST + "\r\n", ""), (POST + "Content-Length: 0003\r\n\r\nabc", "abc"),
    (GET + "Content-Length: 3\r\n\r\nabc", "abc"), (POST + "Content_Length: 9\r\n\r\n", ""),
    (GET + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
    *((POST + f"Transfer-Encoding: {value}\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc")
      for value in ["chunked", "CHUNKED", " \tchunked\t "]),
    *((CHUNKED + text, body) for text, body in [
        ("0\r\n\r\n", ""), ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"), ("0003\r\nabc\r\n000\r\n\r\n", "abc"),
        ("3;a\r\nabc\r\n0\r\n\r\n", "abc"), ("3;a=b\r\nabc\r\n0\r\n\r\n", "abc"),
        ("3 ; a = b\r\nabc\r\n0\r\n\r\n", "abc"),
        ('3;a="b \\" ; c"\r\nabc\r\n0;x\r\n\r\n', "abc"), ("1\r\na\r\n2\r\n\r\n\r\n0\r\nX: y\r\nZ:\r\n\r\n", "a\r\n"),
        ("0000000000000003\r\nabc\r\n0\r\n\r\n", "abc")])]

#: RFC 9112 section 6.1: chunked, alone and once; never beside a length; not in HTTP/1.0.
CODINGS_REFUSED = [POST + f"Transfer-Encoding: {value}\r\n\r\n3\r\nabc\r\n0\r\n\r\n" for value in [
    "identity", "xchunked", "chunked x", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", '"chunked"',
    "chunked;q=1", "", ",", "chunked\x0b", "\x0bchunked", "chun ked", "chunked;", "\0chunked", "chunked/1",
    "\xa0chunked", "chunked\r\nTransfer-Encoding: chunked", "chunked\r\nTransfer-Encoding: x",
    "chunked\r\nContent-Length: 3"]] + [
    POST + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + "Content-Length: 6\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\nG",
    POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", POST + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    POST + "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n"]
#: RFC 9112 section 7.1: hexadecimal sizes, CRLF after each part, extensions of their form, trailers like fields.
CHUNKS_REFUSED = [CHUNKED + text for text in [
    "-1\r\n", "+3\r\nabc\r\n", "0x3\r\nabc\r\n", "\r\n0\r\n", " 3\r\nabc\r\n", "g\r\n", "1" + "0" * 16 + "\r\n",
    "ffffffffffffffff\r\n", "1" + "0" * 40 + "\r\n", "3\nabc\r\n", "3\r\nabc\n0\r\n\r\n", "3\rabc\r\n", "3\r\nabc0\r\n",
    "3\r\nabcd\r\n", "3\r\nab\r\n0\r\n\r\n", "0\n\r\n", "0\r\n\n", "3;a\nb\r\n", "3;a\rb\r\n", "3;a\0\r\n",
    "3;\r\nabc\r\n", "3;=b\r\n", "3;a=\r\nabc\r\n", '3;a="b\r\nabc\r\n', '3;a="b\n"\r\n', "3;a=\x01\r\n", "3 x\r\n",
    "3,a\r\n", "3\0\r\n", "3\x0b\r\n", "0\r\nA: b\r\n c\r\n\r\n", "0\r\nfoo\r\n\r\n", "0\r\nA : b\r\n\r\n",
    "0\r\nA: b\n\r\n", "0\r\nA: \0\r\n\r\n", "3;" + "a" * 20_000]]

#: RFC 9110 section 10.1.1.
EXPECTATIONS_REFUSED = [POST + f"Expect: {value}\r\nContent-Length: 3\r\n\r\nabc" for value in [
    "foo", "100-continue, foo", "100-continued", "100-continue;a=b", "100-continue 100-continue"]]

#: RFC 9112 section 9.6: close wins wherever it stands in the list; RFC 9110 section 7.6.1: any case, empty elements.
CLOSING = [GET + f"Connection: {value}\r\n\r\n" for value in [
    "close", "Close", "CLOSE", "x, close", "x,close,y", "keep-alive, close", "close,keep-alive", "\tclose",
    "close,", ",close", "x\r\nConnection: close"]] + [
    "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
    "GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n"]
STAYING = [GET + f"Connection: {value}\r\n\r\n" for value in [
    "keep-alive", "x", "closed", "x-close", "", "upgrade", "clos"]] + [
    "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / HTTP/1.9\r\nHost: a\r\n\r\n", "\r\n" + GET + "\r\n"]
