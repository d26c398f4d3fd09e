"""Tests of events as Arrow tables."""

import datetime
import itertools
import subprocess
import sys
import uuid

import pyarrow
import pytest
from documents import REPOSITORY, environment, tables

import umadb
from umadb import Client, Event, SequencedEvent, TrackingInfo
from umadb import _frame as frames

COLUMNS = {
    "position": pyarrow.int64(),
    "recorded_at": pyarrow.timestamp("us", tz="UTC"),
    "type": pyarrow.string(),
    "tags": pyarrow.list_(pyarrow.string()),
    "uuid": pyarrow.string(),
    "metadata": pyarrow.map_(pyarrow.string(), pyarrow.string()),
    "data": pyarrow.binary(),
    "tracking_source": pyarrow.string(),
    "tracking_position": pyarrow.uint64(),
}


def sequenced(*data):
    """Return events with these data."""
    return [SequencedEvent(n, Event("T", d)) for n, d in enumerate(data, 1)]


def members(*data, json=True):
    """Return the columns of the members of data, as a dict of lists by name."""
    table = umadb.frame(sequenced(*data), json=json)
    return {name: table[name].to_pylist() for name in table.column_names[len(COLUMNS) :]}


def kind(*data):
    """Return the type of the column data.a and its values."""
    column = umadb.frame(sequenced(*data), json=True)["data.a"]
    return str(column.type), column.to_pylist()


def row(event):
    """Return the row of an event."""
    tracking = event.tracking_info
    return {
        "position": event.position,
        "recorded_at": event.recorded_at,
        "type": event.event.event_type,
        "tags": event.event.tags,
        "uuid": event.event.uuid and str(event.event.uuid),
        "metadata": list(event.event.metadata.items()),
        "data": event.event.data,
        "tracking_source": tracking and tracking.source,
        "tracking_position": tracking and tracking.position,
    }


def fill(client):
    """Append events of many forms."""
    client.append([Event("", b""), Event('a "b"\n', b"\xff\x00", ["", "x", "x", "ü"])])
    client.append(
        [Event("T", b'{"a":1}', ["t"], uuid.uuid4(), {"z": "1", "": "", "a": "\n"})],
        tracking_info=TrackingInfo("up", 2**64 - 1),
    )


def test_table_has_the_events(client):
    fill(client)
    events = list(client.read())
    table = umadb.frame(client.read())
    assert dict(zip(table.column_names, table.schema.types, strict=True)) == COLUMNS
    assert table.to_pylist() == [row(event) for event in events]
    assert umadb.frame(iter(events[1:])).to_pylist() == [row(event) for event in events[1:]]


def test_columns_are_those_of_an_export():
    ((_, _, rows),) = [t for t in tables(REPOSITORY / "docs" / "tables.md") if t[0] == "Columns"]
    assert [cells[0].strip("`") for cells in rows] == list(COLUMNS)


def test_no_events():
    table = umadb.frame([])
    assert (table.num_rows, table.column_names) == (0, list(COLUMNS))
    assert umadb.frame([], json=True).column_names == list(COLUMNS)
    assert umadb.frame([], json=["a"]).column_names == [*COLUMNS, "data.a"]


def test_uuid_objects_are_text():
    identifier = uuid.uuid4()
    with Client("memory:", uuid_type=uuid.UUID) as client:
        client.append([Event("T", b"", uuid=identifier)])
        assert umadb.frame(client.read())["uuid"].to_pylist() == [str(identifier)]


def test_many_events_are_several_batches():
    count = 2 * frames.BATCH_EVENTS + 1
    events = (SequencedEvent(n, Event("T", b'{"n":%d}' % n)) for n in range(1, count + 1))
    table = umadb.frame(events, json=True)
    assert table["position"].num_chunks == 3
    assert table["data.n"].to_pylist() == table["position"].to_pylist() == list(range(1, count + 1))


def test_batches_are_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(frames, "BATCH_BYTES", 10)
    assert [len(c) for c in umadb.frame(sequenced(*[b"12345"] * 5))["data"].chunks] == [2, 2, 1]


def test_members_are_columns():
    assert members(b'{"b":true,"a":"x"}', b"", b'{"a":null,"c":0.5}', b'"a"', b"[1]", b"{", b"\xff") == {
        "data.b": [True] + 6 * [None],
        "data.a": ["x"] + 6 * [None],
        "data.c": [None, None, 0.5] + 4 * [None],
    }
    assert members(b' {"":1, "x.y":2, "data":3}\n') == {"data.": [1], "data.x.y": [2], "data.data": [3]}


def test_named_members():
    assert members(b'{"a":1,"b":2}', b"", json=["b", "c"]) == {"data.b": [2, None], "data.c": [None, None]}
    assert members(b'{"a":1}', json=[]) == members(b'{"a":1}', json=False) == {}


@pytest.mark.parametrize("one_batch", [True, False])
def test_types_of_members(one_batch, monkeypatch):
    if not one_batch:
        monkeypatch.setattr(frames, "BATCH_EVENTS", 1)
    assert kind(b'{"a":1}', b'{"a":-9223372036854775808}') == ("int64", [1, -(2**63)])
    assert kind(b'{"a":1}', b'{"a":2.5}', b"") == ("double", [1.0, 2.5, None])
    assert kind(b'{"a":true}', b'{"a":false}') == ("bool", [True, False])
    assert kind(b'{"a":"1"}', b'{"a":null}') == ("string", ["1", None])
    assert kind(b'{"a":null}') == ("null", [None])
    # Text, because no type has all values.
    assert kind(b'{"a":1}', b'{"a":true}', b'{"a":"x\xc3\xbc"}') == ("string", ["1", "true", '"xü"'])
    assert kind(b'{"a":9007199254740993}', b'{"a":2.5}') == ("string", ["9007199254740993", "2.5"])
    assert kind(b'{"a":9223372036854775808}', b'{"a":1}') == ("string", ["9223372036854775808", "1"])
    assert kind(b'{"a":[1, {"b": 2}]}', b'{"a":{}}', b"") == ("string", ['[1,{"b":2}]', "{}", None])
    assert kind(b'{"a":[]}', b'{"a":"x"}') == ("string", ["[]", '"x"'])


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":"\\ud800"}',
        b'{"\\ud800":1}',
        b'{"a":[["\\udc00"]]}',
        b'{"a":"\xff"}',
        b'{"a":1}{}',
        b'{"a":"\n"}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16-le"),
        b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a":' + b"9" * 5000 + b"}",
    ],
    ids=lambda data: repr(data[:20]),
)
def test_data_that_is_no_json_has_no_members(data):
    assert members(data, b'{"b":1}') == {"data.b": [None, 1]}


def test_every_depth_of_json():
    for depth in range(50, 1200):
        (value,) = members(b'{"a":' + b"[" * depth + b"]" * depth + b"}").get("data.a", [None])
        assert value in (None, "[" * depth + "]" * depth)
        if depth < 500:
            assert value is not None


def test_pairs_of_surrogates_are_json():
    assert members(b'{"a":"\\ud83d\\ude00"}') == {"data.a": ["😀"]}


def test_different_keys_are_bounded():
    data = [b'{"k%d":0}' % n for n in range(frames.MAX_KEYS + 1)]
    assert len(members(*data[1:])) == frames.MAX_KEYS
    with pytest.raises(ValueError, match="name those"):
        members(*data)
    assert members(*data[:2], json=["k1"]) == {"data.k1": [None, 0]}


def test_a_large_read_in_parts(client):
    client.append([Event("T", b"") for _ in range(10)])
    response = client.read()
    parts = []
    while (part := umadb.frame(itertools.islice(response, 4))).num_rows:
        parts.append(part["position"].to_pylist())
    assert parts == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (None, "not iterable"),
        ([Event("T", b"")], "must be SequencedEvent, not Event"),
        (["x"], "must be SequencedEvent, not str"),
    ],
    ids=str,
)
def test_invalid_events(events, message):
    with pytest.raises(TypeError, match=message):
        umadb.frame(events)


def test_names_must_not_be_one_text():
    with pytest.raises(TypeError, match="sequence of names"):
        umadb.frame([], json="title")


def test_subscriptions_and_asynchronous_responses_are_refused():
    import umadb.aio

    with Client("memory:") as client, pytest.raises(TypeError, match="next_batch"):
        umadb.frame(client.subscribe())
    with pytest.raises(TypeError, match="async for"):
        umadb.frame(umadb.aio.Client("memory:").read())


def test_errors_of_the_response_are_raised(client):
    response = client.read()
    response.cancel()
    with pytest.raises(umadb.CancelledByUserError):
        umadb.frame(response)


def test_positions_above_63_bits_are_refused():
    assert umadb.frame([SequencedEvent(2**63 - 1, Event("T", b""))])["position"].to_pylist() == [2**63 - 1]
    with pytest.raises(OverflowError):
        umadb.frame([SequencedEvent(2**63, Event("T", b""))])


def test_import_needs_no_pyarrow():
    program = """
import sys
sys.modules["pyarrow"] = None
import umadb
try:
    umadb.frame([])
except ImportError as error:
    print(error)
"""
    output = subprocess.check_output([sys.executable, "-c", program], env=environment(), text=True)
    assert output == 'umadb.frame requires pyarrow: run pip install "umadb[frame]"\n'


def stored():
    """Return a table of events of many forms, and its rows."""
    with Client("memory:") as client:
        fill(client)
        return umadb.frame(client.read(), json=True), [row(event) for event in client.read()]


@pytest.mark.tools
def test_pandas():
    import pandas

    table, rows = stored()
    frame = table.to_pandas(types_mapper=pandas.ArrowDtype)
    assert list(frame["tracking_position"])[2] == 2**64 - 1
    assert list(frame["data.a"])[2] == 1
    for name in COLUMNS:
        values = [None if v is pandas.NA else list(v) if name in ("tags", "metadata") else v for v in frame[name]]
        assert values == [r[name] for r in rows], name


@pytest.mark.tools
def test_polars():
    import polars

    table, rows = stored()
    frame = polars.DataFrame(table)  # by the Arrow stream
    assert frame.columns == [*COLUMNS, "data.a"]
    for name in ("position", "type", "tags", "uuid", "data", "tracking_source", "tracking_position", "recorded_at"):
        assert frame[name].to_list() == [r[name] for r in rows], name


@pytest.mark.tools
def test_duckdb():
    import duckdb

    table, rows = stored()
    connection = duckdb.connect()
    connection.register("events", table)
    found = connection.execute(
        "SELECT position, epoch_us(recorded_at), type, tags, uuid, map_entries(metadata), data, tracking_source, "
        'tracking_position, "data.a" FROM events'
    ).fetchall()
    for got, want, member in zip(found, rows, [None, None, 1], strict=True):
        want["recorded_at"] = micros(want["recorded_at"])
        *columns, last = got
        columns[5] = [(entry["key"], entry["value"]) for entry in columns[5]]
        assert columns == list(want.values())
        assert last == member


def micros(time):
    """Return a time in microseconds, or None."""
    if time is None:
        return None
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (time - epoch) // datetime.timedelta(microseconds=1)
