"""Tests of the tracking of upstream positions."""

import pytest
from stores import events, tagged

from umadb import AppendCondition, IntegrityError, TrackingInfo


def track(client, source, position, count=1):
    return client.append(events(count, "a"), None, TrackingInfo(source, position))


def test_unknown_source_has_no_position(client):
    assert client.get_tracking_info("up") is None
    track(client, "up", 1)
    assert client.get_tracking_info("up ") is None
    assert client.get_tracking_info("u") is None


@pytest.mark.parametrize("position", [0, 1, 17, 2**64 - 1])
def test_first_position_may_be_any(client, position):
    track(client, "up", position)
    assert client.get_tracking_info("up") == position


def test_positions_must_increase(client):
    for position in (0, 1, 2, 1000, 2**64 - 1):
        track(client, "up", position)
        assert client.get_tracking_info("up") == position
        for rejected in {position, max(position - 1, 0), 0}:
            with pytest.raises(IntegrityError, match="^integrity error: "):
                track(client, "up", rejected)
        assert client.get_tracking_info("up") == position
    assert client.head() == 5


def test_sources_are_independent(client):
    track(client, "one", 9)
    track(client, "two", 3)
    track(client, "two", 4)
    assert (client.get_tracking_info("one"), client.get_tracking_info("two")) == (9, 4)


@pytest.mark.parametrize("source", ["", "a\0b", "Größe/日本", " ", "s" * 255])
def test_source_may_be_any_text(client, source):
    track(client, source, 2)
    assert client.get_tracking_info(source) == 2


def test_failed_condition_does_not_advance_tracking(client):
    track(client, "up", 1)
    with pytest.raises(IntegrityError):
        client.append(events(1), AppendCondition(tagged("a")), TrackingInfo("up", 2))
    assert client.get_tracking_info("up") == 1
    client.append(events(1), AppendCondition(tagged("a"), 1), TrackingInfo("up", 2))
    assert client.get_tracking_info("up") == 2


def test_tracking_conflict_writes_nothing(client):
    track(client, "up", 5)
    with pytest.raises(IntegrityError) as caught:
        client.append(events(2), AppendCondition(tagged("nowhere")), TrackingInfo("up", 5))
    assert caught.value.conflict_position is None
    assert client.head() == 1


def test_tracking_is_recorded_without_events(client):
    for position in (3, 4):
        assert track(client, "up", position, 0) == 0
        assert client.get_tracking_info("up") == position
    with pytest.raises(IntegrityError):
        track(client, "up", 4, 0)


@pytest.mark.better
def test_failed_condition_without_events_does_not_advance_tracking(client):
    track(client, "up", 1)
    with pytest.raises(IntegrityError):
        client.append([], AppendCondition(tagged("a")), TrackingInfo("up", 2))
    assert client.get_tracking_info("up") == 1


def test_tracking_is_returned_on_each_event_of_the_append(client):
    client.append(events(1))
    track(client, "up", 0, 2)
    track(client, "up", 7, 1)
    zero, seven = TrackingInfo("up", 0), TrackingInfo("up", 7)
    assert [s.tracking_info for s in client.read()] == [None, zero, zero, seven]
    assert next(client.subscribe(after=3)).tracking_info == seven


def test_invalid_arguments(client):
    for wrong in (None, 1, b"up"):
        with pytest.raises(TypeError):
            client.get_tracking_info(wrong)
    with pytest.raises(ValueError):
        client.get_tracking_info("\ud800")
    with pytest.raises(ValueError):
        client.append([], None, TrackingInfo("\ud800", 1))
