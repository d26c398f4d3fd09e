"""Fixtures for tests that use umadb. pytest loads them automatically.

``umadb_client`` is a Client of a store in memory, ``umadb_server`` the URL of a server on a
free port, and ``umadb_remote_client`` a Client of that server. Each test gets its own, with
an empty store, and they are closed after the test.
"""

import contextlib
import json
import subprocess
import sys
import threading

import pytest

from umadb import Client, ServerStartError

__all__ = ["run_server", "umadb_client", "umadb_remote_client", "umadb_server"]


@contextlib.contextmanager
def run_server(path, *args):
    """Run a server in another process until the context exits.

    Args:
        path: the directory of the store (str or os.PathLike).
        args: further command line arguments (str). Without --listen, the server listens on a
            free port of 127.0.0.1.

    Yields:
        The URL of the server (str).

    Raises:
        ServerStartError: if the server does not start; the message is its output.
    """
    listen = () if "--listen" in args else ("--listen", "127.0.0.1:0")
    command = [sys.executable, "-m", "umadb", "serve", "--db-path", str(path), "--log-format", "json", *listen, *args]
    devnull = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=devnull, stdout=devnull, stderr=subprocess.PIPE) as process:
        try:
            address, tls = _read_address(process.stderr)
            # Keep reading the log, so that the server does not block when it writes.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield f"{'https' if tls else 'http'}://{address}"
        finally:
            process.terminate()
            process.wait()


def _read_address(log):
    """Read the log up to the line with the address; return the address and whether it uses TLS."""
    output = []
    for line in log:
        output.append(line.decode())
        with contextlib.suppress(ValueError, KeyError):
            entry = json.loads(line)
            if entry["msg"] == "listening":
                return entry["address"], entry["tls"]
    raise ServerStartError("".join(output))


@pytest.fixture
def umadb_client():
    """A Client of an empty store in memory."""
    with Client("memory:") as client:
        yield client


@pytest.fixture
def umadb_server(tmp_path_factory):
    """The URL of a server with an empty store."""
    with run_server(tmp_path_factory.mktemp("umadb") / "uma.db") as url:
        yield url


@pytest.fixture
def umadb_remote_client(umadb_server):
    """A Client of a server with an empty store."""
    with Client(umadb_server) as client:
        yield client
