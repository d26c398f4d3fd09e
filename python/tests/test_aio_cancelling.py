"""Tests of umadb.aio: cancelling and closing while tasks wait."""

import asyncio

import pytest
from loops import asynchronous, take
from stores import events, silent_server, tagged

import umadb
from umadb import CancelledByUserError, aio


@asynchronous
async def test_timeouts_lose_no_events(client):
    subscription = client.subscribe()
    got = []

    async def follow():
        while len(got) < 300:
            try:
                got.append((await asyncio.wait_for(anext(subscription), 0.001)).position)
            except asyncio.TimeoutError:
                pass

    following = asyncio.ensure_future(follow())
    for _ in range(100):
        await client.append(events(3))
        await asyncio.sleep(0.001)
    await following
    assert got == list(range(1, 301))


@asynchronous
async def test_cancelled_collect_loses_no_events(client):
    await client.append(events(3))
    response = client.read(limit=5, subscribe=True)
    collecting = asyncio.ensure_future(response.collect_with_head())
    await asyncio.sleep(0.1)
    collecting.cancel()
    await asyncio.wait([collecting])
    assert collecting.cancelled()
    await client.append(events(2))
    assert await take(5, response) == [1, 2, 3, 4, 5]


@asynchronous
async def test_cancelled_appends_are_atomic(client):
    for n in range(50):
        appending = asyncio.ensure_future(client.append(events(3, f"n:{n}")))
        for _ in range(n % 5):
            await asyncio.sleep(0)
        appending.cancel()
        await asyncio.wait([appending])
    await client.append(events(1))
    for n in range(50):
        found, _ = await client.read(tagged(f"n:{n}")).collect_with_head()
        assert len(found) in (0, 3)


@asynchronous
async def test_cancel_streams(client):
    await client.append(events(3))
    for make in (client.subscribe, lambda: client.read(subscribe=True)):
        for end in (lambda s: s.cancel(), lambda s: umadb.cancel_all_stream_responses()):
            stream = make()
            await take(3, stream)
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0.05)
            end(stream)
            with pytest.raises(CancelledByUserError):
                await asyncio.wait_for(waiting, 1)
            for call in (stream.__anext__, stream.next_batch):
                with pytest.raises(CancelledByUserError):
                    await call()
    stream = client.read()
    stream.cancel()
    for call in (stream.__anext__, stream.next_batch, stream.head, stream.collect_with_head):
        with pytest.raises(CancelledByUserError):
            await call()
    for end in (lambda s: s.cancel(), lambda s: umadb.cancel_all_stream_responses()):
        stream = client.read()
        await anext(stream)
        end(stream)
        with pytest.raises(CancelledByUserError):
            await anext(stream)


@asynchronous
async def test_stream_allows_one_task_at_a_time(client):
    stream = client.subscribe()
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.05)
    with pytest.raises(RuntimeError, match="one task at a time"):
        await anext(stream)
    await client.append(events(1))
    assert (await asyncio.wait_for(waiting, 1)).position == 1


@asynchronous
async def test_close_cancels_waiting_calls(client):
    await client.append(events(3000))
    following, reading, idle, watch = (
        client.subscribe(after=3000),
        client.read(),
        client.read(),
        client.watch_health(),
    )
    await anext(reading)
    await anext(watch)
    waiting = [asyncio.ensure_future(anext(s)) for s in (following, watch)]
    await asyncio.sleep(0.05)
    await asyncio.wait_for(client.close(), 2)
    await client.close()
    for task in waiting:
        with pytest.raises(CancelledByUserError):
            await asyncio.wait_for(task, 1)
    for stream in (reading, idle, client.read(), client.subscribe(), client.watch_health()):
        with pytest.raises(CancelledByUserError):
            await anext(stream)
    for call in (
        client.head,
        lambda: client.append(events(1)),
        client.check_health,
        lambda: client.get_tracking_info("up"),
    ):
        with pytest.raises(RuntimeError, match="closed"):
            await call()


def test_cancel_stream_while_connecting(tmp_path):
    async def main():
        async with aio.Client.open(tmp_path / "s") as client:
            await client.append(events(1))
        client = aio.Client.open(tmp_path / "s")
        stream = client.subscribe(after=1)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        stream.cancel()
        with pytest.raises(CancelledByUserError):
            await asyncio.wait_for(waiting, 5)
        assert await client.head() == 1
        await client.close()

    asyncio.run(main())


def test_close_client_while_stream_is_connecting():
    async def main(url):
        client = aio.Client(url)
        waiting = [asyncio.ensure_future(anext(s)) for s in (client.subscribe(), client.read(), client.watch_health())]
        await asyncio.sleep(0.1)
        await client.close()
        for task in waiting:
            with pytest.raises(CancelledByUserError):
                await asyncio.wait_for(task, 1)

    with silent_server() as url:
        asyncio.run(main(url))
