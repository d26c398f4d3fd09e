"""Tests of the idempotent retry of conditional appends."""

import uuid

import pytest
from stores import events, tagged

from umadb import AppendCondition, Event, IntegrityError, Query, TrackingInfo

ANY = AppendCondition(tagged("a"))


def stamped(count, *tags):
    return [Event("Enrolled", str(n).encode(), ("a", *tags), uuid.uuid4()) for n in range(count)]


@pytest.mark.parametrize("count", [1, 3])
def test_retry_returns_the_same_position(client, count):
    appended = stamped(count)
    for _ in range(3):
        assert client.append(appended, ANY) == count
        assert client.head() == count


def test_retry_is_recognised_after_later_events(client):
    appended = stamped(3)
    client.append(appended, ANY)
    client.append(events(1500, "a"))
    assert client.append(appended, ANY) == 3
    assert client.head() == 1503


def test_retry_is_recognised_with_empty_query_and_after(client):
    client.append(events(1))
    appended = stamped(2)
    for _ in range(2):
        assert client.append(appended, AppendCondition(Query(), 1)) == 3


def test_which_appends_are_retries(client):
    e1, e2 = stored = stamped(2)
    (x,) = stamped(1)
    bare = Event(e2.event_type, e2.data, e2.tags)
    client.append(stored)
    assert client.append([e1], ANY) == 1
    assert client.append([e1, e2], ANY) == 2
    for none in ([e2], [e2, e1], [e1, x], [x, e1, e2], [e1, e2, x], [x], [e1, e1], [e1, bare]):
        with pytest.raises(IntegrityError):
            client.append(none, ANY)
    with pytest.raises(IntegrityError):
        client.append(stored, AppendCondition(tagged("a"), 1))
    assert client.head() == 2


def test_events_without_uuids_are_never_a_retry(client):
    client.append(events(2, "a"))
    with pytest.raises(IntegrityError):
        client.append(events(2, "a"), ANY)


def test_an_append_that_repeats_a_uuid_is_never_a_retry(client):
    (e,) = stamped(1)
    client.append([e, e])
    with pytest.raises(IntegrityError):
        client.append([e, e], ANY)


def test_only_canonical_uuids_are_compared(client):
    e1, e2 = stamped(2)
    client.append([e1, e2], ANY)
    again = [Event("", b"", [], e1.uuid.upper()), Event("other", b"", ["b"], "urn:uuid:" + e2.uuid)]
    assert client.append(again, ANY) == 2
    assert client.append([Event("", b"", [], "{" + e1.uuid + "}")], ANY) == 1
    assert client.append([Event("", b"", [], uuid.UUID(e1.uuid).hex)], ANY) == 1
    assert client.head() == 2


@pytest.mark.better
def test_query_may_match_only_part_of_the_append(client):
    appended = stamped(2) + stamped(1, "x")
    for _ in range(3):
        assert client.append(appended, AppendCondition(tagged("x"))) == 3
    assert client.head() == 3


def test_condition_that_ignores_its_events_writes_them_again(client):
    appended = stamped(2)
    for position in (2, 4):
        assert client.append(appended, AppendCondition(tagged("nowhere"))) == position


def test_unconditional_append_is_never_a_retry(client):
    appended = stamped(2)
    for position in (2, 4):
        assert client.append(appended) == position


def test_retry_ignores_tracking(client):
    appended = stamped(1)
    assert client.append(appended, ANY, TrackingInfo("up", 5)) == 1
    assert client.append(appended, ANY, TrackingInfo("up", 5)) == 1
    assert client.append(appended, ANY, TrackingInfo("up", 7)) == 1
    assert client.get_tracking_info("up") == 5
