"""The client, over what is compiled."""

from __future__ import annotations

import enum
import operator
import os
import sys
import uuid

from umadb import _native
from umadb._native import AppendCondition, Event, Query, ReadResponse, Subscription, TrackingInfo

# Beside this file; loaded by the first Client.
_native.set_library(os.path.join(os.path.dirname(__file__), "_golib.so"))

# Numbers of calls with one answer, as in binding.h.
HEAD, TRACKING, CHECK_HEALTH = 2, 3, 4


class ServingStatus(enum.Enum):
    """What a server says of its health, numbered as on the wire."""

    UNKNOWN = 0
    """The status is not known."""
    SERVING = 1
    """The server is ready for requests."""
    NOT_SERVING = 2
    """The server is not ready for requests: it is stopping, or its disk has failed."""
    SERVICE_UNKNOWN = 3
    """There is no service of the name that was asked for."""


def status_of(message):
    """Read the status from the bytes of a HealthCheckResponse."""
    return ServingStatus(message[1] if len(message) == 2 else 0)


class HealthWatch:
    """The result of Client.watch_health: an iterator over ServingStatus that waits for changes.

    For one thread at a time.
    """

    def __init__(self, stream):
        self._stream = stream

    def __iter__(self):
        return self

    def __next__(self):
        message = self._stream._next_message()
        if message is None:
            raise StopIteration
        return status_of(message)

    def cancel(self):
        """End the watch. Whoever waits for it, or asks it later, gets CancelledByUserError.

        May be called from any thread.
        """
        self._stream.cancel()


def connection_arguments(url, ca_path, api_key, batch_size, uuid_type):
    """Check what a Client is made with, and give it as a connection takes it."""
    for name, value in (("url", url), ("ca_path", ca_path), ("api_key", api_key)):
        if isinstance(value, os.PathLike) and name == "ca_path":
            continue
        if not isinstance(value, str) and (name == "url" or value is not None):
            raise TypeError(f"{name} must be str, not {type(value)!r}")
    if batch_size is not None:
        if not hasattr(batch_size, "__index__"):
            raise TypeError(f"batch_size must be an int, not {type(batch_size)!r}")
        batch_size = operator.index(batch_size)
        if not 0 <= batch_size < 2**32:
            raise ValueError("batch_size must be from 0 to 2**32 - 1")
    store, option, named = url.rpartition("?uuid_type=")
    as_objects = wants_uuid_objects(uuid_type, named if option else None)
    return store if option else url, os.fspath(ca_path) if ca_path else "", api_key or "", batch_size or 0, as_objects


def wants_uuid_objects(uuid_type, named):
    """Report whether events that are read have their UUIDs as uuid.UUID.

    The argument decides, or else the URL, which may name a type, or else the environment.
    """
    if uuid_type is None:
        place = "the environment variable UMADB_UUID_TYPE" if named is None else "uuid_type in the URL"
        name = os.environ.get("UMADB_UUID_TYPE", "str") if named is None else named
        if name not in ("str", "UUID"):
            raise ValueError(f"{place} is {name!r}: it must be str or UUID")
        return name == "UUID"
    if uuid_type not in (str, uuid.UUID):
        raise ValueError(f"uuid_type must be str or uuid.UUID, not {uuid_type!r}")
    return uuid_type is uuid.UUID


def refuse_backwards(backwards):
    """Raise an exception if a read that subscribes is to go backwards."""
    if backwards:
        raise ValueError("invalid argument: a read that subscribes cannot go backwards")


def file_url(path):
    """Give the URL of a directory."""
    path = os.fspath(path)
    if not isinstance(path, str):
        raise TypeError(f"path must be str or os.PathLike of str, not {type(path)!r}")
    return f"file://{path}" if path.startswith("//") else f"file:{path}"


class Client:
    """A connection to an event store.

    It may be used from many threads at a time, and ends with close() or a with block.

    Args:
        url: http://host:port or grpc://... for a server without TLS, https://... or
            grpcs://... for one with it, file:PATH for a directory that is opened in this
            process (relative to the working directory, or file:/absolute/path). With
            ?uuid_type=UUID at its end, it sets uuid_type, for programs that are given a URL.
        ca_path: PEM file of the certificates that may have signed the server's; None for
            those of the system.
        api_key: the key that the server asks for. It is only sent with TLS.
        batch_size: the greatest number of events that come together when reading; None for
            the server's default. Servers have a maximum too.
        uuid_type: str or uuid.UUID, what events that are read have as their uuid. The default
            is that of the URL, or of the environment variable UMADB_UUID_TYPE (str or UUID), or str.

    Raises:
        TransportError: if there is no connection within 5 seconds.
        ValueError: if an argument cannot be used.
        OSError: if a file cannot be used, or the directory is open already, here or elsewhere.
        CorruptionError: if the directory holds damaged data.

    A missing or wrong api_key shows at the first call that needs one, as
    AuthenticationError.
    """

    def __init__(
        self,
        url: str,
        ca_path: str | None = None,
        api_key: str | None = None,
        batch_size: int | None = None,
        *,
        uuid_type: type[str] | type[uuid.UUID] | None = None,
    ):
        self._url = url
        self._connection = _native.connect(*connection_arguments(url, ca_path, api_key, batch_size, uuid_type))

    @classmethod
    def open(cls, path, *, batch_size=None, uuid_type=None):
        """Open the event store in a directory in this process; it is made if there is none.

        Args:
            path: the directory (str or os.PathLike).
            batch_size: as for Client.
            uuid_type: as for Client.

        Raises: as Client.
        """
        return cls(file_url(path), batch_size=batch_size, uuid_type=uuid_type)

    def append(
        self,
        events: list[Event],
        condition: AppendCondition | None = None,
        tracking_info: TrackingInfo | None = None,
        *,
        timeout: float | None = None,
    ) -> int:
        """Append all events, in order, or none of them. They are durable when it returns.

        Args:
            events: sequence of Event.
            condition: makes the append fail if an event matches it (AppendCondition).
            tracking_info: an upstream position to record together with the events
                (TrackingInfo).
            timeout: how long it may take, in seconds (float); None for no limit.

        Returns:
            The position of the last event (int); 0 if there are no events. A conditional append
            of events with UUIDs that was made before is recognised, and gives its position again.

        Raises:
            IntegrityError: if the condition fails, or the tracking position is not greater than
                the recorded one.
            ValueError: if an event or query breaks a rule or a limit.
            TransportError: if there is no connection; unless its attribute appended is False,
                the events may then have been appended.
            TimeoutExpired: if the timeout is over. It is a TransportError.
            OSError: if the disk failed or is full.
        """
        return self._connection.append(events, condition, tracking_info, timeout)

    def read(
        self,
        query: Query | None = None,
        start: int | None = None,
        backwards: bool = False,
        limit: int | None = None,
        subscribe: bool = False,
        *,
        timeout: float | None = None,
    ) -> ReadResponse:
        """Read the events that match a query, as of the moment that the first is asked for.

        Args:
            query: selects events (Query); None for all.
            start: the first position to read, inclusive in both directions (int); None for the
                first event, or the last if backwards.
            backwards: read from higher positions to lower ones.
            limit: the greatest number of events (int); None for no limit.
            subscribe: go on with the events to come. Client.subscribe does it better.
            timeout: how long the whole read may take from its beginning, in seconds (float), or
                with subscribe, the wait for each event; None for no limit.

        Returns:
            ReadResponse: an iterator over SequencedEvent, with head(). Iterating it raises what
            is wrong with the read, as append does.
        """
        if subscribe:
            refuse_backwards(backwards)
            return self._connection.subscribe(query, start, limit, True, True, timeout)
        return self._connection.read(query, start, backwards, limit, timeout)

    def subscribe(
        self,
        query: Query | None = None,
        after: int | None = None,
        *,
        resume: bool = True,
        timeout: float | None = None,
    ) -> Subscription:
        """Follow the events that match a query: those stored, then those to come.

        Args:
            query: selects events (Query); None for all.
            after: only events above this position (int); None for all.
            resume: when the server stops or the connection breaks, resume after the last event,
                and raise TransportError only if that cannot be done for a minute. Without it,
                the subscription ends when the server stops, as a list does.
            timeout: how long to wait for each event, in seconds (float), before TimeoutExpired
                is raised, after which the subscription may be used on; None for no limit.

        Returns:
            Subscription: an iterator over SequencedEvent, without gap or duplicate.
        """
        return self._connection.subscribe(query, after, None, False, resume, timeout)

    def head(self, *, timeout: float | None = None) -> int | None:
        """Return the position of the last event (int), or None if there is none.

        Args:
            timeout: how long it may take, in seconds (float); None for no limit.
        """
        return self._connection.call(HEAD, "", timeout)

    def get_tracking_info(self, source: str, *, timeout: float | None = None) -> int | None:
        """Return the last recorded position of an upstream source (int), or None if there is none.

        Args:
            source: the name of the upstream sequence (str).
            timeout: how long it may take, in seconds (float); None for no limit.
        """
        return self._connection.call(TRACKING, source, timeout)

    def check_health(self, service: str = "", *, timeout: float | None = None) -> ServingStatus:
        """Ask the server for its health.

        Args:
            service: the name of a service; empty for the server as a whole.
            timeout: how long it may take, in seconds (float); None for no limit.
        """
        return ServingStatus(self._connection.call(CHECK_HEALTH, service, timeout))

    def watch_health(self, service: str = "", *, timeout: float | None = None) -> HealthWatch:
        """Follow the server's health: the status now, and each change.

        Args:
            service: the name of a service; empty for the server as a whole.
            timeout: how long to wait for each status, in seconds (float), before TimeoutExpired
                is raised, after which the watch may be used on; None for no limit.
        """
        return HealthWatch(self._connection.watch_health(service, timeout))

    def close(self) -> None:
        """End what is under way and close the connection, or the directory. It may be called again.

        Streams raise CancelledByUserError from then on, other calls RuntimeError. An append that
        a server has not answered raises TransportError: it may have happened.
        """
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        self.close()

    def __repr__(self):
        return f"Client({self._url!r})"


def run(words):
    """Run the command line of umadb, and give its exit code."""
    return _native.main(tuple(map(os.fsencode, words)))


def run_server_from_args(args):
    """Run the command line of umadb in this process until it ends, or a signal ends it.

    Args:
        args: the words of the command line, the first of which is the program's name (sequence
            of str): ["umadb", "--listen", "127.0.0.1:50051", "--db-path", "./uma.db"].

    Raises:
        ServerStartError: if it fails. What is wrong stands on standard error.
    """
    if isinstance(args, str):
        raise TypeError("args must be a sequence of str, not a str")
    code = run(args[1:])
    if code != 0:
        raise _native.ServerStartError(f"umadb ended with exit code {code}; what is wrong stands on standard error")


def main():
    """Run the command line of umadb as a program."""
    sys.exit(run(sys.argv[1:]))
