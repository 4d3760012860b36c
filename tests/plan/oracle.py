"""Writes what PyPI `phonenumbers` says about generated numbers of all regions.

Usage: oracle.py COUNT > FILE. Lines are tab-separated:
  N digits e164-or-empty region line-type validity     a plain +digits number
  T typed-text default-region e164 region line-type validity  a number as people write it
The seed is fixed: the same library version gives the same lines.
"""

import random
import sys

import phonenumbers as p

NAMES = {value: name for name, value in vars(p.PhoneNumberType).items() if isinstance(value, int)}
REASONS = {0: "NOT_ASSIGNED", 4: "TOO_SHORT", 2: "TOO_SHORT", 3: "TOO_LONG", 5: "INVALID_LENGTH"}
FORMATS = [p.PhoneNumberFormat.INTERNATIONAL, p.PhoneNumberFormat.NATIONAL]
ZEROS = "0\uff10\u0660\u06f0\u0966"


def facts(number):
    """region, line type and validity, as numguard names them."""
    valid = p.is_valid_number(number)
    validity = "VALID" if valid else REASONS[p.is_possible_number_with_reason(number)]
    return [p.region_code_for_number(number) or "", NAMES[p.number_type(number)], validity]


def example(rng, code, region):
    kind = rng.choice(list(NAMES))
    if region == "001":
        return p.example_number_for_non_geo_entity(code)
    return p.example_number_for_type(region, kind) or p.example_number(region)


def digits(rng):
    """Mostly changed examples, some random digits behind a country code, a few random altogether."""
    code = rng.choice(list(p.COUNTRY_CODE_TO_REGION_CODE))
    lead = str(code)
    chosen = rng.random()
    number = example(rng, code, rng.choice(p.COUNTRY_CODE_TO_REGION_CODE[code])) if chosen < 0.7 else None
    if number is not None:
        text = list(p.format_number(number, p.PhoneNumberFormat.E164)[1:])
        for _ in range(rng.choice([0, 1, 1, 2, 4, 6])):
            text[rng.randrange(len(lead), len(text))] = rng.choice("0123456789")
        if rng.random() < 0.1:
            text.insert(len(lead), rng.choice("0189"))
        return "".join(text)[:15]
    if chosen > 0.98:
        return "".join(rng.choice("0123456789") for _ in range(rng.randrange(2, 16)))
    return lead + "".join(rng.choice("0123456789") for _ in range(rng.randrange(2, 16 - len(lead))))


def plain(rng):
    text = digits(rng)
    try:
        number = p.parse("+" + text)
    except p.NumberParseException:
        return ["N", text, "", "", "", ""]
    return ["N", text, p.format_number(number, p.PhoneNumberFormat.E164)] + facts(number)


def typed(rng):
    """A valid number in its national or international form, now and then in other digits."""
    while True:
        code = rng.choice(list(p.COUNTRY_CODE_TO_REGION_CODE))
        region = rng.choice(p.COUNTRY_CODE_TO_REGION_CODE[code])
        number = example(rng, code, region)
        if number is None or region == "001" or not p.is_valid_number(number):
            continue
        text = p.format_number(number, rng.choice(FORMATS))
        if any(c.isalpha() for c in text):
            continue
        text = text.replace(" ", rng.choice([" ", "\u00a0", "-", ".", ""]))
        zero = rng.choice(ZEROS)
        text = "".join(chr(ord(zero) + int(c)) if "0" <= c <= "9" else c for c in text)
        parsed = p.parse(text, region)
        return ["T", text, region, p.format_number(parsed, p.PhoneNumberFormat.E164)] + facts(parsed)


def main():
    count = int(sys.argv[1])
    rng = random.Random(20261122)
    print("V", p.__version__, sep="\t")
    for _ in range(count):
        print(*plain(rng), sep="\t")
    for _ in range(count // 20):
        print(*typed(rng), sep="\t")


main()
