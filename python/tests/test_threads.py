"""Tests with many threads: cancelling, closing, and waiting without the GIL."""

import contextlib
import gc
import itertools
import os
import random
import sys
import threading
import time

import pytest
from proxies import proxy
from scripts import run
from stores import events, positions, slow_query, tagged

from umadb import AppendCondition, CancelledByUserError, Client, Event, IntegrityError, cancel_all_stream_responses
from umadb.pytest_plugin import run_server


class BlockedThread:
    """A thread in a blocking call; outcome() returns its result or exception."""

    def __init__(self, call):
        self._call = call
        self._outcome = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        time.sleep(0.1)
        assert self._thread.is_alive(), self._outcome

    def _run(self):
        try:
            self._outcome = self._call()
        except BaseException as error:
            self._outcome = error

    def outcome(self, timeout=1):
        self._thread.join(timeout)
        assert not self._thread.is_alive()
        return self._outcome


STREAMS = {
    "subscription": lambda client: client.subscribe(),
    "batch": lambda client: client.subscribe(),
    "read": lambda client: client.read(subscribe=True),
    "health": lambda client: client.watch_health(),
}


def start_waiting(client, name):
    """Return a stream and a thread that waits for its next event."""
    stream = STREAMS[name](client)
    next(stream)
    return stream, BlockedThread(stream.next_batch if name == "batch" else lambda: next(stream))


@pytest.mark.parametrize("name", STREAMS)
def test_cancel_wakes_waiting_thread(client, name):
    client.append(events(1))
    stream, blocked = start_waiting(client, name)
    stream.cancel()
    assert type(blocked.outcome()) is CancelledByUserError
    stream.cancel()
    with pytest.raises(CancelledByUserError):
        next(stream)
    assert client.append(events(1)) == 2


@pytest.mark.parametrize("name", STREAMS)
def test_cancel_all_wakes_waiting_thread(client, name):
    client.append(events(1))
    stream, blocked = start_waiting(client, name)
    reading, idle = client.read(), client.read()
    next(reading)
    cancel_all_stream_responses()
    assert type(blocked.outcome()) is CancelledByUserError
    for cancelled in (stream, reading, idle):
        with pytest.raises(CancelledByUserError):
            next(cancelled)
    for call in (reading.head, reading.next_batch, reading.collect_with_head, idle.head):
        with pytest.raises(CancelledByUserError):
            call()
    assert len(list(client.read())) == 1


@pytest.mark.parametrize("name", STREAMS)
def test_close_cancels_waiting_calls(client, name):
    client.append(events(1))
    stream, blocked = start_waiting(client, name)
    client.close()
    assert type(blocked.outcome()) is CancelledByUserError
    with pytest.raises(CancelledByUserError):
        next(stream)


def test_cancel_all_leaves_later_streams(client):
    client.append(events(1))
    for _ in range(200):
        cancel_all_stream_responses()
        assert len(list(client.read())) == 1


def test_cancel_before_and_between_requests(client):
    client.append(events(3000))
    reading = client.read()
    reading.cancel()
    with pytest.raises(CancelledByUserError):
        next(reading)
    reading = client.read()
    next(reading)
    reading.cancel()
    with pytest.raises(CancelledByUserError):
        next(reading)
    reading = client.read()
    list(reading)
    reading.cancel()
    with pytest.raises(CancelledByUserError):
        next(reading)


def cancel_at_once(make, cancel, times):
    """Cancel streams while a thread starts to wait for them."""
    for _ in range(times):
        stream, outcome = make(), []

        def call(stream=stream, outcome=outcome):
            with contextlib.suppress(CancelledByUserError):
                outcome.append(next(stream))

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        cancel(stream)
        thread.join(20)
        assert not thread.is_alive()
        assert not outcome


CANCELLING = [lambda stream: stream.cancel(), lambda stream: cancel_all_stream_responses()]


@pytest.mark.parametrize("cancel", CANCELLING)
def test_cancel_when_wait_starts(client, cancel):
    for name in ("subscription", "read"):
        cancel_at_once(lambda name=name: STREAMS[name](client), cancel, 100)


@pytest.mark.parametrize("cancel", CANCELLING)
def test_cancel_when_slow_query_starts(tmp_path, cancel):
    with Client.open(tmp_path / "store") as client:
        search = slow_query(client)
        cancel_at_once(lambda: client.read(search), cancel, 40)


def test_finalizer_cancels_when_wait_starts(client):
    stream = client.subscribe()

    class Canceller:
        def __init__(self):
            self.me = self  # a cycle, so that the garbage collector calls __del__

        def __del__(self):
            stream.cancel()

    def call():
        with pytest.raises(CancelledByUserError):
            Canceller()
            gc.enable()
            stream.next_batch()

    before = gc.get_threshold()
    gc.collect()
    gc.disable()
    gc.set_threshold(1)  # collects when next_batch creates its list, before Python 3.12
    try:
        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        thread.join(20)
    finally:
        gc.enable()
        gc.set_threshold(*before)
    assert not thread.is_alive()


def test_cancel_read_of_silent_server(tmp_path):
    with run_server(tmp_path / "s") as url, proxy(url) as relay:
        client = Client(relay.url)
        client.append(events(1))
        relay.silent = True
        for call in ("head", "next_batch", "collect_with_head", "__next__"):
            response = client.read()
            blocked = BlockedThread(getattr(response, call))
            response.cancel()
            assert type(blocked.outcome()) is CancelledByUserError
        blocked = BlockedThread(client.read().head)
        client.close()
        assert type(blocked.outcome()) is CancelledByUserError


def test_response_allows_one_thread_at_a_time(client):
    stream = client.subscribe()
    blocked = BlockedThread(lambda: next(stream))
    for call in (lambda: next(stream), stream.next_batch):
        with pytest.raises(RuntimeError, match="one thread at a time"):
            call()
    client.append(events(1))
    assert blocked.outcome().position == 1


def test_close_during_calls(store):
    for _ in range(5):
        client = store.connect()
        errors = []

        def work(client=client, errors=errors):
            try:
                while True:
                    client.append(events(1))
                    list(client.read(start=1, limit=10))
                    client.head()
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.05)
        client.close()
        for thread in threads:
            thread.join(5)
            assert not thread.is_alive()
        for caught in errors:
            assert isinstance(caught, (CancelledByUserError, RuntimeError)), caught


@pytest.mark.parametrize("count", [24])
def test_many_threads_with_one_client(client, count):
    counter = tagged("counter")
    failures = []

    def work(number):
        random_ = random.Random(number)
        own = tagged(f"thread:{number}")
        written = 0
        try:
            for _ in range(12):
                match random_.randrange(5):
                    case 0:
                        client.append(events(3, f"thread:{number}"))
                        written += 3
                    case 1:
                        found, head = client.read(own).collect_with_head()
                        assert len(found) == written
                        with contextlib.suppress(IntegrityError):
                            client.append(events(1, "counter"), AppendCondition(counter, head))
                    case 2:
                        assert len(list(client.read(own, backwards=True))) == written
                    case 3:
                        subscription = client.subscribe(own)
                        assert len(positions(itertools.islice(subscription, written))) == written
                        subscription.cancel()
                    case 4:
                        assert (client.head() or 0) >= written
                        client.get_tracking_info(str(number))
                        client.check_health()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert positions(client.read()) == list(range(1, (client.head() or 0) + 1))


def test_cancel_streams_while_reading(client):
    client.append(events(5000))
    for n in range(40):
        stream = client.read() if n % 2 else client.subscribe()
        thread = threading.Timer(
            random.random() / 100, stream.cancel if n % 4 < 2 else cancel_all_stream_responses
        )
        thread.start()
        received = []
        with contextlib.suppress(CancelledByUserError):
            received.extend(s.position for s in stream)
        thread.join()
        assert received == list(range(1, len(received) + 1))


def test_other_threads_run_while_one_waits(client):
    ticks = 0
    running = True

    def tick():
        nonlocal ticks
        while running:
            ticks += 1
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    stream = client.subscribe()
    threading.Timer(0.5, lambda: client.append(events(1))).start()
    before = ticks
    next(stream)
    assert ticks - before > 100
    running = False
    thread.join()


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    "make",
    [
        lambda c: c.subscribe(),
        lambda c: c.read(),
        lambda c: c.read(subscribe=True),
        lambda c: c.watch_health(),
    ],
)
@pytest.mark.parametrize("abandon", [lambda s: None, lambda s: s.cancel()])
def test_abandoned_stream_ends_on_the_server(make, abandon, tmp_path):
    with (
        run_server(tmp_path / "s") as url,
        Client(url) as writer,
        proxy(url) as relay,
        Client(relay.url, batch_size=1) as client,
    ):
        for _ in range(16):  # more than a stream has in flight, so that no read has ended
            writer.append([Event("t", bytes(1 << 20)) for _ in range(2)])
        stream = make(client)
        next(stream)
        assert relay.reset_streams() == 0
        abandon(stream)
        del stream
        gc.collect()
        wait_until(lambda: relay.reset_streams() == 1)
        assert client.head() == 32


def test_read_that_reached_its_limit_ends_on_the_server(tmp_path):
    with run_server(tmp_path / "s") as url, proxy(url) as relay, Client(relay.url) as client:
        client.append(events(3))
        stream = client.read(limit=2, subscribe=True)
        assert positions(stream) == [1, 2]
        wait_until(lambda: relay.reset_streams() == 1)


FIRST_CLIENTS = """
import os, sys, threading
from umadb import Client
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)
def opened(number):
    barrier.wait()
    Client.open(os.path.join(sys.argv[1], str(number))).close()
threads = [threading.Thread(target=opened, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
files = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd") if int(name) > 2]
print(len({os.readlink(file) for file in files if os.path.exists(file) and "pipe:" in os.readlink(file)}))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="pipes are counted in /proc")
def test_concurrent_first_clients_load_the_library_once(tmp_path):
    for attempt in range(20):
        assert run(FIRST_CLIENTS, tmp_path / str(attempt)) == "1\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has timer slack")
def test_timer_slack_is_raised_only_for_go_threads(tmp_path):
    script = """
import os, sys, threading
from umadb import Client

def slack(thread):
    with open(f"/proc/{thread}/timerslack_ns") as file:
        return int(file.read())

before = slack(os.getpid())
pythons = {os.getpid()}
client = Client.open(sys.argv[1])

def look():
    pythons.add(threading.get_native_id())
    print(slack(threading.get_native_id()) == before)

thread = threading.Thread(target=look)
thread.start()
thread.join()
print(slack(os.getpid()) == before)
gos = set(map(int, os.listdir("/proc/self/task"))) - pythons
try:
    print(len(gos) > 1 and {slack(thread) for thread in gos} == {500_000})
except PermissionError:  # another user's threads cannot be inspected
    print(True)
"""
    assert run(script, tmp_path / "s") == "True\n" * 3
