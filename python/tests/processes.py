"""Ports for servers that need one in advance, and waiting until they listen.

This file uses only the standard library: bench/python imports it too.
"""

import contextlib
import random
import socket
import time

FIRST, PAST = 10_000, 30_000


@contextlib.contextmanager
def reserved_port():
    """Reserve a port of 127.0.0.1 on which nothing listens; yields its number.

    The tests in Go reserve ports by the same convention, which ReserveAddress in
    internal/servertest/address.go describes, so that no test takes the port of another.
    """
    for even in random.sample(range(FIRST, PAST, 2), k=(PAST - FIRST) // 2):
        try:
            reservation = socket.create_server(("127.0.0.1", even), backlog=1)
        except OSError:
            continue
        with reservation:
            if not is_free(even + 1):
                continue
            yield even + 1
            return
    raise OSError(f"no port from {FIRST} to {PAST - 1} can be reserved")


def is_free(port):
    """Return whether a server can listen on a port."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def wait_for_listener(process, port):
    """Wait until a process (subprocess.Popen) listens on a port."""
    deadline = time.monotonic() + 60  # at startup the released server writes 256 MiB
    while not listens(port):
        if process.poll() is not None:
            raise ChildProcessError(f"the server exited with code {process.returncode} during startup")
        if time.monotonic() > deadline:
            raise TimeoutError(f"no server listens on port {port}")
        time.sleep(0.01)
    if process.poll() is not None:
        raise ChildProcessError(f"the server exited with code {process.returncode}; another one listens on port {port}")


def listens(port):
    """Return whether a server listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
