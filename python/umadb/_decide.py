"""Decisions: read, fold, decide, append on condition, and again after a conflict."""

import time
import uuid

from umadb._native import (
    AppendCondition,
    Event,
    IntegrityError,
    TimeoutExpired,
    TransportError,
)

# Bounds in seconds of the pause before another attempt.
FIRST_PAUSE = 0.004
LAST_PAUSE = 0.25


class Backoff:
    """Pauses that are random, so that programs that compete do not try again together."""

    def __init__(self, first, last):
        self._first = first
        self._last = last
        self._pauses = 0  # since the last success

    def succeeded(self):
        self._pauses = 0

    def next(self):
        """Return the number of seconds to wait before the next attempt."""
        import random  # here, so that it is only imported when it is used

        bound = min(self._first * 2 ** min(self._pauses, 20), self._last)
        self._pauses += 1
        return random.uniform(0, bound)


class Key:
    """Recognises the events of a decision with a key by their UUIDs.

    A UUID is 12 bytes of a hash of the key, the number of the event, from 0, and the number of
    events less 1. So each of the events shows where the last one is. Package decide of Go makes
    the same UUIDs.
    """

    def __init__(self, text):
        import hashlib  # here, so that it is only imported when it is used

        digest = bytearray(hashlib.sha256(text.encode()).digest()[:16])
        digest[6] = digest[6] & 0x0F | 0x80  # version 8
        digest[8] = digest[8] & 0x3F | 0x80  # variant
        self._start = str(uuid.UUID(bytes=bytes(digest)))[:28]

    def uuid(self, number, events):
        return f"{self._start}{number:04x}{events - 1:04x}"

    def find(self, sequenced):
        """Return the position of the last event of the decision of an event, or None."""
        text = str(sequenced.event.uuid)
        if not text.startswith(self._start):
            return None
        return sequenced.position - int(text[28:32], 16) + int(text[32:], 16)


def matches(query, event):
    """Report whether a query matches an event."""
    return not query.items or any(
        (not item.types or event.event_type in item.types) and set(item.tags) <= set(event.tags) for item in query.items
    )


def with_uuid(event, event_uuid):
    return Event(event.event_type, event.data, event.tags, event_uuid, event.metadata)


class Decision:
    """The state of a decision, and what it has been made from."""

    def __init__(self, query, fold, decide, initial, key):
        self.query = query
        self.head = 0  # up to which events have been folded
        self.made = None  # the position of the last event of an earlier decision with the same key
        self._fold = fold
        self._decide = decide
        self._state = initial()
        self._key = Key(key) if key else None

    def fold(self, batch):
        """Fold events into the state, up to one of an earlier decision with the same key."""
        for sequenced in batch:
            if self._key is not None:
                self.made = self._key.find(sequenced)
                if self.made is not None:
                    return
            self._state = self._fold(self._state, sequenced)

    def read_to(self, head):
        # The head of another server may be lower than that of the read before.
        self.head = max(self.head, head or 0)

    def decide(self):
        """Return the events of the decision, with UUIDs."""
        events = list(self._decide(self._state))
        if self._key is not None:
            if events and not any(matches(self.query, event) for event in events):
                raise ValueError("the query matches no event of a decision with a key: it would not be recognised")
            return [with_uuid(event, self._key.uuid(i, len(events))) for i, event in enumerate(events)]
        return [event if event.uuid else with_uuid(event, uuid.uuid4()) for event in events]


def steps(decision, attempts):
    """Generate the calls that make a decision, for a Caller, and return its result.

    Each is the name of a method and its arguments. The result of the method is sent to the
    generator, or its exception thrown.
    """
    if attempts < 1:
        raise ValueError(f"attempts must be 1 or more, not {attempts!r}")
    left = attempts
    backoff = Backoff(FIRST_PAUSE, LAST_PAUSE)
    while True:
        yield "read", decision
        if decision.made is not None:
            return decision.made
        events = decision.decide()
        if not events:
            return None
        condition = AppendCondition(decision.query, after=decision.head)
        unknown = None  # the first error after which the outcome is unknown
        while True:
            left -= 1
            try:
                return (yield "append", events, condition)
            except IntegrityError as error:
                # It is certain: had the events been appended before, the store would recognise them.
                if left == 0:
                    conflict = IntegrityError(f"{error}; none of {attempts} attempts has succeeded")
                    conflict.conflict_position = error.conflict_position
                    raise conflict from error
                break
            except Exception as error:
                if not is_unknown(error):
                    if unknown is not None:
                        raise unknown from error
                    raise
                unknown = unknown or error
                # The rule of every server, also of those that recognise more.
                if left == 0 or not matches(decision.query, events[0]):
                    raise unknown from None
            yield "pause", backoff.next()
        yield "pause", backoff.next()


def is_unknown(error):
    """Report whether the events of an append that failed may have been appended, and time is left."""
    return isinstance(error, TransportError) and error.appended is None and not isinstance(error, TimeoutExpired)


class Caller:
    """Makes the calls of a decision."""

    def __init__(self, client, timeout):
        self._client = client
        self._until = None if timeout is None else time.monotonic() + timeout

    def left(self):
        """Return the number of seconds that are left, at least 0, or None for no limit."""
        return None if self._until is None else max(0.0, self._until - time.monotonic())

    def pause_within(self, seconds):
        """Return the pause, or what is left of the time, after which the next call raises TimeoutExpired."""
        return seconds if self._until is None else min(seconds, self.left())

    def read(self, decision):
        response = self._client.read(decision.query, decision.head + 1, timeout=self.left())
        while batch := response.next_batch():
            decision.fold(batch)
            if decision.made is not None:
                response.cancel()
                return
        decision.read_to(response.head())

    def append(self, events, condition):
        return self._client.append(events, condition, timeout=self.left())

    def pause(self, seconds):
        time.sleep(self.pause_within(seconds))


def make_calls(caller, pending):
    """Make the calls of a generator such as steps, and return its result."""
    try:
        name, *arguments = next(pending)
        while True:
            try:
                result = getattr(caller, name)(*arguments)
            except Exception as error:
                name, *arguments = pending.throw(error)
            else:
                name, *arguments = pending.send(result)
    except StopIteration as end:
        return end.value


def decide(client, query, fold, decide, *, initial, key=None, attempts=20, timeout=None):
    """Make a decision, and append its events unless an event on which it depends was appended meanwhile.

    The events of a query are read and folded into a state, from which the events to append are
    decided. If the append is in conflict with a newer event, there is a random pause, the newer
    events are read and folded too, and it is decided again.

    Args:
        client: the store (Client).
        query: selects the events on which the decision depends (Query).
        fold: returns the state after an event, from the state before it and the event
            (SequencedEvent). It is called once for each event, in order.
        decide: returns the events to append, from the state (sequence of Event). Without events
            nothing is appended. It is called once for each attempt and must not change the state.
        initial: returns the first state (a function without arguments, or a class).
        key: makes the decision idempotent (str): if a decision with the same key has appended
            events, the position of the last one is returned and decide is not called. It can be
            any text, such as the name of a user with the Idempotency-Key of a request. The
            UUIDs of the events are made from it. query must match one of them, and only events of
            query are searched. None or an empty text is no key.
        attempts: the maximum number of appends (int).
        timeout: the maximum duration in seconds (float); None for no limit.

    Returns:
        The position of the last event (int), or None if there are none.

    Raises:
        IntegrityError: if every attempt was in conflict.
        TransportError: if a read fails, or if the outcome of the append is unknown. An append whose
            response is lost is sent again if query matches its first event, since each event
            has a UUID: if it was appended, it is recognised.
        TimeoutExpired: if it takes longer than timeout.

    Exceptions of fold and decide are not caught, and nothing is appended. It is safe to call
    decide again after every exception, except, without a key, after an unknown outcome.
    """
    return make_calls(Caller(client, timeout), steps(Decision(query, fold, decide, initial, key), attempts))
