"""Tests of clients whose URL contains several servers: a server, its standby, and one that is not there."""

import asyncio
import contextlib
import threading
import time
import uuid

import pytest
from processes import reserved_port
from stores import events, positions

import umadb.aio
from umadb import AppendCondition, Client, Event, Query, QueryItem, ServingStatus, TransportError
from umadb.pytest_plugin import run_server


def addresses(*urls):
    """Return the URL of the servers of several URLs."""
    return "http://" + ",".join(url.removeprefix("http://") for url in urls)


@contextlib.contextmanager
def running_standby(server, path):
    """Run a standby that has the events of a server; yields its URL."""
    with run_server(path, "--standby-of", server) as url:
        with Client(server) as leader, Client(url) as standby:
            deadline = time.monotonic() + 30
            while standby.head() != leader.head():
                assert time.monotonic() < deadline
                time.sleep(0.01)
        yield url


@pytest.fixture
def servers(tmp_path):
    """The URLs of a server with an event, its standby, and nothing."""
    with run_server(tmp_path / "server") as server, reserved_port() as port:
        with Client(server) as client:
            client.append(events(1))
        with running_standby(server, tmp_path / "standby") as standby:
            yield server, standby, f"http://127.0.0.1:{port}"


def test_appends_go_to_the_server_that_accepts_them_and_are_visible_at_each(servers):
    server, standby, nothing = servers
    with Client(addresses(nothing, standby, server)) as client:
        for n in range(2, 30):
            assert client.append(events(1, "a")) == n
            for _ in range(2):  # at both servers
                assert client.head() == n
                assert positions(client.read(start=n)) == [n]
        assert client.check_health() is ServingStatus.SERVING
        assert next(client.watch_health()) is ServingStatus.SERVING
        with Client(server) as other:
            assert other.head() == 29


def test_reads_go_on_when_the_server_has_stopped(tmp_path):
    with contextlib.ExitStack() as running:
        stopped = contextlib.ExitStack()
        server = stopped.enter_context(run_server(tmp_path / "server"))
        with Client(server) as client:
            for _ in range(4):
                client.append([Event("E", bytes(10_000), ["a"]) for _ in range(500)])
        standby = running.enter_context(running_standby(server, tmp_path / "standby"))
        client = running.enter_context(Client(addresses(server, standby)))
        # One of the reads and one of the subscriptions is at the server that stops.
        reading, following = [client.read() for _ in range(2)], [client.subscribe() for _ in range(2)]
        seen = [positions(stream.next_batch()) for stream in reading + following]
        stopped.close()
        for n, read in enumerate(reading):
            assert seen[n] + positions(read) == list(range(1, 2001))
            assert read.head() == 2000
        for n, subscription in enumerate(following, 2):
            while len(seen[n]) < 2000:
                seen[n] += positions(subscription.next_batch(timeout=60))
            assert seen[n] == list(range(1, 2001))
        assert client.head() == 2000
        with pytest.raises(TransportError, match="no server of 2 can be used: ") as raised:
            client.append(events(1))
        assert raised.value.appended is False
        for text in (server, "connection refused", standby, "this server is a standby of"):
            assert text.removeprefix("http://") in str(raised.value)


def test_retry_is_recognised_at_the_server_that_has_the_event(servers):
    server, standby, _ = servers
    event = Event("E", b"", ["retry"], uuid.uuid4())
    condition = AppendCondition(Query([QueryItem(tags=["retry"])]))
    with Client(server) as client:
        assert client.append([event], condition) == 2
    with Client(addresses(standby, server)) as client:
        assert client.append([event], condition) == 2


def test_asyncio_client(servers):
    server, standby, nothing = servers

    async def use():
        async with umadb.aio.Client(addresses(nothing, standby, server)) as client:
            for n in range(2, 10):
                assert await client.append(events(1)) == n
                for _ in range(2):
                    assert await client.head() == n
                    assert [e.position async for e in client.read(start=n)] == [n]

    asyncio.run(use())


def test_threads_share_a_client(servers):
    server, standby, nothing = servers
    failures = []

    def use(client, tag):
        try:
            for n in range(1, 20):
                client.append(events(1, tag))
                assert len(list(client.read(Query([QueryItem(tags=[tag])])))) == n
        except Exception as failure:
            failures.append(failure)

    with Client(addresses(standby, nothing, server)) as client:
        threads = [threading.Thread(target=use, args=(client, f"thread:{n}")) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures


def test_options_of_the_package_follow_the_servers(servers):
    server, standby, nothing = servers
    with Client(addresses(nothing, server, standby) + "?uuid_type=UUID") as client:
        event_id = uuid.uuid4()
        client.append([Event("E", b"", uuid=event_id)])
        assert [e.event.uuid for e in client.read(start=2)] == [event_id]
        assert repr(client) == f"Client({addresses(nothing, server, standby) + '?uuid_type=UUID'!r})"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://a,b:x", 'invalid URL "http://b:x": '),
        ("http://a,,b", "there is no server"),
        ("http://a,http://b", "only the first server has a scheme"),
        ("http://a,b,a:50051", "it contains the server a:50051 twice"),
        ("umadb://" + ",".join(f"h{n}" for n in range(17)), "it contains 17 servers, over the maximum of 16"),
        ("http://a,name:word@b", "it contains a user"),
    ],
)
def test_invalid_urls_name_the_part(url, text):
    with pytest.raises(ValueError) as raised:
        Client(url)
    assert text in str(raised.value)
    assert "word" not in str(raised.value)


def test_connecting_to_no_server_names_each():
    with reserved_port() as first, reserved_port() as second:
        start = time.monotonic()
        with pytest.raises(TransportError) as raised:
            Client(f"umadb://127.0.0.1:{first},127.0.0.1:{second}")
        assert time.monotonic() - start < 6
        for port in (first, second):
            assert f"no connection to 127.0.0.1:{port} within 5s: connection refused" in str(raised.value)
