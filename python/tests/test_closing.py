"""What close() does to the calls that are under way: nobody waits any longer, nor does close()."""

import asyncio
import threading
import time

import pytest
from proxies import proxy
from stores import black_hole, events, search_for_long, tagged

import umadb.aio
from umadb import AppendCondition, CancelledByUserError, Client, TransportError
from umadb.pytest_plugin import run_server

# What each call waits for, and what it fails with when the client is closed.
CLOSED = (RuntimeError, "^the client is closed$")
CANCELLED = (CancelledByUserError, "^cancelled$")
UNKNOWN = (TransportError, "the client was closed.*; whether the events were appended is unknown$")


def calls(client):
    """Give every call that may wait for a server, as functions."""
    return [
        (client.head, CLOSED),
        (lambda: client.get_tracking_info("up"), CLOSED),
        (client.check_health, CLOSED),
        (lambda: client.append(events(1)), UNKNOWN),
        (lambda: client.read().next_batch(), CANCELLED),
        (lambda: client.read().collect_with_head(), CANCELLED),
        (lambda: client.subscribe().next_batch(), CANCELLED),
    ]


def fails(call, expected):
    error, text = expected
    with pytest.raises(error, match=text) as caught:
        call()
    if expected is CLOSED:
        assert not isinstance(caught.value, TransportError)


def close_under(client, waiting):
    """Close a client while threads are in calls, and check what becomes of these."""
    failures = []

    def run(call, expected):
        try:
            fails(call, expected)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in waiting]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    client.close()
    for thread in threads:
        thread.join(5)
    assert time.monotonic() - began < 1
    assert failures == []


@pytest.fixture
def silent(tmp_path):
    """A proxy to a server; it falls silent when told to."""
    with run_server(tmp_path / "s") as url, proxy(url) as between:
        yield between


def test_a_silent_server(silent):
    client = Client(silent.url)
    silent.silent = True
    close_under(client, calls(client))
    fails(client.head, CLOSED)


def test_a_silent_server_and_asyncio(silent):
    async def close_under_tasks():
        client = umadb.aio.Client(silent.url)
        await client.head()
        silent.silent = True
        waiting = calls(client)
        tasks = [asyncio.ensure_future(call()) for call, _ in waiting]
        await asyncio.sleep(0.3)
        began = time.monotonic()
        await client.close()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert time.monotonic() - began < 1
        return zip(answers, waiting, strict=True)

    def give(answer):
        raise answer

    for answer, (_, expected) in asyncio.run(close_under_tasks()):
        fails(lambda answer=answer: give(answer), expected)


def test_connecting_with_asyncio():
    async def close_under_connecting(url):
        client = umadb.aio.Client(url)
        tasks = [asyncio.ensure_future(client.head()) for _ in range(2)]
        for _ in range(3):
            await asyncio.sleep(0.1)
        began = time.monotonic()
        await client.close()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert time.monotonic() - began < 1
        assert [(type(a), str(a)) for a in answers] == [(RuntimeError, "the client is closed")] * 2

    with black_hole() as url:
        asyncio.run(close_under_connecting(url))


def test_an_embedded_store_that_searches_for_long(tmp_path):
    client = Client.open(tmp_path / "s")
    search = search_for_long(client)
    head = client.head()
    close_under(
        client,
        [
            (lambda: client.read(search).next_batch(), CANCELLED),
            (lambda: client.append(events(1), AppendCondition(search)), CLOSED),
        ],
    )
    with Client.open(tmp_path / "s") as again:
        assert again.head() == head
        assert again.read(tagged("even"), limit=1).next_batch()[0].position == 1
