"""Tests of the questions for types and tags."""

import asyncio

import pytest
from stores import KINDS, open_store

from umadb import CancelledByUserError, Event, Query, QueryItem, TermCount, TermCounts, TransportError, aio

OURS = [kind for kind in KINDS if kind != "rust"]


@pytest.fixture(params=OURS)
def client(request, tmp_path):
    """A Client of a store with events of two types and 300 tags."""
    with open_store(request.param, tmp_path) as store, store.connect() as client:
        fill(client)
        yield client


def fill(client):
    batch = [Event("Joined" if i % 3 else "Left", b"", ["all", f"student:{i:03}", "ü:ö"]) for i in range(300)]
    client.append(batch)


STUDENTS = [TermCount(f"student:{i:03}", 1) for i in range(300)]


def test_types_and_tags(client):
    assert sorted(client.types()) == [("Joined", 200), ("Left", 100)]
    assert list(client.types(order="events", limit=1)) == [TermCount("Joined", 200)]
    assert list(client.types("L", order="name", limit=5)) == [TermCount("Left", 100)]
    assert sorted(client.tags("student:")) == STUDENTS
    assert list(client.tags("student:", order="name", limit=200)) == STUDENTS[:200]
    assert list(client.tags(order="events", limit=2)) == [("all", 300), ("ü:ö", 300)]
    assert list(client.tags("ü")) == [("ü:ö", 300)]
    assert list(client.tags("absent:")) == []
    some = list(client.tags("student:", limit=7))
    assert len(set(some)) == 7 and set(some) <= set(STUDENTS)


def test_distinct(client):
    assert client.tags("student:").distinct() == 300
    assert client.tags("student:", order="events", limit=1).distinct() == 300
    assert client.tags("student:", limit=7).distinct() is None
    terms = client.types()
    assert next(terms).name in ("Joined", "Left")
    assert terms.distinct() == 2
    assert client.types("absent").distinct() == 0


def test_count_terms(client):
    query = Query(
        [QueryItem(["Left", "Lefft"], ["student:7", "all"]), QueryItem([], ["student:007", "all"]), QueryItem()]
    )
    counts = client.count_terms(query)
    assert counts == TermCounts({"Left": 100, "Lefft": 0}, {"student:7": 0, "all": 300, "student:007": 1})
    assert counts.missing() == (["Lefft"], ["student:7"])
    assert client.count_terms(Query()) == ({}, {})
    many = client.count_terms(Query([QueryItem([], [f"student:{i}" for i in range(20_000)])]))
    assert sum(many.tags.values()) == 200  # those with three digits
    assert len(many.tags) == 20_000


def test_invalid_arguments(client):
    for arguments in ({"order": "size"}, {"limit": -1}, {"prefix": "\ud800"}):
        with pytest.raises(ValueError):
            client.types(**arguments)
    with pytest.raises(TypeError, match="prefix must be str"):
        client.tags(b"student:")
    with pytest.raises(ValueError, match="limit must be from 1 to 1000"):
        next(client.tags(order="name"))
    with pytest.raises(ValueError, match="prefix"):
        client.tags("x" * 5000).distinct()


def test_cancel(client):
    terms = client.tags()
    terms.cancel()
    with pytest.raises(CancelledByUserError):
        next(terms)
    terms = client.tags()
    client.close()
    with pytest.raises(CancelledByUserError):
        next(terms)


def test_server_without_the_method(store):
    if store.kind != "rust":
        pytest.skip("the others have it")
    with store.connect() as client:
        fill(client)
        for call in (lambda: list(client.types()), lambda: client.count_terms(Query())):
            with pytest.raises(TransportError, match="does not have the method"):
                call()


async def ask(url):
    async with aio.Client(url) as client:
        assert [term async for term in client.types(order="events", limit=2)] == [("Joined", 200), ("Left", 100)]
        assert sorted([term async for term in client.tags("student:")]) == STUDENTS
        assert await client.tags("student:").distinct() == 300
        counts = await client.count_terms(Query([QueryItem(["Left"], ["custmer:42"])]))
        assert counts == ({"Left": 100}, {"custmer:42": 0})
        with pytest.raises(ValueError, match="limit must be from 1 to 1000"):
            await anext(client.tags(order="name"))


@pytest.mark.parametrize("kind", ["embedded", "server"])
def test_asyncio(kind, tmp_path):
    with open_store(kind, tmp_path) as store:
        with store.connect() as client:
            fill(client)
        asyncio.run(ask(store.url))
