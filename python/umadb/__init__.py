"""An event store with dynamic consistency boundaries (https://dcb.events).

``Client("http://127.0.0.1:50051")`` connects to an UmaDB server, and
``Client("file:./uma.db")`` opens a directory in this process, and ``Client("memory:")`` a new
store in memory, for tests. All have the same methods.
``umadb.aio.Client`` is the client for asyncio, in the module umadb.aio.

``decide`` makes decisions with a client, and ``project`` processes events in order, each once.
``frame`` makes a table of events for pandas, polars and DuckDB.
``umadb.codec`` converts between events and dataclasses or other types.
"""

from umadb._client import Client, HealthWatch, ServingStatus, SubscriptionProgress, run_server_from_args
from umadb._decide import decide
from umadb._frame import frame
from umadb._native import (
    AppendCondition,
    AuthenticationError,
    CancelledByUserError,
    CorruptionError,
    Event,
    IntegrityError,
    Query,
    QueryItem,
    ReadResponse,
    SequencedEvent,
    ServerStartError,
    Subscription,
    TimeoutExpired,
    TrackingInfo,
    TransportError,
    cancel_all_stream_responses,
)
from umadb._native import __version__ as __version__
from umadb._project import Batch, Progress, Target, Tracking, project
from umadb._terms import TermCount, TermCounts, Terms

__all__ = [
    "AppendCondition",
    "AuthenticationError",
    "Batch",
    "CancelledByUserError",
    "Client",
    "CorruptionError",
    "Event",
    "HealthWatch",
    "IntegrityError",
    "Progress",
    "Query",
    "QueryItem",
    "ReadResponse",
    "SequencedEvent",
    "ServerStartError",
    "ServingStatus",
    "Subscription",
    "SubscriptionProgress",
    "Target",
    "TermCount",
    "TermCounts",
    "Terms",
    "TimeoutExpired",
    "Tracking",
    "TrackingInfo",
    "TransportError",
    "cancel_all_stream_responses",
    "decide",
    "frame",
    "project",
    "run_server_from_args",
]
