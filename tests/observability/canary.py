"""One number, the files and verbs that hold it, and every call with it in every field.

The calls are made of the descriptors that the binary tells by reflection: a new method, or a new field,
is in them from its first day.
"""

import itertools
import json
import re

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

# Its parts are looked for too, so that a half is found as well.
DIGITS = "7400987654"
NUMBER = f"+44{DIGITS}"
TYPED = ["+44 7400 987654", "0044(7400)987-654", f"0{DIGITS}", f"tel:{NUMBER}", f"{NUMBER}x", f"{NUMBER}{DIGITS}", f"+{DIGITS}"]
HIDDEN = re.compile(r"7\D{0,2}4\D{0,2}0\D{0,2}0\D{0,2}9\D{0,2}8\D{0,2}7\D{0,2}6\D{0,2}5\D{0,2}4|987[ .()-]?654")
PAGE = f"<ul><li>{NUMBER}</li><li>{NUMBER}1234567</li><li>{DIGITS}</li><li>{NUMBER}</li></ul>"
LISTS = {
    "list.csv": f"e164,last_seen\n{NUMBER},2026-01-01\n{NUMBER},never\n{NUMBER}{NUMBER},2026-01-01\n{DIGITS},\n",
    "list.json": json.dumps([{"number": NUMBER, "last_seen": NUMBER}, {"number": DIGITS}, {NUMBER: 1}]),
    "list.txt": f"{NUMBER}\n{DIGITS} {NUMBER}\n",
    "other.csv": f"{NUMBER},{NUMBER}\n",
    f"44{DIGITS}.txt": f"{NUMBER}\n",
    "listed.jsonl": json.dumps({"subject": NUMBER, "sightings": [{"feed": NUMBER}]}) + "\n",
}


def found(lines):
    """Lines that tell the number, or of a panic."""
    return [line[:500] for line in lines if HIDDEN.search(line) or "panicked" in line]


# What a call needs to get far, by the field's name or by its path.
USUAL = {
    "account_type": 1,
    "author": "ann",
    "client": "shop",
    "covering": "+447400111111",
    "default_region": "GB",
    "feed": "somebody.example",
    ("head", "feed"): "ofcom-s7",
    "file": "S7.csv",
    "ip_region": "GB",
    "number": "+447400111111",
    "policy": "",
    "prefix": "+4474001",
    "reason": "a test",
    "subject": "+447400111111",
    "subjects": "+447400111111",
    "text": 'version = "tried"\n',
}
SECONDS, LATER = 1_790_000_000, 2_000_000_000
COUNT = itertools.count()


def strings(descriptor, above=()):
    """The path of every field of text or bytes, with those of messages inside."""
    for field in descriptor.fields:
        path = (*above, field.name)
        if field.message_type and not field.message_type.full_name.startswith("google."):
            yield from strings(field.message_type, path)
        elif field.type in (field.TYPE_STRING, field.TYPE_BYTES):
            yield path


def fill(message, texts, above=(), part=None):
    """Sets every field: those of text as `texts` has them by path, else as is usual; of a oneof `part`."""
    for field in message.DESCRIPTOR.fields:
        path = (*above, field.name)
        if field.containing_oneof and field.name != part:
            continue
        if field.message_type and field.message_type.full_name.startswith("google.protobuf."):
            getattr(message, field.name).seconds = LATER if field.name == "expires_at" else SECONDS
        elif field.message_type:
            inner = getattr(message, field.name)
            fill(inner.add() if field.is_repeated else inner, texts, path)
        elif field.type != field.TYPE_BOOL:
            value = scalar(field, path, texts)
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
    return message


def scalar(field, path, texts):
    """The value of a field that is no message."""
    if field.name == "request_id" and path not in texts:
        return f"request-{next(COUNT)}"
    text = texts.get(path, USUAL.get(path, USUAL.get(field.name, "x")))
    if field.type == field.TYPE_STRING:
        return text
    if field.type == field.TYPE_BYTES:
        return text.encode()
    # How many bytes a file had that is sent in parts.
    return len(texts.get(("bytes",), "x")) if field.name == "bytes" else 1


def requests(message_class):
    """What is sent with the number in one field, for each field, and in all of them, in several forms.

    A message that is one part of something is sent part by part, all of them.
    """
    descriptor = message_class.DESCRIPTOR
    parts = [field.name for oneof in descriptor.oneofs for field in oneof.fields] or [None]
    paths = list(strings(descriptor))
    for text in [NUMBER, DIGITS, TYPED[0], f"x{NUMBER}", f"{NUMBER};{NUMBER}\n" * 40]:
        for texts in [*({path: text} for path in paths), {path: text for path in paths}]:
            yield [fill(message_class(), texts, part=part) for part in parts]


def error(call):
    """What a call that fails tells, its details among it."""
    try:
        call()
    except grpc.RpcError as failed:
        told = [failed.details() or ""]
        for _, value in failed.trailing_metadata() or ():
            told.append(value.decode("latin-1") if isinstance(value, bytes) else value)
        return " ".join(told).replace("\n", " ")
    return ""


def every_call(channel, metadata=()):
    """Errors of every method with the number in every field; and how many calls went well."""
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    said, methods, well = [], set(), set()
    for service in database.get_services():
        if not service.startswith("numguard."):
            continue
        for method in pool.FindServiceByName(service).methods:
            path = f"/{service}/{method.name}"
            methods.add(path)
            asked = message_factory.GetMessageClass(method.input_type)
            for sent in requests(asked):
                told = error(lambda: send(channel, method, path, sent, metadata))
                said.append(f"{path}: {told}")
                if not told:
                    well.add(path)
    return said, methods, well


def send(channel, method, path, sent, metadata):
    """One call to its end."""
    many = {(False, False): "unary_unary", (False, True): "unary_stream"}
    many |= {(True, False): "stream_unary", (True, True): "stream_stream"}
    kind = many[method.client_streaming, method.server_streaming]
    encoded = [message.SerializeToString() for message in sent]
    call = getattr(channel, kind)(path)
    answer = call(iter(encoded) if method.client_streaming else encoded[0], timeout=20, metadata=metadata)
    if method.server_streaming:
        list(answer)
