"""Tests of queries in reads, subscriptions and append conditions."""

import itertools

import pytest
from stores import positions

from umadb import AppendCondition, Event, IntegrityError, Query, QueryItem

STORED = [
    Event("A", b"", ["x"]),
    Event("B", b"", ["x", "y"]),
    Event("A", b"", ["y"]),
    Event("C", b"", []),
    Event("A", b"", ["x", "y", "z"]),
    Event("a", b"", ["X"]),
    Event("", b"", [""]),
]
EVERY = [1, 2, 3, 4, 5, 6, 7]
ITEM = QueryItem

CASES = [
    (None, EVERY),
    (Query(), EVERY),
    (Query(None), EVERY),
    (Query([]), EVERY),
    (Query([ITEM()]), EVERY),
    (Query([ITEM([], [])]), EVERY),
    (Query([ITEM(["A"]), ITEM()]), EVERY),
    (Query([ITEM(["A"])]), [1, 3, 5]),
    (Query([ITEM(["A", "C"])]), [1, 3, 4, 5]),
    (Query([ITEM(types=["a"])]), [6]),
    (Query([ITEM(types=[""])]), [7]),
    (Query([ITEM(tags=["x"])]), [1, 2, 5]),
    (Query([ITEM(tags=["x", "y"])]), [2, 5]),
    (Query([ITEM(tags=["y", "x"])]), [2, 5]),
    (Query([ITEM(tags=["X"])]), [6]),
    (Query([ITEM(tags=[""])]), [7]),
    (Query([ITEM(["A"], ["x"])]), [1, 5]),
    (Query([ITEM(["A", "B"], ["x", "y"])]), [2, 5]),
    (Query([ITEM(["A"], ["x"]), ITEM(["C"])]), [1, 4, 5]),
    (Query([ITEM(["A"]), ITEM(tags=["x"])]), [1, 2, 3, 5]),
    (Query([ITEM(["A"]), ITEM(["A"])]), [1, 3, 5]),
    (Query([ITEM(["A", "A"], ["x", "x"])]), [1, 5]),
    (Query([ITEM(["D"])]), []),
    (Query([ITEM(["A"], ["w"])]), []),
    (Query([ITEM(["A "])]), []),
    (Query([ITEM(tags=["x\0"])]), []),
    (Query([ITEM(["x"])]), []),
    (Query([ITEM(tags=["A"])]), []),
]


@pytest.fixture
def filled(client):
    client.append(STORED)
    return client


def test_read_selects_matching_events(filled):
    for query, expected in CASES:
        assert positions(filled.read(query)) == expected, query
        assert positions(filled.read(query, backwards=True)) == expected[::-1], query


def test_subscription_selects_matching_events(filled):
    for query, expected in CASES:
        subscription = filled.subscribe(query)
        assert positions(itertools.islice(subscription, len(expected))) == expected, query


def test_condition_selects_matching_events(filled):
    for query, expected in CASES:
        if query is not None and expected:
            with pytest.raises(IntegrityError):
                filled.append([Event("new", b"")], AppendCondition(query))
            with pytest.raises(IntegrityError):
                filled.append([Event("new", b"")], AppendCondition(query, expected[-1] - 1))
    for query, expected in CASES:
        if query is not None and not expected:
            filled.append([Event("new", b"")], AppendCondition(query))


def test_many_items_are_alternatives(client):
    client.append([Event("E", b"", [f"t{n}"]) for n in range(300)])
    query = Query([ITEM(tags=[f"t{n}"]) for n in range(0, 300, 3)])
    assert positions(client.read(query)) == list(range(1, 301, 3))


def test_non_ascii_text(client):
    client.append(
        [
            Event("Größe", b"", ["日本"]),
            Event("Grösse", b"", ["日", "本"]),
            Event("\U0001f600", b"", ["e\u0301"]),
        ]
    )
    assert positions(client.read(Query([ITEM(["Größe"])]))) == [1]
    assert positions(client.read(Query([ITEM(tags=["日本"])]))) == [1]
    assert positions(client.read(Query([ITEM(tags=["\u00e9"])]))) == []
    assert positions(client.read(Query([ITEM(tags=["e\u0301"])]))) == [3]
