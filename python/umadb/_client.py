"""The client, on top of the extension module."""

from __future__ import annotations

import datetime
import enum
import operator
import os
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import NamedTuple

from umadb import _native
from umadb._native import AppendCondition, Event, Query, ReadResponse, Subscription, TrackingInfo
from umadb._terms import TAG, TYPE, TermCounts, Terms, count_request, counts_of, list_request, parse

# In the same directory; loaded by the first Client.
_native.set_library(os.path.join(os.path.dirname(__file__), "_golib.so"))

# Methods of calls, as in binding.h.
HEAD, TRACKING, CHECK_HEALTH, POSITION_AT = 2, 3, 4, 7

# The bound after all positions.
LAST_BOUND = 2**64 - 1


class SubscriptionProgress(NamedTuple):
    """How far a subscription is."""

    checked: int
    """The position up to which all matching events have been handled: the next event has been requested
    after each of them. A program may store it, and subscribe after it later, also if no event has this
    position and matches. It never decreases."""
    head: int
    """The position of the last event of the store at that moment, 0 if there is none. It never decreases."""

    @property
    def caught_up(self):
        """Whether all events of the store have been checked (bool)."""
        return self.checked >= self.head


_native.set_progress_type(SubscriptionProgress)


class ServingStatus(enum.Enum):
    """The health of a server, with the values of the wire protocol."""

    UNKNOWN = 0
    """The status is not known."""
    SERVING = 1
    """The server is ready for requests."""
    NOT_SERVING = 2
    """The server is not ready for requests: it is stopping, or its disk has failed."""
    SERVICE_UNKNOWN = 3
    """The server has no service with the requested name."""


def parse_status(message):
    """Return the ServingStatus in the bytes of a HealthCheckResponse."""
    return ServingStatus(message[1] if len(message) == 2 else 0)


class HealthWatch:
    """The result of Client.watch_health: an iterator over ServingStatus that waits for changes.

    Must be used by one thread at a time.
    """

    def __init__(self, stream):
        self._stream = stream

    def __iter__(self):
        return self

    def __next__(self):
        message = self._stream._next_message()
        if message is None:
            raise StopIteration
        return parse_status(message)

    def cancel(self):
        """Cancel the watch: waiting and later calls raise CancelledByUserError.

        May be called from any thread.
        """
        self._stream.cancel()


def connection_arguments(url, certificates, api_key, batch_size, uuid_type):
    """Check the arguments of a Client and return those of _native.connect as a tuple.

    certificates are its arguments ca_path, client_cert and client_key.
    """
    paths = dict(zip(("ca_path", "client_cert", "client_key"), certificates, strict=True))
    for name, value in {"url": url, "api_key": api_key, **paths}.items():
        if isinstance(value, os.PathLike) and name in paths:
            continue
        if not isinstance(value, str) and (name == "url" or value is not None):
            raise TypeError(f"{name} must be str, not {type(value)!r}")
    ca_path, client_cert, client_key = (os.fspath(path) if path else "" for path in certificates)
    if bool(client_cert) != bool(client_key):
        raise ValueError("client_cert and client_key must both be given, or neither of them")
    if batch_size is not None:
        if not hasattr(batch_size, "__index__"):
            raise TypeError(f"batch_size must be an int, not {type(batch_size)!r}")
        batch_size = operator.index(batch_size)
        if not 0 <= batch_size < 2**32:
            raise ValueError("batch_size must be from 0 to 2**32 - 1")
    url, options = split_options(url)
    as_objects = wants_uuid_objects(uuid_type, options.get("uuid_type"))
    mode = options.get("mode")
    if mode is not None:
        if mode != "ro" or not url.startswith("file:"):
            raise ValueError(f"mode is {mode!r} in the URL: it must be ro, for a directory (file:PATH?mode=ro)")
        url += "?mode=ro"
    return url, ca_path, api_key or "", client_cert, client_key, batch_size or 0, as_objects


def split_options(url):
    """Return a URL without the options of this package at its end, and these as a dict."""
    base, mark, query = url.rpartition("?")
    options = dict(option.partition("=")[::2] for option in query.split("&"))
    if mark and options.keys() <= {"mode", "uuid_type"}:
        return base, options
    return url, {}


def wants_uuid_objects(uuid_type, url_type):
    """Report whether the uuid of an event that is read is a uuid.UUID.

    The argument uuid_type takes precedence over the type in the URL, which takes precedence
    over the environment.
    """
    if uuid_type is None:
        source = "the environment variable UMADB_UUID_TYPE" if url_type is None else "uuid_type in the URL"
        name = os.environ.get("UMADB_UUID_TYPE", "str") if url_type is None else url_type
        if name not in ("str", "UUID"):
            raise ValueError(f"{source} is {name!r}: it must be str or UUID")
        return name == "UUID"
    if uuid_type not in (str, uuid.UUID):
        raise ValueError(f"uuid_type must be str or uuid.UUID, not {uuid_type!r}")
    return uuid_type is uuid.UUID


def reject_backwards(backwards):
    """Raise ValueError for a read that subscribes and is backwards."""
    if backwards:
        raise ValueError("invalid argument: a read that subscribes cannot go backwards")


def check_callbacks(on_progress, on_caught_up):
    """Raise TypeError unless the arguments of subscribe are callable or None."""
    for name, value in {"on_progress": on_progress, "on_caught_up": on_caught_up}.items():
        if value is not None and not callable(value):
            raise TypeError(f"{name} must be callable or None, not {type(value)!r}")


def last_nanosecond(t):
    """Return the last nanosecond of the microsecond of a time, since 1970, as a str.

    Times of events are rounded down to microseconds, so this is the time up to which they are
    not after t.
    """
    return str(min(max(_native.microseconds(t) * 1000 + 999, -(2**63)), 2**63 - 1))


def counts_of_answer(answer):
    """Return the numbers in an answer to Connection.count, as a list."""
    return memoryview(answer).cast("Q").tolist()


def file_url(path):
    """Return the URL of a directory."""
    path = os.fspath(path)
    if not isinstance(path, str):
        raise TypeError(f"path must be str or os.PathLike of str, not {type(path)!r}")
    return f"file://{path}" if path.startswith("//") else f"file:{path}"


class Client:
    """A connection to an event store.

    It can be used by many threads at a time. Close it with close() or a with block.

    Args:
        url: http://host:port for a server without TLS, https://host:port for a server with
            TLS (or grpc and umadb, grpcs and umadbs), http://host:port,host:port for several servers
            with the same events, of which one must be reachable, file:PATH for a directory to open in this
            process (relative to the working directory, or file:/absolute/path),
            file:PATH?mode=ro to read a directory that another process may have open, or memory: for
            an empty store in memory, which this client alone has, and which is lost when it is
            closed. The suffix ?uuid_type=UUID sets uuid_type, for programs that are configured
            with a URL (after ?mode=ro it is &uuid_type=UUID).
        ca_path: PEM file with the authorities that are trusted to sign the server's
            certificate; None for those of the system.
        api_key: the key that the server requires. It is only sent with TLS.
        batch_size: the maximum number of events in one message when reading; None for the
            server's default. Servers have a maximum too.
        uuid_type: the type of the uuid of events that are read, str or uuid.UUID. The default
            is the type in the URL, or in the environment variable UMADB_UUID_TYPE (str or
            UUID), or str.
        client_cert: PEM file with the certificate of this client, followed by the intermediate
            ones, for a server that requires one. All certificates are read again for each
            connection, so that they can be replaced.
        client_key: PEM file with the private key of client_cert.

    Raises:
        TransportError: if the client cannot connect within 5 seconds.
        ValueError: if an argument is invalid.
        OSError: if a file cannot be read, or another client, in this process or another, has
            the directory open.
        CorruptionError: if the directory contains corrupt data.

    A missing or wrong api_key is not detected here: the first call that requires a key
    raises AuthenticationError.
    """

    def __init__(
        self,
        url: str,
        ca_path: str | None = None,
        api_key: str | None = None,
        batch_size: int | None = None,
        *,
        uuid_type: type[str] | type[uuid.UUID] | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
    ):
        self._url = url
        certificates = (ca_path, client_cert, client_key)
        self._connection = _native.connect(*connection_arguments(url, certificates, api_key, batch_size, uuid_type))

    @classmethod
    def open(cls, path, *, batch_size=None, uuid_type=None):
        """Open the event store in a directory, which is created if it does not exist.

        Args:
            path: the directory (str or os.PathLike).
            batch_size: as for Client.
            uuid_type: as for Client.

        Returns:
            Client: a client of the store, which is embedded in this process.

        Raises:
            ValueError, OSError, CorruptionError: as for Client.
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
            events: the events (sequence of Event).
            condition: makes the append fail if an event matches it (AppendCondition).
            tracking_info: an upstream position to record together with the events
                (TrackingInfo).
            timeout: the maximum duration in seconds (float); None for no limit.

        Returns:
            The position of the last event (int); 0 if there are no events. A conditional append
            of events with UUIDs can be retried: if it was made before, its position is returned.

        Raises:
            IntegrityError: if the condition fails, or the tracking position is not greater than
                the recorded one.
            ValueError: if an event or query is invalid or exceeds a limit.
            TransportError: if the connection fails. The events may have been appended, unless
                its attribute appended is False.
            TimeoutExpired: if the append takes longer than timeout. It is a TransportError.
            OSError: if the disk has failed or is full.
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
        """Read the events that match a query, in a snapshot taken when the first is requested.

        Args:
            query: selects events (Query); None for all.
            start: the first position to read, inclusive in both directions (int); None for the
                first event, or the last if backwards.
            backwards: read from higher positions to lower ones.
            limit: the maximum number of events (int); None for no limit.
            subscribe: continue with new events. Prefer Client.subscribe.
            timeout: the maximum duration of the whole read in seconds (float) or, with
                subscribe, of the wait for each event; None for no limit.

        Returns:
            ReadResponse: an iterator over SequencedEvent, with head(). Errors of the read are
            raised by its methods.
        """
        if subscribe:
            reject_backwards(backwards)
            return self._connection.subscribe(query, start, limit, True, True, timeout)
        return self._connection.read(query, start, backwards, limit, timeout)

    def subscribe(
        self,
        query: Query | None = None,
        after: int | None = None,
        *,
        resume: bool = True,
        timeout: float | None = None,
        on_progress: Callable[[SubscriptionProgress], object] | None = None,
        on_caught_up: Callable[[], object] | None = None,
    ) -> Subscription:
        """Subscribe to the events that match a query: the stored ones, then new ones.

        The functions are called while the subscription waits for the next event, by the thread that
        requests it. Their exceptions are raised there, and then the subscription can still be used.
        With a server that does not report progress they are not called.

        Args:
            query: selects events (Query); None for all.
            after: only events after this position (int); None for all.
            resume: when the server stops or the connection breaks, resume after the last event or
                progress, and raise TransportError only if that fails for a minute. If False, iteration
                ends when the server stops.
            timeout: the maximum wait for each event in seconds (float); None for no limit.
                The subscription can still be used after TimeoutExpired.
            on_progress: called with a SubscriptionProgress after the last of the events that arrived
                together, when the subscription has caught up, and, while no event matches, every
                5 seconds if there were others.
            on_caught_up: called without arguments when all events of the store have been handled: once,
                and again each time after the progress has shown that there were newer ones.

        Returns:
            Subscription: an iterator over SequencedEvent, without gaps or duplicates, with the
            attribute progress.
        """
        check_callbacks(on_progress, on_caught_up)
        return self._connection.subscribe(query, after, None, False, resume, timeout, on_progress, on_caught_up)

    def head(self, *, timeout: float | None = None) -> int | None:
        """Return the position of the last event (int), or None if the store is empty.

        Args:
            timeout: the maximum duration in seconds (float); None for no limit.
        """
        return self._connection.call(HEAD, "", timeout)

    def position_at(self, t: datetime.datetime, *, timeout: float | None = None) -> int | None:
        """Return the position of the last event that was recorded at a time or before, or None.

        It is the head as it was then. To subscribe to the events since a time, use the
        position at the microsecond before as after.

        Args:
            t: the time (aware datetime.datetime). If it is in the future, the position is
                that of head().
            timeout: the maximum duration in seconds (float); None for no limit.

        Raises:
            ValueError: if t has no time zone, or the server does not keep recorded times.
        """
        return self._connection.call(POSITION_AT, last_nanosecond(t), timeout)

    def get_tracking_info(self, source: str, *, timeout: float | None = None) -> int | None:
        """Return the last recorded position of an upstream source (int), or None if there is none.

        Args:
            source: the name of the upstream sequence (str).
            timeout: the maximum duration in seconds (float); None for no limit.
        """
        return self._connection.call(TRACKING, source, timeout)

    def types(
        self, prefix: str = "", *, order: str | None = None, limit: int | None = None, timeout: float | None = None
    ) -> Terms:
        """Return event types with the number of their events, from the index.

        Args:
            prefix: only types that start with it (str).
            order: "events" for the types with the most events first, "name" for the order of
                their names; both need a limit. None for no particular order.
            limit: the maximum number of types (int), with an order at most 1000; None for all.
            timeout: the maximum wait for each part of the answer in seconds (float); None for
                no limit.

        Returns:
            Terms: an iterator over TermCount, with distinct(). Errors are raised by its
            methods: ValueError if an argument is invalid, TransportError if the server does not
            have the method, as servers of other programs.
        """
        return Terms(self._connection.terms(list_request(TYPE, prefix, order, limit), timeout))

    def tags(
        self, prefix: str = "", *, order: str | None = None, limit: int | None = None, timeout: float | None = None
    ) -> Terms:
        """Return tags with the number of their events, from the index. It is like types."""
        return Terms(self._connection.terms(list_request(TAG, prefix, order, limit), timeout))

    def count_terms(self, query: Query, *, timeout: float | None = None) -> TermCounts:
        """Return the number of events of each type and each tag in a query, from the index.

        Args:
            query: its types and tags are counted, each for itself (Query).
            timeout: the maximum wait for each part of the answer in seconds (float); None for
                no limit.

        Returns:
            TermCounts: dicts types and tags. missing() returns the names that no event has.
        """
        stream = self._connection.terms(count_request(query), timeout)
        terms = []
        while (message := stream._next_message()) is not None:
            terms += parse(message)[0]
        return counts_of(terms)

    def count(self, query: Query | None = None, after: int | None = None, *, timeout: float | None = None) -> int:
        """Return how many events match a query, from the index (int).

        Args:
            query: selects events (Query); None for all.
            after: count only events after this position (int); None for all.
            timeout: the maximum duration in seconds (float); None for no limit.

        Raises:
            ValueError: if an argument is invalid.
            TransportError: if the server does not have the method, as servers of other programs.
        """
        return self.count_between(query, (after, LAST_BOUND), timeout=timeout)[0]

    def count_between(
        self, query: Query | None, bounds: Sequence[int | None], *, timeout: float | None = None
    ) -> list[int]:
        """Return how many events match a query between positions, from the index, as for a histogram.

        A query of one tag or of types costs a lookup for each bound, however many events match.

        Args:
            query: selects events (Query); None for all.
            bounds: positions that do not descend, from 2 to 1001 (sequence of int). None is 0, so
                that the results of position_at are bounds for times. A bound may be above the head.
            timeout: the maximum duration in seconds (float); None for no limit.

        Returns:
            For each bound but the last, the number of events after it, up to and including the next
            bound (list of int). All numbers are those of one moment.

        Raises:
            ValueError, TransportError: as for count.
        """
        return counts_of_answer(self._connection.count(query, bounds, timeout))

    def check_health(self, service: str = "", *, timeout: float | None = None) -> ServingStatus:
        """Return the health of the server (ServingStatus); of several, SERVING if one is serving.

        Args:
            service: the name of a service (str); empty for the server as a whole.
            timeout: the maximum duration in seconds (float); None for no limit.
        """
        return ServingStatus(self._connection.call(CHECK_HEALTH, service, timeout))

    def watch_health(self, service: str = "", *, timeout: float | None = None) -> HealthWatch:
        """Watch the health of the server, or of one of several: the current status, then each change.

        Args:
            service: the name of a service (str); empty for the server as a whole.
            timeout: the maximum wait for each status in seconds (float); None for no limit.
                The watch can still be used after TimeoutExpired.

        Returns:
            HealthWatch: an iterator over ServingStatus.
        """
        return HealthWatch(self._connection.watch_health(service, timeout))

    def close(self) -> None:
        """Cancel all calls and close the connection or the directory. It can be called again.

        Streams then raise CancelledByUserError, and other calls raise RuntimeError. An append
        that a server has not answered raises TransportError: it may have happened.
        """
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        self.close()

    def __repr__(self):
        return f"Client({self._url!r})"


def run(arguments):
    """Run the command line of umadb and return its exit code."""
    return _native.main(tuple(map(os.fsencode, arguments)))


def run_server_from_args(args):
    """Run the command line of umadb in this process until it exits or a signal stops it.

    Args:
        args: the command line, starting with the program's name (sequence of str):
            ["umadb", "--listen", "127.0.0.1:50051", "--db-path", "./uma.db"].

    Raises:
        ServerStartError: if the exit code is not 0. The error is printed on standard error.
    """
    if isinstance(args, str):
        raise TypeError("args must be a sequence of str, not a str")
    code = run(args[1:])
    if code != 0:
        raise _native.ServerStartError(f"umadb exited with code {code}; see standard error")


def main():
    """Run the command line of umadb and exit with its exit code."""
    sys.exit(run(sys.argv[1:]))
