"""Tests of umadb.aio with several event loops, with ended loops, and of leaks."""

import asyncio
import gc
import os
import threading
import time

import pytest
from loops import until
from proxies import proxy
from scripts import run
from stores import events, positions, silent_server, slow_query

from umadb import Client, aio
from umadb.pytest_plugin import run_server


def test_loops_in_several_threads(store):
    """Each loop has its own client, except with an embedded store, where they share one."""
    shared = aio.Client(store.url) if store.kind == "embedded" else None
    if shared:
        asyncio.run(shared.head())
    failures = []

    async def main(number):
        client = shared or aio.Client(store.url)
        for _ in range(20):
            position = await client.append(events(1, f"thread:{number}"))
            assert (await anext(client.read(start=position))).position == position
            assert (await anext(client.subscribe(after=position - 1))).position == position
        if not shared:
            await client.close()

    def run(number):
        try:
            asyncio.run(main(number))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    if shared:
        asyncio.run(shared.close())


def test_one_client_in_successive_loops(store):
    client = aio.Client(store.url)
    subscription = client.subscribe()

    async def main(n):
        assert await client.append(events(1)) == n
        assert (await anext(subscription)).position == n

    for n in range(1, 11):
        asyncio.run(main(n))
    asyncio.run(client.close())


def test_loop_ends_while_tasks_wait(store):
    client = aio.Client(store.url)

    async def main():
        await client.append(events(1))
        subscription = client.subscribe(after=1)
        task = asyncio.create_task(anext(subscription))
        other = asyncio.create_task(client.append(events(1)))
        await asyncio.sleep(0.01)
        return subscription, task, other

    asyncio.run(main())
    assert asyncio.run(client.head()) in (1, 2)
    asyncio.run(client.close())


def test_loop_ends_while_client_connects():
    with silent_server() as url:
        client = aio.Client(url)

        async def main():
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.head(), 0.1)

        start = time.monotonic()
        for _ in range(3):
            asyncio.run(main())
        asyncio.run(client.close())
        assert time.monotonic() - start < 2


def test_client_connects_again_after_unobserved_failure():
    async def main(url):
        complaints = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        client = aio.Client(url)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.head(), 0.1)
        await asyncio.sleep(6)  # connecting fails after five seconds
        with pytest.raises(asyncio.TimeoutError):  # the client connects again
            await asyncio.wait_for(client.head(), 0.1)
        await client.close()
        gc.collect()
        assert complaints == []

    with silent_server() as url:
        asyncio.run(main(url))


def test_pipe_error_is_raised(tmp_path):
    script = """
import asyncio, os, sys
from umadb import aio
pipe = os.pipe
def no_pipe():
    raise OSError("too many open files")
async def main():
    client = aio.Client.open(sys.argv[1])
    os.pipe = no_pipe
    try:
        await client.head()
    except OSError as error:
        print(error)
    os.pipe = pipe
    print(await client.head())
    await client.close()
asyncio.run(main())
"""
    assert run(script, tmp_path / "s") == "too many open files\nNone\n"


def test_slow_query_does_not_block_the_loop(tmp_path):
    with Client.open(tmp_path / "s") as client:
        search = slow_query(client)

    async def main():
        async with aio.Client.open(tmp_path / "s") as client:
            start = time.monotonic()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.read(search).next_batch(), 0.2)
            assert await client.head() == 30_000
            assert time.monotonic() - start < 1

    asyncio.run(main())


def test_abandoned_stream_ends_on_the_server(tmp_path):
    async def main(relay):
        async with aio.Client(relay.url) as client:
            await client.append(events(3))
            for stream in (client.subscribe(), client.watch_health()):
                await anext(stream)
                with pytest.raises(asyncio.TimeoutError):
                    while True:
                        await asyncio.wait_for(anext(stream), 0.05)
                del stream
                gc.collect()
            await until(lambda: relay.reset_streams() == 2)

    with run_server(tmp_path / "s") as url, proxy(url) as relay:
        asyncio.run(main(relay))


def descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("closing", [True, False])
def test_no_descriptor_leaks(closing, tmp_path):
    async def main(url):
        client = aio.Client(url)
        await client.append(events(1))
        subscription = client.subscribe()
        await anext(subscription)
        if closing:
            await client.close()

    with run_server(tmp_path / "s") as url:
        for _ in range(3):
            asyncio.run(main(url))
        time.sleep(0.2)
        before = descriptors()
        for _ in range(200):
            asyncio.run(main(url))
        deadline = time.monotonic() + 5
        while descriptors() > before + 3:
            assert time.monotonic() < deadline, (before, descriptors())
            time.sleep(0.1)


def test_synchronous_client_works_in_the_same_process(tmp_path):
    with run_server(tmp_path / "s") as url, Client(url) as client:

        async def main():
            async with aio.Client(url) as other:
                subscription = other.subscribe()
                waiting = asyncio.ensure_future(anext(subscription))
                await asyncio.to_thread(client.append, events(1))
                assert await waiting == next(client.read())
                assert positions([s async for s in other.read()]) == [1]

        asyncio.run(main())
