"""Writes Sources/Functions/NonPrintable.swift: the code points that Python's str.isprintable does not call printable.

Run with python3 (3.11, whose Unicode database is 14.0) from this folder.
"""
import sys
import unicodedata

ranges = []
for code_point in range(0x110000):
    if 0xD800 <= code_point < 0xE000 or chr(code_point).isprintable():
        continue
    if ranges and ranges[-1][1] == code_point - 1:
        ranges[-1][1] = code_point
    else:
        ranges.append([code_point, code_point])
with open("../../Sources/Functions/NonPrintable.swift", "w") as file:
    file.write("/// Code points that Python %d.%d escapes in a `repr` (Unicode %s), surrogates apart; made by\n" % (*sys.version_info[:2], unicodedata.unidata_version))
    file.write("/// Tests/Corpus/make-non-printable.py. Pairs of first and last, in order.\n")
    file.write("enum NonPrintable {\n    static let ranges: [UInt32] = [\n")
    words = ["0x%X, 0x%X," % tuple(pair) for pair in ranges]
    line = "       "
    for word in words:
        if len(line) + len(word) + 1 > 108:
            file.write(line + "\n")
            line = "       "
        line += " " + word
    file.write(line + "\n    ]\n}\n")
print(len(ranges), "ranges")
