"""Tests that close() ends all calls in progress, and does not block."""

import asyncio
import threading
import time

import pytest
from proxies import proxy
from stores import events, silent_server, slow_query, tagged

import umadb.aio
from umadb import AppendCondition, CancelledByUserError, Client, TransportError
from umadb.pytest_plugin import run_server

# The errors of calls whose client is closed.
CLOSED = (RuntimeError, "^the client is closed$")
CANCELLED = (CancelledByUserError, "^cancelled$")
UNKNOWN = (TransportError, "the client was closed.*; whether the events were appended is unknown$")


def calls(client):
    """Return every call that may wait for a server, as (function, expected error)."""
    return [
        (client.head, CLOSED),
        (lambda: client.get_tracking_info("up"), CLOSED),
        (client.check_health, CLOSED),
        (lambda: client.append(events(1)), UNKNOWN),
        (lambda: client.read().next_batch(), CANCELLED),
        (lambda: client.read().collect_with_head(), CANCELLED),
        (lambda: client.subscribe().next_batch(), CANCELLED),
    ]


def assert_fails(call, expected):
    error, text = expected
    with pytest.raises(error, match=text) as caught:
        call()
    if expected is CLOSED:
        assert not isinstance(caught.value, TransportError)


def close_during(client, waiting):
    """Close a client while threads are in calls, and check the errors of the calls."""
    failures = []

    def run(call, expected):
        try:
            assert_fails(call, expected)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in waiting]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    start = time.monotonic()
    client.close()
    for thread in threads:
        thread.join(5)
    assert time.monotonic() - start < 1
    assert failures == []


@pytest.fixture
def silent(tmp_path):
    """A proxy to a server."""
    with run_server(tmp_path / "s") as url, proxy(url) as relay:
        yield relay


def test_close_with_silent_server(silent):
    client = Client(silent.url)
    silent.silent = True
    close_during(client, calls(client))
    assert_fails(client.head, CLOSED)


def test_close_with_silent_server_and_asyncio(silent):
    async def close_during_tasks():
        client = umadb.aio.Client(silent.url)
        await client.head()
        silent.silent = True
        waiting = calls(client)
        tasks = [asyncio.ensure_future(call()) for call, _ in waiting]
        await asyncio.sleep(0.3)
        start = time.monotonic()
        await client.close()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert time.monotonic() - start < 1
        return zip(answers, waiting, strict=True)

    def reraise(answer):
        raise answer

    for answer, (_, expected) in asyncio.run(close_during_tasks()):
        assert_fails(lambda answer=answer: reraise(answer), expected)


def test_close_while_connecting_with_asyncio():
    async def close_during_connect(url):
        client = umadb.aio.Client(url)
        tasks = [asyncio.ensure_future(client.head()) for _ in range(2)]
        for _ in range(3):
            await asyncio.sleep(0.1)
        start = time.monotonic()
        await client.close()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert time.monotonic() - start < 1
        assert [(type(a), str(a)) for a in answers] == [(RuntimeError, "the client is closed")] * 2

    with silent_server() as url:
        asyncio.run(close_during_connect(url))


def test_slow_query_of_embedded_store(tmp_path):
    client = Client.open(tmp_path / "s")
    search = slow_query(client)
    head = client.head()
    close_during(
        client,
        [
            (lambda: client.read(search).next_batch(), CANCELLED),
            (lambda: client.append(events(1), AppendCondition(search)), CLOSED),
        ],
    )
    with Client.open(tmp_path / "s") as again:
        assert again.head() == head
        assert again.read(tagged("even"), limit=1).next_batch()[0].position == 1
