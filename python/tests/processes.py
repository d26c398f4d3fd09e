"""Ports for servers that need one in advance, and waiting until they have started.

This file uses only the standard library: bench/python imports it too.
"""

import contextlib
import random
import socket
import threading

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


STARTED = "UmaDB started"  # what a server, also the released one, prints when clients can connect


def wait_until_started(process):
    """Wait until a server (subprocess.Popen) prints to its standard output, a pipe, that clients can connect.

    A connection would not prove that: before it opens the store, our server opens the port
    for a moment, to find out whether it can.
    """
    timer = threading.Timer(60, process.kill)  # at startup the released server writes 256 MiB
    timer.start()
    try:
        for line in process.stdout:
            if STARTED.encode() in line:
                return
        raise ChildProcessError(f"the server exited with code {process.wait()} during startup")
    finally:
        timer.cancel()
