"""Tests of subscriptions, and of reads that subscribe."""

import asyncio
import itertools
import threading
import time

import pytest
from stores import events, positions, tagged

import umadb.aio
from umadb import Client
from umadb.pytest_plugin import run_server


def take(count, stream):
    return positions(itertools.islice(stream, count))


def later(work, delay=0.1):
    """Call work in a thread after a delay."""

    def run():
        time.sleep(delay)
        work()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(("after", "expected"), [(None, [1, 2, 3]), (0, [1, 2, 3]), (1, [2, 3]), (2, [3])])
def test_after_is_exclusive(client, after, expected):
    client.append(events(3))
    assert take(len(expected), client.subscribe(after=after)) == expected


def test_subscription_after_the_head_waits_for_new_events(client):
    client.append(events(3))
    subscription = client.subscribe(after=3)
    thread = later(lambda: client.append(events(2)))
    assert take(2, subscription) == [4, 5]
    thread.join()


def test_subscription_past_the_head_skips_lower_positions(client):
    client.append(events(3))
    subscription = client.subscribe(after=5)
    thread = later(lambda: client.append(events(4)))
    assert take(2, subscription) == [6, 7]
    thread.join()


def test_subscription_after_the_greatest_position_waits(client):
    client.append(events(3))
    subscription = client.subscribe(after=2**64 - 1)
    thread = later(lambda: (client.append(events(3)), time.sleep(0.1), subscription.cancel()))
    with pytest.raises(Exception, match="cancelled"):
        next(subscription)
    thread.join()


def test_subscription_returns_only_matching_events(client):
    client.append(events(1, "a") + events(1, "b"))
    subscription = client.subscribe(tagged("a"))
    assert take(1, subscription) == [1]
    thread = later(lambda: client.append(events(1, "b") + events(1, "a")))
    assert take(1, subscription) == [4]
    thread.join()


def test_next_batch_waits(client):
    client.append(events(2))
    subscription = client.subscribe()
    assert positions(subscription.next_batch()) == [1, 2]
    thread = later(lambda: client.append(events(3)))
    assert positions(subscription.next_batch()) == [3, 4, 5]
    thread.join()


def test_batches_have_at_most_batch_size_events(store):
    with store.connect(batch_size=2) as client:
        client.append(events(5))
        subscription = client.subscribe()
        assert [positions(subscription.next_batch()) for _ in range(3)] == [[1, 2], [3, 4], [5]]


def test_catch_up_continues_live_without_gap_or_duplicate(client):
    client.append(events(3000))
    subscription = client.subscribe()
    writer = threading.Thread(target=lambda: [client.append(events(20)) for _ in range(50)])
    writer.start()
    assert take(4000, subscription) == list(range(1, 4001))
    writer.join()


def test_all_subscriptions_receive_all_events(client):
    subscriptions = [client.subscribe() for _ in range(10)]
    got = [None] * 10

    def follow(n):
        got[n] = take(100, subscriptions[n])

    threads = [threading.Thread(target=follow, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        client.append(events(2))
    for thread in threads:
        thread.join()
    assert got == [list(range(1, 101))] * 10


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [(None, 2, [1, 2]), (0, 2, [1, 2]), (1, 1, [1]), (2, 2, [2, 3]), (3, None, [3]), (None, 0, [])],
)
def test_read_that_subscribes(client, start, limit, expected):
    client.append(events(3))
    response = client.read(start=start, limit=limit, subscribe=True)
    if limit is None:
        assert take(1, response) == expected
    else:
        assert positions(response) == expected
        assert response.next_batch() == []
        assert list(response) == []


def test_read_that_subscribes_waits_for_its_start(client):
    client.append(events(3))
    response = client.read(tagged("a"), start=4, limit=2, subscribe=True)
    thread = later(lambda: client.append(events(1) + events(3, "a")))
    assert positions(response) == [5, 6]
    thread.join()


def test_limit_applies_across_batches_and_live_events(store):
    with store.connect(batch_size=2) as client:
        client.append(events(3))
        response = client.read(limit=5, subscribe=True)
        thread = later(lambda: client.append(events(9)))
        assert positions(response) == [1, 2, 3, 4, 5]
        thread.join()


def test_read_that_subscribes_has_no_head(client):
    response = client.read(subscribe=True)
    assert response.head() is None
    client.append(events(1))
    assert next(response).position == 1
    assert response.head() is None


def test_read_that_subscribes_cannot_go_backwards(client):
    with pytest.raises(ValueError, match="^invalid argument: "):
        client.read(subscribe=True, backwards=True)


def test_subscriptions_have_no_head(client):
    assert not hasattr(client.subscribe(), "head")
    assert not hasattr(client.subscribe(), "collect_with_head")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"query": "all"}, TypeError),
        ({"after": -1}, ValueError),
        ({"after": 2**64}, ValueError),
        ({"after": "1"}, TypeError),
    ],
    ids=str,
)
def test_invalid_arguments(client, options, error):
    with pytest.raises(error):
        client.subscribe(**options)


@pytest.mark.parametrize(
    ("start", "error"), [(-1, ValueError), (2**64, ValueError), ("1", TypeError), (1.5, TypeError)]
)
def test_invalid_start(client, start, error):
    with pytest.raises(error, match="^start must be "):
        client.read(start=start, subscribe=True)


def test_server_shutdown_ends_subscription(tmp_path):
    with run_server(tmp_path / "uma.db") as url:
        client = Client(url)
        client.append(events(1))
        subscription = client.subscribe(resume=False)
        next(subscription)
        ended = []
        thread = threading.Thread(target=lambda: ended.append(list(subscription)))
        thread.start()
        time.sleep(0.1)
    thread.join(10)
    assert ended == [[]]


@pytest.mark.parametrize("kind", ["subscribe", "read", "asyncio"])
def test_subscription_resumes_after_server_restart(tmp_path, port, kind):
    listen = "--listen", f"127.0.0.1:{port}"
    got, received = [], threading.Event()

    def note(sequenced):
        got.append(sequenced.position)
        if len(got) == 2:
            received.set()
        return len(got) == 4

    async def follow(url):
        async with umadb.aio.Client(url) as client:
            async for sequenced in client.subscribe():
                if note(sequenced):
                    break

    def run(url):
        if kind == "asyncio":
            asyncio.run(follow(url))
        else:
            client = Client(url)
            any(map(note, client.subscribe() if kind == "subscribe" else client.read(subscribe=True)))

    with run_server(tmp_path / "uma.db", *listen) as url, Client(url) as client:
        client.append(events(2))
        thread = threading.Thread(target=run, args=(url,), daemon=True)
        thread.start()
        assert received.wait(10)
    with run_server(tmp_path / "uma.db", *listen) as url, Client(url) as client:
        client.append(events(2))
        thread.join(20)
    assert got == [1, 2, 3, 4]
