"""Calls and assertions that several tests share."""

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from numguard.v1 import admin_pb2, check_pb2

PAST = Timestamp(seconds=1_700_000_000)


def check(checks, number):
    """The answer about a number."""
    return checks.CheckNumber(check_pb2.CheckNumberRequest(number=number))


def put(admin, subject, decision):
    """Puts a decision."""
    return admin.PutListing(admin_pb2.PutListingRequest(subject=subject, decision=decision))


def get(admin, subject):
    """The listing of a subject."""
    return admin.GetListing(admin_pb2.GetListingRequest(subject=subject)).listing


def seen(subject, feed, first_seen=PAST, last_seen=PAST, count=1):
    """A listing by one feed."""
    sighting = admin_pb2.Sighting(
        feed=feed, first_seen=first_seen, last_seen=last_seen, count=count
    )
    return admin_pb2.Listing(subject=subject, sightings=[sighting])


def batch(listings):
    """A part of an import."""
    return admin_pb2.ImportListingsRequest(batch=admin_pb2.ImportBatch(listings=listings))


def finish(count):
    """The end of an import."""
    return admin_pb2.ImportListingsRequest(finish=admin_pb2.ImportFinish(listings=count))


def assert_not_listed(admin, subject):
    """Nothing is known about a subject."""
    with pytest.raises(grpc.RpcError) as absent:
        get(admin, subject)
    assert absent.value.code() == grpc.StatusCode.NOT_FOUND, absent.value


def assert_invalid(refused, field):
    """The request was refused, and the BadRequest details name the field."""
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT, refused.value
    status = rpc_status.from_call(refused.value)
    assert status is not None, "the status came without details"
    wrong = []
    for detail in status.details:
        bad_request = error_details_pb2.BadRequest()
        if detail.Unpack(bad_request):
            wrong += [violation.field for violation in bad_request.field_violations]
    assert wrong == [field], f"expected {field!r} to be named: {status}"
