"""Fixtures for those who test with umadb. pytest finds them by itself.

``umadb_client`` is a Client of an embedded store of the test's own, ``umadb_server`` the
URL of a server of its own on a free port, and ``umadb_remote_client`` a Client of that
server. All are empty at first and gone after the test.
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
    """Run a server over a directory in a process of its own, and give its URL.

    Args:
        path: the directory (str or os.PathLike).
        args: more of the command line (str). Without --listen, the port is a free one.

    Raises:
        ServerStartError: with what the server said, if it does not start.
    """
    listen = () if "--listen" in args else ("--listen", "127.0.0.1:0")
    command = [sys.executable, "-m", "umadb", "serve", "--db-path", str(path), "--log-format", "json", *listen, *args]
    silent = subprocess.DEVNULL  # the log has the address
    with subprocess.Popen(command, stdin=silent, stdout=silent, stderr=subprocess.PIPE) as process:
        try:
            address, tls = _listening(process.stderr)
            # The log is read on, so that the server can go on writing it.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield f"{'https' if tls else 'http'}://{address}"
        finally:
            process.terminate()
            process.wait()


def _listening(log):
    """Read the log up to the line that tells the address, and give that and whether it has TLS."""
    said = []
    for line in log:
        said.append(line.decode())
        with contextlib.suppress(ValueError, KeyError):
            entry = json.loads(line)
            if entry["msg"] == "listening":
                return entry["address"], entry["tls"]
    raise ServerStartError("".join(said))


@pytest.fixture
def umadb_client(tmp_path):
    """A Client of an empty embedded store."""
    with Client.open(tmp_path / "uma.db") as client:
        yield client


@pytest.fixture
def umadb_server(tmp_path_factory):
    """The URL of a server that has an empty store."""
    with run_server(tmp_path_factory.mktemp("umadb") / "uma.db") as url:
        yield url


@pytest.fixture
def umadb_remote_client(umadb_server):
    """A Client of a server that has an empty store."""
    with Client(umadb_server) as client:
        yield client
