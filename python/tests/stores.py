"""Stores of each kind, and events and queries, for the tests."""

import contextlib
import os
import socket
import subprocess

from processes import reserved_port, wait_until_started

from umadb import Client, Event, Query, QueryItem
from umadb.pytest_plugin import run_server

KINDS = ("embedded", "memory", "server", "rust")


class Store:
    """A store that Clients can connect to.

    An embedded store allows one Client at a time. Each Client of memory has a store of its own.
    """

    def __init__(self, kind, url):
        self.kind = kind
        self.url = url

    def connect(self, **options):
        return Client(self.url, **options)


@contextlib.contextmanager
def open_store(kind, path):
    """Open an empty store of a kind in a directory."""
    if kind == "embedded":
        yield Store(kind, f"file:{path / 'uma.db'}")
    elif kind == "memory":
        yield Store(kind, "memory:")
    else:
        run = run_server if kind == "server" else run_rust_server
        with run(path / "uma.db") as url:
            yield Store(kind, url)


@contextlib.contextmanager
def run_rust_server(path, *args):
    """Run the released server with a directory; yields its URL."""
    path.mkdir(exist_ok=True)
    program = os.environ["UMADB_TEST_RUST_SERVER"]
    # The program is a Python script that imports another package named umadb.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    devnull = subprocess.DEVNULL
    with reserved_port() as port:
        command = [program, "--listen", f"127.0.0.1:{port}", "--db-path", str(path), *args]
        process = subprocess.Popen(command, stdin=devnull, stdout=subprocess.PIPE, stderr=devnull, env=environment)
        try:
            wait_until_started(process)
            yield f"http://127.0.0.1:{port}"
        finally:
            # SIGTERM would wait for open streams.
            process.kill()
            process.wait()
            process.stdout.close()


@contextlib.contextmanager
def silent_server():
    """Accept connections and never answer; yields the URL."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def events(count, *tags, type="Enrolled"):
    """Return a list of count events with the tags."""
    return [Event(type, str(n).encode(), tags) for n in range(count)]


def tagged(*tags):
    """Return the query for events with the tags."""
    return Query([QueryItem(tags=tags)])


def positions(sequenced):
    """Return the positions of stored events."""
    return [s.position for s in sequenced]


def slow_query(client):
    """Append events, and return a query that takes minutes and matches none of them."""
    for _ in range(30):
        client.append([event for _ in range(500) for event in events(1, "even") + events(1, "odd")])
    return Query([QueryItem(tags=["even", "odd"])] * 30_000)
