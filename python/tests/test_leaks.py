"""Tests that streams, clients and values do not leak.

They are short by default, and run at full length with UMADB_TEST_LONG=1.
"""

import os

import pytest
from scripts import run

from umadb.pytest_plugin import run_server

pytestmark = pytest.mark.slow

LONG = os.environ.get("UMADB_TEST_LONG") == "1"

# Calls a function a number of times, and compares the resident memory with that after a fifth
# as many calls, when pools and caches are warm. A leak grows in every round; the heap of Go
# also grows when its garbage collector starts late on a busy machine, but not in each round.
CHECK_MEMORY = """
import gc, os, sys
from umadb import *
def resident_memory():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def check_memory(work, times, allowed):
    for _ in range(times // 5 + 1):
        work()
    for _ in range(3):
        before = resident_memory()
        for _ in range(times):
            work()
        growth = resident_memory() - before
        print(f"{work.__name__}: {times} times, {growth} bytes")
        if growth < allowed:
            return
    raise AssertionError(f"{work.__name__}: {growth} bytes in {times} times")
times, allowed = int(sys.argv[2]), int(sys.argv[3]) << 20
"""

STREAMS = """
client = Client(sys.argv[1])
client.append([Event("t", b"x" * 100, ["a"])] * 50)
def whole():
    assert len(client.read().collect_with_head()[0]) == 50
def abandoned():
    next(client.read())
def unused():
    client.read()
    client.subscribe()
def subscribed():
    next(client.subscribe())
def cancelled():
    stream = client.subscribe()
    next(stream)
    stream.cancel()
wrong = Query([QueryItem(["x"] * 65537)])
class Follower:
    def __init__(self):
        self.subscription = client.subscribe(on_progress=self.moved, on_caught_up=self.caught_up)
    def moved(self, progress):
        assert self.subscription.progress == progress
    def caught_up(self):
        raise KeyError
calls = 0
def followed():
    global calls
    calls += 1
    if calls % 20 == 0:
        gc.collect()  # a follower and its subscription are a cycle, which nothing else frees
    follower = Follower()
    try:
        while True:
            next(follower.subscription)
    except KeyError:
        pass
def failing():
    response = client.read(wrong)
    try:
        next(response)
    except ValueError:
        pass
def called():
    client.head(), client.get_tracking_info("up"), client.check_health(), client.count_between(None, range(100))
check_memory(whole, times, allowed)
check_memory(abandoned, times, allowed)
check_memory(unused, times, allowed)
check_memory(called, times, allowed)
check_memory(subscribed, times // 10, allowed)
check_memory(cancelled, times // 10, allowed)
check_memory(followed, times // 10, allowed)
check_memory(failing, times // 50, allowed)
"""


@pytest.mark.parametrize("kind", ["embedded", "server"])
def test_streams_do_not_leak(kind, tmp_path):
    times, allowed = (100_000, 16) if LONG else (2000, 12)
    if kind == "embedded":
        print(run(CHECK_MEMORY + STREAMS, f"file:{tmp_path}/s", times, allowed, timeout=3600))
    else:
        with run_server(tmp_path / "s") as url:
            print(run(CHECK_MEMORY + STREAMS, url, times, allowed, timeout=3600))


@pytest.mark.parametrize("kind", ["embedded", "server"])
def test_open_does_not_leak(kind, tmp_path):
    script = (
        CHECK_MEMORY
        + """
def opened():
    with Client(sys.argv[1]) as client:
        client.append([Event("t", b"")])
        next(client.subscribe()), next(client.read())
def unreferenced():
    next(Client(sys.argv[1]).read())
def rejected():
    try:
        Client("file:/dev/null/none")
    except (OSError, ValueError):
        pass
descriptors = lambda: len(os.listdir("/proc/self/fd"))
opened()
before = descriptors()
for work in (opened, unreferenced, rejected):
    check_memory(work, times, allowed)
assert descriptors() <= before + 5, (before, descriptors())
"""
    )
    times, allowed = (1000, 24) if LONG else (40, 24)
    if kind == "embedded":
        print(run(script, f"file:{tmp_path}/s", times, allowed, timeout=3600))
    else:
        with run_server(tmp_path / "s") as url:
            print(run(script, url, times, allowed, timeout=3600))


VALUES = """
import copy, datetime, pickle, tracemalloc, uuid
import umadb
U = uuid.uuid4()
class Failing:
    def __iter__(self): raise KeyError
def valid():
    event = Event("type", b"data" * 10, ["a", "b"], U, {"k": "v"})
    event.event_type, event.data, event.tags, event.uuid, event.metadata
    query = Query([QueryItem(["t"], ["x"]), QueryItem()])
    query.items[0].types, query.items[0].tags
    condition, tracking = AppendCondition(query, 1), TrackingInfo("s", 2**63)
    condition.fail_if_events_match, condition.after, tracking.source, tracking.position
    condition == AppendCondition(query, 1), tracking == TrackingInfo("s", 1)
    stored = SequencedEvent(1, event, tracking)
    stored.event, stored.position, stored.tracking_info
    stored == SequencedEvent(1, event, tracking)
    timed = SequencedEvent(1, event, recorded_at=datetime.datetime.now(datetime.timezone.utc))
    timed.recorded_at, stored.recorded_at
    event == Event("type", bytearray(b"data" * 10), ("a", "b"), str(U), {"k": "w"})
    for value in (event, query, query.items[0], condition, tracking, stored, timed):
        repr(value), hash(value), value == 1, value != value
        copy.copy(value), pickle.loads(pickle.dumps(value))
INVALID = [
    lambda: Event(1, b""), lambda: Event("t", "d"), lambda: Event("t", [256]), lambda: Event("\\ud800", b""),
    lambda: Event("t", b"", [1]), lambda: Event("t", b"", ["a", 1]), lambda: Event("t", b"", Failing()),
    lambda: Event("t", b"", uuid=1), lambda: Event("t", b"", metadata=1), lambda: Event("t", b"", wrong=1),
    lambda: Event("t", b"", metadata={"a": 1}), lambda: Event("t", b"", metadata={"a": "b", "\\ud800": ""}),
    lambda: QueryItem(1), lambda: QueryItem(["a", 1]), lambda: Query([QueryItem(), 1]), lambda: Query(1),
    lambda: AppendCondition(1), lambda: AppendCondition(Query(), -1),
    lambda: TrackingInfo("s", -1), lambda: TrackingInfo(1, 1),
    lambda: SequencedEvent(1, 1), lambda: SequencedEvent(-1, Event("t", b"")),
    lambda: SequencedEvent(1, Event("t", b""), TrackingInfo("\\ud800", 1)),
    lambda: SequencedEvent(1, Event("t", b""), recorded_at=1),
    lambda: SequencedEvent(1, Event("t", b""), recorded_at=datetime.datetime.now()),
    lambda: SequencedEvent(1, Event("t", b""), recorded_at=datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)),
]
def invalid():
    for wrong in INVALID:
        try:
            wrong()
        except (TypeError, ValueError, KeyError):
            pass
        else:
            raise AssertionError(wrong)
objects = [None, True, NotImplemented, U, uuid.UUID, str, bytes, list, dict, TypeError, ValueError]
objects += [getattr(umadb, name) for name in umadb.__all__]
def reference_counts():
    gc.collect()
    return [sys.getrefcount(w) for w in objects]
for _ in range(1000): # until Python has released what it keeps at first
    valid(), invalid()
before = reference_counts()
check_memory(valid, times, allowed)
check_memory(invalid, times // 10, allowed)
# Python itself keeps some references for a while. A reference that is leaked or lost by a
# call changes the count by at least the number of calls of invalid().
for name, a, b in zip(map(repr, objects), before, reference_counts()):
    assert abs(a - b) < times // 10, (name, a, b)
tracemalloc.start()
for work in (valid, invalid):
    for _ in range(1000): # until Python's pools of small objects are full
        work()
    gc.collect()
    allocated = tracemalloc.get_traced_memory()[0]
    for _ in range(1000):
        work()
    gc.collect()
    assert tracemalloc.get_traced_memory()[0] - allocated < 20_000
"""


def test_values_do_not_leak():
    times, allowed = (100_000, 4) if LONG else (5000, 4)
    print(run(CHECK_MEMORY + VALUES, "", times, allowed, timeout=3600))


def test_rejected_requests_do_not_leak(tmp_path):
    script = (
        CHECK_MEMORY
        + """
client = Client(sys.argv[1])
client.append([Event("t", b"")])
def rejected():
    for arguments in (
        ([1],), ("a",), ([], 1), ([], None, 1), ([Event("t", b""), 1],), ([Event("t", b"", uuid="none")],),
        ([], None, TrackingInfo("s" * 256, 1)), ([Event("t", b"x" * 1000)], AppendCondition(Query())),
    ):
        try:
            client.append(*arguments)
        except (TypeError, ValueError):
            pass
        else:
            raise AssertionError(arguments)
    for arguments in (
        (1,), (None, -1), (None, 2**64), (None, None, False, -1), (None, "1"), (None, -1, False, None, True)
    ):
        try:
            client.read(*arguments)
        except (TypeError, ValueError):
            pass
        else:
            raise AssertionError(arguments)
    for arguments in ((1, [0, 1]), (None, 1), (None, [0, -1]), (None, [0, "1"]), (Query(), [1, 0])):
        try:
            client.count_between(*arguments)
        except (TypeError, ValueError):
            pass
        else:
            raise AssertionError(arguments)
check_memory(rejected, times, allowed)
"""
    )
    times, allowed = (20_000, 8) if LONG else (1000, 8)
    print(run(script, f"file:{tmp_path}/s", times, allowed, timeout=3600))


def test_asyncio_does_not_leak(tmp_path):
    script = (
        CHECK_MEMORY
        + """
import asyncio
from umadb import aio
async def main():
    async with aio.Client(sys.argv[1]) as client:
        await client.append([Event("t", b"")] * 10)
        async def waited():
            try:
                await asyncio.wait_for(anext(client.subscribe(after=2**32)), 0)
            except asyncio.TimeoutError:
                pass
        async def work():
            await client.head()
            await client.read().collect_with_head()
            await anext(client.subscribe())
            await anext(client.read())
            await waited()
            asyncio.ensure_future(client.head()).cancel()
        for _ in range(times // 5 + 1):
            await work()
        before = resident_memory()
        for _ in range(times):
            await work()
        growth = resident_memory() - before
        print(f"{times} times, {growth} bytes")
        assert growth < allowed, growth
asyncio.run(main())
"""
    )
    times, allowed = (50_000, 16) if LONG else (500, 16)
    with run_server(tmp_path / "s") as url:
        print(run(script, url, times, allowed, timeout=3600))
