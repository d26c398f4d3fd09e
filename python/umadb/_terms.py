"""Questions for types and tags: requests, answers, and what Client and aio.Client share."""

from __future__ import annotations

from typing import NamedTuple

TYPE, TAG = 1, 2
_KINDS = (TYPE, TAG)
_ORDERS = {None: 0, "events": 1, "name": 2}


class TermCount(NamedTuple):
    """An event type or a tag, with the number of events that have it."""

    name: str
    events: int


class TermCounts(NamedTuple):
    """The result of Client.count_terms: the number of events of each type and tag of a query."""

    types: dict[str, int]
    tags: dict[str, int]

    def missing(self):
        """Return the types and the tags that no event has (tuple of two lists of str)."""
        return [name for name, n in self.types.items() if not n], [name for name, n in self.tags.items() if not n]


def _varint(value):
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _field(number, content):
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def list_request(kind, prefix, order, limit):
    """Return the TermsRequest for the types or tags with a prefix."""
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be str, not {type(prefix)!r}")
    if order not in _ORDERS:
        raise ValueError(f"order must be 'events', 'name' or None, not {order!r}")
    if limit is not None and not 0 <= limit < 2**32:
        raise ValueError("limit must be from 0 to 2**32 - 1")
    return _field(2, kind) + _field(3, prefix.encode()) + _field(4, _ORDERS[order]) + _field(5, limit or 0)


def count_request(query):
    """Return the TermsRequest for the types and tags of a query."""
    items = b""
    for item in query.items:
        names = [_field(1, name.encode()) for name in item.types] + [_field(2, name.encode()) for name in item.tags]
        items += _field(1, b"".join(names))
    return _field(1, items)


def _read_varint(message, at):
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(message, at, end):
    """Yield the fields of a message: number, value, and the offset of the content, if it is bytes."""
    while at < end:
        tag, at = _read_varint(message, at)
        value, at = _read_varint(message, at)
        if tag & 7 == 2:
            yield tag >> 3, value, at
            at += value
        else:
            yield tag >> 3, value, at


def parse(message):
    """Return the terms of a TermsResponse, as a list of (kind, name, events), and distinct or None."""
    terms, distinct = [], None
    for number, value, at in _fields(message, 0, len(message)):
        if number == 2:
            distinct = value
            continue
        kind, name, events = 0, "", 0
        for inner, content, start in _fields(message, at, at + value):
            if inner == 1:
                kind = content
            elif inner == 2:
                name = message[start : start + content].decode()
            else:
                events = content
        terms.append((kind, name, events))
    return terms, distinct


def counts_of(terms):
    """Return TermCounts of a list of (kind, name, events)."""
    types, tags = ({name: events for k, name, events in terms if k == kind} for kind in _KINDS)
    return TermCounts(types, tags)


class Answer:
    """The messages of an answer, as far as they have arrived."""

    def __init__(self):
        self.pending = []  # TermCounts in reverse order
        self.distinct = None

    def add(self, message):
        """Add a message."""
        terms, distinct = parse(message)
        self.pending = [TermCount(name, events) for _, name, events in reversed(terms)]
        if distinct is not None:
            self.distinct = distinct


class Terms:
    """The result of Client.types and Client.tags: an iterator over TermCount.

    Must be used by one thread at a time.
    """

    def __init__(self, stream):
        self._stream = stream
        self._answer = Answer()

    def __iter__(self):
        return self

    def __next__(self):
        while not self._answer.pending:
            message = self._stream._next_message()
            if message is None:
                raise StopIteration
            self._answer.add(message)
        return self._answer.pending.pop()

    def distinct(self):
        """Return how many names have the prefix, whatever the limit (int).

        Names that were not requested yet are skipped. It is None if the limit has ended the
        search, which happens only without an order.
        """
        for _ in self:
            pass
        return self._answer.distinct

    def cancel(self):
        """Cancel the call: waiting and later calls raise CancelledByUserError.

        May be called from any thread.
        """
        self._stream.cancel()
