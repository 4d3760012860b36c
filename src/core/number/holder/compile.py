#!/usr/bin/env python3
"""Compiles libphonenumber's carrier names and classes.tsv into holder.bin: who holds which range.

Use `../plan/refresh VERSION`, which makes plan.bin and this file from the same PyPI `phonenumbers`
(Apache-2.0). A holder here is whom the range was first given to, not the network after porting; +1
has none. Rows of classes.tsv say what a holder does; a row may be limited to a prefix, and one
without a name gives a class to a range whose holder is not known.

Format, read by `Holders::read` in mod.rs, little endian: magic; version (length byte, text); count of
names (u16), each with a length byte; count of owners (u16), each a name (u16) and a class (u8); count
of segments (u32), each the distance of its start from the one before (LEB128) and an owner (u16).
Starts are the first nine digits of a number, filled up with zeros; a segment goes to the next start.
Owner 0 is nobody.
"""

import csv
import os
import re
import struct
import sys

import phonenumbers
from phonenumbers.carrierdata import CARRIER_DATA

DIGITS = 9
# The order of `HolderClass` in mod.rs.
CLASSES = ["UNCLASSIFIED", "A2P", "CPAAS", "WHOLESALE", "MVNO", "APP"]


def span(prefix):
    width = 10 ** (DIGITS - len(prefix))
    return int(prefix) * width, (int(prefix) + 1) * width


def read_classes():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "classes.tsv")
    with open(path, newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        # Names as regulators spell them meet their files at run time: classes.rs.
        return [row for row in rows if row["spelling"] != "regulator"]


def names():
    """Prefix -> the holder's name, the English one where there are several."""
    return {str(prefix): by_language.get("en") or sorted(by_language.items())[0][1]
            for prefix, by_language in CARRIER_DATA.items()}


def ranges(rows):
    """(prefix, name, class): a row without a name classifies its prefix where nobody holds it."""
    used = set()
    held = names()
    for prefix, name in held.items():
        kind = "UNCLASSIFIED"
        for number, row in enumerate(rows):
            if row["holder"] and prefix.startswith(row["prefix"]) and re.fullmatch(row["holder"], name, re.I):
                kind = row["class"]
                used.add(number)
                break
        yield prefix, name, kind
    for number, row in enumerate(rows):
        if not row["holder"]:
            used.add(number)
            yield row["prefix"], "", row["class"]
    for number in set(range(len(rows))) - used:
        raise ValueError(f"classes.tsv: nobody is called {rows[number]['holder']}")


def flatten(held):
    """Disjoint (start, owner); the longest prefix wins."""
    edges = []
    for prefix, name, kind in held:
        if len(prefix) > DIGITS:
            raise ValueError(f"a prefix of {len(prefix)} digits: raise DIGITS here and in mod.rs")
        first, end = span(prefix)
        edges.append((first, 1, len(prefix), (name, kind)))
        edges.append((end, 0, len(prefix), (name, kind)))
    edges.sort()
    open_ranges, segments, at = [], [], 0
    while at < len(edges):
        start = edges[at][0]
        while at < len(edges) and edges[at][0] == start:
            _, opens, length, owner = edges[at]
            (open_ranges.append if opens else open_ranges.remove)((length, owner))
            at += 1
        owner = max(open_ranges)[1] if open_ranges else None
        if not segments or segments[-1][1] != owner:
            segments.append((start, owner))
    return segments


def leb128(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write(path):
    segments = flatten(ranges(read_classes()))
    owners = [None] + sorted({owner for _, owner in segments if owner})
    texts = sorted({name for name, _ in owners[1:]})
    version = phonenumbers.__version__.encode()
    out = bytearray(b"NGHOLD01") + struct.pack("<B", len(version)) + version
    out += struct.pack("<H", len(texts))
    for text in texts:
        out += struct.pack("<B", len(text.encode())) + text.encode()
    out += struct.pack("<H", len(owners))
    for owner in owners:
        name, kind = owner or (texts[0], "UNCLASSIFIED")
        out += struct.pack("<HB", texts.index(name), CLASSES.index(kind))
    out += struct.pack("<I", len(segments))
    last = 0
    for start, owner in segments:
        out += leb128(start - last) + struct.pack("<H", owners.index(owner))
        last = start
    with open(path, "wb") as file:
        file.write(out)
    print(f"{path}: carrier names {phonenumbers.__version__}, {len(texts)} holders, "
          f"{len(segments)} segments, {len(out)} bytes")


if __name__ == "__main__":
    write(sys.argv[1])
