"""Tests of forks: a child gets an error for what its parent opened, and can use its own clients."""

import os
import signal
import subprocess
import sys

import pytest
from scripts import run, running

from umadb.pytest_plugin import run_server


@pytest.fixture(params=["embedded", "server"])
def url(request, tmp_path):
    if request.param == "embedded":
        yield f"file:{tmp_path}/s"
    else:
        with run_server(tmp_path / "s") as address:
            yield address


# Runs a function in a child, which must exit within 10 seconds.
IN_CHILD = """
import gc, os, signal, sys, warnings
warnings.simplefilter("ignore")
from umadb import *
import umadb.aio
def in_child(function):
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        try:
            function()
        except Exception:
            import traceback
            traceback.print_exc()
            os._exit(1)
        sys.exit(0)
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
def assert_fork_error(*calls):
    for call in calls:
        try:
            call()
        except RuntimeError as error:
            assert "fork" in str(error), error
        else:
            raise AssertionError(call)
"""


def test_child_cannot_use_the_parents_client(url):
    script = (
        IN_CHILD
        + """
client = Client(sys.argv[1])
client.append([Event("t", b"")] * 3000)
reading, idle, following, health = client.read(), client.read(), client.subscribe(), client.watch_health()
next(reading), next(following), next(health)
reading.head()
def child():
    assert_fork_error(
        lambda: client.append([Event("t", b"")]), lambda: client.get_tracking_info("up"), client.head,
        lambda: next(reading), reading.head, reading.next_batch, reading.collect_with_head,
        lambda: list(idle), idle.head, lambda: next(following), following.next_batch, lambda: next(health),
        client.read, client.subscribe, client.watch_health, client.check_health,
        lambda: client.read(subscribe=True), lambda: Client(sys.argv[1]), lambda: Client("http://127.0.0.1:1"),
        lambda: Client.open(sys.argv[2]), lambda: run_server_from_args(["umadb", "--help"]),
    )
    assert Event("t", b"") == Event("t", b"")
    reading.cancel(), following.cancel(), health.cancel(), cancel_all_stream_responses()
    client.close()
    client.close()
    with client:
        pass
in_child(child)
def child_forgets():
    global client, reading, idle, following, health
    del client, reading, idle, following, health
    gc.collect()
in_child(child_forgets)
in_child(lambda: None)
in_child(lambda: in_child(child_forgets))
assert client.append([Event("t", b"")]) == 3001
assert [s.position for s in reading] == list(range(2, 3001))
assert next(following).position == 2
client.close()
"""
    )
    run(script, url, url + "-other")


def test_child_cannot_use_the_parents_asyncio_client(url):
    script = (
        IN_CHILD
        + """
import asyncio
client = umadb.aio.Client(sys.argv[1])
async def parent():
    await client.append([Event("t", b"")])
asyncio.run(parent())
def child():
    async def main():
        appending = lambda: client.append([Event("t", b"")])
        for call in (client.head, appending, client.read().__anext__, umadb.aio.Client(sys.argv[1]).head):
            try:
                await call()
            except RuntimeError as error:
                assert "fork" in str(error), error
            else:
                raise AssertionError(call)
    asyncio.run(main())
    gc.collect()
in_child(child)
async def after():
    assert await client.head() == 1
    await client.close()
asyncio.run(after())
"""
    )
    run(script, url)


def test_first_client_can_be_created_after_fork(url):
    script = (
        IN_CHILD
        + """
def child():
    with Client(sys.argv[1]) as client:
        position = client.append([Event("t", b"")])
        assert next(client.read(start=position)).position == position
        in_child(lambda: assert_fork_error(client.head))
for _ in range(3):
    in_child(child)
in_child(lambda: in_child(child))
with Client(sys.argv[1]) as client:
    assert client.head() == 4
"""
    )
    run(script, url)


def test_first_asyncio_client_can_be_created_after_fork(url):
    script = (
        IN_CHILD
        + """
import asyncio
def child():
    async def main():
        async with umadb.aio.Client(sys.argv[1]) as client:
            assert await client.append([Event("t", b"")])
    asyncio.run(main())
in_child(child)
in_child(child)
"""
    )
    run(script, url)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("before", [False, True])
def test_multiprocessing(method, before, tmp_path):
    if before and method == "fork":
        pytest.skip("the child gets an error")
    program = tmp_path / "program.py"
    program.write_text(f"""
import multiprocessing, sys
from umadb import Client, Event
def work(url):
    with Client(url) as client:
        return client.append([Event("t", b"")])
if __name__ == "__main__":
    if {before}:
        client = Client(sys.argv[1])
        client.head()
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        assert sorted(pool.map(work, [sys.argv[1]] * 4)) == [1, 2, 3, 4]
        pool.close()
        pool.join()
""")
    with run_server(tmp_path / "s") as url:
        done = subprocess.run([sys.executable, program, url], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def test_subprocesses_do_not_affect_the_client(tmp_path):
    script = """
import subprocess, sys
from umadb import *
client = Client.open(sys.argv[1])
for _ in range(5):
    assert subprocess.run(["true"]).returncode == 0
    subprocess.run(["true"], preexec_fn=lambda: None)
    client.append([Event("t", b"")])
assert client.head() == 5
"""
    run(script, tmp_path / "s")


@pytest.mark.parametrize("call", ["next(following)", "client.append([Event('t', b'')], condition)"])
@pytest.mark.parametrize("end", ["return", "sys.exit(7)"])
def test_signal_handler_may_fork(call, end, tmp_path):
    """The child returns from the handler into the call of its parent."""
    script = f"""
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from stores import slow_query
from umadb import *
client = Client.open(sys.argv[1])
following = client.subscribe(after=10**6)
condition = AppendCondition(slow_query(client))
parent = os.getpid()
child = 0
def handler(signum, frame):
    global child
    child = os.fork()
    if child == 0:
        {end}
    else:
        raise KeyboardInterrupt
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    {call}
except RuntimeError as error:
    os._exit(7 if os.getpid() != parent and "fork" in str(error) else 1)
except SystemExit:
    os._exit(7 if os.getpid() != parent else 1)
except KeyboardInterrupt:
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7, status
"""
    # Python 3.12 and later warn about forks with threads.
    run(script, tmp_path / "s", os.path.dirname(__file__), silent=False)


TRY_TO_OPEN = """
import sys
from umadb import *
try:
    with Client.open(sys.argv[1]) as store:
        print("head", store.head())
except OSError as error:
    print(error)
"""


def test_children_do_not_hold_locks_of_their_parent(tmp_path):
    """A lock belongs to an open file description, which a child inherits."""
    script = """
import os, signal, sys
from umadb import *
kept, closed = Client.open(sys.argv[1]), Client.open(sys.argv[2])
kept.append([Event("t", b"")])
closed.close()
child = os.fork()
if child == 0:
    grandchild = os.fork()
    if grandchild:
        print(os.getpid(), grandchild, flush=True)
    signal.pause()
sys.stdin.readline()
kept.append([Event("t", b"")])
os.kill(os.getpid(), signal.SIGKILL)
"""
    kept, closed = tmp_path / "kept", tmp_path / "closed"
    with running(script, kept, closed) as parent:
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        try:
            assert f"locked by another process (pid {parent.pid})" in run(TRY_TO_OPEN, kept)
            assert run(TRY_TO_OPEN, closed) == "head None\n"
            parent.stdin.write("\n")
            parent.stdin.flush()
            assert parent.wait(10) == -signal.SIGKILL
            assert run(TRY_TO_OPEN, kept) == "head 2\n"
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)
