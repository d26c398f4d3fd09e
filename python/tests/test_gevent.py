"""Tests with gevent, which replaces threads with greenlets."""

import contextlib
import signal
import subprocess
import time

import pytest
from environments import package_environment, python_with
from proxies import proxy

from umadb.pytest_plugin import run_server

pytestmark = pytest.mark.tools

BEGIN = """
from gevent import monkey
monkey.patch_all()
import gevent, sys, time
from umadb import Client, Event
client = Client(sys.argv[1])
"""

# A call in a greenlet blocks all others, but can be interrupted.
INTERRUPTED = """
def work():
    print("blocked", flush=True)
    CALL
try:
    gevent.spawn(work).get()
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
"""

# In a thread of gevent's pool, it blocks none. This is the advice of python/README.md.
IN_A_THREAD = """
ticks = 0
def tick():
    global ticks
    while True:
        gevent.sleep(0.01)
        ticks += 1
ticking = gevent.spawn(tick)
subscription = client.subscribe()
following = gevent.spawn(gevent.get_hub().threadpool.apply, next, (subscription,))
gevent.sleep(0.5)
client.append([Event("A", b"")])
print(following.get(timeout=10).position, ticks > 10)
"""


@contextlib.contextmanager
def program(text, url):
    python = python_with("gevent", ["gevent==26.9.0"])
    with subprocess.Popen(
        [python, "-c", BEGIN + text, url],
        env=package_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("call", ["next(client.subscribe())", "time.sleep(0.3); client.head()"])
def test_signals_interrupt_calls(call, tmp_path):
    with run_server(tmp_path / "s") as url, proxy(url) as relay:
        with program(INTERRUPTED.replace("CALL", call), relay.url) as process:
            assert process.stdout.readline() == "blocked\n"
            relay.silent = True
            time.sleep(0.8)
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            received = process.stdout.readline().strip()
            assert received, process.stderr.read()
            assert float(received) - sent < 0.2


def test_pool_thread_waits_for_events(tmp_path):
    with program(IN_A_THREAD, f"file:{tmp_path / 'uma.db'}") as process:
        out, err = process.communicate(timeout=30)
    assert (out, err) == ("1 True\n", "")
