# The types of the package. The docstrings of the extension module are repeated here, because
# editors cannot read them from there; tests/test_typing.py compares them.

import datetime
import enum
import os
import threading
import uuid as _uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, final

from typing_extensions import Self  # known to every type checker; not imported at run time

__all__ = [
    "AppendCondition", "AuthenticationError", "Batch", "CancelledByUserError", "Client", "CorruptionError",
    "Event", "HealthWatch", "IntegrityError", "Progress", "Query", "QueryItem", "ReadResponse",
    "SequencedEvent", "ServerStartError", "ServingStatus", "Subscription", "SubscriptionProgress", "Target",
    "TermCount", "TermCounts", "Terms",
    "TimeoutExpired", "Tracking", "TrackingInfo", "TransportError", "cancel_all_stream_responses", "decide", "frame",
    "project", "run_server_from_args",
]  # fmt: skip

__version__: str

_S = TypeVar("_S")

class Client:
    def __init__(
        self,
        url: str,
        ca_path: str | os.PathLike[str] | None = None,
        api_key: str | None = None,
        batch_size: int | None = None,
        *,
        uuid_type: type[str] | type[_uuid.UUID] | None = None,
        client_cert: str | os.PathLike[str] | None = None,
        client_key: str | os.PathLike[str] | None = None,
    ) -> None: ...
    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        batch_size: int | None = None,
        uuid_type: type[str] | type[_uuid.UUID] | None = None,
    ) -> Self: ...
    def append(
        self,
        events: Sequence[Event],
        condition: AppendCondition | None = None,
        tracking_info: TrackingInfo | None = None,
        *,
        timeout: float | None = None,
    ) -> int: ...
    def read(
        self,
        query: Query | None = None,
        start: int | None = None,
        backwards: bool = False,
        limit: int | None = None,
        subscribe: bool = False,
        *,
        timeout: float | None = None,
    ) -> ReadResponse: ...
    def subscribe(
        self,
        query: Query | None = None,
        after: int | None = None,
        *,
        resume: bool = True,
        timeout: float | None = None,
        on_progress: Callable[[SubscriptionProgress], object] | None = None,
        on_caught_up: Callable[[], object] | None = None,
    ) -> Subscription: ...
    def head(self, *, timeout: float | None = None) -> int | None: ...
    def position_at(self, t: datetime.datetime, *, timeout: float | None = None) -> int | None: ...
    def get_tracking_info(self, source: str, *, timeout: float | None = None) -> int | None: ...
    def types(
        self, prefix: str = "", *, order: str | None = None, limit: int | None = None, timeout: float | None = None
    ) -> Terms: ...
    def tags(
        self, prefix: str = "", *, order: str | None = None, limit: int | None = None, timeout: float | None = None
    ) -> Terms: ...
    def count_terms(self, query: Query, *, timeout: float | None = None) -> TermCounts: ...
    def count(self, query: Query | None = None, after: int | None = None, *, timeout: float | None = None) -> int: ...
    def count_between(
        self, query: Query | None, bounds: Sequence[int | None], *, timeout: float | None = None
    ) -> list[int]: ...
    def check_health(self, service: str = "", *, timeout: float | None = None) -> ServingStatus: ...
    def watch_health(self, service: str = "", *, timeout: float | None = None) -> HealthWatch: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

class TermCount(NamedTuple):
    name: str
    events: int

class TermCounts(NamedTuple):
    types: dict[str, int]
    tags: dict[str, int]
    def missing(self) -> tuple[list[str], list[str]]: ...

class Terms(Iterator[TermCount]):
    def __iter__(self) -> Self: ...
    def __next__(self) -> TermCount: ...
    def distinct(self) -> int | None: ...
    def cancel(self) -> None: ...

class SubscriptionProgress(NamedTuple):
    checked: int
    head: int
    @property
    def caught_up(self) -> bool: ...

class HealthWatch(Iterator[ServingStatus]):
    def __iter__(self) -> Self: ...
    def __next__(self) -> ServingStatus: ...
    def cancel(self) -> None: ...

class ServingStatus(enum.Enum):
    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3

def decide(
    client: Client,
    query: Query,
    fold: Callable[[_S, SequencedEvent], _S],
    decide: Callable[[_S], Sequence[Event]],
    *,
    initial: Callable[[], _S],
    key: str | None = None,
    attempts: int = 20,
    timeout: float | None = None,
) -> int | None: ...

class Batch(NamedTuple):
    events: list[SequencedEvent]
    after: int
    position: int

class Progress(NamedTuple):
    position: int
    head: int
    @property
    def lag(self) -> int: ...

class Target(Protocol):
    def position(self) -> int | None: ...
    def handle(self, batch: Batch, /) -> None: ...

class Tracking:
    def __init__(self, client: Client, source: str, handle: Callable[[Batch], Sequence[Event]]) -> None: ...
    def position(self) -> int | None: ...
    def handle(self, batch: Batch) -> None: ...

def project(
    client: Client,
    query: Query | None,
    target: Target,
    *,
    attempts: int = 10,
    progress: Callable[[Progress], object] | None = None,
    stop: threading.Event | None = None,
) -> None: ...
def frame(events: Iterable[SequencedEvent], *, json: bool | Sequence[str] = False) -> Any:
    """Return events as an Arrow table, which pandas, polars and DuckDB read.

    The columns are those of ``umadb export --format parquet``: position, recorded_at, type, tags,
    uuid, metadata, data, tracking_source and tracking_position. With ``json``, each member of the
    JSON objects in data is also a column, whose name starts with ``data.``. Its values are bool,
    int, float or str if all of them are; otherwise each is JSON text, as are lists and objects.
    It is null for events without the member, and for data that is not a JSON object.

    Requires pyarrow: ``pip install "umadb[frame]"``.

    Args:
        events: the events (iterable of SequencedEvent), such as a ReadResponse or a batch of it.
        json: whether to make columns of all members (bool), or only of those that are named
            (sequence of str).

    Returns:
        the table (pyarrow.Table), with a row for each event.

    Raises:
        ImportError: if pyarrow is not installed.
        TypeError: if events is not an iterable of SequencedEvent.
        ValueError: if there are more than 1000 different members, and json does not name any.
    """

def run_server_from_args(args: Sequence[str]) -> None: ...

@final
class Event:
    """An event to append, or a stored event. Immutable.

    Args:
        event_type: the type of the event, which queries match (str).
        data: the payload, opaque to the store (bytes; other buffers of bytes and sequences of
            int are converted).
        tags: what the event is about; queries match them (sequence of str).
        uuid: identifies the event (str or uuid.UUID), so that a conditional append can be
            retried; None for none.
        metadata: stored with the event, but not queried (mapping of str to str).

    Raises:
        TypeError: if an argument has the wrong type.
    """

    def __new__(
        cls,
        event_type: str,
        data: bytes | bytearray | memoryview | Sequence[int],
        tags: Sequence[str] | None = None,
        uuid: str | _uuid.UUID | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Self: ...
    @property
    def event_type(self) -> str:
        """The type of the event (str)."""
    @property
    def data(self) -> bytes:
        """The payload, opaque to the store (bytes)."""
    @property
    def tags(self) -> list[str]:
        """What the event is about, in the original order (a new list of str)."""
    @property
    def uuid(self) -> str | None:
        """The event's UUID (str, or uuid.UUID from a Client with that uuid_type), or None."""
    @property
    def metadata(self) -> dict[str, str]:
        """The metadata in stored order (a new dict of str to str)."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class SequencedEvent:
    """A stored event with its position in the log. Immutable.

    Args:
        position: the position in the log, counted from 1 without gaps (int).
        event: the event (Event).
        tracking_info: recorded by the append of the event (TrackingInfo), or None.
        recorded_at: when the event was recorded (aware datetime.datetime), or None.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if position is not an unsigned 64-bit integer, or recorded_at has no time zone.
    """

    def __new__(
        cls,
        position: int,
        event: Event,
        tracking_info: TrackingInfo | None = None,
        recorded_at: datetime.datetime | None = None,
    ) -> Self: ...
    @property
    def position(self) -> int:
        """The position of the event in the log, counted from 1 without gaps (int)."""
    @property
    def event(self) -> Event:
        """The event (Event)."""
    @property
    def tracking_info(self) -> TrackingInfo | None:
        """The TrackingInfo that the append of the event recorded, or None."""
    @property
    def recorded_at(self) -> datetime.datetime | None:
        """When the store recorded the event (an aware datetime.datetime in UTC), or None.

        It is rounded down to microseconds, and never decreases from one position to the next. It is
        None if the server does not tell it. It does not count when events are compared.
        """
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class TrackingInfo:
    """A position in an upstream sequence of events. Immutable.

    Args:
        source: the name of the sequence, at most 255 bytes of UTF-8 (str).
        position: must be greater than the recorded position of the source (int).

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if position is not an unsigned 64-bit integer.
    """

    def __new__(cls, source: str, position: int) -> Self: ...
    @property
    def source(self) -> str:
        """The name of the upstream sequence (str)."""
    @property
    def position(self) -> int:
        """The position in the upstream sequence (int)."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class QueryItem:
    """Selects the events that have one of the types and all of the tags. Immutable.

    Args:
        types: event types (sequence of str); None or empty for any type.
        tags: tags (sequence of str); None or empty for any tags.

    Raises:
        TypeError: if an argument is not a sequence of str.
    """

    def __new__(cls, types: Sequence[str] | None = None, tags: Sequence[str] | None = None) -> Self: ...
    @property
    def types(self) -> list[str]:
        """The event must have one of these types, or any type if empty (a new list of str)."""
    @property
    def tags(self) -> list[str]:
        """The event must have all of these tags (a new list of str)."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Query:
    """Selects the events that match any of its items; without items, all events. Immutable.

    Args:
        items: the items (sequence of QueryItem).

    Raises:
        TypeError: if items is not a sequence of QueryItem.
    """

    def __new__(cls, items: Sequence[QueryItem] | None = None) -> Self: ...
    @property
    def items(self) -> list[QueryItem]:
        """The event must match one of these items, if there are any (a new list of QueryItem)."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class AppendCondition:
    """Makes an append fail if an event matches the query. Immutable.

    Args:
        fail_if_events_match: the query that the decision was based on (Query).
        after: only events after this position count (int): the head of that read; None for all.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if after is not an unsigned 64-bit integer.
    """

    def __new__(cls, fail_if_events_match: Query, after: int | None = None) -> Self: ...
    @property
    def fail_if_events_match(self) -> Query:
        """The query that matches conflicting events (Query)."""
    @property
    def after(self) -> int | None:
        """Only events after this position count (int); None for all."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class ReadResponse(Iterator[SequencedEvent]):
    """The result of Client.read: an iterator over SequencedEvent.

    Must be used by one thread at a time.
    """

    def __iter__(self) -> Self: ...
    def __next__(self) -> SequencedEvent: ...
    def head(self) -> int | None:
        """Return the position for AppendCondition.after (int), or None.

        Without a limit, it is the position of the last event in the store when the read
        started, whether it matches or not; with a limit, of the last event of the latest batch.
        It is None if the store is empty, a limited read matched nothing, or the read subscribes.
        """
    def collect_with_head(self) -> tuple[list[SequencedEvent], int | None]:
        """Return a list of all remaining events, and head()."""
    def next(self, timeout: float | None = None) -> SequencedEvent:
        """Return the next event, as the built-in next does, but wait at most timeout seconds.

        After TimeoutExpired it can be called again: no event is lost.
        """
    def next_batch(self, timeout: float | None = None) -> list[SequencedEvent]:
        """Wait for events and return those that arrived together, as a list of SequencedEvent.

        The list is empty at the end. If no event arrives within timeout seconds, it raises
        TimeoutExpired and can be called again.
        """
    def cancel(self) -> None:
        """Cancel this stream: waiting and later calls raise CancelledByUserError.

        May be called from any thread.
        """

@final
class Subscription(Iterator[SequencedEvent]):
    """The result of Client.subscribe: an iterator over SequencedEvent that waits for new events.

    Must be used by one thread at a time.
    """

    @property
    def progress(self) -> SubscriptionProgress | None:
        """How far the subscription is (SubscriptionProgress), or None.

        It is None until that is known, and with servers that do not report it. It moves when the next
        event is requested after the last one of those that arrived together, and while there are none.
        """

    def __iter__(self) -> Self: ...
    def __next__(self) -> SequencedEvent: ...
    def next(self, timeout: float | None = None) -> SequencedEvent:
        """Return the next event, as the built-in next does, but wait at most timeout seconds.

        After TimeoutExpired it can be called again: no event is lost.
        """
    def next_batch(self, timeout: float | None = None) -> list[SequencedEvent]:
        """Wait for events and return those that arrived together, as a list of SequencedEvent.

        The list is empty at the end. If no event arrives within timeout seconds, it raises
        TimeoutExpired and can be called again.
        """
    def cancel(self) -> None:
        """Cancel this stream: waiting and later calls raise CancelledByUserError.

        May be called from any thread.
        """

class IntegrityError(ValueError):
    """An append condition failed, or a tracking position was not greater than the recorded one.

    Attributes:
        conflict_position: the position of the first event that made the append
            condition fail (int), or None if unknown.
    """

    conflict_position: int | None

class AuthenticationError(PermissionError):
    """The API key is missing or wrong."""

class CancelledByUserError(Exception):
    """A read, subscription or health watch was cancelled, or its client was closed."""

class CorruptionError(RuntimeError):
    """Stored data is corrupt."""

class ServerStartError(RuntimeError):
    """A server could not be started."""

class TransportError(RuntimeError):
    """The client cannot connect, the connection broke, or the server did not accept the request.

    Attributes:
        appended: False if an append has certainly not happened; None if that is
            unknown, or if the call was not an append.
    """

    appended: Literal[False] | None

class TimeoutExpired(TransportError):
    """A call took longer than its timeout."""

def cancel_all_stream_responses() -> None:
    """Cancel every read, subscription and health watch of this process, as their cancel() does.

    Servers are not affected.
    """
