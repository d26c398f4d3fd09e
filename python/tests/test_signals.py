"""Ctrl-C in blocked calls, and what importing the package leaves alone."""

import os
import signal
import time

import pytest
from proxies import proxy
from scripts import run, started
from stores import black_hole, events

from umadb import Client
from umadb.pytest_plugin import run_server

HERE = os.path.dirname(__file__)

# Prints when it was interrupted. The clock is the same for all processes.
INTERRUPTED = """
import sys, time
from umadb import *
def blocked(call):
    print("blocked", flush=True)
    try:
        call()
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
    else:
        print("returned", flush=True)
"""


def interrupt(process):
    """Send SIGINT when the process is in the blocked call, and check that it heard at once and can end."""
    assert process.stdout.readline() == "blocked\n"
    time.sleep(0.2)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    heard = process.stdout.readline().strip()
    assert heard not in ("", "returned"), process.stderr.read()
    assert float(heard) - sent < 0.2
    assert process.wait(5) == 0, process.stderr.read()
    assert time.monotonic() - sent < 2
    assert process.stderr.read() == ""


def test_connecting():
    with black_hole() as url, started(INTERRUPTED + "blocked(lambda: Client(sys.argv[1]))", url) as process:
        interrupt(process)


CALLS = [
    "client.append([Event('t', b'')])",
    "client.head()",
    "client.get_tracking_info('up')",
    "client.check_health()",
    "next(client.read())",
    "client.read().head()",
    "client.read().next_batch()",
    "client.read().collect_with_head()",
    "next(client.subscribe())",
    "client.subscribe().next_batch()",
    "next(client.watch_health())",
]


@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_falls_silent(call, tmp_path):
    script = (
        INTERRUPTED
        + f"""
client = Client(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
blocked(lambda: {call})
"""
    )
    with run_server(tmp_path / "s") as url, proxy(url) as between, started(script, between.url) as process:
        assert process.stdout.readline() == "ready\n"
        between.silent = True
        process.stdin.write("\n")
        process.stdin.flush()
        interrupt(process)


@pytest.mark.parametrize("stream", ["client.subscribe()", "client.read(subscribe=True)"])
def test_embedded(stream, tmp_path):
    script = (
        INTERRUPTED
        + f"""
client = Client.open(sys.argv[1])
client.append([Event("t", b"")])
stream = {stream}
next(stream)
blocked(lambda: next(stream))
client.append([Event("t", b"")])
assert next(stream).position == 2
"""
    )
    with started(script, tmp_path / "s") as process:
        interrupt(process)


@pytest.mark.parametrize(
    "call",
    [
        "client.append([Event('t', b'')], AppendCondition(search))",
        "next(client.read(search))",
        "client.read(search).head()",
        "client.read(search).next_batch()",
        "client.read(search).collect_with_head()",
    ],
)
def test_an_embedded_store_that_searches_for_long(call, tmp_path):
    script = (
        INTERRUPTED
        + f"""
sys.path.append({HERE!r})
from stores import search_for_long
client = Client.open(sys.argv[1])
search = search_for_long(client)
blocked(lambda: {call})
assert client.head() == 30_000
client.close()
"""
    )
    with started(script, tmp_path / "s") as process:
        interrupt(process)


def test_health_of_an_embedded_store(tmp_path):
    script = INTERRUPTED + "w = Client.open(sys.argv[1]).watch_health(); next(w); blocked(lambda: next(w))"
    with started(script, tmp_path / "s") as process:
        interrupt(process)


def test_asyncio(tmp_path):
    script = (
        INTERRUPTED
        + """
import asyncio, umadb.aio
async def main():
    async with umadb.aio.Client.open(sys.argv[1]) as client:
        async for _ in client.subscribe():
            pass
blocked(lambda: asyncio.run(main()))
"""
    )
    with started(script, tmp_path / "s") as process:
        interrupt(process)


def test_asyncio_connecting():
    script = (
        INTERRUPTED
        + """
import asyncio, umadb.aio
async def main():
    async with umadb.aio.Client(sys.argv[1]):
        pass
blocked(lambda: asyncio.run(main()))
"""
    )
    with black_hole() as url, started(script, url) as process:
        interrupt(process)


def test_a_handler_that_does_not_raise_lets_the_call_go_on(tmp_path):
    script = """
import signal, sys, threading, time
from umadb import *
heard = []
signal.signal(signal.SIGUSR1, lambda *_: heard.append(1))
signal.signal(signal.SIGALRM, lambda *_: heard.append(2))
client = Client.open(sys.argv[1])
threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGUSR1)).start()
signal.setitimer(signal.ITIMER_REAL, 0.3)
threading.Timer(0.6, lambda: client.append([Event("t", b"")])).start()
assert next(client.subscribe()).position == 1
assert sorted(heard) == [1, 2]
"""
    run(script, tmp_path / "s")


def test_an_interrupted_opening_leaves_the_directory(tmp_path):
    with Client.open(tmp_path / "s") as client:
        client.append(events(20))
    script = """
import signal, sys, time
from umadb import *
def handler(*_):
    raise KeyboardInterrupt
Client.open(sys.argv[1]).close()  # imports what it needs: what a handler raises there, Python may ignore
signal.signal(signal.SIGALRM, handler)
for delay in range(1, 40):
    try:
        signal.setitimer(signal.ITIMER_REAL, delay / 10_000)
        client = Client.open(sys.argv[1])
        signal.setitimer(signal.ITIMER_REAL, 0)
        client.close()
    except KeyboardInterrupt:
        client = None
    deadline = time.monotonic() + 5
    while True:
        try:
            Client.open(sys.argv[1]).close()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
"""
    run(script, tmp_path / "s")


def test_importing_starts_nothing(tmp_path):
    script = """
import os, signal, sys, threading
def state():
    caught = [line for line in open("/proc/self/status") if line.startswith(("SigCgt", "SigIgn", "SigBlk"))]
    handlers = [signal.getsignal(s) for s in signal.valid_signals()]
    return len(os.listdir("/proc/self/task")), threading.active_count(), caught, handlers
before = state()
import umadb, umadb.aio, umadb.pytest_plugin
umadb.Event("t", b"", ["a"], metadata={"a": "b"}), umadb.Query([umadb.QueryItem(["t"])])
umadb.cancel_all_stream_responses()
assert state() == before
assert "_golib" not in open("/proc/self/maps").read()
umadb.Client.open(sys.argv[1]).close()
assert "_golib" in open("/proc/self/maps").read()
assert state()[3] == before[3]
"""
    run(script, tmp_path / "s")


def test_sigterm_still_ends_the_process(tmp_path):
    script = """
import os, signal, sys, umadb
client = umadb.Client.open(sys.argv[1])
os.kill(os.getpid(), signal.SIGTERM)
client.head()
"""
    run(script, tmp_path / "s", status=-signal.SIGTERM)
