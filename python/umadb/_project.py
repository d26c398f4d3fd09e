"""Projections: events in batches, in order, each once, resumed after failures."""

import time
from typing import NamedTuple, Protocol

from umadb._decide import Backoff, make_calls
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
    """The events, in order. There are none if only the position moves, because other events have been
    appended that do not match the query."""
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
        """The number of events after the position (int).

        Those that do not match the query count too, until the position moves over them: at once when the
        projection has caught up, later after up to 5 seconds. It is 0 when the projection has caught up. A
        server of another program does not report such events; then the position is that of the last event
        that matched.
        """
        return max(0, self.head - self.position)


class Target(Protocol):
    """Contains the result of a projection, and the position up to which it is complete."""

    def position(self):
        """Return the position of the last batch that was stored (int), or None."""

    def handle(self, batch, /):
        """Store the result of a Batch and its position in one transaction."""


class Tracking:
    """A target of a projection that appends events, with the position of the batch as tracking information.

    Only one instance of a program with this source may run at a time, since a store checks only
    that the position increases. An instance that finds that another one has recorded a position
    raises IntegrityError, and continues after it. But if the other append happens between this check
    and its own one, and its batch ends earlier, the events that are in both batches count twice. If
    the outcome of an append is unknown, it is repeated, with the same events, before position
    returns. If project ends meanwhile, the append can still happen after the program has started
    again, and the same events count twice. A Target of the program that appends events with UUIDs,
    on the condition that they do not exist, is safe in all these cases.

    Args:
        client: the store to which events are appended (Client); that of the projection, or another one.
        source: the name under which the position is recorded (str).
        handle: returns the events to append for a Batch (sequence of Event). If there are none, only the
            position is recorded.
    """

    def __init__(self, client, source, handle):
        self._client = client
        self._appends = TrackedAppends(source)
        self._handle = handle

    def position(self):
        """Return the recorded position (int), or None. An append with an unknown outcome is repeated first."""
        return make_calls(self._client, self._appends.position())

    def handle(self, batch):
        """Append the events for a batch."""
        make_calls(self._client, self._appends.append(self._handle(batch), batch))


class TrackedAppends:
    """The appends of a Tracking. The methods generate calls of a client, for make_calls."""

    def __init__(self, source):
        self._source = source
        self._unknown = None  # the events and the batch of an append whose outcome is unknown

    def position(self):
        """Return the recorded position, or None.

        An append whose outcome is unknown is repeated first: it could still happen, and a longer
        batch would then contain its events again.
        """
        position = yield "get_tracking_info", self._source
        if self._unknown is None:
            return position
        events, batch = self._unknown
        if (position or 0) == batch.after:
            refused = None
            try:
                yield self._call(events, batch)
            except IntegrityError as error:
                refused = error
            position = yield "get_tracking_info", self._source
            if refused is not None and (position or 0) == batch.after:
                raise refused  # the recorded position is not visible yet
        self._unknown = None
        return position

    def append(self, events, batch):
        """Append the events for a batch."""
        position = (yield from self.position()) or 0
        if position != batch.after:
            raise IntegrityError(
                f"integrity error: the position of source {self._source!r} is {position}, and not {batch.after} as"
                " before the batch: another instance is running; nothing was appended"
            )
        self._unknown = events, batch
        try:
            yield self._call(events, batch)
        except Exception as error:
            if is_certain(error):
                self._unknown = None
            raise
        self._unknown = None

    def _call(self, events, batch):
        return "append", events, None, TrackingInfo(self._source, batch.position)


def is_certain(error):
    """Report whether the outcome of an append that is not repeated is known from its exception.

    A refusal of the position is not enough: the position that is the reason may not be visible yet.
    """
    if isinstance(error, TransportError):
        return error.appended is False
    return isinstance(error, (AuthenticationError, ValueError, TypeError)) and not isinstance(error, IntegrityError)


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


# How long to wait for events, in seconds, before the position moves over those that do not match.
MOVE_AFTER = 0.05


def make_batch(events, after, checked):
    """Return the batch of a part of a subscription, or None if its position is not greater than after.

    The position of a batch with events is that of its last event, also if more positions were
    checked. So a target that requires that positions increase refuses the events that another
    instance has handled, although that has checked more or fewer positions.

    Args:
        events: the events, maybe none; None if the subscription has ended.
        after: the position of the batch before.
        checked: the position up to which there are no other events that match; 0 if it is not known.
    """
    if events is None:
        raise TransportError("transport error: the subscription has ended")
    position = events[-1].position if events else checked
    return Batch(events, after, position) if position > after else None


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
                batch = self._next_batch(subscription, position)
                if batch is None:
                    continue
                self._target.handle(batch)
                position = batch.position
                failures.reached(position)
                self._report(position)
        finally:
            subscription.cancel()

    def _next_batch(self, subscription, after):
        """Wait for a batch and return it, or None if there is none for a while."""
        may_move = subscription._checked > after
        try:
            events = subscription._part(MOVE_AFTER if may_move else self._stop and STOP_INTERVAL)
        except TimeoutExpired:
            if not may_move:
                return None
            events = []
        return make_batch(events, after, subscription._checked)

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
    together. It is a Tracking, with which only one instance of a program may run at a time, or an
    object of the program with the methods of Target.

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
