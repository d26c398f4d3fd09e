"""Decisions and projections for asyncio."""

import asyncio
import contextlib
import inspect
from typing import Protocol

from umadb._decide import Caller, Decision, steps
from umadb._native import TimeoutExpired
from umadb._project import MOVE_AFTER, Failures, Progress, TrackedAppends, make_batch


class _Caller(Caller):
    async def read(self, decision):
        response = self._client.read(decision.query, decision.head + 1, timeout=self.left())
        while batch := await response.next_batch():
            decision.fold(batch)
            if decision.made is not None:
                response.cancel()
                return
        decision.read_to(await response.head())

    async def append(self, events, condition):
        return await self._client.append(events, condition, timeout=self.left())

    async def pause(self, seconds):
        await asyncio.sleep(self.pause_within(seconds))


async def _make_calls(caller, pending):
    """Make the calls of a generator such as steps, and return its result."""
    try:
        name, *arguments = next(pending)
        while True:
            try:
                result = await getattr(caller, name)(*arguments)
            except Exception as error:
                name, *arguments = pending.throw(error)
            else:
                name, *arguments = pending.send(result)
    except StopIteration as end:
        return end.value


async def decide(client, query, fold, decide, *, initial, key=None, attempts=20, timeout=None):
    """Like umadb.decide. The functions fold, decide and initial are called in the event loop, and are no coroutines.

    If the task is cancelled, the outcome of an append that has been sent is unknown.
    """
    return await _make_calls(_Caller(client, timeout), steps(Decision(query, fold, decide, initial, key), attempts))


class Target(Protocol):
    """Like umadb.Target, with coroutines."""

    async def position(self):
        """Return the position of the last batch that was stored (int), or None."""

    async def handle(self, batch, /):
        """Store the result of a Batch and its position in one transaction."""


class Tracking:
    """Like umadb.Tracking, for umadb.aio.Client and umadb.aio.project. handle may be a coroutine function."""

    def __init__(self, client, source, handle):
        self._client = client
        self._appends = TrackedAppends(source)
        self._handle = handle

    async def position(self):
        """Return the recorded position (int), or None. An append with an unknown outcome is repeated first."""
        return await _make_calls(self._client, self._appends.position())

    async def handle(self, batch):
        """Append the events for a batch."""
        events = self._handle(batch)
        if inspect.isawaitable(events):
            events = await events
        await _make_calls(self._client, self._appends.append(events, batch))


class _Projection:
    """A call of project."""

    def __init__(self, client, query, target, progress):
        self._client = client
        self._query = query
        self._target = target
        self._progress = progress

    async def follow(self, failures):
        """Continue until an exception."""
        position = await self._target.position() or 0
        failures.reached(position)
        await self._report(position)
        subscription = self._client.subscribe(self._query, position)
        try:
            while True:
                batch = await self._next_batch(subscription, position)
                if batch is None:
                    continue
                await self._handle(batch)
                position = batch.position
                failures.reached(position)
                await self._report(position)
        finally:
            subscription.cancel()

    async def _next_batch(self, subscription, after):
        """Wait for a batch and return it, or None if its position is not greater than after."""
        stream = subscription._stream
        may_move = stream is not None and stream._checked > after
        try:
            events = await subscription._part(MOVE_AFTER if may_move else None)
        except TimeoutExpired:
            events = []
        return make_batch(events, after, subscription._stream._checked)

    async def _handle(self, batch):
        """Handle a batch, which is finished although the task is cancelled, unless it is cancelled again."""
        handling = asyncio.ensure_future(self._target.handle(batch))
        try:
            await asyncio.shield(handling)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await handling
            raise

    async def _report(self, position):
        if self._progress is not None:
            self._progress(Progress(position, await self._client.head() or 0))


async def project(client, query, target, *, attempts=10, progress=None):
    """Like umadb.project, but the methods of the target are coroutines, and the task is cancelled to stop.

    A task that is cancelled finishes the batch that is being handled, and then raises
    CancelledError. If it is cancelled again meanwhile, so is handle.
    """
    failures = Failures(attempts)
    projection = _Projection(client, query, target, progress)
    while True:
        try:
            await projection.follow(failures)
        except Exception as error:
            await asyncio.sleep(failures.pause(error))
