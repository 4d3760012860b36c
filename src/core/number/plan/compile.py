#!/usr/bin/env python3
"""Compiles libphonenumber's metadata into plan.bin, the numbering-plan automaton.

Use `./refresh VERSION` beside this file; it installs PyPI `phonenumbers` of that version (the
metadata source, Apache-2.0) and runs this script. The automaton reads the digits of an E.164
number (no plus) and ends in a class: country code, region, line type, validity. It says FALLBACK
wherever parsing might rewrite the digits (national prefixes), so that the library decides there.

The rules it compiles are those of libphonenumber's parse, region and type functions; what each
pattern means is cited at the place where it is used.
"""

import re._parser as sre
import struct
import sys

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.phonemetadata import PhoneMetadata

MAX_DIGITS = 15  # E.164
DIGITS = frozenset("0123456789")

# The order of libphonenumber's number_type_helper: the first description that matches wins.
TYPES = ["FIXED_LINE", "MOBILE", "FIXED_LINE_OR_MOBILE", "TOLL_FREE", "PREMIUM_RATE", "SHARED_COST",
         "VOIP", "PERSONAL_NUMBER", "PAGER", "UAN", "VOICEMAIL", "UNKNOWN"]
SPECIAL = ["premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan",
           "voicemail"]
DESCRIPTIONS = ["general_desc", "fixed_line", "mobile"] + SPECIAL
VALIDITIES = ["VALID", "NOT_ASSIGNED", "TOO_SHORT", "TOO_LONG", "INVALID_LENGTH"]


class Nfa:
    """One automaton per country code: many patterns side by side, each with its own accept tag."""

    def __init__(self):
        self.steps = []  # state -> list of (digit set, next state)
        self.silent = []  # state -> list of next states
        self.tags = {}  # accepting state -> tag
        self.start = []

    def state(self):
        self.steps.append([])
        self.silent.append([])
        return len(self.steps) - 1

    def pattern(self, text, tag):
        """Adds `text`; a string that matches it whole carries `tag`."""
        begin, end = self.state(), self.state()
        self.start.append(begin)
        self._sequence(sre.parse(text), begin, end)
        self.tags[end] = tag

    def leading(self, text, tag):
        """Adds `text` as the beginning of a string; whatever follows, the string carries `tag`."""
        begin, end = self.state(), self.state()
        self.start.append(begin)
        self._sequence(sre.parse(text), begin, end)
        self.steps[end].append((DIGITS, end))
        self.tags[end] = tag

    def prefix(self, text, rest, tag, rest_tag):
        """Adds a national prefix of at least one digit: `tag` on any string that begins with it,
        `rest_tag` where what follows it matches `rest` whole."""
        whole, begin, end = self.state(), self.state(), self.state()
        self._sequence(sre.parse(text), begin, end)
        # The pattern may match nothing (Argentina): start with its first step already taken.
        self.steps[whole] = [step for s in self.closure([begin]) for step in self.steps[s]]
        self.start.append(whole)
        tail, last = self.state(), self.state()
        self.silent[end].append(tail)
        self.steps[tail].append((DIGITS, tail))
        self.tags[tail] = tag
        self._sequence(sre.parse(rest), end, last)
        self.tags[last] = rest_tag

    def _sequence(self, items, begin, end):
        here = begin
        for item in items:
            there = self.state()
            self._item(item, here, there)
            here = there
        self.silent[here].append(end)

    def _item(self, item, begin, end):
        op, arg = str(item[0]), item[1]
        if op == "LITERAL":
            self.steps[begin].append((frozenset(chr(arg)), end))
        elif op == "IN":
            self.steps[begin].append((digit_set(arg), end))
        elif op == "BRANCH":
            for branch in arg[1]:
                self._sequence(branch, begin, end)
        elif op == "SUBPATTERN":
            self._sequence(arg[3], begin, end)
        elif op in ("MAX_REPEAT", "MIN_REPEAT"):
            low, high, inner = arg
            if high > 20:
                raise ValueError(f"unbounded repeat in {item}")
            here = begin
            for count in range(high):
                if count >= low:
                    self.silent[here].append(end)
                there = self.state()
                self._sequence(inner, here, there)
                here = there
            self.silent[here].append(end)
        elif op == "AT":
            # `$` in a prefix pattern: ignoring it only widens FALLBACK.
            self.silent[begin].append(end)
        else:
            raise ValueError(f"pattern element {op} is new: teach compile.py about it")

    def closure(self, states):
        seen, todo = set(states), list(states)
        while todo:
            for nxt in self.silent[todo.pop()]:
                if nxt not in seen:
                    seen.add(nxt)
                    todo.append(nxt)
        # Only states that can still move or accept matter: a smaller key, more sharing.
        return frozenset(s for s in seen if self.steps[s] or s in self.tags)

    def advance(self, states, digit):
        return self.closure({to for s in states for digits, to in self.steps[s] if digit in digits})


def digit_set(parts):
    found = set()
    for op, arg in parts:
        if str(op) == "LITERAL":
            found.add(chr(arg))
        elif str(op) == "RANGE":
            found.update(chr(c) for c in range(arg[0], arg[1] + 1))
        elif str(op) == "CATEGORY" and str(arg) == "CATEGORY_DIGIT":
            found |= DIGITS
        else:
            raise ValueError(f"set element {op} is new: teach compile.py about it")
    return frozenset(found)


def metadata(code, region):
    if region == "001":
        return PhoneMetadata.metadata_for_nongeo_region(code)
    return PhoneMetadata.metadata_for_region(region)


class Country:
    """The patterns of all regions of one country code, and what a full match means."""

    def __init__(self, code):
        self.code = code
        self.regions = COUNTRY_CODE_TO_REGION_CODE[code]
        self.data = {region: metadata(code, region) for region in self.regions}
        self.nfa = Nfa()
        for region, data in self.data.items():
            for name in DESCRIPTIONS:
                desc = getattr(data, name)
                if desc is not None and desc.national_number_pattern:
                    self.nfa.pattern(desc.national_number_pattern, (region, name))
            if data.leading_digits:
                self.nfa.leading(data.leading_digits, (region, "leading"))
        # Only the main region's national prefix is looked at when a number carries its country code.
        main = self.data[self.regions[0]]
        self.lengths = main.general_desc.possible_length
        self.local = main.general_desc.possible_length_local_only
        self.transforms = bool(main.national_prefix_transform_rule)
        if prefix := main.national_prefix_for_parsing:
            rest = main.general_desc.national_number_pattern
            self.nfa.prefix(prefix, rest, "prefix", "stripped")

    def outcome(self, states, length):
        """(region, type, validity) of a national number that ends here, or None for FALLBACK."""
        tags = {self.nfa.tags[s] for s in states if s in self.nfa.tags}
        if "prefix" in tags:
            viable = (self.regions[0], "general_desc") in tags
            # Stripping is refused when the number was viable before and is not afterwards.
            if self.transforms or not viable or "stripped" in tags:
                return None
        if length < 2:
            return ("", "UNKNOWN", "TOO_SHORT")
        region = self.region(tags, length)
        kind = self.line_type(region, tags, length) if region else "UNKNOWN"
        return (region or "", kind, "VALID" if kind != "UNKNOWN" else self.length_class(length))

    def region(self, tags, length):
        if len(self.regions) == 1:
            return self.regions[0]
        for region in self.regions:
            if self.data[region].leading_digits:
                if (region, "leading") in tags:
                    return region
            elif self.line_type(region, tags, length) != "UNKNOWN":
                return region
        return None

    def line_type(self, region, tags, length):
        data = self.data[region]

        def matches(name):
            desc = getattr(data, name)
            if desc is None or (region, name) not in tags:
                return False
            return not desc.possible_length or length in desc.possible_length

        if not matches("general_desc"):
            return "UNKNOWN"
        for name in SPECIAL:
            if matches(name):
                return name.upper()
        if matches("fixed_line"):
            both = data.same_mobile_and_fixed_line_pattern or matches("mobile")
            return "FIXED_LINE_OR_MOBILE" if both else "FIXED_LINE"
        if not data.same_mobile_and_fixed_line_pattern and matches("mobile"):
            return "MOBILE"
        return "UNKNOWN"

    def length_class(self, length):
        if length in self.local or length < self.lengths[0]:
            return "TOO_SHORT"
        if length > self.lengths[-1]:
            return "TOO_LONG"
        return "NOT_ASSIGNED" if length in self.lengths else "INVALID_LENGTH"


class Automaton:
    """Nodes shared by content: (ten children, class). Node 0 is the dead end."""

    def __init__(self):
        self.classes = [None]  # class 0: FALLBACK
        self.class_ids = {}
        self.nodes = []
        self.node_ids = {}

    def class_id(self, code, outcome):
        if outcome is None:
            return 0
        key = (code, *outcome)
        if key not in self.class_ids:
            self.class_ids[key] = len(self.classes)
            self.classes.append(key)
        return self.class_ids[key]

    def node(self, children, cls):
        key = (tuple(children), cls)
        if key not in self.node_ids:
            self.node_ids[key] = len(self.nodes)
            self.nodes.append(key)
        return self.node_ids[key]

    def country(self, code):
        country = Country(code)
        room = MAX_DIGITS - len(str(code))
        memo = {}

        def build(states, length):
            key = (states, length)
            if key not in memo:
                children = ([build(country.nfa.advance(states, d), length + 1) for d in "0123456789"]
                            if length < room else [0] * 10)
                memo[key] = self.node(children, self.class_id(code, country.outcome(states, length)))
            return memo[key]

        return build(country.nfa.closure(country.nfa.start), 0)

    def build(self):
        # Class 1 answers for digits that begin no country code, however they go on.
        unknown = self.class_id(0, ("", "UNKNOWN", "NOT_ASSIGNED"))
        dead = self.node([0] * 10, unknown)
        assert dead == 0
        tree = {}
        for code in sorted(COUNTRY_CODE_TO_REGION_CODE):
            here = tree
            for digit in str(code)[:-1]:
                here = here.setdefault(digit, {})
            here[str(code)[-1]] = self.country(code)

        def place(tree):
            if isinstance(tree, int):
                return tree
            return self.node([place(tree[d]) if d in tree else dead for d in "0123456789"], unknown)

        return place(tree)


def write(path):
    automaton = Automaton()
    root = automaton.build()
    # Also regions whose numbers count as another's (Western Sahara): they are default regions.
    regions = sorted({"", *(region for regions in COUNTRY_CODE_TO_REGION_CODE.values() for region in regions)})
    if len(automaton.nodes) > 0xFFFF or len(automaton.classes) > 0xFFFF or len(regions) > 0xFF:
        raise ValueError("plan.bin outgrew its 16-bit nodes and classes, or its 8-bit regions")
    version = phonenumbers.__version__.encode()
    out = bytearray(b"NGPLAN01")
    out += struct.pack("<B", len(version)) + version
    out += struct.pack("<HHHH", len(regions), len(automaton.classes), len(automaton.nodes), root)
    for region in regions:
        out += region.encode().ljust(3, b"\0")
    for cls in automaton.classes:
        code, region, kind, validity = cls or (0, "", "UNKNOWN", "VALID")
        out += struct.pack("<HBBB", code, regions.index(region), TYPES.index(kind),
                           VALIDITIES.index(validity))
    for children, cls in automaton.nodes:
        out += struct.pack("<11H", *children, cls)
    with open(path, "wb") as file:
        file.write(out)
    print(f"{path}: metadata {phonenumbers.__version__}, {len(automaton.nodes)} nodes, "
          f"{len(automaton.classes)} classes, {len(regions)} regions, {len(out)} bytes")


if __name__ == "__main__":
    write(sys.argv[1])
