# The types of the package. What is compiled has its docstrings here too, since editors
# cannot see them there; tests/test_typing.py compares them.

import enum
import os
import uuid as _uuid
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Literal, final

from typing_extensions import Self  # in every type checker; nothing imports it when a program runs

__all__ = [
    "AppendCondition", "AuthenticationError", "CancelledByUserError", "Client", "CorruptionError",
    "Event", "HealthWatch", "IntegrityError", "Query", "QueryItem", "ReadResponse",
    "SequencedEvent", "ServerStartError", "ServingStatus", "Subscription", "TimeoutExpired",
    "TrackingInfo", "TransportError", "cancel_all_stream_responses", "run_server_from_args",
]  # fmt: skip

__version__: str

class Client:
    def __init__(
        self,
        url: str,
        ca_path: str | os.PathLike[str] | None = None,
        api_key: str | None = None,
        batch_size: int | None = None,
        *,
        uuid_type: type[str] | type[_uuid.UUID] | None = None,
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
    ) -> Subscription: ...
    def head(self, *, timeout: float | None = None) -> int | None: ...
    def get_tracking_info(self, source: str, *, timeout: float | None = None) -> int | None: ...
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

class HealthWatch(Iterator[ServingStatus]):
    def __iter__(self) -> Self: ...
    def __next__(self) -> ServingStatus: ...
    def cancel(self) -> None: ...

class ServingStatus(enum.Enum):
    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3

def run_server_from_args(args: Sequence[str]) -> None: ...

@final
class Event:
    """An event to be appended, or one that is stored. Immutable.

    Args:
        event_type: the name of the kind of event, which queries match (str).
        data: the payload, opaque to the store (bytes; other buffers of bytes, and sequences of
            numbers, are converted).
        tags: what the event is about, which queries match (sequence of str).
        uuid: identifies the event (str or uuid.UUID), so that a conditional append can be
            repeated; None for none.
        metadata: carried along and not queried (mapping of str to str).

    Raises:
        TypeError: if an argument has another type.
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
        """The name of the kind of event (str)."""
    @property
    def data(self) -> bytes:
        """The payload, opaque to the store (bytes)."""
    @property
    def tags(self) -> list[str]:
        """What the event is about, in the order given: a new list of str."""
    @property
    def uuid(self) -> str | None:
        """The event's UUID (str, or uuid.UUID from a Client with that uuid_type), or None."""
    @property
    def metadata(self) -> dict[str, str]:
        """What is carried along and not queried: a new dict of str to str, in the order stored."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class SequencedEvent:
    """A stored event with its place in the log. Immutable.

    Args:
        position: from 1, without gaps (int).
        event: the event (Event).
        tracking_info: what the append that wrote it recorded (TrackingInfo), or None.
    """

    def __new__(cls, position: int, event: Event, tracking_info: TrackingInfo | None = None) -> Self: ...
    @property
    def position(self) -> int:
        """The place of the event in the log, from 1 without gaps (int)."""
    @property
    def event(self) -> Event:
        """The event (Event)."""
    @property
    def tracking_info(self) -> TrackingInfo | None:
        """What the append that wrote the event recorded (TrackingInfo), or None."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class TrackingInfo:
    """Names a position in an upstream sequence of events. Immutable.

    Args:
        source: the name of the sequence, at most 255 bytes of UTF-8 (str).
        position: greater than any recorded for the source before (int).

    Raises:
        TypeError: if an argument has another type.
        ValueError: if position is no unsigned 64-bit number.
    """

    def __new__(cls, source: str, position: int) -> Self: ...
    @property
    def source(self) -> str:
        """The name of the upstream sequence (str)."""
    @property
    def position(self) -> int:
        """The position in it (int)."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class QueryItem:
    """Selects the events that have one of the types and all of the tags. Immutable.

    Args:
        types: event types (sequence of str); none means any type.
        tags: tags (sequence of str); none means whatever tags.

    Raises:
        TypeError: if an argument is no sequence of str.
    """

    def __new__(cls, types: Sequence[str] | None = None, tags: Sequence[str] | None = None) -> Self: ...
    @property
    def types(self) -> list[str]:
        """The event must have one of these types; empty for any: a new list of str."""
    @property
    def tags(self) -> list[str]:
        """The event must have all of these tags: a new list of str."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Query:
    """Selects the events that any of its items selects; without items, every event. Immutable.

    Args:
        items: sequence of QueryItem.

    Raises:
        TypeError: if items is no sequence of QueryItem.
    """

    def __new__(cls, items: Sequence[QueryItem] | None = None) -> Self: ...
    @property
    def items(self) -> list[QueryItem]:
        """An event is selected if any of these selects it, or if there are none: a new list of QueryItem."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class AppendCondition:
    """Makes an append fail if an event matches the query. Immutable.

    Args:
        fail_if_events_match: the query that the decision was read by (Query).
        after: only events above this position count (int): the head of that read; None for all.

    Raises:
        TypeError: if an argument has another type.
        ValueError: if after is no unsigned 64-bit number.
    """

    def __new__(cls, fail_if_events_match: Query, after: int | None = None) -> Self: ...
    @property
    def fail_if_events_match(self) -> Query:
        """The query for conflicting events (Query)."""
    @property
    def after(self) -> int | None:
        """Only events above this position count (int); None for all."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class ReadResponse(Iterator[SequencedEvent]):
    """The result of Client.read: an iterator over SequencedEvent. For one thread at a time."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> SequencedEvent: ...
    def head(self) -> int | None:
        """Return the position to give as AppendCondition.after (int), or None.

        Without a limit, that is the position of the last event of the store when the read
        began, whether it matches or not; with one, of the last event of the newest batch.
        None in an empty store, if a limited read matched nothing, and of a read that subscribes.
        """
    def collect_with_head(self) -> tuple[list[SequencedEvent], int | None]:
        """Return a list of all events not yet given, and head()."""
    def next(self, timeout: float | None = None) -> SequencedEvent:
        """Do what the built-in next does, for no longer than timeout (seconds).

        After TimeoutExpired it may be called again: no event is lost.
        """
    def next_batch(self, timeout: float | None = None) -> list[SequencedEvent]:
        """Wait for more events and return them as a list of SequencedEvent, as many as came together.

        An empty list says that there are no more. If none come within timeout (seconds), it raises
        TimeoutExpired, and may be called again.
        """
    def cancel(self) -> None:
        """End this stream. Whoever waits for an event of it, or asks for one later, gets CancelledByUserError.

        May be called from any thread.
        """

@final
class Subscription(Iterator[SequencedEvent]):
    """The result of Client.subscribe: an iterator over SequencedEvent that waits for more. For one thread at a time."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> SequencedEvent: ...
    def next(self, timeout: float | None = None) -> SequencedEvent:
        """Do what the built-in next does, for no longer than timeout (seconds).

        After TimeoutExpired it may be called again: no event is lost.
        """
    def next_batch(self, timeout: float | None = None) -> list[SequencedEvent]:
        """Wait for more events and return them as a list of SequencedEvent, as many as came together.

        An empty list says that there are no more. If none come within timeout (seconds), it raises
        TimeoutExpired, and may be called again.
        """
    def cancel(self) -> None:
        """End this stream. Whoever waits for an event of it, or asks for one later, gets CancelledByUserError.

        May be called from any thread.
        """

class IntegrityError(ValueError):
    """An append condition failed, or a tracking position was not greater than the recorded one.

    Attributes:
        conflict_position: the position of the first event that made an append
            condition fail (int), or None if the server did not say.
    """

    conflict_position: int | None

class AuthenticationError(PermissionError):
    """The API key is missing or wrong."""

class CancelledByUserError(Exception):
    """A read, subscription or health watch was cancelled, or its client closed."""

class CorruptionError(RuntimeError):
    """Stored data does not bear its checksum."""

class ServerStartError(RuntimeError):
    """A server could not be started."""

class TransportError(RuntimeError):
    """There is no connection, it broke, or the server refused a request as such.

    Attributes:
        appended: of an append, False if it has certainly not happened; None if that is
            unknown, or if the call was no append.
    """

    appended: Literal[False] | None

class TimeoutExpired(TransportError):
    """The timeout that was given for a call is over."""

def cancel_all_stream_responses() -> None:
    """End every read, subscription and health watch of this process, as their cancel() does.

    Servers are not affected.
    """
