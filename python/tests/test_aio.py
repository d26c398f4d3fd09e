"""Tests of umadb.aio."""

import asyncio
import inspect
import os
import uuid

import pytest
from loops import asynchronous, take
from stores import events, positions, tagged

import umadb
from umadb import (
    AppendCondition,
    CancelledByUserError,
    Client,
    Event,
    IntegrityError,
    Query,
    QueryItem,
    ServingStatus,
    TrackingInfo,
    TransportError,
    _native,
    aio,
)
from umadb._client import connection_arguments, file_url


@asynchronous
async def test_append_and_head(client):
    assert await client.head() is None
    assert await client.append(events(3, "a")) == 3
    assert await client.append(events(1), AppendCondition(tagged("b")), TrackingInfo("up", 2)) == 4
    with pytest.raises(IntegrityError, match="^integrity error: "):
        await client.append(events(1), condition=AppendCondition(tagged("a")))
    with pytest.raises(IntegrityError):
        await client.append(events(1), tracking_info=TrackingInfo("up", 2))
    assert await client.head() == 4
    assert await client.get_tracking_info("up") == 2
    assert await client.get_tracking_info("down") is None
    with pytest.raises(TypeError):
        await client.append("abc")
    with pytest.raises(TypeError):
        await client.get_tracking_info(b"up")


@asynchronous
async def test_read(client):
    await client.append(events(3000, "a") + events(2, "b"))
    assert positions([s async for s in client.read()]) == list(range(1, 3003))
    assert positions([s async for s in client.read(tagged("b"), backwards=True)]) == [3002, 3001]
    assert positions([s async for s in client.read(start=5, limit=2)]) == [5, 6]
    response = client.read()
    assert await response.head() == 3002
    assert await take(2, response) == [1, 2]
    assert await response.head() == 3002
    rest, head = await response.collect_with_head()
    assert (positions(rest), head) == (list(range(3, 3003)), 3002)
    assert await response.next_batch() == []
    with pytest.raises(StopAsyncIteration):
        await anext(response)
    response = client.read(limit=2)
    assert await response.head() == 2
    assert positions(await response.next_batch()) == [1, 2]
    assert await client.read(limit=0).collect_with_head() == ([], None)


@asynchronous
async def test_subscribe(client):
    await client.append(events(3))
    subscription = client.subscribe()
    assert await take(3, subscription) == [1, 2, 3]
    waiting = asyncio.ensure_future(take(2, subscription))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await client.append(events(2))
    assert await waiting == [4, 5]
    assert await take(1, client.subscribe(after=4)) == [5]
    assert positions(await client.subscribe(Query(), 1).next_batch()) == [2, 3, 4, 5]


@asynchronous
async def test_read_that_subscribes(client):
    await client.append(events(3))
    assert positions([s async for s in client.read(start=2, limit=2, subscribe=True)]) == [2, 3]
    response = client.read(start=4, limit=2, subscribe=True)
    assert await response.head() is None
    waiting = asyncio.ensure_future(response.collect_with_head())
    await asyncio.sleep(0.05)
    await client.append(events(5))
    found, head = await waiting
    assert (positions(found), head) == ([4, 5], None)
    with pytest.raises(ValueError, match="^invalid argument: "):
        client.read(subscribe=True, backwards=True)


@asynchronous
async def test_health(client):
    assert await client.check_health() is ServingStatus.SERVING
    watch = client.watch_health()
    assert aiter(watch) is watch
    assert await anext(watch) is ServingStatus.SERVING
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0.05)
    watch.cancel()
    with pytest.raises(CancelledByUserError):
        await waiting


@asynchronous
async def test_many_subscriptions_on_one_loop(client):
    got = await asyncio.gather(*(take(20, client.subscribe()) for _ in range(200)), append_slowly(client))
    assert got[:-1] == [list(range(1, 21))] * 200


async def append_slowly(client):
    for _ in range(10):
        await client.append(events(2))
        await asyncio.sleep(0.005)


@asynchronous
async def test_concurrent_appends(client):
    assert sorted(await asyncio.gather(*(client.append(events(1)) for _ in range(500)))) == list(
        range(1, 501)
    )


@asynchronous
async def test_other_tasks_run_while_one_waits(client):
    waiting = asyncio.ensure_future(anext(client.subscribe()))
    for _ in range(100):
        await asyncio.sleep(0.001)
    assert not waiting.done()
    await client.append(events(1))
    assert (await waiting).position == 1


@pytest.mark.better
@asynchronous
async def test_failed_stream_raises_again(client):
    response = client.read(Query([QueryItem(["x"] * 65537)]))
    for call in (response.__anext__, response.next_batch, response.head, response.collect_with_head):
        with pytest.raises(ValueError, match="^invalid argument: "):
            await call()


def test_options(tmp_path):
    async def main():
        async with aio.Client.open(tmp_path / "s", batch_size=2, uuid_type=uuid.UUID) as client:
            await client.append([Event("t", b"", uuid=uuid.uuid4())] * 3)
            batch = await client.read().next_batch()
            assert len(batch) == 2
            assert type(batch[0].event.uuid) is uuid.UUID
            assert repr(client) == f"umadb.aio.Client('file:{tmp_path}/s')"

    asyncio.run(main())
    for arguments, error in [
        ({"url": 1}, TypeError),
        ({"batch_size": -1}, ValueError),
        ({"uuid_type": int}, ValueError),
    ]:
        with pytest.raises(error):
            aio.Client(**({"url": "file:x"} | arguments))


def test_no_server_raises_transport_error(port):
    async def main():
        client = aio.Client(f"http://127.0.0.1:{port}")
        calls = client.head(), client.append(events(1)), anext(client.read()), anext(client.subscribe())
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(o) for o in outcomes] == [TransportError] * 4
        await client.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "name", [n for n, f in vars(umadb.Client).items() if inspect.isfunction(f) and not n.startswith("__")]
)
def test_methods_match_the_synchronous_client(name):
    signature = inspect.signature(getattr(aio.Client, name))
    synchronous = inspect.signature(getattr(umadb.Client, name))
    assert [(p.name, p.kind, p.default) for p in signature.parameters.values()] == [
        (p.name, p.kind, p.default) for p in synchronous.parameters.values()
    ]


def test_cancelled_open_closes_the_store(tmp_path):
    read_end, write_end = os.pipe()
    notifier = _native.Notifier(write_end)
    os.close(write_end)
    arguments = connection_arguments(file_url(tmp_path / "store"), (None, None, None), None, None, None)
    call = _native.connect(*arguments, notifier)
    os.read(read_end, 8)
    del call
    Client.open(tmp_path / "store").close()
    os.close(read_end)
