"""Event loops for the tests."""

import asyncio
import functools
import inspect

from umadb import aio


def asynchronous(test):
    """Run a test in an event loop, with a client of an empty store."""

    @functools.wraps(test)
    def run(store):
        async def main():
            async with aio.Client(store.url) as client:
                await asyncio.wait_for(test(client), 30)

        asyncio.run(main())

    run.__signature__ = inspect.Signature(
        [inspect.Parameter("store", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    )
    run.one_client = True
    return run


async def until(condition):
    """Wait until a condition is true, for 30 seconds at most."""

    async def check():
        while not condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(check(), 30)


async def take(count, stream):
    return [(await anext(stream)).position for _ in range(count)]
