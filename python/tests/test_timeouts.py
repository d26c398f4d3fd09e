"""Tests of timeouts, and of the outcome of appends that time out."""

import asyncio
import time

import pytest
from proxies import proxy
from stores import events, positions, silent_server, slow_query, tagged

import umadb
import umadb.aio
from umadb import AppendCondition, Client, TimeoutExpired, TransportError
from umadb.pytest_plugin import run_server

CALLS = {
    "append": lambda c, t: c.append(events(1), timeout=t),
    "head": lambda c, t: c.head(timeout=t),
    "get_tracking_info": lambda c, t: c.get_tracking_info("up", timeout=t),
    "check_health": lambda c, t: c.check_health(timeout=t),
    "count": lambda c, t: c.count(timeout=t),
    "read": lambda c, t: next(c.read(timeout=t)),
    "read, head": lambda c, t: c.read(timeout=t).head(),
    "read, next_batch": lambda c, t: c.read().next_batch(timeout=t),
    "read, collect_with_head": lambda c, t: c.read(timeout=t).collect_with_head(),
    "read and subscribe": lambda c, t: next(c.read(subscribe=True, timeout=t)),
    "subscribe": lambda c, t: next(c.subscribe(timeout=t)),
    "subscribe, next": lambda c, t: c.subscribe().next(timeout=t),
    "subscribe, next_batch": lambda c, t: c.subscribe().next_batch(timeout=t),
    "watch_health": lambda c, t: next(c.watch_health(timeout=t)),
}
AIO_CALLS = {
    **{name: CALLS[name] for name in ("append", "head", "get_tracking_info", "check_health", "count")},
    "read": lambda c, t: anext(c.read(timeout=t)),
    "read, next_batch": lambda c, t: c.read().next_batch(timeout=t),
    "read and subscribe": lambda c, t: anext(c.read(subscribe=True, timeout=t)),
    "subscribe": lambda c, t: anext(c.subscribe(timeout=t)),
    "subscribe, next": lambda c, t: c.subscribe().next(timeout=t),
    "watch_health": lambda c, t: anext(c.watch_health(timeout=t)),
}


class ExpectTimeout:
    """Expects a block to raise TimeoutExpired soon after a time."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        self.start = time.monotonic()
        return self

    def __exit__(self, kind, error, traceback):
        elapsed = time.monotonic() - self.start
        assert isinstance(error, TimeoutExpired), error
        assert self.seconds * 0.9 <= elapsed < self.seconds + 4, elapsed
        self.error = error
        return True


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    """A proxy to a server, which can be made silent."""
    with run_server(tmp_path_factory.mktemp("s") / "s") as url, proxy(url) as relay:
        yield relay


@pytest.mark.parametrize("call", CALLS)
def test_call_of_silent_server_times_out(silent, call):
    silent.silent = False
    with Client(silent.url) as client:
        silent.silent = True
        with ExpectTimeout(0.2) as expired:
            CALLS[call](client, 0.2)
        assert str(expired.error).startswith("transport error: ")
        assert expired.error.appended is None


@pytest.mark.parametrize("call", AIO_CALLS)
def test_call_of_silent_server_times_out_with_asyncio(silent, call):
    async def main():
        silent.silent = False
        async with umadb.aio.Client(silent.url) as client:
            silent.silent = True
            with ExpectTimeout(0.2):
                await AIO_CALLS[call](client, 0.2)

    asyncio.run(main())


def test_timeout_includes_connecting_with_asyncio():
    async def main():
        with silent_server() as url:
            client = umadb.aio.Client(url)
            for call in AIO_CALLS.values():
                with ExpectTimeout(0.2):
                    await call(client, 0.2)
            await client.close()

    asyncio.run(main())


def test_unexpired_timeout_has_no_effect(client):
    for timeout in (None, 60, 60.5, True, float("inf"), 1e300):
        position = client.append(events(1, "a"), timeout=timeout)
        assert client.head(timeout=timeout) == position
        assert client.get_tracking_info("up", timeout=timeout) is None
        assert positions(client.read(tagged("a"), timeout=timeout)) == list(range(1, position + 1))
        assert client.subscribe(timeout=timeout).next(timeout=timeout).position == 1
        assert len(client.read().next_batch(timeout)) > 0
        client.check_health(timeout=timeout)


@pytest.mark.parametrize("timeout, error", [(-1, ValueError), (float("nan"), ValueError), ("1", TypeError)])
@pytest.mark.parametrize("call", CALLS)
def test_invalid_timeout(client, call, timeout, error):
    with pytest.raises(error, match="^timeout must be"):
        CALLS[call](client, timeout)


def test_subscription_continues_after_timeout(client):
    subscription = client.subscribe(timeout=0.1)
    client.append(events(2))
    assert positions([next(subscription), subscription.next(timeout=0.1)]) == [1, 2]
    for wait in (lambda: next(subscription), subscription.next_batch, lambda: subscription.next(0.1)):
        with ExpectTimeout(0.1):
            wait()
    client.append(events(2))
    assert [subscription.next(timeout=60).position for _ in range(2)] == [3, 4]


def test_subscription_continues_after_timeout_with_asyncio(store):
    async def main():
        async with umadb.aio.Client(store.url) as client:
            subscription = client.subscribe(timeout=0.1)
            with ExpectTimeout(0.1):
                await anext(subscription)
            await client.append(events(2))
            assert (await subscription.next(timeout=60)).position == 1
            assert (await anext(subscription)).position == 2
            with ExpectTimeout(0.1):
                await subscription.next_batch()

    asyncio.run(main())


def test_timeout_of_read_covers_the_whole_read(tmp_path):
    with Client.open(tmp_path / "uma.db", batch_size=1) as client:
        client.append(events(10))
        response = client.read(timeout=0.3)
        next(response)
        time.sleep(0.4)
        with pytest.raises(TimeoutExpired):
            list(response)


def test_slow_query_of_embedded_store_times_out(tmp_path):
    with Client.open(tmp_path / "uma.db") as client:
        search = slow_query(client)
        with ExpectTimeout(0.2):
            client.read(search, timeout=0.2).head()
        head = client.head()
        with ExpectTimeout(0.2) as expired:
            client.append(events(1), AppendCondition(search), timeout=0.2)
        assert expired.error.appended is False
        assert client.head() == head


def test_outcome_of_append(tmp_path, port):
    with run_server(tmp_path / "s", "--listen", f"127.0.0.1:{port}") as url:
        client = Client(url)
    # The server has stopped, so the append is not sent.
    with pytest.raises(TransportError) as rejected:
        client.append(events(1), timeout=1)
    assert rejected.value.appended is False
    with pytest.raises(TransportError) as rejected:
        client.head(timeout=1)
    assert rejected.value.appended is None
    assert umadb.TransportError("text").appended is None
