"""The client for asyncio: the methods of umadb.Client as coroutines, and ``async for``.

    async with umadb.aio.Client("http://127.0.0.1:50051") as client:
        await client.append([Event("Enrolled", b"", ["course:1"])])
        async for event in client.read():
            print(event)

No threads wait. If a task is cancelled while it waits for an event, no event is lost: the
next request returns it. An append that is cancelled may have happened.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import struct
import weakref

from umadb import _native
from umadb._aio_programs import Target, Tracking, decide, project
from umadb._client import (
    CHECK_HEALTH,
    HEAD,
    LAST_BOUND,
    POSITION_AT,
    TRACKING,
    ServingStatus,
    check_callbacks,
    connection_arguments,
    counts_of_answer,
    file_url,
    last_nanosecond,
    parse_status,
    reject_backwards,
)
from umadb._terms import TAG, TYPE, Answer, count_request, counts_of, list_request, parse

__all__ = ["Client", "HealthWatch", "ReadResponse", "Subscription", "Target", "Terms", "Tracking", "decide", "project"]


def _until(timeout):
    """Return the time of the event loop's clock after timeout seconds; None for no timeout."""
    if timeout is None:
        return None
    if not timeout >= 0:
        raise ValueError(f"timeout must be 0 seconds or more, not {timeout!r}")
    return asyncio.get_running_loop().time() + timeout


def _left(until):
    """Return the number of seconds until a time, at least 0; None for None."""
    return None if until is None else max(0.0, until - asyncio.get_running_loop().time())


def _timeout_expired():
    return _native.TimeoutExpired("transport error: no answer within the timeout")


def _expire(future):
    if not future.done():
        future.set_exception(_timeout_expired())


# A report of a stream: its progress has moved. Another one means that it has caught up.
MOVED = 1


class _Bridge:
    """Lets the tasks of one event loop wait for answers from Go."""

    def __init__(self, loop, read_end, write_end):
        self._waiting = {}  # futures by the IDs of calls and streams
        self._loop = weakref.ref(loop)
        self._read_end = read_end
        os.set_blocking(read_end, False)
        try:
            self.notifier = _native.Notifier(write_end)
        finally:
            os.close(write_end)
        this = weakref.ref(self)
        loop.add_reader(read_end, lambda: this() and this()._wake())

    def __del__(self):
        loop = self._loop()
        if loop is not None and not loop.is_closed():
            loop.remove_reader(self._read_end)
        os.close(self._read_end)

    def _wake(self):
        try:
            ids = os.read(self._read_end, 1 << 16)
        except BlockingIOError:
            return
        for (exchange_id,) in struct.iter_unpack("=Q", ids):
            future = self._waiting.get(exchange_id)
            if future is not None and not future.done():
                future.set_result(None)

    async def wait(self, exchange_id, until=None):
        """Wait until Go notifies of an answer of a call or stream.

        Args:
            exchange_id: the ID of the call or stream (int).
            until: when to raise TimeoutExpired, by the clock of the loop; None for never.
        """
        if exchange_id in self._waiting:
            raise RuntimeError("another task is waiting for the same response: a response is for one task at a time")
        loop = asyncio.get_running_loop()
        future = self._waiting[exchange_id] = loop.create_future()
        timer = None if until is None else loop.call_at(until, _expire, future)
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()
            del self._waiting[exchange_id]


_bridges = weakref.WeakKeyDictionary()  # by event loop


def _bridge():
    loop = asyncio.get_running_loop()
    bridge = _bridges.get(loop)
    if bridge is None:
        bridge = _bridges[loop] = _Bridge(loop, *os.pipe())
    return bridge


class _Stream:
    """The base class of event streams and health watches. Must be used by one task at a time."""

    def __init__(self, client, open_stream, timeout):
        self._client = client
        self._open_stream = open_stream  # function (connection, remaining timeout) -> native stream
        self._timeout = timeout  # of each wait, and of a read as a whole
        self._stream = None
        self._cancelled = False

    async def _poll(self, name, timeout=None):
        """Call a method of the stream until it returns an answer; False means that it must wait."""
        until = _until(self._timeout if timeout is None else timeout)
        if self._stream is None and not self._is_cancelled():
            await self._open(until)
        if self._is_cancelled():
            raise _native.CancelledByUserError("cancelled")
        bridge = _bridge()
        method = getattr(self._stream, name)
        while (answer := method(bridge.notifier)) is False:
            await bridge.wait(self._stream._id, until)
        return answer

    async def _open(self, until):
        deadline = _until(self._timeout)
        try:
            connection = await self._client._connect(until)
        except RuntimeError:
            if not self._is_cancelled():
                raise
        else:
            if self._stream is None and not self._is_cancelled():
                self._stream = self._open_stream(connection, _left(deadline))

    def _is_cancelled(self):
        return self._cancelled or self._client._closed or (self._stream is not None and self._stream._cancelled)

    def cancel(self):
        """Cancel this stream: waiting and later calls raise CancelledByUserError."""
        self._cancelled = True
        if self._stream is not None:
            self._stream.cancel()

    def __aiter__(self):
        return self


class _Events(_Stream):
    def __init__(self, client, open_stream, timeout):
        super().__init__(client, open_stream, timeout)
        self._batch = []  # remaining events in reverse order
        self._head = None

    async def __anext__(self):
        return await self.next()

    async def next(self, timeout=None):
        """Return the next event, as the built-in anext does, but wait at most timeout seconds.

        After TimeoutExpired it can be called again: no event is lost.
        """
        if not self._batch or self._is_cancelled():
            self._batch = await self._fetch(timeout)
            self._batch.reverse()
            if not self._batch:
                raise StopAsyncIteration
        return self._batch.pop()

    async def _fetch(self, timeout=None):
        return await self._poll("_poll", timeout)

    async def next_batch(self, timeout=None):
        """Wait for events and return those that arrived together, as a list of SequencedEvent.

        The list is empty at the end. If no event arrives within timeout seconds, it raises
        TimeoutExpired and can be called again.
        """
        if self._batch and not self._is_cancelled():
            batch = self._batch[::-1]
            self._batch = []
            return batch
        return await self._fetch(timeout)


class Subscription(_Events):
    """The result of Client.subscribe: an asynchronous iterator over SequencedEvent."""

    def __init__(self, client, open_stream, timeout, on_progress, on_caught_up):
        super().__init__(client, open_stream, timeout)
        self._on_progress = on_progress
        self._on_caught_up = on_caught_up

    @property
    def progress(self):
        """What umadb.Subscription.progress is."""
        return None if self._stream is None else self._stream.progress

    async def _part(self, timeout=None):
        """Wait for a message and return its events, maybe none; None at the end."""
        await self._report()
        return await self._poll("_poll", timeout)

    async def _fetch(self, timeout=None):
        until = _until(self._timeout if timeout is None else timeout)
        while not (part := await self._part(_left(until))):
            if part is None:
                return []
        return part

    async def _report(self):
        """Call the functions for the progress of what has been returned."""
        while self._stream is not None and (report := self._stream._next_report()):
            call = self._on_progress if report == MOVED else self._on_caught_up
            if call is None:
                continue
            result = call(self.progress) if report == MOVED else call()
            if inspect.isawaitable(result):
                await result


class ReadResponse(_Events):
    """The result of Client.read: an asynchronous iterator over SequencedEvent."""

    def __init__(self, client, open_stream, timeout, live):
        super().__init__(client, open_stream, timeout)
        self._head_known = live  # whether _head is valid; a live read has no head

    async def _fetch(self, timeout=None):
        batch = await super()._fetch(timeout)
        self._head_known = True
        self._head = self._stream._last_head()
        return batch

    async def head(self):
        """Return what umadb.ReadResponse.head returns."""
        if not self._head_known or self._is_cancelled():
            self._batch = await self._fetch()
            self._batch.reverse()
        return self._head

    async def collect_with_head(self):
        """Return a list of all remaining events, and head()."""
        events = []
        try:
            while batch := await self.next_batch():
                events += batch
        except asyncio.CancelledError:
            self._batch = events[::-1]  # for the next call
            raise
        return events, self._head


class Terms(_Stream):
    """The result of Client.types and Client.tags: an asynchronous iterator over TermCount."""

    def __init__(self, client, open_stream, timeout):
        super().__init__(client, open_stream, timeout)
        self._answer = Answer()

    async def __anext__(self):
        while not self._answer.pending:
            message = await self._poll("_next_message")
            if message is None:
                raise StopAsyncIteration
            self._answer.add(message)
        return self._answer.pending.pop()

    async def distinct(self):
        """Return what umadb.Terms.distinct returns."""
        async for _ in self:
            pass
        return self._answer.distinct


class HealthWatch(_Stream):
    """The result of Client.watch_health: an asynchronous iterator over ServingStatus."""

    async def __anext__(self):
        message = await self._poll("_next_message")
        if message is None:
            raise StopAsyncIteration
        return parse_status(message)


class Client:
    """A connection to an event store for asyncio. The arguments are those of umadb.Client.

    The client connects at the first await, such as that of ``async with``.
    """

    def __init__(
        self,
        url,
        ca_path=None,
        api_key=None,
        batch_size=None,
        *,
        uuid_type=None,
        client_cert=None,
        client_key=None,
    ):
        self._url = url
        certificates = (ca_path, client_cert, client_key)
        self._arguments = connection_arguments(url, certificates, api_key, batch_size, uuid_type)
        self._connecting = None  # the task that connects, or has connected
        self._closed = False

    @classmethod
    def open(cls, path, *, batch_size=None, uuid_type=None):
        """Open the event store in a directory, as umadb.Client.open does."""
        return cls(file_url(path), batch_size=batch_size, uuid_type=uuid_type)

    async def _open(self):
        return await self._finish(_native.connect(*self._arguments, _bridge().notifier))

    def _connected(self, connecting):
        if not connecting.cancelled() and connecting.exception() and self._connecting is connecting:
            self._connecting = None  # the next call tries again

    async def _connect(self, until=None):
        if self._closed:
            raise RuntimeError("the client is closed")
        if self._connecting is None or self._connecting.cancelled():
            self._connecting = asyncio.ensure_future(self._open())
            self._connecting.add_done_callback(self._connected)
        connecting = self._connecting
        try:
            return await asyncio.wait_for(asyncio.shield(connecting), _left(until))
        except asyncio.TimeoutError:
            raise _timeout_expired() from None
        except asyncio.CancelledError:
            if self._closed and connecting.cancelled():
                raise RuntimeError("the client is closed") from None
            raise

    async def _finish(self, call):
        bridge = _bridge()
        await bridge.wait(call.id)
        return call.finish()

    async def _call(self, method, request, timeout):
        until = _until(timeout)
        connection = await self._connect(until)
        return await self._finish(connection.call(method, request, _left(until), _bridge().notifier))

    async def append(self, events, condition=None, tracking_info=None, *, timeout=None):
        """Like umadb.Client.append."""
        until = _until(timeout)
        connection = await self._connect(until)
        call = connection.append(events, condition, tracking_info, _left(until), _bridge().notifier)
        return await self._finish(call)

    def read(self, query=None, start=None, backwards=False, limit=None, subscribe=False, *, timeout=None):
        """Like umadb.Client.read, but returns a ReadResponse for ``async for``."""
        if subscribe:
            reject_backwards(backwards)

            def follow(connection, left):
                return connection.subscribe(query, start, limit, True, True, None)

            return ReadResponse(self, follow, timeout, True)

        def open_read(connection, left):
            return connection.read(query, start, backwards, limit, left)

        return ReadResponse(self, open_read, timeout, False)

    def subscribe(
        self, query=None, after=None, *, resume=True, timeout=None, on_progress=None, on_caught_up=None
    ):
        """Like umadb.Client.subscribe, but returns a Subscription for ``async for``.

        The functions are called in the event loop, and may be coroutine functions.
        """
        check_callbacks(on_progress, on_caught_up)

        def follow(connection, left):
            return connection.subscribe(query, after, None, False, resume, None)

        return Subscription(self, follow, timeout, on_progress, on_caught_up)

    async def head(self, *, timeout=None):
        """Like umadb.Client.head."""
        return await self._call(HEAD, "", timeout)

    async def position_at(self, t, *, timeout=None):
        """Like umadb.Client.position_at."""
        return await self._call(POSITION_AT, last_nanosecond(t), timeout)

    async def get_tracking_info(self, source, *, timeout=None):
        """Like umadb.Client.get_tracking_info."""
        return await self._call(TRACKING, source, timeout)

    def types(self, prefix="", *, order=None, limit=None, timeout=None):
        """Like umadb.Client.types, but returns Terms for ``async for``."""
        request = list_request(TYPE, prefix, order, limit)
        return Terms(self, lambda connection, left: connection.terms(request, None), timeout)

    def tags(self, prefix="", *, order=None, limit=None, timeout=None):
        """Like umadb.Client.tags, but returns Terms for ``async for``."""
        request = list_request(TAG, prefix, order, limit)
        return Terms(self, lambda connection, left: connection.terms(request, None), timeout)

    async def count_terms(self, query, *, timeout=None):
        """Like umadb.Client.count_terms."""
        request = count_request(query)
        stream = _Stream(self, lambda connection, left: connection.terms(request, None), timeout)
        terms = []
        while (message := await stream._poll("_next_message")) is not None:
            terms += parse(message)[0]
        return counts_of(terms)

    async def count(self, query=None, after=None, *, timeout=None):
        """Like umadb.Client.count."""
        return (await self.count_between(query, (after, LAST_BOUND), timeout=timeout))[0]

    async def count_between(self, query, bounds, *, timeout=None):
        """Like umadb.Client.count_between."""
        until = _until(timeout)
        connection = await self._connect(until)
        call = connection.count(query, bounds, _left(until), _bridge().notifier)
        return counts_of_answer(await self._finish(call))

    async def check_health(self, service="", *, timeout=None):
        """Like umadb.Client.check_health."""
        return ServingStatus(await self._call(CHECK_HEALTH, service, timeout))

    def watch_health(self, service="", *, timeout=None):
        """Like umadb.Client.watch_health, but returns a HealthWatch for ``async for``."""
        return HealthWatch(self, lambda connection, left: connection.watch_health(service, None), timeout)

    async def close(self):
        """Like umadb.Client.close."""
        self._closed = True
        connecting, self._connecting = self._connecting, None
        if connecting is None or connecting.cancel() or connecting.cancelled() or connecting.exception():
            return  # nothing to close
        call = connecting.result().close(_bridge().notifier)
        if call is not None:
            await self._finish(call)

    async def __aenter__(self):
        await self._connect()
        return self

    async def __aexit__(self, exc_type, exc_value, traceback):
        await self.close()

    def __repr__(self):
        return f"umadb.aio.Client({self._url!r})"
