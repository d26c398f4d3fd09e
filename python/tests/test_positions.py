"""Tests of positions and the head."""

import pytest
from stores import events, positions, tagged

from umadb import AppendCondition, IntegrityError, TrackingInfo


def test_empty_store_has_no_head(client):
    assert client.head() is None


def test_first_event_has_position_1(client):
    assert client.append(events(1)) == 1


def test_append_returns_position_of_its_last_event(client):
    assert [client.append(events(n)) for n in (1, 3, 2)] == [1, 4, 6]


def test_head_is_position_of_last_event(client):
    client.append(events(1))
    assert client.head() == 1
    client.append(events(5))
    assert client.head() == 6


def test_rejected_append_leaves_no_gap(client):
    client.append(events(2, "a"))
    with pytest.raises(IntegrityError):
        client.append(events(3), AppendCondition(tagged("a")))
    client.append([], tracking_info=TrackingInfo("up", 1))
    with pytest.raises(IntegrityError):
        client.append(events(3), tracking_info=TrackingInfo("up", 1))
    assert client.append(events(1)) == 3
    assert positions(client.read()) == [1, 2, 3]


def test_appended_events_are_readable_at_once(client):
    for n in range(1, 30):
        assert client.append(events(1)) == n
        assert client.head() == n
        assert positions(client.read(start=n)) == [n]


def test_append_without_events_writes_nothing_and_returns_0(client):
    assert client.append([]) == 0
    assert client.head() is None


@pytest.mark.parametrize("make", [list, tuple, iter])
def test_events_may_be_any_sequence(client, make):
    assert client.append(make(events(2))) == 2


def test_append_of_a_thousand_events(client):
    appended = events(1000, "a", "b")
    assert client.append(appended) == 1000
    assert [s.event for s in client.read()] == appended
