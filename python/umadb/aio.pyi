import datetime
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import NoReturn, Protocol, TypeVar

from typing_extensions import Self

from umadb import (
    AppendCondition,
    Batch,
    Event,
    Progress,
    Query,
    SequencedEvent,
    ServingStatus,
    SubscriptionProgress,
    TermCount,
    TermCounts,
    TrackingInfo,
)

__all__ = ["Client", "HealthWatch", "ReadResponse", "Subscription", "Target", "Terms", "Tracking", "decide", "project"]

_S = TypeVar("_S")

class Client:
    def __init__(
        self,
        url: str,
        ca_path: str | os.PathLike[str] | None = None,
        api_key: str | None = None,
        batch_size: int | None = None,
        *,
        uuid_type: type[str] | type[uuid.UUID] | None = None,
        client_cert: str | os.PathLike[str] | None = None,
        client_key: str | os.PathLike[str] | None = None,
    ) -> None: ...
    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        batch_size: int | None = None,
        uuid_type: type[str] | type[uuid.UUID] | None = None,
    ) -> Self: ...
    async def append(
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
    async def head(self, *, timeout: float | None = None) -> int | None: ...
    async def position_at(self, t: datetime.datetime, *, timeout: float | None = None) -> int | None: ...
    async def get_tracking_info(self, source: str, *, timeout: float | None = None) -> int | None: ...
    def types(
        self, prefix: str = "", *, order: str | None = None, limit: int | None = None, timeout: float | None = None
    ) -> Terms: ...
    def tags(
        self, prefix: str = "", *, order: str | None = None, limit: int | None = None, timeout: float | None = None
    ) -> Terms: ...
    async def count_terms(self, query: Query, *, timeout: float | None = None) -> TermCounts: ...
    async def count(
        self, query: Query | None = None, after: int | None = None, *, timeout: float | None = None
    ) -> int: ...
    async def count_between(
        self, query: Query | None, bounds: Sequence[int | None], *, timeout: float | None = None
    ) -> list[int]: ...
    async def check_health(self, service: str = "", *, timeout: float | None = None) -> ServingStatus: ...
    def watch_health(self, service: str = "", *, timeout: float | None = None) -> HealthWatch: ...
    async def close(self) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

class _Events(AsyncIterator[SequencedEvent]):
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> SequencedEvent: ...
    async def next(self, timeout: float | None = None) -> SequencedEvent: ...
    async def next_batch(self, timeout: float | None = None) -> list[SequencedEvent]: ...
    def cancel(self) -> None: ...

class ReadResponse(_Events):
    async def head(self) -> int | None: ...
    async def collect_with_head(self) -> tuple[list[SequencedEvent], int | None]: ...

class Subscription(_Events):
    @property
    def progress(self) -> SubscriptionProgress | None: ...

class Terms(AsyncIterator[TermCount]):
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> TermCount: ...
    async def distinct(self) -> int | None: ...
    def cancel(self) -> None: ...

class HealthWatch(AsyncIterator[ServingStatus]):
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> ServingStatus: ...
    def cancel(self) -> None: ...

async def decide(
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

class Target(Protocol):
    async def position(self) -> int | None: ...
    async def handle(self, batch: Batch, /) -> None: ...

class Tracking:
    def __init__(
        self,
        client: Client,
        source: str,
        handle: Callable[[Batch], Sequence[Event] | Awaitable[Sequence[Event]]],
    ) -> None: ...
    async def position(self) -> int | None: ...
    async def handle(self, batch: Batch) -> None: ...

async def project(
    client: Client,
    query: Query | None,
    target: Target,
    *,
    attempts: int = 10,
    progress: Callable[[Progress], object] | None = None,
) -> NoReturn: ...
