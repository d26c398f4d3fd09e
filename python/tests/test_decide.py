"""Tests of umadb.decide and umadb.aio.decide."""

import asyncio
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from loops import asynchronous
from proxies import Proxy
from stores import positions

import umadb
from umadb import (
    AuthenticationError,
    Client,
    Event,
    IntegrityError,
    Query,
    QueryItem,
    TimeoutExpired,
    TransportError,
    aio,
)
from umadb.pytest_plugin import run_server

PLACES = Query([QueryItem(types=["Taken"], tags=["course:1"])])


class Full(Exception):
    pass


def taken(by="me"):
    return Event("Taken", by.encode(), ["course:1"])


def take(capacity=100, by="me"):
    """Return the function of a decision that takes a place, if fewer than capacity are taken."""

    def decide(count):
        if count >= capacity:
            raise Full
        return [taken(by)]

    return decide


def count(state, sequenced):
    return state + 1


def decide(client, choose, query=PLACES, **options):
    return umadb.decide(client, query, count, choose, initial=int, **options)


class Wrapped:
    """A client whose appends are those of a function, which gets the client and the arguments."""

    def __init__(self, client, append):
        self._client = client
        self._append = append
        self.appends = 0

    def append(self, *arguments, **options):
        self.appends += 1
        return self._append(self._client, *arguments, **options)

    def __getattr__(self, name):
        return getattr(self._client, name)


def test_many_threads_decide_on_one_query(client):
    threads, capacity = 64, 40
    start = threading.Barrier(threads)

    def attempt(number):
        start.wait()
        try:
            return decide(client, take(capacity, str(number)), attempts=1000)
        except Full:
            return None

    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(attempt, range(threads)))
    assert sorted(filter(None, results)) == list(range(1, capacity + 1))
    assert client.head() == capacity


@asynchronous
async def test_many_tasks_decide_on_one_query(client):
    tasks, capacity = 64, 40
    results = await asyncio.gather(
        *(aio.decide(client, PLACES, count, take(capacity), initial=int, attempts=1000) for _ in range(tasks)),
        return_exceptions=True,
    )
    assert sorted(r for r in results if isinstance(r, int)) == list(range(1, capacity + 1))
    assert sum(isinstance(r, Full) for r in results) == tasks - capacity
    assert await client.head() == capacity


def with_rival(client, *arguments, **options):
    """Append an event that conflicts first."""
    client.append([taken("rival")])
    return client.append(*arguments, **options)


def test_attempts_are_bounded_and_only_newer_events_are_read(client):
    folded, states = [], []

    def fold(state, sequenced):
        folded.append(sequenced.position)
        return state + 1

    def choose(state):
        states.append(state)
        return [taken()]

    with pytest.raises(IntegrityError, match="^integrity error: .*none of 3 attempts has succeeded") as caught:
        umadb.decide(Wrapped(client, with_rival), PLACES, fold, choose, initial=int, attempts=3)
    assert caught.value.conflict_position in (3, None)  # None from the released server
    assert states == [0, 1, 2]
    assert folded == [1, 2]
    assert client.head() == 3


def test_exceptions_of_the_functions_are_not_caught(client):
    with pytest.raises(Full):
        decide(client, take(0))
    client.append([taken()])
    with pytest.raises(ZeroDivisionError):
        umadb.decide(client, PLACES, lambda state, sequenced: 1 // 0, take(), initial=int)
    assert client.head() == 1


def test_a_decision_without_events_appends_nothing(client):
    assert decide(client, lambda state: ()) is None
    assert client.head() is None


def test_timeout(client):
    with pytest.raises(TimeoutExpired):
        decide(Wrapped(client, with_rival), take(), attempts=10_000, timeout=0.2)
    with pytest.raises(ValueError, match="attempts must be 1 or more"):
        decide(client, take(), attempts=0)


def test_a_repeated_request_has_the_same_result(client):
    first = decide(client, take(2), key="ann/1")
    second = decide(client, take(2), key="ann/2")
    assert decide(client, take(2), key="ann/1") == first == 1
    assert decide(client, take(2), key="ann/2") == second == 2
    with pytest.raises(Full):
        decide(client, take(2), key="ann/3")
    assert client.head() == 2


def test_an_empty_key_is_no_key(client):
    assert [decide(client, take(), key="") for _ in range(2)] == [1, 2]


def test_a_repeated_request_returns_the_position_of_the_last_event(client):
    other = Event("Other", b"")
    for _ in range(2):
        assert decide(client, lambda state: [other, taken(), other], key="k") == 3
        client.append([taken()])
    # Package decide of Go makes the same UUIDs, and its tests have them too.
    start = "8254c329-a928-80f6-9539-dd37000"
    assert [s.event.uuid for s in client.read(limit=3)] == [f"{start}{i}0002" for i in range(3)]
    with pytest.raises(ValueError, match="would not be recognised"):
        decide(client, lambda state: [other], key="k2")


def test_a_repeated_request_with_uuid_objects():
    with Client("memory:", uuid_type=uuid.UUID) as client:
        assert [decide(client, take(1), key="k") for _ in range(2)] == [1, 1]


def test_the_same_request_several_times_at_once(client):
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda _: decide(client, take(1), key="k"), range(16))) == {1}
    assert client.head() == 1


@asynchronous
async def test_a_repeated_request_with_asyncio(client):
    requests = (aio.decide(client, PLACES, count, take(1), initial=int, key="k") for _ in range(4))
    assert await asyncio.gather(*requests) == [1, 1, 1, 1]
    assert await aio.decide(client, PLACES, count, lambda state: [], initial=int) is None


@asynchronous
async def test_an_empty_key_with_asyncio_is_no_key(client):
    for position in (1, 2):
        assert await aio.decide(client, PLACES, count, take(), initial=int, key="") == position


def failing(*errors):
    """Return an append that raises the exceptions, each after the events were appended."""
    left = list(errors)

    def append(client, *arguments, **options):
        position = client.append(*arguments, **options)
        if left:
            raise left.pop(0)
        return position

    return append


def test_an_append_with_unknown_outcome_is_sent_again(client):
    wrapped = Wrapped(client, failing(TransportError("a"), TransportError("b")))
    assert decide(wrapped, take(1)) == 1
    assert wrapped.appends == 3
    assert client.head() == 1


def not_sent():
    error = TransportError("not sent")
    error.appended = False
    return error


OTHER = Query([QueryItem(types=["Other"])])


@pytest.mark.parametrize(
    "errors, options, appends",
    [
        ([TransportError("unknown")], {"query": OTHER}, 1),
        ([TransportError("unknown"), TransportError("b")], {"attempts": 2}, 2),
        ([TransportError("unknown"), not_sent()], {}, 2),
        ([TransportError("unknown"), OSError()], {}, 2),
    ],
)
def test_an_unknown_outcome_stays_unknown(errors, options, appends):
    with Client("memory:") as client:
        wrapped = Wrapped(client, failing(*errors))
        with pytest.raises(TransportError, match="unknown") as caught:
            decide(wrapped, take(), **options)
        assert caught.value.appended is None
        assert wrapped.appends == appends


def test_an_append_that_was_not_sent_is_not_sent_again():
    with Client("memory:") as client:
        wrapped = Wrapped(client, failing(not_sent()))
        with pytest.raises(TransportError, match="not sent"):
            decide(wrapped, take())
        assert wrapped.appends == 1


class CuttingProxy(Proxy):
    """Closes the connection when the server has appended, before the response."""

    def __init__(self, url, direct):
        super().__init__(url)
        self._direct = direct  # a client that is connected to the server itself
        self.cuts = 0

    def _copy(self, source, target, record):
        from_server = source.getpeername() == self._server
        try:
            while data := source.recv(65536):
                if from_server and not self.cuts and self._direct.head():
                    self.cuts += 1
                    break
                target.sendall(data)
        except OSError:
            pass
        finally:
            source.close()
            target.close()


def test_the_connection_is_cut_after_the_append(tmp_path):
    with run_server(tmp_path / "uma.db") as url, Client(url) as direct:
        proxy = CuttingProxy(url, direct)
        try:
            with Client(proxy.url) as client:
                assert decide(client, take(1)) == 1
            assert proxy.cuts == 1
            assert positions(direct.read()) == [1]
        finally:
            proxy.close()


@asynchronous
async def test_a_task_that_is_cancelled_in_a_pause(client):
    class WithRival:
        async def append(self, *arguments, **options):
            await client.append([taken("rival")])
            return await client.append(*arguments, **options)

        def __getattr__(self, name):
            return getattr(client, name)

    decision = aio.decide(WithRival(), PLACES, count, take(10**9), initial=int, attempts=10**9)
    task = asyncio.create_task(decision)
    while not await client.head():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_an_error_of_the_read_is_raised(client):
    def refuse(*arguments, **options):
        raise AuthenticationError("authentication error")

    wrapped = Wrapped(client, None)
    wrapped.read = refuse
    with pytest.raises(AuthenticationError):
        decide(wrapped, take())
    assert wrapped.appends == 0
