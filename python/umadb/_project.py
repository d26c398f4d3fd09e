"""Projections: events in batches, in order, each once, resumed after failures."""

import time
from typing import NamedTuple, Protocol

from umadb._decide import Backoff
from umadb._native import (
    AuthenticationError,
    CancelledByUserError,
    IntegrityError,
    SequencedEvent,
    TimeoutExpired,
    TrackingInfo,
    TransportError,
)

# Bounds in seconds of the pause after a failure.
FIRST_PAUSE = 0.2
LAST_PAUSE = 30

# How often in seconds a projection without events looks for stop.
STOP_INTERVAL = 0.2

# Exceptions that the next attempt would have too. IntegrityError is a ValueError, but passes.
FINAL = (AuthenticationError, CancelledByUserError, ValueError, TypeError)


class Batch(NamedTuple):
    """Events to be handled together."""

    events: list[SequencedEvent]
    """The events, in order. There is at least one."""
    after: int
    """The position of the batch before. If the stored position is another one, another instance
    of the program is running, and the batch must not be stored."""
    position: int
    """The position up to which all events of the query have been handled when the batch has been stored."""


class Progress(NamedTuple):
    """How far a projection is."""

    position: int
    """The position of the last batch, 0 if there is none."""
    head: int
    """The position of the last event of the store at this moment, 0 if there is none."""

    @property
    def lag(self):
        """The number of events after the position (int); those that do not match the query count too."""
        return max(0, self.head - self.position)


class Target(Protocol):
    """Contains the result of a projection, and the position up to which it is complete."""

    def position(self):
        """Return the position of the last batch that was stored (int), or None."""

    def handle(self, batch, /):
        """Store the result of a Batch and its position in one transaction."""


class Tracking:
    """A target of a projection that appends events, with the position of the batch as tracking information.

    If two instances of a program run at the same time, the append of one of them raises
    IntegrityError, and it continues after the batch of the other.

    Args:
        client: the store to which events are appended (Client); that of the projection, or another one.
        source: the name under which the position is recorded (str).
        handle: returns the events to append for a Batch (sequence of Event). If there are none, only the
            position is recorded.
    """

    def __init__(self, client, source, handle):
        self._client = client
        self._source = source
        self._handle = handle

    def position(self):
        """Return the recorded position (int), or None."""
        return self._client.get_tracking_info(self._source)

    def handle(self, batch):
        """Append the events for a batch."""
        self._client.append(self._handle(batch), tracking_info=TrackingInfo(self._source, batch.position))


class Failures:
    """Counts the failures of a projection in a row, without a higher position."""

    def __init__(self, attempts):
        if attempts < 1:
            raise ValueError(f"attempts must be 1 or more, not {attempts!r}")
        self._attempts = attempts
        self._count = 0
        self._position = 0
        self._backoff = Backoff(FIRST_PAUSE, LAST_PAUSE)

    def reached(self, position):
        """Note the position of the target."""
        if position > self._position:
            self._count = 0
            self._backoff.succeeded()
        self._position = position

    def pause(self, error):
        """Return the number of seconds before another attempt, or raise the error if it was the last one."""
        import logging  # here, so that it is only imported when it is used

        self._count += 1
        is_final = isinstance(error, FINAL) and not isinstance(error, IntegrityError)
        if is_final or self._count >= self._attempts:
            raise error
        logging.getLogger("umadb.project").warning(
            "projection failed after position %d; trying again: %s", self._position, error
        )
        return self._backoff.next()


def not_ended(events):
    """Return the events of a subscription, which does not end without an exception."""
    if not events:
        raise TransportError("transport error: the subscription has ended")
    return events


class Projection:
    """A call of project."""

    def __init__(self, client, query, target, progress, stop):
        self._client = client
        self._query = query
        self._target = target
        self._progress = progress
        self._stop = stop

    def stopped(self):
        return self._stop is not None and self._stop.is_set()

    def follow(self, failures):
        """Continue until an exception, or until stop is set."""
        position = self._target.position() or 0
        failures.reached(position)
        self._report(position)
        subscription = self._client.subscribe(self._query, position)
        try:
            while not self.stopped():
                events = self._next_batch(subscription)
                if events is None:
                    continue
                batch = Batch(events, position, events[-1].position)
                self._target.handle(batch)
                position = batch.position
                failures.reached(position)
                self._report(position)
        finally:
            subscription.cancel()

    def _next_batch(self, subscription):
        """Wait for events and return them, or None if there are none for a while."""
        try:
            return not_ended(subscription.next_batch(timeout=self._stop and STOP_INTERVAL))
        except TimeoutExpired:
            return None

    def _report(self, position):
        if self._progress is not None:
            self._progress(Progress(position, self._client.head() or 0))

    def pause(self, seconds):
        if self._stop is None:
            time.sleep(seconds)
        else:
            self._stop.wait(seconds)


def project(client, query, target, *, attempts=10, progress=None, stop=None):
    """Pass the events of a query to a target, in batches, in order, and each once: stored ones, then new ones.

    The target contains the result and the position up to which it is complete, and stores them
    together. It is a Tracking, or an object of the program with the methods of Target.

    If the target raises an exception or the connection breaks, there is a random pause, the
    target is asked for its position, and the projection resumes after it. Each such failure is a
    warning of the logger umadb.project.

    Args:
        client: the store (Client). Its batch_size bounds the number of events of a batch.
        query: selects events (Query); None for all.
        target: the target.
        attempts: the number of failures in a row, without a higher position, after which the last
            exception is raised (int). 10 take up to two minutes.
        progress: called with a Progress when the projection starts or resumes, and after each batch.
        stop: ends the projection when it is set (threading.Event), after the batch that is being
            handled, and within 0.2 seconds if there is none. Without it, only an exception ends
            the projection.

    Raises:
        ValueError: if the query is invalid.
        AuthenticationError: if the key is refused.
        CancelledByUserError: if the client was closed.
        Exception: the last exception of the target, after attempts; a ValueError or TypeError
            immediately, unless it is an IntegrityError.
    """
    failures = Failures(attempts)
    projection = Projection(client, query, target, progress, stop)
    while not projection.stopped():
        try:
            projection.follow(failures)
        except Exception as error:
            projection.pause(failures.pause(error))
