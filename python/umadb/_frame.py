"""Events as an Arrow table."""

import functools

from umadb._native import SequencedEvent, Subscription

# A table consists of batches of at most this many events, and about as many bytes of data.
BATCH_EVENTS = 64 * 1024
BATCH_BYTES = 64 * 1024 * 1024

# More different keys than these are probably values, such as identifiers.
MAX_KEYS = 1000


def frame(events, *, json=False):
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
    arrow = _import_arrow()
    if hasattr(events, "__aiter__"):
        raise TypeError(
            "frame takes events, not an asynchronous response: pass [event async for event in response], or the list "
            "that await response.next_batch() returns"
        )
    if isinstance(events, Subscription):
        raise TypeError("frame takes events, and a subscription does not end: pass subscription.next_batch()")
    if isinstance(json, str):
        raise TypeError("json must be a bool or a sequence of names, not str")
    members = _Members(arrow, None if json is True else list(json or ()))
    batches = []
    for rows in _batches(events):
        batches.append(_batch(arrow, rows))
        if json:
            members.add([event.event.data for event in rows])
    table = arrow.Table.from_batches(batches, schema=_schema(arrow))
    for name, column in members.columns():
        table = table.append_column(name, column)
    return table


def _import_arrow():
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError('umadb.frame requires pyarrow: run pip install "umadb[frame]"') from error
    return pyarrow


def _batches(events):
    """Yield lists of events that become the batches of a table."""
    rows, size = [], 0
    for event in events:
        if not isinstance(event, SequencedEvent):
            raise TypeError(f"events must be SequencedEvent, not {type(event).__name__}")
        rows.append(event)
        size += len(event.event.data)
        if len(rows) == BATCH_EVENTS or size >= BATCH_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _schema(arrow):
    text = arrow.string()
    return arrow.schema(
        [
            ("position", arrow.int64()),
            ("recorded_at", arrow.timestamp("us", tz="UTC")),
            ("type", text),
            ("tags", arrow.list_(text)),
            ("uuid", text),
            ("metadata", arrow.map_(text, text)),
            ("data", arrow.binary()),
            ("tracking_source", text),
            ("tracking_position", arrow.uint64()),
        ]
    )


def _batch(arrow, rows):
    """Return events as a batch of the table, without the columns of members."""
    schema = _schema(arrow)
    events = [row.event for row in rows]
    tracking = [row.tracking_info for row in rows]
    columns = [
        [row.position for row in rows],
        [row.recorded_at for row in rows],
        [event.event_type for event in events],
        [event.tags for event in events],
        [None if event.uuid is None else str(event.uuid) for event in events],
        [list(event.metadata.items()) for event in events],
        [event.data for event in events],
        [None if info is None else info.source for info in tracking],
        [None if info is None else info.position for info in tracking],
    ]
    arrays = [arrow.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return arrow.record_batch(arrays, schema=schema)


class _Members:
    """Collects the members of JSON objects as columns, batch by batch."""

    def __init__(self, arrow, names):
        self._arrow = arrow
        self._any = names is None
        self._chunks = {name: [] for name in names or ()}  # of each column
        self._sizes = []  # of the batches

    def add(self, batch):
        """Add the data of a batch of events (list of bytes)."""
        objects = [_parse_object(data) for data in batch]
        if self._any:
            for key in dict.fromkeys(key for members in objects for key in members):
                self._add_column(key)
        for key, chunks in self._chunks.items():
            chunks.append(_chunk(self._arrow, [members.get(key) for members in objects]))
        self._sizes.append(len(objects))

    def _add_column(self, key):
        if key in self._chunks:
            return
        if len(self._chunks) == MAX_KEYS:
            raise ValueError(f'data has more than {MAX_KEYS} different keys: name those to use, as in json=["title"]')
        self._chunks[key] = [self._arrow.nulls(size) for size in self._sizes]

    def columns(self):
        """Yield the name and the column (pyarrow.ChunkedArray) of each member."""
        for key, chunks in self._chunks.items():
            yield f"data.{key}", _unify(self._arrow, chunks)


class _Text:
    """A chunk of a column whose values are JSON text."""

    def __init__(self, array):
        self.array = array


def _chunk(arrow, values):
    """Return values as an array of their type, or as _Text if they have several."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return arrow.nulls(len(values))
    try:
        if kinds == {int, float}:
            return arrow.array([None if value is None else _exact(value) for value in values], arrow.float64())
        types = {bool: arrow.bool_(), int: arrow.int64(), float: arrow.float64(), str: arrow.string()}
        if len(kinds) == 1 and kinds <= types.keys():
            return arrow.array(values, types[kinds.pop()])
    except OverflowError:
        pass  # an integer that does not fit
    return _text(arrow, values)


def _exact(number):
    """Return a number as a float, or raise OverflowError if that changes it."""
    if float(number) != number:
        raise OverflowError
    return float(number)


def _text(arrow, values):
    _, write = _json()
    texts = [None if value is None else write(value) for value in values]
    return _Text(arrow.array(texts, arrow.string()))


def _unify(arrow, chunks):
    """Return the chunks of a column with one type: that of all, float for numbers, or text."""
    types = {None if isinstance(chunk, _Text) else chunk.type for chunk in chunks} - {arrow.null()}
    if not types:
        return arrow.chunked_array(chunks, arrow.null())
    if None not in types:
        numbers = types <= {arrow.int64(), arrow.float64()}
        target = arrow.float64() if len(types) > 1 else next(iter(types))
        if numbers or len(types) == 1:
            try:
                return arrow.chunked_array([chunk.cast(target) for chunk in chunks], target)
            except arrow.ArrowInvalid:
                pass  # an integer that no float is equal to
    texts = [chunk if isinstance(chunk, _Text) else _text(arrow, chunk.to_pylist()) for chunk in chunks]
    return arrow.chunked_array([text.array for text in texts], arrow.string())


@functools.cache
def _json():
    """Return functions that parse and write JSON."""
    import json  # here, so that it is only imported when it is used

    decoder = json.JSONDecoder(parse_float=_parse_float, parse_constant=_reject_constant)
    return decoder.decode, json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _parse_float(text):
    number = float(text)
    if abs(number) == float("inf"):
        raise ValueError("the number is too large")
    return number


def _reject_constant(name):
    raise ValueError(f"{name} is not JSON")


def _parse_object(data):
    """Return the members of data that is a JSON object, or {}."""
    if not data.lstrip().startswith(b"{"):
        return {}
    parse, write = _json()
    try:
        members = parse(data.decode())
        if b"\\u" in data or data.count(b"[") + data.count(b"{") > 100:
            # It fails if half of a surrogate pair is missing, or if the nesting is almost too deep: it is
            # written with a deeper stack later.
            write([[[[[[[[members]]]]]]]]).encode()
    except (ValueError, RecursionError):
        return {}
    return members
