"""Tests of signals: Ctrl-C in blocked calls, and handlers that the package must not install."""

import os
import signal
import time

import pytest
from proxies import proxy
from scripts import run, running
from stores import events, silent_server

from umadb import Client
from umadb.pytest_plugin import run_server

HERE = os.path.dirname(__file__)

# Prints the time of the interrupt. The clock is the same for all processes.
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
    """Send SIGINT to a process in a blocked call, and check that the call ends and the process exits."""
    assert process.stdout.readline() == "blocked\n"
    time.sleep(0.2)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    received = process.stdout.readline().strip()
    assert received not in ("", "returned"), process.stderr.read()
    assert float(received) - sent < 0.2
    assert process.wait(5) == 0, process.stderr.read()
    assert time.monotonic() - sent < 2
    assert process.stderr.read() == ""


def test_connecting():
    with silent_server() as url, running(INTERRUPTED + "blocked(lambda: Client(sys.argv[1]))", url) as process:
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
def test_silent_server(call, tmp_path):
    script = (
        INTERRUPTED
        + f"""
client = Client(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
blocked(lambda: {call})
"""
    )
    with run_server(tmp_path / "s") as url, proxy(url) as relay, running(script, relay.url) as process:
        assert process.stdout.readline() == "ready\n"
        relay.silent = True
        process.stdin.write("\n")
        process.stdin.flush()
        interrupt(process)


@pytest.mark.parametrize("stream", ["client.subscribe()", "client.read(subscribe=True)"])
def test_embedded_store(stream, tmp_path):
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
    with running(script, tmp_path / "s") as process:
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
def test_slow_query_of_embedded_store(call, tmp_path):
    script = (
        INTERRUPTED
        + f"""
sys.path.append({HERE!r})
from stores import slow_query
client = Client.open(sys.argv[1])
search = slow_query(client)
blocked(lambda: {call})
assert client.head() == 30_000
client.close()
"""
    )
    with running(script, tmp_path / "s") as process:
        interrupt(process)


def test_health_watch_of_embedded_store(tmp_path):
    script = INTERRUPTED + "w = Client.open(sys.argv[1]).watch_health(); next(w); blocked(lambda: next(w))"
    with running(script, tmp_path / "s") as process:
        interrupt(process)


def test_asyncio_call(tmp_path):
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
    with running(script, tmp_path / "s") as process:
        interrupt(process)


def test_connecting_with_asyncio():
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
    with silent_server() as url, running(script, url) as process:
        interrupt(process)


def test_call_continues_if_handler_does_not_raise(tmp_path):
    script = """
import signal, sys, threading, time
from umadb import *
received = []
signal.signal(signal.SIGUSR1, lambda *_: received.append(1))
signal.signal(signal.SIGALRM, lambda *_: received.append(2))
client = Client.open(sys.argv[1])
threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGUSR1)).start()
signal.setitimer(signal.ITIMER_REAL, 0.3)
threading.Timer(0.6, lambda: client.append([Event("t", b"")])).start()
assert next(client.subscribe()).position == 1
assert sorted(received) == [1, 2]
"""
    run(script, tmp_path / "s")


def test_interrupted_open_releases_the_directory(tmp_path):
    with Client.open(tmp_path / "s") as client:
        client.append(events(20))
    script = """
import signal, sys, time
from umadb import *
def handler(*_):
    raise KeyboardInterrupt
Client.open(sys.argv[1]).close()  # imports modules: Python may ignore exceptions of a handler during imports
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


def test_import_starts_no_threads_and_no_handlers(tmp_path):
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


def test_sigterm_terminates_the_process(tmp_path):
    script = """
import os, signal, sys, umadb
client = umadb.Client.open(sys.argv[1])
os.kill(os.getpid(), signal.SIGTERM)
client.head()
"""
    run(script, tmp_path / "s", status=-signal.SIGTERM)
