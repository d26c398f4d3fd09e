"""Tests of umadb.project and umadb.aio.project."""

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from documents import environment
from loops import asynchronous, until

import umadb
from umadb import (
    AuthenticationError,
    Batch,
    CancelledByUserError,
    Client,
    Event,
    IntegrityError,
    Progress,
    Query,
    QueryItem,
    Tracking,
    TransportError,
    _project,
    aio,
)
from umadb.pytest_plugin import run_server

ORDERS = Query([QueryItem(types=["Order"])])


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(_project, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(_project, "LAST_PAUSE", 0.01)


def orders(count):
    """Return events of which every second one matches the query."""
    return [Event("Other", b""), Event("Order", b"")] * count


class Table:
    """A target with transactions, in a database in memory.

    Args:
        end: the position at which stop is set.
        fail: called before and after each transaction.
    """

    def __init__(self, end=None, fail=lambda: None):
        self.stop = threading.Event()
        self.end = end
        self.fail = fail
        self.batches = []
        self.database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.database.execute("CREATE TABLE handled (event INTEGER)")
        self.database.execute("CREATE TABLE progress (position INTEGER)")

    def position(self):
        (position,) = self.database.execute("SELECT max(position) FROM progress").fetchone()
        return position

    def handle(self, batch):
        self.fail()
        assert not batch.events or batch.position == batch.events[-1].position
        with self.database:
            self.database.execute("BEGIN")
            if (self.position() or 0) != batch.after:
                raise RuntimeError("another instance is running")
            for sequenced in batch.events:
                self.database.execute("INSERT INTO handled VALUES (?)", (sequenced.position,))
            self.database.execute("INSERT INTO progress VALUES (?)", (batch.position,))
        self.batches.append(batch)
        self.fail()

    def progress(self, progress):
        if self.end is not None and progress.position >= self.end:
            self.stop.set()

    def handled(self):
        return [event for (event,) in self.database.execute("SELECT event FROM handled")]


def run(client, target, **options):
    umadb.project(client, ORDERS, target, stop=target.stop, progress=target.progress, **options)


def test_each_event_is_handled_once(store):
    numbers = random.Random(1)

    def fail():
        if numbers.random() < 0.25:
            raise RuntimeError("the database is not available")

    table = Table(fail=fail)
    with store.connect(batch_size=4) as client:
        client.append(orders(100))
        for table.end in (80, 140, 200):  # the program is started again
            table.stop.clear()
            run(client, table)
    assert table.handled() == list(range(2, 201, 2))


def test_new_events_are_handled(client):
    table = Table(end=20)
    thread = threading.Thread(target=run, args=(client, table))
    thread.start()
    for _ in range(10):
        client.append(orders(1))
    thread.join(30)
    assert table.handled() == list(range(2, 21, 2))
    previous = 0
    for batch in table.batches:
        assert (batch.after, batch.position) == (previous, batch.events[-1].position)
        previous = batch.position


def test_a_projection_without_events_stops():
    table = Table()
    with Client("memory:") as client:
        threading.Timer(0.1, table.stop.set).start()
        run(client, table)
    assert table.batches == []


def test_failures_are_bounded():
    calls = []

    class Failing(Table):
        def handle(self, batch):
            calls.append(batch.position)
            if calls != [2, 2, 2]:
                raise ZeroDivisionError
            super().handle(batch)

    with Client("memory:", batch_size=1) as client:
        client.append(orders(2))
        table = Failing()
        with pytest.raises(ZeroDivisionError):
            run(client, table, attempts=3)
    # The first event succeeds at the third attempt, and then the second one fails three times.
    assert calls == [2, 2, 2, 4, 4, 4]
    assert table.handled() == [2]


@pytest.mark.parametrize("error", [ValueError, TypeError, AuthenticationError])
def test_exceptions_that_are_raised_immediately(error):
    calls = []

    class Failing(Table):
        def handle(self, batch):
            calls.append(batch)
            raise error

    with Client("memory:") as client:
        client.append(orders(1))
        with pytest.raises(error):
            run(client, Failing())
    assert len(calls) == 1


def test_attempts_and_query_are_checked():
    with Client("memory:") as client:
        with pytest.raises(ValueError, match="attempts must be 1 or more"):
            umadb.project(client, ORDERS, Table(), attempts=0)
        with pytest.raises(TypeError):
            umadb.project(client, "Order", Table())


def test_a_client_that_is_closed():
    client = Client("memory:")
    threading.Timer(0.1, client.close).start()
    with pytest.raises(CancelledByUserError):
        umadb.project(client, ORDERS, Table())


def test_progress_shows_the_lag(client):
    client.append(orders(3))
    seen = []
    table = Table()

    def progress(progress):
        seen.append(progress)
        if progress.lag == 0:
            table.stop.set()

    umadb.project(client, ORDERS, table, stop=table.stop, progress=progress)
    assert seen[0] == Progress(0, 6) and seen[0].lag == 6
    assert seen[-1] == Progress(6, 6)


@pytest.mark.better
def test_the_position_moves_over_events_that_do_not_match(client):
    client.append([*orders(2), Event("Other", b"")])
    table = Table(end=5)
    run(client, table)
    assert table.handled() == [2, 4] and table.position() == 5
    client.append([Event("Other", b"")] * 2)
    table.end = 7
    table.stop.clear()
    run(client, table)
    assert table.batches[-1] == Batch([], 5, 7)


@pytest.mark.better
def test_the_position_moves_while_no_event_matches(client):
    client.append(orders(1))
    table = Table(end=3)

    def progress(progress):
        if progress.position == 2:
            client.append([Event("Other", b"")])
        table.progress(progress)

    umadb.project(client, ORDERS, table, stop=table.stop, progress=progress)  # for 5 seconds
    assert table.batches[-1] == Batch([], 2, 3)
    assert table.handled() == [2]


def test_the_lag_at_a_server_that_does_not_report_progress(store):
    if store.kind != "rust":
        pytest.skip("this store reports progress")
    with store.connect() as client:
        client.append([*orders(1), Event("Other", b"")])
        seen = []
        table = Table(end=2)
        umadb.project(client, ORDERS, table, stop=table.stop, progress=lambda p: (seen.append(p), table.progress(p)))
        assert seen == [Progress(0, 3), Progress(2, 3)] and seen[-1].lag == 1


def test_failures_are_logged(caplog):
    failures = [RuntimeError("the database is not available")]

    def fail():
        if failures:
            raise failures.pop()

    table = Table(2, fail)
    with Client("memory:") as client:
        client.append(orders(1))
        run(client, table)
    (record,) = caplog.records
    assert record.name == "umadb.project" and "the database is not available" in record.getMessage()


class Invoices:
    """Returns an invoice for each order, with the data of the events."""

    def __call__(self, batch):
        return [Event("Invoice", str(s.position).encode()) for s in batch.events]


def invoices(client):
    return [int(s.event.data) for s in client.read(Query([QueryItem(types=["Invoice"])]))]


class Lossy:
    """A client of which every third append raises an exception after it has appended."""

    def __init__(self, client):
        self._client = client
        self._count = 0

    def append(self, *arguments, **options):
        position = self._client.append(*arguments, **options)
        self._count += 1
        if self._count % 3 == 0:
            raise TransportError("the connection broke")
        return position

    def __getattr__(self, name):
        return getattr(self._client, name)


def stop_at(position):
    """Return arguments of project that stop it at a position."""
    stop = threading.Event()
    return {"stop": stop, "progress": lambda p: p.position >= position and stop.set()}


def test_tracking_appends_each_result_once(store):
    with store.connect(batch_size=2) as client:
        client.append(orders(30))
        for end in (30, 60):  # the program is started again
            umadb.project(client, ORDERS, Tracking(Lossy(client), "invoices", Invoices()), **stop_at(end))
        assert invoices(client) == list(range(2, 61, 2))
        assert client.get_tracking_info("invoices") == 60


def test_instances_with_tracking_compete(client):
    # The head of the upstream store stands still, so the batches of all instances end at the same positions.
    with Client("memory:", batch_size=3) as upstream:
        upstream.append(orders(50))
        errors = []

        def instance():
            try:
                umadb.project(upstream, ORDERS, Tracking(client, "invoices", Invoices()), attempts=100, **stop_at(100))
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=instance) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert errors == []
        assert invoices(client) == list(range(2, 101, 2))


def test_tracking_without_results_records_the_position(client):
    client.append(orders(1))
    tracking = Tracking(client, "none", lambda batch: [])
    assert tracking.position() is None
    umadb.project(client, ORDERS, tracking, **stop_at(2))
    assert tracking.position() == 2
    with pytest.raises(IntegrityError):
        tracking.handle(Batch([], 0, 1))


class Late:
    """A client of which the first append raises an exception, and happens when the next one is made.

    Before the exception is raised, between is called with the client.
    """

    def __init__(self, client, between):
        self._client = client
        self._between = between
        self._appends = []

    def append(self, *arguments, **options):
        self._appends.append((arguments, options))
        if len(self._appends) == 1:
            self._between(self._client)
            raise TransportError("the connection broke")
        if len(self._appends) == 2:
            self._append_first()
        return self._client.append(*arguments, **options)

    def _append_first(self):
        arguments, options = self._appends[0]
        return self._client.append(*arguments, **options)

    def get_tracking_info(self, source):
        return self._client.get_tracking_info(source)


class AsyncLate(Late):
    """A Late for umadb.aio."""

    async def append(self, *arguments, **options):
        self._appends.append((arguments, options))
        if len(self._appends) == 1:
            await self._between(self._client)
            raise TransportError("the connection broke")
        if len(self._appends) == 2:
            await self._append_first()
        return await self._client.append(*arguments, **options)


def test_an_append_with_an_unknown_outcome_is_repeated(client):
    client.append(orders(1))
    # An append of a batch of one order is in flight when the second order is appended.
    late = Late(client, lambda client: client.append(orders(1)))
    umadb.project(client, ORDERS, Tracking(late, "invoices", Invoices()), attempts=2, **stop_at(4))
    assert invoices(client) == [2, 4]


@asynchronous
async def test_an_append_with_an_unknown_outcome_is_repeated_with_asyncio(client):
    await client.append(orders(1))
    late = AsyncLate(client, lambda client: client.append(orders(1)))
    await tracked(client, aio.Tracking(late, "invoices", Invoices()), 4)
    assert await all_invoices(client) == [2, 4]


async def tracked(client, target, position):
    """Run a projection until the position, or a higher one, is recorded for the source invoices."""
    task = asyncio.create_task(aio.project(client, ORDERS, target, attempts=2))
    while not task.done() and (await client.get_tracking_info("invoices") or 0) < position:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def all_invoices(client):
    read = client.read(Query([QueryItem(types=["Invoice"])]))
    return [int(s.event.data) async for s in read]


def test_the_position_is_checked_before_the_append(client):
    client.append(orders(2))
    other = Tracking(client, "invoices", Invoices())

    def handle(batch):
        # Meanwhile, another instance records the position of the first order.
        if len(batch.events) == 2:
            other.handle(Batch(batch.events[:1], 0, 2))
        return Invoices()(batch)

    umadb.project(client, ORDERS, Tracking(client, "invoices", handle), **stop_at(4))
    assert invoices(client) == [2, 4]


@asynchronous
async def test_the_position_is_checked_before_the_append_with_asyncio(client):
    await client.append(orders(2))
    other = aio.Tracking(client, "invoices", Invoices())

    async def handle(batch):
        if len(batch.events) == 2:
            await other.handle(Batch(batch.events[:1], 0, 2))
        return Invoices()(batch)

    await tracked(client, aio.Tracking(client, "invoices", handle), 4)
    assert await all_invoices(client) == [2, 4]


class Stale:
    """A client that returns no tracking position for a number of calls."""

    def __init__(self, client, calls):
        self._client = client
        self._calls = calls
        self.append = client.append

    def get_tracking_info(self, source):
        self._calls -= 1
        return None if self._calls >= 0 else self._client.get_tracking_info(source)


def test_tracking_waits_until_a_refused_position_is_visible(client):
    client.append([], tracking_info=umadb.TrackingInfo("invoices", 2))
    tracking = Tracking(Stale(client, 3), "invoices", Invoices())
    with pytest.raises(IntegrityError, match="is not greater|non-increasing"):
        tracking.handle(Batch([], 0, 2))
    with pytest.raises(IntegrityError):
        tracking.position()
    assert tracking.position() == 2


def test_an_invalid_append_is_not_repeated(client):
    events = [["not an event"], []]
    tracking = Tracking(client, "invoices", lambda batch: events.pop(0))
    with pytest.raises(TypeError):
        tracking.handle(Batch([], 0, 2))
    tracking.handle(Batch([], 0, 2))
    assert tracking.position() == 2


# The program of an example that gets SIGTERM or Ctrl-C while it handles a batch.
PROGRAM = """
import signal, sys, threading, time
import umadb

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())

class Target:
    def position(self):
        return 0

    def handle(self, batch):
        print("handling", flush=True)
        time.sleep(0.5)
        print("handled", flush=True)

with umadb.Client("memory:") as client:
    client.append([umadb.Event("a", b"")])
    umadb.project(client, None, Target(), stop=stop)
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number, output, code", [(signal.SIGTERM, "handled\nstopped\n", 0), (signal.SIGINT, "", -2)])
def test_signals(number, output, code):
    command = [sys.executable, "-c", PROGRAM]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment()) as process:
        assert process.stdout.readline() == "handling\n"
        os.kill(process.pid, number)
        rest, errors = process.communicate(timeout=30)
    assert (rest, process.returncode) == (output, code), errors


def test_the_server_restarts(tmp_path, port):
    table = Table(end=4)
    listen = ("--listen", f"127.0.0.1:{port}")
    with contextlib.ExitStack() as stack:
        with run_server(tmp_path / "uma.db", *listen) as url:
            client = stack.enter_context(Client(url))
            client.append(orders(1))
            thread = threading.Thread(target=run, args=(client, table))
            thread.start()
            while not table.handled():
                time.sleep(0.01)
        with run_server(tmp_path / "uma.db", *listen):
            client.append(orders(1))
            thread.join(30)
    assert table.handled() == [2, 4]


class AsyncTable(Table):
    """A Table for umadb.aio. Handling waits for ready, and reports that it has started."""

    def __init__(self):
        super().__init__()
        self.started = asyncio.Event()
        self.ready = asyncio.Event()

    async def position(self):
        return super().position()

    async def handle(self, batch):
        self.started.set()
        await self.ready.wait()
        table = self.database
        with table:
            table.execute("BEGIN")
            table.executemany("INSERT INTO handled VALUES (?)", [(s.position,) for s in batch.events])
            table.execute("INSERT INTO progress VALUES (?)", (batch.position,))


@asynchronous
async def test_asyncio(client):
    table = AsyncTable()
    table.ready.set()
    seen = []
    task = asyncio.create_task(aio.project(client, ORDERS, table, progress=seen.append))
    await client.append(orders(2))
    await until(lambda: table.handled() == [2, 4])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen[0].position == 0


@pytest.mark.better
@asynchronous
async def test_the_position_moves_over_events_that_do_not_match_with_asyncio(client):
    await client.append([*orders(2), Event("Other", b"")])
    table = AsyncTable()
    table.ready.set()
    for end in (5, 7):
        task = asyncio.create_task(aio.project(client, ORDERS, table))
        while await table.position() != end:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.append([Event("Other", b"")] * 2)
    assert table.handled() == [2, 4]


@asynchronous
async def test_a_cancelled_task_finishes_the_batch(client):
    await client.append(orders(1))
    table = AsyncTable()
    task = asyncio.create_task(aio.project(client, ORDERS, table))
    await table.started.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert table.handled() == []
    table.ready.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert table.handled() == [2]


@asynchronous
async def test_a_task_that_is_cancelled_twice_interrupts_the_batch(client):
    await client.append(orders(1))
    table = AsyncTable()
    task = asyncio.create_task(aio.project(client, ORDERS, table))
    await table.started.wait()
    task.cancel()
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert table.handled() == []


@asynchronous
async def test_tracking_with_asyncio(client):
    failures = [RuntimeError("once")]

    async def handle(batch):
        if failures:
            raise failures.pop()
        return Invoices()(batch)

    for function in (handle, Invoices()):  # a coroutine function, and another one
        head = await client.append(orders(3))
        task = asyncio.create_task(aio.project(client, ORDERS, aio.Tracking(client, "invoices", function)))
        while (await client.get_tracking_info("invoices") or 0) < head:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    read = client.read(Query([QueryItem(types=["Invoice"])]))
    assert [int(s.event.data) async for s in read] == [2, 4, 6, 11, 13, 15]
    assert failures == []


@asynchronous
async def test_failures_with_asyncio_are_bounded(client):
    await client.append(orders(1))

    class Failing(AsyncTable):
        async def handle(self, batch):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await aio.project(client, ORDERS, Failing(), attempts=3)
