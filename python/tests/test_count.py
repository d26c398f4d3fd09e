"""Tests of how many events match a query."""

import asyncio
import datetime

import pytest
from servers import fake_server, field
from stores import KINDS, open_store, slow_query
from test_answers import UNREADABLE

from umadb import Client, Event, Query, QueryItem, TimeoutExpired, TransportError, aio

OURS = [kind for kind in KINDS if kind != "rust"]
LEFT = Query([QueryItem(["Left"])])
LEFT_OF_ALL = Query([QueryItem(["Left"], ["all"])])


@pytest.fixture(params=OURS)
def client(request, tmp_path):
    """A Client of a store with 300 events, of which every third one is of the type Left."""
    with open_store(request.param, tmp_path) as store, store.connect() as client:
        fill(client)
        yield client


def fill(client):
    client.append([Event("Joined" if i % 3 else "Left", b"", ["all", f"student:{i:03}"]) for i in range(300)])


def test_count(client):
    assert client.count() == client.count(Query()) == 300
    assert client.count(LEFT) == client.count(LEFT_OF_ALL) == 100
    assert client.count(LEFT, 3) == client.count(LEFT, after=3, timeout=60) == 99
    assert client.count(Query([QueryItem([], ["student:007"]), QueryItem(["Left"])])) == 101
    assert client.count(Query([QueryItem(["left"])])) == 0
    assert client.count(after=300) == client.count(after=2**64 - 1) == 0


def test_count_between(client):
    for query, third in ((LEFT, 1), (LEFT_OF_ALL, 1), (None, 3)):
        assert client.count_between(query, [0, 3, 3, 33, 2**64 - 1]) == [third, 0, 10 * third, 89 * third]
        assert client.count_between(query, (None, 300)) == [100 * third]
        assert client.count_between(query, range(0, 301, 3)) == [third] * 100
        assert sum(client.count_between(query, range(1001))) == 100 * third


def test_counts_between_times(client):
    now = datetime.datetime.now(datetime.timezone.utc)
    hours = [now + datetime.timedelta(hours=h) for h in (-2, -1, 1)]
    assert client.count_between(LEFT, [client.position_at(t) for t in hours]) == [0, 100]


def test_empty_store():
    with Client("memory:") as client:
        assert client.count() == client.count(LEFT) == 0
        assert client.count_between(LEFT, [client.head(), 1, 2]) == [0, 0]


def test_invalid_arguments(client):
    for bounds, text in (
        ([], "0 bounds"),
        ([1], "1 bounds"),
        ([1, 3, 2], "bound 2 is 3, and bound 3 is 2"),
        (range(1002), "more than 1001 bounds"),
        ([0, -1], "bound must be"),
        ([0, 2**64], "bound must be"),
    ):
        with pytest.raises(ValueError, match=text):
            client.count_between(None, bounds)
    with pytest.raises(ValueError, match="limit"):
        client.count(Query([QueryItem([], ["x"] * 65_537)]))
    for arguments in (("Left",), (QueryItem(),), (None, "1"), (None, 1.0)):
        with pytest.raises(TypeError):
            client.count(*arguments)
    for bounds in (None, 3, "01", ["0", 1], [0, 1.0]):
        with pytest.raises(TypeError, match="must be"):
            client.count_between(None, bounds)


def test_closed_client(client):
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.count()


def test_slow_count_times_out():
    with Client("memory:") as client:
        query = slow_query(client)
        with pytest.raises(TimeoutExpired):
            client.count(query, timeout=0.05)
        assert client.count() == 30_000


@pytest.mark.parametrize(
    ("message", "counts"),
    [
        (field(1, b"\x05\x80\x01"), [5, 128]),
        (field(1, 5) + field(1, 128), [5, 128]),  # not packed
        (field(1, b"\x05"), None),
        (field(1, b"\x05\x80"), None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_answers_of_a_server(message, counts):
    with fake_server(message) as url, Client(url) as client:
        if counts is None:
            with pytest.raises(TransportError, match=UNREADABLE):
                client.count_between(None, [0, 1, 2])
        else:
            assert client.count_between(None, [0, 1, 2]) == counts


def test_server_without_the_method(store):
    if store.kind != "rust":
        pytest.skip("the others have it")
    with store.connect() as client:
        fill(client)
        with pytest.raises(TransportError, match="does not have the method"):
            client.count()


async def ask(url):
    async with aio.Client(url) as client:
        assert await client.count() == 300
        assert await client.count(LEFT, after=3, timeout=60) == 99
        assert await client.count_between(LEFT_OF_ALL, [None, 3, 2**64 - 1]) == [1, 99]
        with pytest.raises(ValueError, match="1 bounds"):
            await client.count_between(None, [0])
        with pytest.raises(TypeError):
            await client.count("Left")
        assert await asyncio.gather(*(client.count(after=n) for n in range(50))) == list(range(300, 250, -1))
    with pytest.raises(RuntimeError, match="closed"):
        await client.count()


@pytest.mark.parametrize("kind", ["embedded", "server"])
def test_asyncio(kind, tmp_path):
    with open_store(kind, tmp_path) as store:
        with store.connect() as client:
            fill(client)
        asyncio.run(ask(store.url))
