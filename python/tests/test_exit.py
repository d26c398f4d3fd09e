"""Tests that the interpreter exits at once and without errors, whatever is open."""

import time

import pytest
from scripts import run

from umadb import Client, run_server_from_args
from umadb.pytest_plugin import run_server

PROLOGUE = """
import sys, threading, time
from umadb import *
client = Client(sys.argv[1])
client.append([Event("t", b"")] * 3000)
def run_blocked(call):
    threading.Thread(target=call, daemon=True).start()
"""

ENDINGS = {
    "open": "",
    "streams": """
r, s, w = client.read(), client.subscribe(), client.watch_health()
next(r), next(s), next(w)
""",
    "unused streams": "r, s, w = client.read(), client.subscribe(), client.watch_health()",
    "daemon thread in a subscription": """
s = client.subscribe(after=3000)
run_blocked(lambda: next(s))
time.sleep(0.1)
""",
    "daemon threads busy": """
def work():
    while True:
        client.append([Event("t", b"")])
        list(client.read())
for _ in range(4):
    run_blocked(work)
time.sleep(0.2)
""",
    "daemon threads in subscriptions that get events": """
for _ in range(4):
    run_blocked(lambda: list(client.subscribe()))
def work():
    while True:
        client.append([Event("t", b"")])
run_blocked(work)
time.sleep(0.2)
""",
    "a cycle": """
class A:
    pass
a = A()
a.a, a.client, a.s = a, client, client.subscribe()
next(a.s)
del client
""",
    "in a global of another module": """
import json
json.client, json.s = client, client.subscribe()
next(json.s)
""",
    "atexit": """
import atexit
s = client.subscribe()
next(s)
atexit.register(client.close)
atexit.register(s.cancel)
""",
    "after atexit": """
class A:
    def __del__(self):
        client.close()
a, s = A(), client.subscribe()
next(s)
""",
    "sys.exit": """
s = client.subscribe()
next(s)
sys.exit(0)
""",
    "a thread that ends later": """
def work():
    time.sleep(0.2)
    client.append([Event("t", b"")])
threading.Thread(target=work).start()
""",
    "asyncio": """
import asyncio, umadb.aio
async def main():
    other = umadb.aio.Client(sys.argv[1] if "http" in sys.argv[1] else sys.argv[1] + "2")
    await other.append([Event("t", b"")])
    global s
    s = other.subscribe()
    await anext(s)
    asyncio.create_task(anext(s))
asyncio.run(main())
""",
}


@pytest.mark.parametrize("kind", ["embedded", "server"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_interpreter_exits(kind, ending, tmp_path):
    def check(url):
        start = time.monotonic()
        run(PROLOGUE + ENDINGS[ending], url)
        assert time.monotonic() - start < 5

    if kind == "embedded":
        check(f"file:{tmp_path}/s")
    else:
        with run_server(tmp_path / "s") as url:
            check(url)


def test_events_are_durable_without_close(tmp_path):
    run(PROLOGUE + "import os; os._exit(0)", f"file:{tmp_path}/s")
    with Client.open(tmp_path / "s") as client:
        assert client.head() == 3000


def test_interpreter_exits_after_exception(tmp_path):
    script = PROLOGUE + "s = client.subscribe(after=3000); run_blocked(lambda: next(s)); raise SystemExit(3)"
    run(script, f"file:{tmp_path}/s", status=3)


@pytest.mark.parametrize(("word", "error"), [(1, TypeError), (None, TypeError), ("a\0b", ValueError)])
def test_invalid_command_line_arguments(word, error):
    with pytest.raises(error, match="not int|not NoneType|embedded null"):
        run_server_from_args(["umadb", word])


def test_server_in_this_process(tmp_path):
    script = """
import os, signal, sys, threading, time
from umadb import *
arguments = ["umadb", "--listen", "127.0.0.1:0", "--db-path", sys.argv[1]]
threading.Timer(0.5, lambda: os.kill(os.getpid(), getattr(signal, sys.argv[2]))).start()
run_server_from_args(arguments)
print("ended")
try:
    run_server_from_args(["umadb", "--listen", "nonsense", "--db-path", sys.argv[1]])
except ServerStartError as error:
    print(error)
"""
    for name in ("SIGINT", "SIGTERM"):
        out = run(script, tmp_path / "s", name, silent=False)
        assert out.startswith("UmaDB started\nended\numadb exited with code ")
