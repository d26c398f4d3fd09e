"""An event store with dynamic consistency boundaries (https://dcb.events).

``Client("http://127.0.0.1:50051")`` connects to an UmaDB server, and
``Client("file:./uma.db")`` opens a directory in this process, and ``Client("memory:")`` a new
store in memory, for tests. All have the same methods.
``umadb.aio.Client`` is the client for asyncio, in the module umadb.aio.
"""

from umadb._client import Client, HealthWatch, ServingStatus, run_server_from_args
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

__all__ = [
    "AppendCondition",
    "AuthenticationError",
    "CancelledByUserError",
    "Client",
    "CorruptionError",
    "Event",
    "HealthWatch",
    "IntegrityError",
    "Query",
    "QueryItem",
    "ReadResponse",
    "SequencedEvent",
    "ServerStartError",
    "ServingStatus",
    "Subscription",
    "TimeoutExpired",
    "TrackingInfo",
    "TransportError",
    "cancel_all_stream_responses",
    "run_server_from_args",
]
