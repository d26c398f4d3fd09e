"""Tests of reads and their heads."""

import time

import pytest
from stores import events, positions, tagged

from umadb import Event


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"backwards": True}, [5, 4, 3, 2, 1]),
        ({"start": 3}, [3, 4, 5]),
        ({"start": 3, "backwards": True}, [3, 2, 1]),
        ({"start": 0}, [1, 2, 3, 4, 5]),
        ({"start": 0, "backwards": True}, []),
        ({"start": 6}, []),
        ({"start": 6, "backwards": True}, [5, 4, 3, 2, 1]),
        ({"start": 2**64 - 1}, []),
        ({"start": 2**64 - 1, "backwards": True}, [5, 4, 3, 2, 1]),
        ({"limit": 2}, [1, 2]),
        ({"limit": 2, "backwards": True}, [5, 4]),
        ({"limit": 9}, [1, 2, 3, 4, 5]),
        ({"limit": 2**32 - 1}, [1, 2, 3, 4, 5]),
        ({"limit": 0}, []),
        ({"start": 2, "limit": 2}, [2, 3]),
        ({"start": 4, "limit": 2, "backwards": True}, [4, 3]),
    ],
    ids=str,
)
def test_start_limit_and_direction(client, options, expected):
    client.append(events(5))
    assert positions(client.read(**options)) == expected


def test_positional_arguments(client):
    client.append(events(2, "a") + events(3, "b"))
    assert positions(client.read(tagged("b"), 4, True, 1, False)) == [4]


def test_limit_counts_matching_events(client):
    client.append(events(2, "a") + events(2, "b") + events(2, "a"))
    assert positions(client.read(tagged("a"), limit=3)) == [1, 2, 5]


def test_head_before_during_and_after_iteration(client):
    client.append(events(3))
    response = client.read()
    assert response.head() == 3
    assert next(response).position == 1
    assert response.head() == 3
    assert positions(response) == [2, 3]
    assert response.head() == 3
    assert list(response) == []
    assert response.head() == 3


def test_head_is_that_of_the_store_if_nothing_matches(client):
    client.append(events(3))
    response = client.read(tagged("nowhere"))
    assert list(response) == []
    assert response.head() == 3
    assert client.read(tagged("nowhere")).head() == 3
    assert client.read(start=9).head() == 3


def test_read_of_empty_store_has_no_events_and_no_head(client):
    response = client.read()
    assert response.head() is None
    assert list(response) == []
    assert response.head() is None


def test_head_with_limit_is_last_event_read(client):
    client.append(events(5))
    assert client.read(limit=2).collect_with_head()[1] == 2
    assert client.read(limit=2, backwards=True).collect_with_head()[1] == 4
    assert client.read(limit=2).head() == 2


def test_head_with_limit_is_none_if_nothing_matches(client):
    client.append(events(5))
    assert client.read(tagged("nowhere"), limit=2).collect_with_head() == ([], None)
    assert client.read(limit=0).collect_with_head() == ([], None)
    assert client.read(limit=0).head() is None


def test_collect_with_head(client):
    client.append(events(3))
    response = client.read()
    collected, head = response.collect_with_head()
    assert (positions(collected), head) == ([1, 2, 3], 3)
    assert response.collect_with_head() == ([], 3)
    response = client.read()
    next(response)
    assert positions(response.collect_with_head()[0]) == [2, 3]


def test_next_batch(client):
    client.append(events(3))
    response = client.read()
    assert positions(response.next_batch()) == [1, 2, 3]
    assert response.next_batch() == []
    assert response.next_batch() == []
    response = client.read()
    next(response)
    assert positions(response.next_batch()) == [2, 3]


def test_batch_size(store):
    with store.connect(batch_size=2) as client:
        client.append(events(5))
        response = client.read()
        batches = iter(response.next_batch, [])
        assert [positions(b) for b in batches] == [[1, 2], [3, 4], [5]]
        assert response.head() == 5
        response = client.read(limit=3)
        assert positions(response.next_batch()) == [1, 2]
        assert response.head() == 2
        assert positions(response.next_batch()) == [3]
        assert response.head() == 3


@pytest.mark.parametrize("batch_size", [0, None, 1, 7, 2**32 - 1])
def test_every_batch_size_returns_all_events(store, batch_size):
    with store.connect(batch_size=batch_size) as client:
        client.append(events(20))
        assert positions(client.read()) == list(range(1, 21))
        assert positions(client.read(backwards=True)) == list(range(20, 0, -1))


def test_many_batches(client):
    client.append(events(5000, "a"))
    assert positions(client.read()) == list(range(1, 5001))
    assert positions(client.read(tagged("a"), backwards=True)) == list(range(5000, 0, -1))
    assert positions(client.read(start=700, limit=3000)) == list(range(700, 3700))


@pytest.mark.better
def test_batch_is_limited_in_bytes(client):
    client.append([Event("a", bytes(100_000)) for _ in range(10)])
    batches = list(iter(client.read().next_batch, []))
    assert len(batches) > 2
    assert sum(map(len, batches)) == 10


def test_read_starts_with_the_first_request(client):
    client.append(events(1))
    response = client.read()
    time.sleep(0.05)
    client.append(events(1))
    assert positions(response) == [1, 2]


def test_read_does_not_see_later_events(client):
    client.append(events(3000))
    response = client.read()
    first = next(response)
    client.append(events(5))
    assert positions([first, *response]) == list(range(1, 3001))
    assert response.head() == 3000


def test_read_can_be_abandoned(client):
    client.append(events(3000))
    for _ in range(20):
        for _ in client.read():
            break
    assert client.head() == 3000


def test_iteration_can_be_resumed(client):
    client.append(events(4))
    response = client.read()
    assert iter(response) is response
    for s in response:
        if s.position == 2:
            break
    assert positions(response) == [3, 4]


def test_response_keeps_its_client_alive(store):
    with store.connect() as client:
        client.append(events(3))
    del client
    assert positions(store.connect().read()) == [1, 2, 3]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"query": "all"}, TypeError),
        ({"query": []}, TypeError),
        ({"start": -1}, ValueError),
        ({"start": 2**64}, ValueError),
        ({"start": "1"}, TypeError),
        ({"start": 1.0}, TypeError),
        ({"limit": -1}, ValueError),
        ({"limit": 2**32}, ValueError),
        ({"limit": "1"}, TypeError),
        ({"nonsense": 1}, TypeError),
    ],
    ids=str,
)
def test_invalid_arguments(client, options, error):
    with pytest.raises(error):
        client.read(**options)
