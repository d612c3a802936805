"""Writes json-python.jsonl: what CPython's json.dumps(json.loads(text)) gives for texts that try to go wrong, and
whether Python takes what is read for true.

Run with python3 from this folder; the seed is fixed, so the table only changes when this script does.
"""
import json
import random
import struct

random.seed(20240411)
texts = []


def add(*more):
    texts.extend(more)


# Numbers.
add("0", "-0", "-0.0", "0.0", "1", "-1", "10", "1.10", "1E5", "1e5", "1e+5", "1e05", "1E-5", "1e-5", "1e-4", "1e-7",
    "100.0", "1e15", "1e16", "1e17", "1e21", "1e22", "1e23", "1e100", "1e-100", "9007199254740992.0",
    "9007199254740993.0", "9007199254740994.0", "9007199254740996.5", "9999999999999998.0", "9999999999999999.0",
    "99999999999999990.0", "1234567890123456.7", "12345678901234567.8", "123456789012345680000.0", "5e-324",
    "2.5e-324", "4.9e-324", "2.4e-324", "1e-400", "-1e-400", "2.2250738585072014e-308", "2.2250738585072011e-308",
    "1.7976931348623157e308", "1.7976931348623158e308", "1797693134862315.7e293", "0.1", "0.2",
    "0.30000000000000004", "0.1e1", "0e0", "0e999999999999", "0.0e-99999999999", "-0e1", "0.00001", "0.0001",
    "0.00010", "0.000123", "0.0000999", "1.0e0", "1.50", "12.0", "12.00", "120.0", "1200.50", "0.5e-3",
    "123456789.123456789", "123456789012345.6", "999999999999999.9", "0.123456789012345", "0.1234567890123456",
    "0.12345678901234567", "0.123456789012345678901234567890", "4.35", "2.675", "1.005", "8.41e21", "2.0e-3",
    "9223372036854775807", "-9223372036854775808", "18446744073709551616", "9" * 400, "-" + "8" * 1000,
    "1" + "0" * 308 + ".0", "0." + "0" * 400 + "1", "0." + "0" * 323 + "5", "1." + "9" * 60, "179769313486231570" + "0" * 291 + ".5",
    "1e0000000000000000000005", "1" + "0" * 400 + "e-390", "0.0000000000000000000000000000000000001e50")
for _ in range(150):
    bits = random.getrandbits(64)
    value = struct.unpack("<d", struct.pack("<Q", bits))[0]
    if value == value and abs(value) != float("inf"):
        add(repr(value), "%.17g" % value if "." in "%.17g" % value or "e" in "%.17g" % value else repr(value))
for _ in range(120):
    add(repr(random.uniform(2**53, 1e16)), repr(random.uniform(-1, 1)), repr(random.uniform(0, 1e-3)),
        "%.6f" % random.uniform(-1e6, 1e6), "%.3e" % random.uniform(-1e9, 1e9), "%.15f" % random.uniform(0, 2),
        "%.1f" % random.uniform(0, 1e17))
for exponent in range(-30, 31):
    add("1e%d" % exponent, "1.5e%d" % exponent, "123456789012345678e%d" % exponent)
for power in range(0, 1024, 41):
    add(repr(2.0**power), repr(2.0**-power))

# Twenty digits that are a multiple of 2^64: a mantissa that is read into 64 bits is 0 there.
for multiple in range(1, 6):
    digits = str(multiple * 2**64)
    for text in (digits, digits + "0", digits + "000000"):
        add(text, "-" + text, text + ".0", text + ".000000", "0." + text, "-0.000" + text, text + "e-5")
        add(*(text[:place] + "." + text[place:] for place in range(1, len(text))))
    add("-" + digits[:7] + "." + digits[7:], digits + ".000001", "%f" % float(2**62 * multiple))

# Strings.
add('""', '"a"', '"/"', r'"\/"', r'"\"\\\b\f\n\r\t"', r'"\u0000\u001f\u0020\u007f\u0080\u00e9\u2028\u2029\uffff"',
    '"\x7f"', '"\u0080"', '"é"', '"中文"', '"😀"', r'"\ud83d\ude00"', r'"\uD83D\uDE00"', r'"\ud800"', r'"\udc00"',
    r'"\udc00\ud800"', r'"\ud800\ud800\udc00"', r'"\ud800x"', r'"\ud800\n"', r'"\ud800\u0041"', r'"\udbff\udfff"',
    '"\u2028\u2029\ufeff\ufffd\uffff\ue000"', '"\U0010ffff"', '"\U00010000"', r'"\u0041\u0022\u005c\u002F"',
    r'"\u00e9\u00E9"', '"<script>&\'</script>"', '"$(HOME) $$ $"', r'"a\u0000b"', '"12345678"', '"1234567\\n"',
    '"1234567é"', '"' + "x" * 100 + '"', '"' + "é" * 100 + '"', '"' + "\\n" * 100 + '"', '"e\u0301"')
alphabet = ['a', 'b', '7', ' ', '/', '$', '(', '\\"', '\\\\', '\\/', '\\b', '\\n', '\\u0001', '\\u00e9', '\\ud800', '\\udc00',
            '\\uD83D\\uDE00', 'é', '中', '😀', '\x7f', '\u2028', "'", '<', 'zzzzzzzz']
for _ in range(200):
    add('"' + "".join(random.choice(alphabet) for _ in range(random.randrange(1, 24))) + '"')

# Structure.
add("null", "true", "false", "[]", "{}", " [ ] ", "\t{\r\n}\n", "[1,2]", "[[],[[]],{}]", '{"a":1}', '{"a":{"b":[{"c":null}]}}',
    '{ "a" :\t[ 1 ,2 ] }', '{"a":1,"b":2,"a":3}', '{"a":1,"\\u0061":2}', '{"\\u0061":1,"b":2,"a":3,"\\u0062":4}',
    '{"a":{"x":1,"x":2},"a":{"y":1,"y":[{"z":1,"z":2}]}}', '{"":1,"":2}', '{"é":1,"\\u00e9":2}',
    '{"e\u0301":1,"é":2}', '{"\\ud800":1,"\\ud800":2,"\\udc00":3}', '{"a":[],"a":{}}', '{"k":1,"kk":2,"k":3,"kkk":4,"kk":5}',
    "[" * 200 + "]" * 200, '{"a":' * 200 + "1" + "}" * 200,
    "{" + ",".join('"k%d":%d' % (i, i) for i in range(40)) + "}",
    "{" + ",".join('"k%d":%d' % (i % 30, i) for i in range(80)) + "}",
    "{" + ",".join('"\\u%04x":%d' % (97 + i % 20, i) for i in range(40)) + "}",
    "{" + ",".join('"%s":%d' % ("p" * i, i) for i in range(40)) + "}",
    "{" + ",".join('"%s":%d' % (chr(97 + i % 17), i) for i in range(18)) + "}")


def value(depth):
    kind = random.randrange(9 if depth else 7)
    if kind == 0:
        return random.choice(["null", "true", "false"])
    if kind in (1, 2):
        return random.choice(["0", "-0", "17", "-3", "2.50", "1E2", "12345678901234567890", "0.1", "-1e-9"])
    if kind < 7:
        return '"' + "".join(random.choice(alphabet) for _ in range(random.randrange(0, 6))) + '"'
    items = [value(depth - 1) for _ in range(random.randrange(0, 6))]
    space = random.choice(["", " ", "\n"])
    if kind == 7:
        return "[" + space + ("," + space).join(items) + "]"
    keys = ["a", "b", "\\u0061", "é", "\\u00e9", "\\n", "", "$(", "kind"]
    return "{" + space + ("," + space).join('"%s"%s:%s%s' % (random.choice(keys), space, space, item) for item in items) + "}"


for _ in range(200):
    add(value(4))

with open("json-python.jsonl", "w") as file:
    for text in texts:
        read = json.loads(text)
        row = {"text": text, "python": json.dumps(read), "isTrue": bool(read)}
        file.write(json.dumps(row) + "\n")
print(len(texts), "rows")
